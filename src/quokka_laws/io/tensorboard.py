"""TensorBoard: folders of event files, one run per folder, as ``tensorboard`` itself sees them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.io.curves import Curve
from quokka_laws.io.fields import curve, unreadable
from quokka_laws.io.options import Options

MARK = "tfevents"
NUMBERS = (1, 2, 3, 9)  # tensors of float, double, int32, int64
FRAME = 16  # bytes around each record: its length and two checksums


def find(root: Path) -> list[Path]:
    """Folders below ``root`` that hold event files, or ``root`` itself if it is one."""
    if root.is_file():
        return [root]
    return [Path(folder) for folder, _, files in sorted(os.walk(root)) if any(MARK in name for name in files)]


def read(root: Path, options: Options) -> Iterator[Curve]:
    """One curve per folder of event files; the run is named by its path below ``root``.

    Raises
    ------
    MissingDependencyError
        Without ``tensorboard``.
    """
    try:
        import tensorboard.backend.event_processing.event_file_loader  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            'reading TensorBoard needs the library: pip install "quokka-laws[tensorboard]"'
        ) from None
    for folder in options.track(find(root), "event folders"):
        files = [folder] if folder.is_file() else sorted(p for p in folder.iterdir() if MARK in p.name)
        name = folder.relative_to(root).as_posix() if folder != root else root.resolve().name
        scalars, remarks = _scalars(files)
        if scalars.empty:
            yield unreadable(name, str(folder), remarks or ["there are no scalars in its event files"])
            continue
        yield curve(name, scalars, str(folder), **options.of(name), remarks=remarks)


def _scalars(files: list[Path]) -> tuple[pd.DataFrame, list[str]]:
    """All scalars, a column per tag and a row per step of a file, and what is wrong with the files."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.util.tensor_util import make_ndarray

    rows: dict[tuple[int, int], dict[str, float]] = {}
    last: dict[str, int] = {}  # step of each tag
    attempt, remarks = 0, []
    for path in files:
        read = 0
        try:
            for record in RawEventFileLoader(str(path)).Load():
                read += len(record) + FRAME
                event = Event.FromString(record)
                for value in event.summary.value:
                    kind = value.WhichOneof("value")
                    if kind == "simple_value":
                        number = value.simple_value
                    elif kind == "tensor" and not value.tensor.tensor_shape.dim and value.tensor.dtype in NUMBERS:
                        number = float(make_ndarray(value.tensor))
                    else:
                        continue
                    if event.step < last.get(value.tag, -1):  # resumed from an earlier step
                        attempt += 1
                        last.clear()
                    last[value.tag] = event.step
                    row = rows.setdefault((attempt, event.step), {})
                    row[value.tag] = number if math.isfinite(number) else math.inf
        except PermissionError:
            raise RunsError(f"{path}: no permission to read it") from None
        except Exception as error:  # protobuf and tensorboard raise half a dozen kinds for a foreign file
            raise RunsError(f"{path} is not an event file of TensorBoard ({type(error).__name__}: {error})") from None
        if read < path.stat().st_size:
            remarks.append(
                f"{path.name} is cut off or damaged after {read:,} of {path.stat().st_size:,} bytes; what came before "
                "is used (copy the file again if the run goes on)"
            )
    keys = sorted(rows)
    table = pd.DataFrame.from_records([rows[key] for key in keys]).drop(columns="step", errors="ignore")
    table.insert(0, "step", [float(step) for _, step in keys])
    return table, remarks
