"""TensorBoard: folders of event files, one run per folder, as ``tensorboard`` itself sees them.

Three things that writers do are undone. ``add_scalars`` and Keras write one sub-folder per series of a run
(``run/loss_val``, ``run/validation``); ``add_hparams`` writes one with a time for its name; some trainers log each tag again
against samples or tokens, and the end of such a series is no end of the run.
"""

from __future__ import annotations

import math
import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.runs import words
from quokka_laws.runs.remarks import Remark

MARK = "tfevents"
OTHER = re.compile(r"[ _/](vs|by|per)[ _/](samples|tokens|examples|sequences|time|epochs?)$", re.IGNORECASE)
FAR = 5.0  # times the last step of the loss
KERAS = ("train", "training", "validation", "val", "valid", "eval", "test")
SHOWN = 4  # tags named in a remark
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
    folders = find(root)
    series = _series(folders, root)
    for folder in options.track([f for f in folders if f not in series] + _parents(series, folders), "event folders"):
        inside = [child for child, parent in series.items() if parent == folder]
        name = folder.relative_to(root).as_posix() if folder != root else root.resolve().name
        tags, damage, remarks = _tags(_files(folder)) if folder not in series else ({}, [], [])
        for child in inside:
            label = child.relative_to(folder).as_posix()
            if _is_time(label):
                continue  # what add_hparams writes: the last values again, at step 0
            more, broken, said = _tags(_files(child))
            tags |= {_renamed(tag, label): scalar for tag, scalar in more.items()}
            damage, remarks = [*damage, *broken], [*remarks, *said]
        if inside:
            remarks = [*remarks, Remark("series", {"folders": [c.relative_to(folder).as_posix() for c in inside]})]
        scalars, ends = _table(tags)
        if scalars.empty:
            said_ = [str(one) for one in damage] or ["there are no scalars in its event files"]
            yield unreadable(name, str(folder), said_)
            continue
        given = options.of(name)
        yield _curve(name, scalars, ends, folder, given, damage, remarks)


def _curve(
    name: str,
    scalars: pd.DataFrame,
    ends: dict[str, float],
    folder: Path,
    given: dict[str, Any],
    damage: list[Remark],
    remarks: list[Remark],
) -> Curve:
    """The curve of a run; its end is the last step of the tags that are logged along the axis of its loss."""
    ended = Remark("cut_off") if damage else ""
    made = curve(name, scalars, str(folder), **given, ended=ended, remarks=[*damage, *remarks])
    if made.metric not in ends or not len(made.table):
        return made
    far = FAR * ends[made.metric]
    if not any(last > far or OTHER.search(tag) for tag, last in ends.items()):
        return made
    apart = _other_axes(scalars, made.metric, ends)
    if not apart:
        return made
    steps = scalars.loc[scalars[made.metric].notna(), "step"].to_numpy()
    end = max(last for tag, last in ends.items() if tag not in apart)
    table = made.table[made.table["step"] <= max(end, float(steps.max()))].reset_index(drop=True)
    said = Remark("other_axis", {"metric": made.metric, "names": apart[:SHOWN] + (["…"] if len(apart) > SHOWN else [])})
    return replace(made, table=table, end=end, remarks=(*made.remarks, said))


def _other_axes(scalars: pd.DataFrame, metric: str, ends: dict[str, float]) -> list[str]:
    """Tags that are logged against something else than the loss: said by their names, or with steps that are far apart.

    A tag on the same axis has steps of the size of those of the loss, or logs at some of the same steps.
    """
    own = set(scalars.loc[scalars[metric].notna(), "step"])
    apart = []
    for tag, last in ends.items():
        if tag == metric:
            continue
        if (OTHER.search(tag) and not OTHER.search(metric)) or (
            last > FAR * ends[metric] and not own & set(scalars.loc[scalars[tag].notna(), "step"])
        ):
            apart.append(tag)
    return apart


def _files(folder: Path) -> list[Path]:
    return [folder] if folder.is_file() else sorted(p for p in folder.iterdir() if MARK in p.name)


def _is_time(label: str) -> bool:
    return bool(re.fullmatch(r"\d{9,}(\.\d+)?", label))


def _renamed(tag: str, label: str) -> str:
    """The tag of a series: ``loss`` in ``loss_val`` is loss/val, ``epoch_loss`` in ``validation`` is validation/epoch_loss."""
    main = tag.replace("/", "_").replace(" ", "_")
    rest = label.removeprefix(f"{main}_")
    return f"{tag}/{rest}" if rest != label else f"{label}/{tag}"


def _series(folders: list[Path], root: Path) -> dict[Path, Path]:
    """Folders that hold one series of the run in the folder above, and that folder.

    ``add_scalars("loss", {"val": …})`` names them after the tag, ``loss_val``; Keras names them train and validation.
    """
    known, found = set(folders), {}
    for folder in folders:
        parent = folder.parent
        if folder == root or folder.is_file() or not (parent == root or root in parent.parents):
            continue
        label = folder.name
        if (
            parent in known and (_is_time(label) or words.split_of(label) != "unstated" or _named_after_tag(folder))
        ) or label.lower() in KERAS:
            found[folder] = parent
    lonely = {parent for child, parent in found.items() if parent not in known}
    for parent in lonely:  # a folder called train alone may be a run, or the root of them
        children = [child for child, above in found.items() if above == parent]
        if len(children) < 2:
            for child in children:
                del found[child]
    return found


def _named_after_tag(folder: Path) -> bool:
    """Whether a folder is called after the only tag in it, as ``add_scalars`` does."""
    tags, _, _ = _tags(_files(folder))
    names = [tag.replace("/", "_").replace(" ", "_") for tag in tags]
    return len(names) == 1 and folder.name.startswith(f"{names[0]}_")


def _parents(series: dict[Path, Path], folders: list[Path]) -> list[Path]:
    """Folders without event files of their own whose sub-folders are their series."""
    return sorted(set(series.values()) - set(folders))


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


def _tags(files: list[Path]) -> tuple[dict[str, _Scalar], list[Remark], list[Remark]]:
    """All scalars by tag, what is damaged, and what else there is to say."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.util.tensor_util import make_ndarray

    tags: dict[str, _Scalar] = {}
    damage: list[Remark] = []
    remarks: list[Remark] = []
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
                    if (scalar := tags.get(value.tag)) is None:
                        scalar = tags[value.tag] = _Scalar()
                    scalar.add(event.step, number)
        except PermissionError:
            raise RunsError(f"{path}: no permission to read it") from None
        except Exception as error:  # protobuf and tensorboard raise half a dozen kinds for a foreign file
            raise RunsError(f"{path} is not an event file of TensorBoard ({type(error).__name__}: {error})") from None
        size = path.stat().st_size
        if read < size:
            damage = [Remark("damaged", {"file": path.name, "read": read, "size": size})]
    if replaced := max((tag.replaced for tag in tags.values()), default=0):
        remarks.append(Remark("replaced_events", {"n": replaced}))
    return tags, damage, remarks


def _table(tags: dict[str, _Scalar]) -> tuple[pd.DataFrame, dict[str, float]]:
    """A column per tag and a row per step, and the last step of each tag."""
    tags = {name: tag for name, tag in tags.items() if name != "step"}
    ends = {name: float(tag.steps[-1]) for name, tag in tags.items()}
    steps = next(iter(tags.values())).steps if tags else []
    if all(tag.steps == steps for tag in tags.values()):  # the usual case: no alignment is needed
        logged = {name: np.array(tag.values, dtype=float) for name, tag in tags.items()}
        return pd.DataFrame({"step": np.array(steps, dtype=float), **logged} if tags else {}), ends
    columns = {name: pd.Series(tag.values, index=tag.steps) for name, tag in tags.items()}
    table = pd.DataFrame(columns).rename_axis("step").sort_index().reset_index()
    return table.astype(float), ends
