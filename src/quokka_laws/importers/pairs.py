"""Pairs of a name and a number in a printed line, and what they are: a step, an epoch, a loss, tokens, a fact.

``step 125/1750 val_loss:4.29 train_time:12345ms`` holds step = 125 (of 1750) and val_loss = 4.29; a number with a unit is no
pair. Quotes, brackets, colons and what a logger writes before a line do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from quokka_laws.importers import axis
from quokka_laws.importers.dialects import ONCE
from quokka_laws.runs import words
from quokka_laws.runs.quantities import parse_quantity

_TELLING = re.compile(  # what a line has to hold to be read: most lines of most logs do not
    r"(?i)loss|nll|entropy|ppl|perpl|bp[bct]\b|bits|step|iter|\bit\b|epoch|update|param|tok|sampl|\d */ *\d|\blr\b|learning"
)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
NUMBER = re.compile(
    rf"(?<![\w.])(?:tensor\()?([+-]?(?:{_DIGITS})(?:[eE][+-]?\d+)?[KMBT]?|[+-]?(?i:nan|inf(?:inity)?))(?![\w%]|\.\d|,\d)"
)
_OF = re.compile(r"\s*(?:/|of)\s*(\d[\d,]*)(?![\w.%/])")  # 100 / 1000
_APART = re.compile(r"[|,;\[\]{}<>]|\s[-–·•]\s|\t| {2,}|[:=]\s*")  # what parts a name from what stands before it
_BEFORE = re.compile(r"^(?:\d\S*\s+)+")  # 700ms, which belongs to the name before
_FILE = re.compile(r"\S+\.(?:py|cc?|rs)\b\S*")  # trainer/eval.py:210, where a logger was called
_RANK = re.compile(
    r"^\W{0,4}(?:rank|default|gpu|local_rank)?[ =:]?(\d{1,5})\]?:(?=[\s\[])|\[(?:local )?rank[ =:]?(\d+)\b",
    re.IGNORECASE,
)
_EVALUATED = re.compile(r"(?i)(?<![a-z])(?:val|valid|validat\w+|eval\w*)(?![a-z])")
_STEPS = frozenset(["step", "steps", "iter", "iters", "iteration", "iterations", "it", "update", "updates"])
_NO_STEP = frozenset(
    [
        "time",
        "ms",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "avg",
        "average",
        "per",
        "loss",
        "warmup",
        "max",
        "total",
        "accum",
        "accumulation",
        "micro",
        "save",
        "saving",
        "log",
        "logging",
        "best",
        "inner",
        "decay",
        "eta",
        "every",
        "between",
        "gradient",
        "remaining",
        "size",
    ]
)
_BEST = frozenset(["best", "min", "minimum", "lowest", "smallest", "target"])
_ALONE = (
    words.VALIDATION
    | words.TRAINING
    | frozenset(["loss", "nll", "ppl", "perplexity", "bpb", "final", "mean", "avg", "average", "set"])
)
LEAST = 1000.0  # parameters of a model


class Pair(NamedTuple):
    """A name and its number, as it is written, where the name begins, and what it is counted up to, if that is said."""

    name: str
    text: str
    start: int
    of: float | None

    @property
    def value(self) -> float:
        """The number; a logged NaN is infinite, as for every reader."""
        try:
            value = float(self.text.replace(",", ""))
        except ValueError:
            value = parse_quantity(self.text)  # 93.2K
        return value if value == value else float("inf")


def pairs(line: str) -> Iterator[Pair]:
    """The numbers of a line with the names before them; a name is empty where none stands there."""
    if not _TELLING.search(line):
        return
    end = 0
    for found in NUMBER.finditer(line):
        chunk = line[end : found.start()]
        bare = chunk.rstrip(" \t:='\"#([")
        name = _BEFORE.sub("", _APART.split(bare)[-1].lstrip(" '\"(*-"))
        of = _OF.match(line, found.end())
        slashed = chunk.rstrip().endswith("/")
        yield Pair(
            name,
            found[1],
            end + bare.rfind(name) if name else found.start(),
            None if slashed or not of else parse_quantity(of[1]),
        )
        end = found.end()


def counters(line: str, found: Sequence[Pair]) -> dict[str, Any]:
    """The step (or iteration), its end and the epoch that a line says; ``bar`` where a bar says the step, without a name."""
    said: dict[str, Any] = {}
    for pair in found:
        kind = _counter(pair.name)
        if kind and kind not in said and (_is_whole(pair.value) or (kind == "epoch" and pair.value < float("inf"))):
            said[kind] = pair.value
            if kind != "epoch" and pair.of:
                said["end"] = pair.of
    if not said.keys() & {"step", "iter"}:
        bars = [p for p in found if not p.name and p.of and _is_whole(p.value) and p.value <= p.of]
        if bars and not _EVALUATED.search(line[: bars[0].start]):
            said |= {"step": bars[0].value, "end": bars[0].of, "bar": True}
    return said


def _is_whole(value: float) -> bool:
    return 0 <= value < 1e12 and value == round(value)


@lru_cache(maxsize=4096)
def _counter(name: str) -> str:
    said = words.words(name)
    if not said or set(said) & _NO_STEP or (len(said) > 1 and _EVALUATED.fullmatch(said[-2])):
        return ""
    if said[-1] in _STEPS:
        return "iter" if said[-1].startswith("it") else "step"
    return "epoch" if said[-1] in ("epoch", "epochs") and "num" not in said else ""


def rank(line: str) -> int | None:
    """The process that printed a line, as torchrun and launchers write before it: ``[rank3]:``, ``3: ``."""
    found = _RANK.search(line[:200])
    return int(found[1] or found[2]) if found else None


def losses(line: str, found: Sequence[Pair]) -> dict[str, float]:
    """The losses of a line by name; those of an evaluation that only the line says are called so."""
    logged = [p for p in found if words.is_loss(p.name) and not _BEST & set(words.words(p.name))]
    if not logged:
        return {}
    evaluated = _EVALUATED.search(_FILE.sub(" ", line[: logged[0].start]))
    return {_named(p.name, bool(evaluated)): p.value for p in logged}


def _named(name: str, evaluated: bool) -> str:
    return f"validation {name}" if evaluated and words.split_of(name) == "unstated" else name


def alone(line: str, found: Sequence[Pair]) -> bool:
    """Whether a line says the loss of a validation and nothing else; ``    val_loss = 0.0`` is a line of a program."""
    if line[:1].isspace() or " = " in line:
        return False
    named = [p for p in found if p.name]
    said = set(words.words(named[-1].name)) if named else set()
    return (
        len(named) == 1 and bool(said & words.VALIDATION) and said <= _ALONE and line.rstrip().endswith(named[0].text)
    )


def others(found: Sequence[Pair]) -> dict[str, float]:
    """What else is logged by step: tokens or samples seen, the learning rate, the epoch."""
    return {pair.name: pair.value for pair in found if _goes_along(pair.name)}


@lru_cache(maxsize=4096)
def _goes_along(name: str) -> bool:
    if not name:
        return False
    counted = axis.kind_of(name) in (axis.TOKENS, axis.SAMPLES) or words.tokens_per_step(name) or _of_parameters(name)
    return counted or words.of_learning_rate(name)


def _of_parameters(name: str) -> bool:
    return bool(words.PARAMETERS & set(words.words(name))) and words.counts_parameters(name)


def facts(line: str, found: Sequence[Pair]) -> Iterator[tuple[str, float]]:
    """What a line says about the whole run."""
    for name, pattern in ONCE:
        if said := pattern.search(line):
            yield name, parse_quantity(said[1])
            return
    for pair in found:
        if (_of_parameters(pair.name) and LEAST <= pair.value < float("inf")) or words.tokens_per_step(pair.name):
            yield pair.name, pair.value
