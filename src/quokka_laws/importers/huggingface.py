"""Hugging Face ``Trainer``: the ``trainer_state.json`` of an output folder or of its last checkpoint."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.runs.files import file_bytes
from quokka_laws.runs.json_tables import MalformedError, loads

FILE = "trainer_state.json"

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Logged(BaseModel):
    """What was logged at one step, under any names."""

    model_config = ConfigDict(extra="allow")

    step: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None


class TrainerState(BaseModel):
    """What of a state is read."""

    log_history: list[Logged]
    max_steps: Amount | None = None
    train_batch_size: Amount | None = None
    num_input_tokens_seen: Amount | None = None
    total_flos: Amount | None = None


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
        state = TrainerState.model_validate(loads(file_bytes(path).decode("utf-8-sig")))
    except OSError as error:
        raise RunsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (UnicodeDecodeError, json.JSONDecodeError, MalformedError) as error:
        return unreadable(name, str(path), [f"not the whole state of a Trainer ({error}); copy the file again"])
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)[:3])
        return unreadable(name, str(path), [f"not the whole state of a Trainer ({places}); copy the file again"])
    history = state.log_history
    if not history:
        return unreadable(name, str(path), ["log_history is empty (logging_steps was larger than the run?)"])
    rows: dict[float, dict[str, Any]] = {}
    for entry in history:  # evaluation and training of one step are logged apart
        row = rows.setdefault(np.nan if entry.step is None else entry.step, {})
        logged_here = {"step": entry.step, **(entry.model_extra or {})}
        row.update({k: np.inf if isinstance(v, float) and not np.isfinite(v) else v for k, v in logged_here.items()})
    logged = pd.DataFrame.from_records(list(rows.values())).drop(columns=["epoch", "total_flos"], errors="ignore")
    given = options.of(name)
    seen = pd.to_numeric(logged.get("num_input_tokens_seen", pd.Series(dtype=float)), errors="coerce")
    if "num_input_tokens_seen" in logged and not (seen > 0).any():
        logged = logged.drop(columns="num_input_tokens_seen")
    facts = {"max_steps": state.max_steps or None, "train_batch_size": state.train_batch_size}
    tokens, spent = state.num_input_tokens_seen or 0.0, state.total_flos or 0.0
    if "N" not in given["name_facts"] and tokens and spent:
        given["name_facts"] |= {"N": spent / (6 * tokens), "N_counts": "non-embedding"}
    return curve(name, logged, str(path), facts=facts, **given)
