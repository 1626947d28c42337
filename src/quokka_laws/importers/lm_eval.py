"""lm-evaluation-harness: the ``results_….json`` of each model, one row each; several files of one model are one row.

What it measures of a language model's loss is per byte or per word, never per token, and is kept so: ``bits_per_byte`` of a
rolling log-likelihood such as wikitext; another task's metric is chosen with ``--columns loss=TASK/METRIC``. Accuracies are columns
``TASK_METRIC`` beside ``TASK_questions``, for :func:`quokka_laws.downstream`. The loss of training, N and D come from a table of
facts by the model's name, else parameters are those that the harness counted and tokens come from names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quokka_laws._spelling import option
from quokka_laws.exceptions import RunsError
from quokka_laws.importers.options import Options
from quokka_laws.runs import words
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.tasks import METRICS, QUESTIONS

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
    """One row per model.

    Raises
    ------
    RunsError
        When a file is no result, or has no metric that is a loss or an accuracy.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in options.track(find(root), "results"):
        try:
            data = json.loads(path.read_text(encoding="utf-8-sig"))
            metrics, scores = _metrics(data["results"]), _scores(data)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise RunsError(
                f"{path}: not a result of lm-evaluation-harness ({type(error).__name__}: {error})"
            ) from None
        name = _name(data, path)
        facts = options.facts_of(name)
        asked = options.columns.get("loss")
        metric = asked or ("" if "loss" in facts else _chosen(list(metrics)))
        if metric not in metrics and (asked or not scores):
            shown = ", ".join(list(metrics)[:SHOWN]) + (" …" if len(metrics) > SHOWN else "")
            raise RunsError(
                f"{path}: no loss{f' {metric}' if metric else ''} among {shown}; say {option('columns', {'loss': 'TASK/METRIC'})}"
            )
        config = data.get("config") or {}
        row: dict[str, Any] = {"run_id": name}
        if metric:
            row |= {"loss": metrics[metric], "metric": metric, "loss_split": "validation"}
            if unit := words.unit_of(metric):
                row["loss_unit"] = unit
        if size := config.get("model_num_parameters"):
            row["N"] = float(size)
        if step := STEP.search(_arguments(config)):
            row["step"] = int(step[1])
        named = options.of(name)["name_facts"]
        found[name] = {**found.get(name, {}), **row, **scores, "source": str(path), **named, **facts}
    if found and not any("loss" in row for row in found.values()):
        options.note(Remark("scores_without_loss", {}))
    yield from found.values()


def _metrics(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """``wikitext/bits_per_byte`` → value, without filters (``,none``) and standard errors."""
    found = {}
    for task, values in results.items():
        for name, value in values.items():
            plain = name.removesuffix(",none")
            if isinstance(value, int | float) and not isinstance(value, bool) and "stderr" not in plain:
                found[f"{task}/{plain}"] = float(value)
    return found


def _scores(data: dict[str, Any]) -> dict[str, float]:
    """``hellaswag_acc_norm`` → share of right answers, and ``hellaswag_questions``."""
    counted = data.get("n-samples") or {}
    found: dict[str, float] = {}
    for task, values in data["results"].items():
        scores = {}
        for name, value in values.items():
            metric = name.removesuffix(",none").replace(",", "_")
            known = any(metric == m or metric.startswith(f"{m}_") for m in METRICS) and "stderr" not in metric
            if known and isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0:
                scores[f"{task}_{metric}"] = float(value)
        count = counted.get(task)
        count = count.get("effective", count.get("original")) if isinstance(count, dict) else count
        if scores and isinstance(count, int | float) and count >= 1:
            scores[f"{task}{QUESTIONS}"] = float(count)
        found |= scores
    return found


def _chosen(metrics: list[str]) -> str:
    """The only metric that is a loss, or bits per byte where one task gives it in several forms; empty otherwise."""
    losses = [m for m in metrics if m.rpartition("/")[2] in PREFERRED]
    for wanted in PREFERRED:
        if len(found := [m for m in losses if m.endswith(f"/{wanted}")]) == 1:
            return found[0]
        if len(found) > 1:
            raise RunsError(
                f"several losses ({', '.join(found)}), which do not compare; choose one with {option('columns', {'loss': found[0]})}"
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
