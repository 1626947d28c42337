"""TensorBoard: folders of event files, one run per folder, as ``tensorboard`` itself sees them."""

from __future__ import annotations

import math
import os
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options

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
        scalars, damage, remarks = _scalars(files)
        if scalars.empty:
            yield unreadable(name, str(folder), [damage or "there are no scalars in its event files"])
            continue
        if damage:
            remarks = [damage, *remarks]
        yield curve(
            name, scalars, str(folder), **options.of(name), ended=damage and "its log is cut off", remarks=remarks
        )


class _Scalar:
    """Steps and values of one tag; a step that goes back (a resumed run) replaces what came after it."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: list[float] = []
        self.replaced = 0

    def add(self, step: int, value: float) -> None:
        if self.steps and step <= self.steps[-1]:
            at = bisect_left(self.steps, step)
            self.replaced += len(self.steps) - at
            del self.steps[at:], self.values[at:]
        self.steps.append(step)
        self.values.append(value if math.isfinite(value) else math.inf)


def _scalars(files: list[Path]) -> tuple[pd.DataFrame, str, list[str]]:
    """All scalars, a column per tag and a row per step, what is damaged, and what else there is to say."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.util.tensor_util import make_ndarray

    tags: dict[str, _Scalar] = {}
    damage, remarks = "", []
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
                    tags.setdefault(value.tag, _Scalar()).add(event.step, number)
        except PermissionError:
            raise RunsError(f"{path}: no permission to read it") from None
        except Exception as error:  # protobuf and tensorboard raise half a dozen kinds for a foreign file
            raise RunsError(f"{path} is not an event file of TensorBoard ({type(error).__name__}: {error})") from None
        size = path.stat().st_size
        if read < size:
            damage = f"{path.name} is cut off or damaged after {read:,} of {size:,} bytes; copy the file again"
    if replaced := max((tag.replaced for tag in tags.values()), default=0):
        remarks.append(
            f"steps go back: {replaced} logged before were replaced (a resumed run; two runs in one folder must be "
            "parted)"
        )
    tags.pop("step", None)
    columns = {name: pd.Series(tag.values, index=tag.steps) for name, tag in tags.items()}
    table = pd.DataFrame(columns).rename_axis("step").sort_index().reset_index()
    return table.astype(float), damage, remarks
