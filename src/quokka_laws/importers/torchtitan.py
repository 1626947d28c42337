"""torchtitan's text log: a line per logged step and per validation, and the sizes it prints at the start.

The lines are those of ``components/metrics.py`` and ``trainer.py`` of torchtitan 0.3.0 (``train.py`` before); colours and
torchrun's ``[rank0]:`` do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.importers.text_logs import files, holds, lines, run_name

MARK = re.compile(r"step: +\d+ +loss: +\S+ +(?:grad_norm|memory):")
STEP = re.compile(r"(validate )?step: +(\d+) +loss: +(\S+)")
SIZE = re.compile(r"Model (\S+) (\S+) size: ([\d,]+) total parameters")
BATCH = re.compile(r"global batch size (\d+),.*?sequence length (\d+), total steps (\d+)")


def find(root: Path) -> list[Path]:
    """torchtitan's logs below ``root``."""
    return [path for path in files(root) if holds(path, MARK)]


def read(root: Path, options: Options) -> Iterator[Curve]:
    """One curve per log; the validation loss where one was logged."""
    for path in options.track(find(root), "logs"):
        rows: list[dict[str, Any]] = []
        facts: dict[str, Any] = {}
        per_step = 0
        for line in lines(path):
            if found := STEP.search(line):
                loss = "validation_loss" if found[1] else "train_loss"
                rows.append({"step": int(found[2]), loss: _number(found[3])})
            elif found := SIZE.search(line):
                facts |= {"model": f"{found[1]} {found[2]}", "N": float(found[3].replace(",", "")), "N_counts": "total"}
            elif found := BATCH.search(line):
                facts |= {"global_batch_size": int(found[1]), "seq_length": int(found[2]), "max_steps": int(found[3])}
                per_step = int(found[1]) * int(found[2])
        name = run_name(path, root)
        logged = pd.DataFrame(rows)
        if logged.empty:
            yield unreadable(name, str(path), ["its log has no step with a loss"])
            continue
        if per_step:
            logged["D"] = logged["step"] * float(per_step)
        yield curve(name, logged, str(path), facts=facts, **options.of(name))


def _number(text: str) -> float:
    """A logged loss; what is no finite number is infinite, as for every reader."""
    try:
        value = float(text)
    except ValueError:
        return float("inf")
    return value if value == value else float("inf")
