"""Megatron-LM's text log, and those of its relatives (Megatron-DeepSpeed, GPT-NeoX, MegaDLMs).

Read are the settings it prints at the start, the numbers of parameters of its ranks, a line per logged step and one per
validation, as ``megatron/training/training.py`` prints them. Prefixes that launchers put before a line do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.importers.text_logs import files, holds, lines, run_name

MARK = re.compile(r"iteration +\d+/ *\d+ \|.*loss")
STEP = re.compile(r"iteration +(\d+)/ *(\d+) \|(.*)")
# "on validation set" is there at the end of training; lines on the test set are not wanted.
VALIDATION = re.compile(r"validation (?:loss|results) at iteration (\d+)(?: on validation set)? \|(.*)")
SETTING = re.compile(r"(\w+) \.{2,} (.+?)(?:\.{3,}(?:default|updated))?\s*$")
PARAMETERS = re.compile(r"number of parameters on \(tensor, pipeline\) model parallel rank \((\d+), (\d+)\): (\d+)")
KEPT = (
    *("seq_length", "global_batch_size", "num_layers", "hidden_size", "ffn_hidden_size", "num_attention_heads", "seed"),
    *("lr_decay_style", "weight_decay", "model_running_mode"),
)


@dataclass
class _Log:
    """What one file says."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    ranks: dict[tuple[str, str], int] = field(default_factory=dict)
    steps: int = 0


def find(root: Path) -> list[Path]:
    """Megatron's logs below ``root``."""
    return [path for path in files(root) if holds(path, MARK)]


def read(root: Path, options: Options) -> Iterator[Curve]:
    """One curve per run: a log, or several that save to one place, which are attempts at one run."""
    runs: dict[str, list[tuple[Path, _Log]]] = {}
    for path in options.track(find(root), "logs"):
        log = _parse(lines(path))
        runs.setdefault(log.settings.get("save") or str(path), []).append((path, log))
    for place, attempts in runs.items():
        attempts.sort(key=lambda each: (each[1].rows[0]["step"] if each[1].rows else 0, each[0]))
        path = attempts[0][0]
        name = run_name(path, root) if len(attempts) == 1 else Path(place).name
        yield _run(name, ", ".join(str(each) for each, _ in attempts), [log for _, log in attempts], options)


def _parse(text: Iterable[str]) -> _Log:
    log = _Log()
    for line in text:
        if found := STEP.search(line):
            log.steps = int(found[2])
            values = _values(found[3])
            losses = {key: value for key, value in values.items() if key.endswith("loss")}
            row = {"step": int(found[1]), **losses, "lr": values.get("learning rate")}
            log.rows.append({**row, "samples": values.get("consumed samples"), "D": values.get("consumed tokens")})
        elif found := VALIDATION.search(line):
            values = _values(found[2])
            for key in {"lm loss value", "lm_loss value"} & set(values):
                log.rows.append({"step": int(found[1]), "lm loss validation": values[key]})
        elif found := PARAMETERS.search(line):
            log.ranks[found[1], found[2]] = int(found[3])
        elif found := SETTING.search(line):
            log.settings[found[1]] = found[2]
    return log


def _values(line: str) -> dict[str, float]:
    """``key: value | key: value`` as numbers; a logged NaN is infinite, as for every reader."""
    values = {}
    for part in line.split("|"):
        key, _, text = part.partition(":")
        try:
            value = float(text.replace(",", ""))
        except ValueError:
            continue
        values[key.strip()] = value if value == value else float("inf")
    return values


def _run(name: str, source: str, logs: list[_Log], options: Options) -> Curve:
    logged = pd.DataFrame([row for log in logs for row in log.rows])
    if logged.empty:
        return unreadable(name, source, ["its log has no step with a loss"])
    settings = {k: v for log in logs for k, v in log.settings.items()}
    ranks = {k: v for log in logs for k, v in log.ranks.items()}
    # A validation has no sample count of its own: it is that of the step before it.
    samples = logged.pop("samples").ffill()
    if logged["D"].notna().any():
        logged["D"] = logged["D"].ffill()
    elif settings.get("seq_length", "").isdigit() and samples.notna().any():
        logged["D"] = samples * int(settings["seq_length"])
    elif all(settings.get(name, "").isdigit() for name in ("seq_length", "train_batch_size")):
        logged["D"] = logged["step"] * float(settings["seq_length"]) * float(settings["train_batch_size"])
    else:
        logged = logged.drop(columns="D")
    losses = [column for column in logged if str(column).endswith(("loss", "validation"))]
    logged[losses] = logged[losses].astype(float)
    facts: dict[str, Any] = {key: settings[key] for key in KEPT if settings.get(key, "None") != "None"}
    # A schedule that ends before --train-iters is the plan: a branch of a longer run, which --exit-interval ends.
    planned = settings.get("lr_decay_iters", "")
    ends = [logs[-1].steps, int(planned) if planned.isdigit() else 0]
    facts["max_steps"] = min(filter(None, ends), default=None)
    if ranks:
        facts |= {"N": float(sum(ranks.values())), "N_counts": "total"}
    return curve(name, logged.dropna(axis=1, how="all"), source, facts=facts, **options.of(name))
