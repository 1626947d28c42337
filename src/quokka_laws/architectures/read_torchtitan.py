"""torchtitan's models as an :class:`Architecture`: from their Python files, read and never run, or a job's TOML with a known flavour.

torchtitan 0.3 describes a model by a function (``torchtitan/models/llama3/__init__.py``: ``_8b``), versions before by a call
``TransformerModelArgs(dim=4096, …)`` and a TOML that names it (``[model] name = "llama3", flavor = "8B"``). Sizes have to stand in the
file as numbers, or as names that are given numbers there.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from quokka_laws.architectures.architecture import Architecture
from quokka_laws.exceptions import ArgumentError

Sizes = dict[str, Any]
FLAVOURS: dict[str, dict[str, Sizes]] = {
    "llama3": {
        "1B": {
            "dim": 2048,
            "n_layers": 16,
            "n_heads": 32,
            "n_kv_heads": 8,
            "hidden_dim": 8192,
            "enable_weight_tying": True,
        },
        "3B": {
            "dim": 3072,
            "n_layers": 28,
            "n_heads": 24,
            "n_kv_heads": 8,
            "hidden_dim": 8192,
            "enable_weight_tying": True,
        },
        "8B": {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "hidden_dim": 14336},
        "70B": {"dim": 8192, "n_layers": 80, "n_heads": 64, "n_kv_heads": 8, "hidden_dim": 28672},
        "405B": {"dim": 16384, "n_layers": 126, "n_heads": 128, "n_kv_heads": 8, "hidden_dim": 53248},
    }
}
"""Of torchtitan's own models, for a TOML that names one."""
LLAMA_VOCABULARY = 128256
NEEDED = ("dim", "n_layers", "n_heads")
_OTHER = re.compile(r"moe|expert|lora|latent|sliding|vision|encoder", re.IGNORECASE)
_KNOWN = re.compile(r"(Llama3Model|Qwen3Model)\.Config|TransformerModelArgs|Llama3ModelArgs|Qwen3ModelArgs")
"""Calls that describe a dense transformer of Llama's or Qwen3's parts."""


def read_python(text: str, where: str, flavour: str | None = None) -> Architecture:
    """A model of a Python file of torchtitan.

    Parameters
    ----------
    text : str
    where : str
        What messages call the file.
    flavour : str, optional
        ``"8B"``; needed where the file describes several models.

    Raises
    ------
    ArgumentError
        If the file is no Python, describes no model, several without a flavour, or one whose sizes are not in it.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{where}: not Python ({error})") from None
    found = dict(_models(tree))
    if not found:
        raise ArgumentError(f"{where}: describes no model of torchtitan (a call with dim=, n_layers= and n_heads=)")
    if flavour is None and len(found) > 1:
        raise ArgumentError(f"{where}: describes {', '.join(found)}; say which: --flavor {next(iter(found))}")
    name = next(iter(found)) if flavour is None else _matching(flavour, list(found), where)
    return _architecture(found[name], f"{where}: {name}")


def read_toml(text: str, where: str) -> Architecture:
    """The model that a job's TOML names, where it is one of torchtitan's own.

    Raises
    ------
    ArgumentError
        If the text is no TOML, names no model, or one that is not known.
    """
    try:
        job = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(f"{where}: not TOML ({error})") from None
    model = job.get("model", {})
    name, flavour = (model.get(k) if isinstance(model, dict) else None for k in ("name", "flavor"))
    if not isinstance(name, str) or not isinstance(flavour, str):
        raise ArgumentError(f'{where}: names no model ([model] name = "llama3", flavor = "8B")')
    if flavour not in (known := FLAVOURS.get(name, {})):
        shown = ", ".join(f"{m} {f}" for m, flavours in FLAVOURS.items() for f in flavours)
        raise ArgumentError(
            f"{where}: the sizes of {name} {flavour} are not in it (known by name are {shown}); give torchtitan's Python file of the "
            f"model, such as torchtitan/models/{name}/__init__.py, with --flavor {flavour}"
        )
    return _architecture(known[flavour], where)


def _matching(flavour: str, names: list[str], where: str) -> str:
    plain = {re.sub(r"[^0-9a-z]", "", n.lower()): n for n in names}
    if (key := re.sub(r"[^0-9a-z]", "", flavour.lower())) not in plain:
        raise ArgumentError(f"{where}: has no {flavour}; it describes {', '.join(names)}")
    return plain[key]


def _models(tree: ast.Module) -> Iterator[tuple[str, Sizes]]:
    """Name and sizes of each model: of a function that builds one, or of an entry of a dictionary."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            sizes = _sizes(node, _numbers(node.body))
            if set(NEEDED) <= set(sizes):
                yield node.name.strip("_"), sizes
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                sizes = _sizes(value, {}) if isinstance(value, ast.Call) else {}
                if set(NEEDED) <= set(sizes) and isinstance(key, ast.Constant):
                    yield str(key.value), sizes


def _numbers(body: list[ast.stmt]) -> Sizes:
    """Names that are given a number or a flag."""
    return {
        target.id: node.value.value
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _sizes(node: ast.AST, names: Mapping[str, Any]) -> Sizes:
    """Keywords of all calls below a node whose values are known, the outermost first; what marks a model of other parts."""
    found: Sizes = {"known": False}
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        called = ast.unparse(call.func)
        found["known"] = found["known"] or bool(_KNOWN.search(called))
        for name in (called, *(w.arg or "" for w in call.keywords)):
            if _OTHER.search(name):
                found["other"] = name
        for word in call.keywords:
            value = _value(word.value, names)
            if word.arg and value is not None and "RoPE" not in called:
                found.setdefault(word.arg, value)
        if "qwen3" in called.lower():
            found["query_key_norm"] = "head"
    return found


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("compute_ffn_hidden_dim"):
        words = {w.arg: _value(w.value, names) for w in node.keywords}
        width = _value(node.args[0], names) if node.args else words.get("dim")
        if isinstance(width, int):
            return _hidden(width, words.get("multiple_of") or 1, words.get("ffn_dim_multiplier"))
    return None


def _hidden(width: int, multiple: int, multiplier: float | None) -> int:
    """Hidden width of Llama's block: 8/3 of the width, times a factor, rounded up."""
    hidden = int(2 * 4 * width / 3)
    hidden = int(multiplier * hidden) if multiplier else hidden
    return multiple * (-(-hidden // multiple))


def _architecture(sizes: Sizes, where: str) -> Architecture:
    if "other" in sizes or not sizes.get("known", True):
        why = f" ({sizes['other']})" if "other" in sizes else ""
        raise ArgumentError(
            f"{where}: is no dense Llama or Qwen3{why}, and others cannot be counted from torchtitan's files; give Hugging Face's "
            "config.json of the model"
        )
    width, heads = sizes["dim"], sizes["n_heads"]
    if any(not isinstance(sizes[k], int) for k in NEEDED):
        raise ArgumentError(f"{where}: dim, n_layers and n_heads have to be numbers in the file")
    hidden = sizes.get("hidden_dim") or _hidden(width, sizes.get("multiple_of") or 256, sizes.get("ffn_dim_multiplier"))
    return Architecture(
        layers=sizes["n_layers"],
        width=width,
        vocabulary=sizes["vocab_size"] if (sizes.get("vocab_size") or -1) > 0 else LLAMA_VOCABULARY,
        heads=heads,
        kv_heads=sizes.get("n_kv_heads") or heads,
        head_size=sizes.get("head_dim") or width // heads,
        feed_forward=hidden,
        tied=bool(sizes.get("enable_weight_tying", False)),
        query_key_norm=sizes.get("query_key_norm", "none"),
    )
