"""Logs as tables: CSV, JSON lines or Parquet, one run per file or many in one, long or with a column per run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.curves import Curve, by_run
from quokka_laws.importers.fields import LOGGED, curve
from quokka_laws.importers.options import Options
from quokka_laws.importers.wandb import is_wide, sampled, tidy, unpivot
from quokka_laws.runs.columns import ALIASES, recognise
from quokka_laws.runs.files import SUFFIXES, flatten, read_table

SIDE = ("config", "summary", "metadata", "args", "hparams", "wandb-metadata", "wandb-summary")  # not logs


def find(root: Path) -> list[Path]:
    """Tables below ``root``, or ``root`` itself if it is a file."""
    if not root.is_dir():
        return [root]
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.stem not in SIDE and p.is_file())


def read(root: Path, options: Options) -> Iterator[Curve | dict[str, Any]]:
    """Curves of a table or of a folder of tables; rows as they are where a table has one row per run already.

    A table with a column of steps holds curves; one without is taken to hold one point per row.
    """
    files = find(root)
    for path in options.track(files, "files"):
        table = flatten(read_table(path))
        where = "stdin" if str(path) == "-" else str(path)
        options.notes += [note for note in table.attrs.get("notes", []) if note not in options.notes]
        if table.empty:
            raise RunsError(f"{where}: there are no rows")
        if is_wide([str(c) for c in table]):
            table, notes = unpivot(table, where)
            options.notes += notes
        name = path.relative_to(root).with_suffix("").as_posix() if root.is_dir() else path.stem
        if len(files) > 1 and path.stem.lower() in ("log", "metrics", "history", "train", "0000"):
            name = path.relative_to(root).parent.as_posix() if root.is_dir() else path.parent.name
        yield from _table(table, "stdin" if str(path) == "-" else name, where, options)


def _table(table: pd.DataFrame, name: str, where: str, options: Options) -> Iterator[Curve | dict[str, Any]]:
    names = [str(c) for c in table]
    steps, _, _ = recognise(names, {k: v for k, v in options.columns.items() if k == "step"}, {"step": LOGGED["step"]})
    if not steps:
        yield from _points(table, names, where, options)
        return
    run = {k: v for k, v in options.columns.items() if k == "run_id"}
    called, _, _ = recognise(names, run, {"run_id": ALIASES["run_id"]})
    columns = {k: v for k, v in options.columns.items() if k != "run_id"}
    long = table.rename(columns=called) if called else table.assign(run_id=name)
    for run_id, rows in by_run(long):
        facts = {c: rows[c].iloc[0] for c in rows if rows[c].nunique() == 1}  # what is the same in every row
        given = {**options.of(run_id), "columns": columns}
        doubt = sampled(rows[next(iter(steps))])
        yield curve(run_id, tidy(rows), where, facts=facts, remarks=[doubt] if doubt else [], **given)


def _points(table: pd.DataFrame, names: list[str], where: str, options: Options) -> Iterator[dict[str, Any]]:
    mapping, _, faults = recognise(names, options.columns)
    if "loss" not in mapping.values():
        faults.append(
            f"no column of steps and none of the loss; it has {', '.join(names)}. Say --columns step=…,loss=…"
        )
    if not options.facts and not options.pattern and len({"N", "D", "C", "U_D"} & set(mapping.values())) < 2:
        faults.append(
            f"no column of steps, and nothing says how many parameters and tokens each row has; it has {', '.join(names)}. "
            "Say --columns step=NAME if rows are a log, N=…,D=… if they are runs"
        )
    if faults:
        raise RunsError(f"{where}: {'; '.join(faults)}")
    note = f"{where}: no column of steps, so every row is a point; if rows are one run's log, say --columns step=NAME"
    if note not in options.notes:
        options.notes.append(note)
    clashing = [c for c in names if c in mapping.values() and mapping.get(c) != c]
    for record in table.drop(columns=clashing).rename(columns=mapping).to_dict("records"):
        facts = options.of(str(record["run_id"]))["name_facts"] if "run_id" in record else {}
        yield {**record, **facts}
