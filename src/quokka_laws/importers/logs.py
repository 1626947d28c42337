"""Logs as tables: CSV, JSON lines or Parquet, one run per file or many in one, long or with a column per run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws.exceptions import RunsError
from quokka_laws.importers import axis, beside, downloads
from quokka_laws.importers.attempts import labelled
from quokka_laws.importers.curves import Curve, by_run
from quokka_laws.importers.fields import LOGGED, curve
from quokka_laws.importers.options import Options
from quokka_laws.importers.wandb import is_wide, sampled, tidy, unpivot
from quokka_laws.runs import identity, words
from quokka_laws.runs.columns import Recognised, plain_name, recognise, recognise_runs, scaled
from quokka_laws.runs.files import NAMED, PACKED, flatten, is_table_name, read_table
from quokka_laws.runs.made_columns import made
from quokka_laws.runs.proposals import proposed
from quokka_laws.runs.quantities import parse_quantity
from quokka_laws.runs.remarks import Remark, sentence
from quokka_laws.runs.reshape import reshaped

GENERIC = ("log", "logs", "metrics", "history", "train", "0000", "progress", "result", "results", "training_log")


def find(root: Path) -> list[Path]:
    """Tables below ``root``, or ``root`` itself if it is a file."""
    if not root.is_dir():
        return [root]
    return sorted(p for p in root.rglob("*") if is_table_name(p.name) and p.is_file() and not beside.is_side(p))


def stem(path: Path) -> str:
    """A file's name without its endings, packed ones too: ``a.csv.gz`` → a; a point inside the name stays."""
    name = path.name
    for _ in range(2):
        if is_table_name(name) or Path(name).suffix in (*PACKED, *NAMED, ".log", ".out", ".err"):
            name = Path(name).stem
    return name


def read(root: Path, options: Options) -> Iterator[Curve | dict[str, Any]]:
    """Curves of a table or of a folder of tables; rows as they are where a table has one row per run already.

    A table with steps or tokens that rise along a run holds curves; one without is taken to hold one point per row. A file of
    several that cannot be read is remembered in ``options.unread``, and the others are read. A run that a folder holds in two
    files, as Ray Tune's do, is read once.
    """
    files = find(root)
    alike = [path for path in files if downloads.is_download(path)]
    for run, tags in downloads.by_run(alike, root).items():
        yield from runs_of(downloads.series(tags), run, str(next(iter(tags.values())).parent), options)
    files = [path for path in files if path not in alike]
    curves: dict[tuple[Path, str], Curve] = {}
    for path in options.track(files, "files"):
        try:
            for item in of_file(path, root, len(files) > 1, options):
                if isinstance(item, Curve):
                    known = curves.setdefault((path.parent, item.run_id), item)
                    if known is not item and known.source != item.source and _equal(known, item):
                        options.note(Remark("written_twice", {"file": path.name, "other": Path(known.source).name}))
                        continue
                yield item
        except RunsError as error:
            if len(files) == 1:
                raise
            options.unread.append(str(error))


def _equal(one: Curve, other: Curve) -> bool:
    """Whether two curves hold the same losses at the same steps."""
    a, b = (c.table.loc[c.table["loss"].notna(), ["step", "loss"]].to_numpy(dtype=float) for c in (one, other))
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6)


def of_file(path: Path, root: Path, many: bool, options: Options) -> Iterator[Curve | dict[str, Any]]:
    """Curves or points of one file below ``root``, which may hold ``many``."""
    where = "stdin" if str(path) == "-" else str(path)
    table = read_table(path)
    for remark in table.attrs.get("remarks", []):
        options.note(Remark.from_dict({**remark, "file": where}))
    if table.empty:
        raise RunsError(f"{where}: there are no rows")
    name = _name(path, root, many=many)
    table = flatten(_unrolled(table, name))
    if is_wide([str(c) for c in table]):
        table, notes = unpivot(table, where)
    else:
        table, notes = reshaped(table)
    options.notes += notes
    known = {} if where == "stdin" else beside.settings(path, alone=stem(path).lower() in GENERIC)
    yield from runs_of(table, name, where, options, known)


def _name(path: Path, root: Path, *, many: bool) -> str:
    if str(path) == "-":
        return "stdin"
    inside = path.relative_to(root).parent if root.is_dir() else Path()
    if (many or root.is_dir()) and stem(path).lower() in GENERIC:
        folder = inside.as_posix() if root.is_dir() else path.parent.name
        if folder not in ("", "."):
            return folder
        return path.parent.resolve().name
    return (inside / stem(path)).as_posix()


def _unrolled(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Runs whose logs are lists inside an object, as one long table: a row per entry, what is said of the run beside it."""
    nested = [c for c in table.columns[table.dtypes == "object"] if table[c].map(_is_log).any()]
    apart = [c for c in table.columns[table.dtypes == "object"] if table[c].map(_is_series).all()]
    if not nested and len(apart) < 2:
        return table
    rest = table.drop(columns=nested or apart)
    facts = flatten(rest) if len(rest.columns) else rest
    called = identity.id_column(facts) or identity.name_column(facts)
    parts = []
    for i in range(len(table)):
        label = str(facts[called].iloc[i]) if called else name if len(table) == 1 else f"{name}#{i + 1}"
        logs = (
            [_entries(table[c].iloc[i]) for c in nested] if nested else [_entries({c: table[c].iloc[i] for c in apart})]
        )
        part = (
            pd.concat([log for log in logs if not log.empty], ignore_index=True)
            if any(map(len, logs))
            else pd.DataFrame()
        )
        about = {c: facts[c].iloc[i] for c in facts if c not in part and c != called}
        part = part if len(part) else pd.DataFrame(index=[0])
        parts.append(part.assign(**about, run_id=label))
    return pd.concat(parts, ignore_index=True)


def _is_log(cell: Any) -> bool:
    """A list of objects, or an object of lists of one length, as logs inside an object are."""
    if isinstance(cell, dict):
        lengths = {len(v) if isinstance(v, list) else -1 for v in cell.values()}
        return len(cell) > 1 and len(lengths) == 1 and lengths.pop() > 0
    return isinstance(cell, list) and len(cell) > 0 and all(isinstance(entry, dict) for entry in cell)


def _is_series(cell: Any) -> bool:
    return (
        isinstance(cell, list | np.ndarray)
        and len(cell) > 0
        and all(isinstance(v, int | float | np.number) for v in cell)
    )


def _entries(cell: Any) -> pd.DataFrame:
    if isinstance(cell, dict):
        shortest = min(len(v) for v in cell.values())
        return pd.DataFrame({k: list(v)[:shortest] for k, v in cell.items()})
    return pd.json_normalize(cell, sep="/") if isinstance(cell, list) else pd.DataFrame()


# ---- a table of curves or of points ---------------------------------------------------------------------------


def runs_of(
    table: pd.DataFrame,
    name: str,
    where: str,
    options: Options,
    known: Mapping[str, Any] | None = None,
    ended: str = "",
) -> Iterator[Curve | dict[str, Any]]:
    """Curves or points of a table; ``known``, ``ended``: settings that stand beside it, of its one run, and why that broke off."""
    table = table.rename(columns=str)
    asked = scaled(options.columns, list(table))[0]
    table, notes = made(table, asked)
    for note in notes:
        options.note(note)
    asked = {k: v for k, v in asked.items() if k == "step"}
    steps, _, _ = recognise(list(table), asked, {"step": LOGGED["step"]})
    table = _counted_through(table, next(iter(steps), ""), where, options)
    place = next((c for c in steps if c in table), None) or _along(table, options)
    if place is None or (_one_row_each(table, options) and not asked):
        yield from _points(table, name, where, options, steps=place is not None)
        return
    if "step" in options.columns or axis.kind_of(place) != axis.UNKNOWN or steps:
        run = options.columns.get("run_id")
        labels, notes = labelled(table, name, place, run)
        options.notes += notes
        columns = {k: v for k, v in options.columns.items() if k != "run_id"}
        identified = [c for c in (run, identity.id_column(table), identity.name_column(table)) if c]
        names = (
            table[identified[-1]].astype(str)
            if identified
            else labels.astype(str).str.replace(r"#\d+$", "", regex=True)
        )
        long = table.drop(columns=[c for c in identified if c in table]).assign(run_id=labels)
        raw = dict(zip(labels, names, strict=True))
        alone = labels.nunique() == 1
        for run_id, rows in by_run(long):
            facts = {c: rows[c].dropna().iloc[0] for c in rows if rows[c].nunique() == 1}  # the same in every row
            facts = {**(known or {}), **facts} if alone else facts
            given = {**options.of(raw[run_id] if options.pattern else run_id), "columns": columns}
            doubt = sampled(rows[place]) if place in rows else []
            broken = ended if alone else ""
            yield curve(run_id, tidy(rows), where, facts=facts, ended=broken, remarks=doubt, **given)


def _counted_through(table: pd.DataFrame, step: str, where: str, options: Options) -> pd.DataFrame:
    """The table with steps that do not start again with every epoch.

    Raises
    ------
    RunsError
        When they do, and nothing says how many steps an epoch has.
    """
    epoch = next((str(c) for c in table if axis.kind_of(str(c)) == axis.EPOCHS), "")
    if not step or not epoch or step in options.columns.values():
        return table
    ends = axis.numbers(table["end"]) if "end" in table else None
    steps = axis.through_epochs(axis.numbers(table[step]), axis.numbers(table[epoch]), ends)
    if steps is None:
        return table
    if steps.each is not None:
        options.note(Remark("through_epochs", {"file": where, "column": step, "n": steps.each}))
        return table.assign(**{step: steps.values})
    if any(axis.kind_of(str(c)) == axis.TOKENS for c in table):
        return table.drop(columns=step)
    formula = f"({epoch} - {steps.first:g}) * 1000 + {step}"
    raise RunsError(
        f"{where}: {step} starts again with every {epoch}, and nothing says how many steps an epoch has; with that number for "
        f"1000, say {option('columns', {'step': formula})}"
    )


def _along(table: pd.DataFrame, options: Options) -> str | None:
    """The column along which a run goes on where none is called steps: tokens that rise, or what converts to them."""
    sizes = [c for c in table if words.counts_parameters(str(c)) or plain_name(c) == "n"]
    groups = _groups(table, options)
    mapped = scaled(options.columns, list(table))[0].get("D")
    for kind in (axis.STEPS, axis.TOKENS, axis.SAMPLES, axis.EPOCHS, axis.FLOPS, axis.TIME):
        for name in table if kind != axis.FLOPS or sizes else ():
            if axis.kind_of(name) != kind and not (kind == axis.TOKENS and name == mapped):
                continue
            values = axis.numbers(table[name])
            parts = [values[rows] for rows in groups]
            if kind == axis.STEPS and not axis.can_be_steps(values * words.scale_of(name)):
                continue
            if not any(axis.rises(part) for part in parts):
                continue
            fixed = all(table[c].iloc[rows].nunique() <= 1 for c in sizes for rows in groups)
            if not sizes or (fixed and any(axis.evenly(part) for part in parts)):
                return str(name)
    return None


def _groups(table: pd.DataFrame, options: Options) -> list[np.ndarray[Any, Any]]:
    """Rows of each run, by ID or name; all where there is neither."""
    column = options.columns.get("run_id") or identity.id_column(table) or identity.name_column(table)
    if column is None or column not in table:
        return [np.arange(len(table))]
    return list(table.groupby(table[column].astype(str), sort=False).indices.values())


def _plain_number(cell: Any) -> Any:
    try:
        return parse_quantity(cell)
    except ValueError:
        return np.nan


def _one_row_each(table: pd.DataFrame, options: Options) -> bool:
    """Whether a table has one row for each of several runs that IDs, or names and settings, tell apart."""
    column = options.columns.get("run_id") or identity.id_column(table)
    if len(table) < 2:
        return False
    if column is not None and column in table:
        return bool(table[column].astype(str).is_unique)
    name = identity.name_column(table)
    if name is None:
        return False
    settings = [c for c in identity.settings(table) if plain_name(c) not in LOGGED["lr"]]
    if not table.duplicated([name]).any():
        return True
    return (
        bool(settings)
        and not table.astype(str).duplicated([name, *settings]).any()
        and _recognised_points(table, options)
    )


def _recognised_points(table: pd.DataFrame, options: Options) -> bool:
    mapping = set(recognise_runs(table, scaled(_for_runs(options), list(table))[0]).mapping.values())
    return "loss" in mapping and len({"N", "D", "C"} & mapping) >= 2


def _sizes(table: pd.DataFrame, found: Recognised) -> str:
    """What might hold the size and the tokens of each row, as the option for columns takes it."""
    known = {canonical: given for given, canonical in found.mapping.items()}
    free = [str(c) for c in table if c not in found.mapping]
    pairs = proposed(free, [k for k in ("N", "D") if k not in known], table, known)
    return option("columns", pairs)


def _for_runs(options: Options) -> dict[str, str]:
    return {k: v for k, v in options.columns.items() if k not in ("step", "lr", "max_steps")}


def _points(table: pd.DataFrame, name: str, where: str, options: Options, *, steps: bool) -> Iterator[dict[str, Any]]:
    asked, factors = scaled(_for_runs(options), list(table))
    found = recognise_runs(table, asked)
    found.factors |= factors
    faults = [sentence(fault) for fault in found.faults]
    names = [str(c) for c in table]
    mapped = set(found.mapping.values())
    if "loss" not in mapped and not found.faults:
        faults.append(
            f"no column of steps and none of the loss; it has {', '.join(names)}. Say {option('columns', {'step': '…', 'loss': '…'})}"
        )
    called = options.columns.get("run_id") or identity.name_column(table)
    if called is None and options.pattern:
        called = identity.id_column(table)
    raw = table[called].astype(str) if called is not None else pd.Series(name, index=table.index)
    named = [options.pattern(run) for run in raw.unique()] if options.pattern else []
    if not options.facts and len({"N", "D", "C", "U_D"} & mapped.union(*named)) < 2:
        faults.append(
            f"no column of steps, and nothing says how many parameters and tokens each row has; it has {', '.join(names)}. "
            f"Say {option('columns', {'step': 'NAME'})} if rows are a log, {_sizes(table, found)} if they are runs"
        )
    if faults:
        raise RunsError(f"{where}: {'; '.join(faults)}")
    for note in found.notes:
        if not note.routine:
            options.note(note)
    if len(table) > 1 and not steps:
        options.note(Remark("points", {"where": where}))
    id_ = identity.id_column(table)
    labels = None
    if called is not None or id_ is not None:
        column = called or id_
        swept = pd.DataFrame(index=table.index)
        labels = identity.told_apart(table[column], table[id_] if id_ and id_ != column else None, swept)
        if steps and column is not None:
            options.note(Remark("one_row_a_run", {"where": where, "n": len(table), "column": id_ or column}))
    clashing = [c for c in names if c in mapped and found.mapping.get(c) != c]
    unit = words.unit_of(found.given("loss"))
    renamed = table.drop(columns=clashing).rename(columns=found.mapping)
    if unit and "loss_unit" not in renamed:
        renamed = renamed.assign(loss_unit=unit)
    split = words.split_of(found.given("loss"))
    if split != "unstated" and "loss_split" not in renamed:
        renamed = renamed.assign(loss_split=split)
    for canonical, factor in found.factors.items():
        renamed[canonical] = renamed[canonical].map(lambda cell, factor=factor: _plain_number(cell) * factor)
    for i, record in enumerate(renamed.to_dict("records")):
        if labels is not None:
            record["run_id"] = labels.iloc[i]
        elif len(table) == 1 and name != "stdin":
            record["run_id"] = name
        known = record.get("run_id", raw.iloc[i])
        facts = options.of(str(raw.iloc[i] if options.pattern else known))["name_facts"]
        yield {**{str(k): v for k, v in record.items()}, **facts}
