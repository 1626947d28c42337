"""lm-evaluation-harness: the ``results_….json`` of each model, one row each.

What it measures of a language model's loss is per byte or per word, never per token, and is kept so: ``bits_per_byte`` of a
rolling log-likelihood such as wikitext. Accuracies are no losses; another task's metric is chosen with
``--columns loss=TASK/METRIC``. Parameters are those that the harness counted; tokens come from names or a table of facts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.options import Options
from quokka_laws.runs import words

PRETRAINED = re.compile(r"pretrained=([^,]+)")
STEP = re.compile(r"revision=(?:step)?(\d+)")
SHOWN = 20
PREFERRED = ("bits_per_byte", "byte_perplexity", "word_perplexity")


def find(root: Path) -> list[Path]:
    """Result files below ``root``, or ``root`` itself if it is one."""
    if root.is_file():
        return [root]
    return sorted(path for path in root.rglob("*.json") if is_result(path))


def is_result(path: Path) -> bool:
    """Whether a file is a result of the harness: tasks with metrics beside versions and a configuration."""
    try:
        with path.open("rb") as file:
            if b'"results"' not in file.read(4096):
                return False
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and isinstance(data.get("results"), dict) and {"versions", "config"} <= set(data)


def read(root: Path, options: Options) -> Iterator[dict[str, Any]]:
    """One row per result file.

    Raises
    ------
    RunsError
        When a file is no result, or has no metric that is a loss.
    """
    for path in options.track(find(root), "results"):
        try:
            data = json.loads(path.read_text(encoding="utf-8-sig"))
            metrics = _metrics(data["results"])
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise RunsError(
                f"{path}: not a result of lm-evaluation-harness ({type(error).__name__}: {error})"
            ) from None
        name = _name(data, path)
        metric = options.columns.get("loss") or _chosen(list(metrics))
        if metric not in metrics:
            shown = ", ".join(list(metrics)[:SHOWN]) + (" …" if len(metrics) > SHOWN else "")
            raise RunsError(
                f"{path}: no loss{f' {metric}' if metric else ''} among {shown}; say --columns loss=TASK/METRIC"
            )
        config = data.get("config") or {}
        row: dict[str, Any] = {"run_id": name, "loss": metrics[metric], "metric": metric, "loss_split": "validation"}
        if unit := words.unit_of(metric):
            row["loss_unit"] = unit
        if size := config.get("model_num_parameters"):
            row["N"] = float(size)
        if found := STEP.search(_arguments(config)):
            row["step"] = int(found[1])
        yield {**row, "source": str(path), **options.of(name)["name_facts"]}


def _metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """``wikitext/bits_per_byte`` → value, without filters (``,none``) and standard errors."""
    found = {}
    for task, values in results.items():
        for name, value in values.items():
            plain = name.removesuffix(",none")
            if isinstance(value, int | float) and not isinstance(value, bool) and "stderr" not in plain:
                found[f"{task}/{plain}"] = float(value)
    return found


def _chosen(metrics: list[str]) -> str:
    """The only metric that is a loss, or bits per byte where one task gives it in several forms; empty otherwise."""
    losses = [m for m in metrics if m.rpartition("/")[2] in PREFERRED]
    for wanted in PREFERRED:
        if len(found := [m for m in losses if m.endswith(f"/{wanted}")]) == 1:
            return found[0]
        if len(found) > 1:
            raise RunsError(
                f"several losses ({', '.join(found)}), which do not compare; choose one with --columns loss={found[0]}"
            )
    return ""


def _arguments(config: dict[str, Any]) -> str:
    """Arguments of the model as one text: an object in newer versions of the harness."""
    given = config.get("model_args") or ""
    return ",".join(f"{k}={v}" for k, v in given.items()) if isinstance(given, dict) else str(given)


def _name(data: dict[str, Any], path: Path) -> str:
    """The model's name as the harness has it: with its revision where it names one."""
    arguments = _arguments(data.get("config") or {})
    found = PRETRAINED.search(arguments)
    name = str(data.get("model_name") or (found[1] if found else path.stem))
    revision = re.search(r"revision=([^,]+)", arguments)
    return f"{name}@{revision[1]}" if revision and revision[1] not in name else name
