"""Runs that W&B wrote offline: ``wandb/offline-run-…/run-ID.wandb``.

The file is a log of records in LevelDB's format: blocks of 32 KiB, each record in one or more pieces with a header of
checksum, length and type. What a record holds is read with W&B's own protocol buffers.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.importers.wandb import tidy
from quokka_laws.runs.remarks import Remark

MARK = ".wandb"
BLOCK, HEADER = 32768, 7
MAGIC = b":W&B"
FULL, FIRST, LAST = 1, 2, 4


def find(root: Path) -> list[Path]:
    """Files of offline runs below ``root``, or ``root`` itself if it is one."""
    if root.is_file():
        return [root]
    return sorted(Path(folder) / name for folder, _, files in os.walk(root) for name in files if name.endswith(MARK))


def read(root: Path, options: Options) -> Iterator[Curve]:
    """One curve per run, its config as facts; a run without an exit is still running, or was killed.

    Raises
    ------
    MissingDependencyError
        Without ``wandb``.
    """
    try:
        from wandb.proto import wandb_internal_pb2
    except ImportError:
        raise MissingDependencyError('reading W&B needs its client: pip install "quokka-laws[wandb]"') from None
    made = [(path, _parse(path, wandb_internal_pb2.Record)) for path in options.track(find(root), "runs")]
    names = [run["name"] for _, run in made]
    for path, run in made:
        name = run["name"] if names.count(run["name"]) == 1 else f"{run['name']} ({run['id']})"
        if not run["history"]:
            yield unreadable(name, str(path), ["nothing was logged"])
            continue
        exit_code = run["exit"]
        word = "unfinished" if exit_code is None else f"failed (exit code {exit_code})"
        ended = "" if exit_code == 0 else Remark("state_of", {"source": "W&B", "word": word})
        logged = tidy(pd.DataFrame.from_records(run["history"]))
        yield curve(name, logged, str(path), facts=run["config"], ended=ended, **options.of(run["name"]))


def _parse(path: Path, record_type: Any) -> dict[str, Any]:
    run: dict[str, Any] = {
        "name": path.stem,
        "id": path.stem.removeprefix("run-"),
        "config": {},
        "history": [],
        "exit": None,
    }
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunsError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not data.startswith(MAGIC):
        raise RunsError(f"{path}: not a file of W&B, whatever its name says")
    for piece in _records(data):
        try:
            record = record_type.FromString(piece)
        except Exception as error:  # protobuf's own kinds
            raise RunsError(f"{path}: damaged, or of another version of W&B ({type(error).__name__})") from None
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run["name"] = record.run.display_name or run["name"]
            run["id"] = record.run.run_id or run["id"]
            run["config"] |= _items(record.run.config.update)
        elif kind == "config":
            run["config"] |= _items(record.config.update)
        elif kind == "history":
            row = _items(record.history.item)
            row.setdefault("_step", record.history.step.num)
            run["history"].append({k: v for k, v in row.items() if isinstance(v, int | float)})
        elif kind == "exit":
            run["exit"] = record.exit.exit_code
    run["config"] = {k: v for k, v in run["config"].items() if not k.startswith("_")}
    return run


def _items(items: Any) -> dict[str, Any]:
    """Keys, nested ones joined, and values; a logged NaN is infinite, as for every reader."""
    found = {}
    for item in items:
        value = json.loads(item.value_json) if item.value_json else None
        if value == "NaN" or (isinstance(value, float) and not np.isfinite(value)):
            value = np.inf
        found[item.key or "/".join(item.nested_key)] = value
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """Records of a log in LevelDB's format; one that was cut off at the end is left out."""
    at, begun = HEADER, b""  # W&B's own header comes first
    while at + HEADER <= len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        piece = data[at + HEADER : at + HEADER + length]
        if len(piece) < length or kind == 0:
            return
        at += HEADER + length
        begun = piece if kind in (FULL, FIRST) else begun + piece
        if kind in (FULL, LAST):
            yield begun
