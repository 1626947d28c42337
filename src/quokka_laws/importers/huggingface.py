"""Hugging Face ``Trainer``: the ``trainer_state.json`` of an output folder or of its last checkpoint."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options

FILE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def find(root: Path) -> list[Path]:
    """The last ``trainer_state.json`` of each run below ``root``; a run is a folder, checkpoints are inside it."""
    if root.is_file():
        return [root]
    runs: dict[Path, tuple[int, Path]] = {}
    for folder, _, files in os.walk(root):
        if FILE not in files:
            continue
        path = Path(folder)
        match = CHECKPOINT.fullmatch(path.name)
        run, step = (path.parent, int(match[1])) if match else (path, 1 << 62)  # written last, when training ends
        if run not in runs or step > runs[run][0]:
            runs[run] = (step, path / FILE)
    return [path for _, (_, path) in sorted(runs.items())]


def read(root: Path, options: Options) -> Iterator[Curve]:
    """One curve per run. Without logged tokens, ``--tokens-per-step`` is needed.

    N follows from ``total_flos`` where nothing else tells it: the Trainer counts 6 · tokens · parameters without
    embeddings.
    """
    for path in options.track(find(root), "runs"):
        folder = path.parent.parent if CHECKPOINT.fullmatch(path.parent.name) else path.parent
        inside = root.is_dir() and folder != root
        name = folder.relative_to(root).as_posix() if inside else folder.resolve().name
        yield _run(name, path, options)


def _run(name: str, path: Path, options: Options) -> Curve:
    try:
        state = json.loads(path.read_text(encoding="utf-8-sig"))
        history = state["log_history"]
    except OSError as error:
        raise RunsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, KeyError, TypeError) as error:
        reason = f"not the whole state of a Trainer ({type(error).__name__}: {error}); copy the file again"
        return unreadable(name, str(path), [reason])
    if not history:
        return unreadable(name, str(path), ["log_history is empty (logging_steps was larger than the run?)"])
    rows: dict[float, dict[str, Any]] = {}
    for entry in history:  # evaluation and training of one step are logged apart
        row = rows.setdefault(float(entry.get("step", np.nan)), {})
        row.update({k: np.inf if isinstance(v, float) and not np.isfinite(v) else v for k, v in entry.items()})
    logged = pd.DataFrame.from_records(list(rows.values())).drop(columns=["epoch", "total_flos"], errors="ignore")
    given = options.of(name)
    if "num_input_tokens_seen" in logged and not (logged["num_input_tokens_seen"] > 0).any():
        logged = logged.drop(columns="num_input_tokens_seen")
    facts = {"max_steps": state.get("max_steps") or None, "train_batch_size": state.get("train_batch_size")}
    tokens, spent = float(state.get("num_input_tokens_seen") or 0), float(state.get("total_flos") or 0)
    if "N" not in given["name_facts"] and tokens and spent:
        given["name_facts"] |= {"N": spent / (6 * tokens), "N_counts": "non-embedding"}
    return curve(name, logged, str(path), facts=facts, **given)
