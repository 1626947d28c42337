"""Which rows are one run: its ID where there is one, else its name and everything that was swept.

Checkpoints of a run share ``run_id``, so that the bootstrap resamples whole runs. Two runs with one name stay two.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from quokka_laws.runs.columns import plain_name
from quokka_laws.runs.quantities import parse_quantities
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.words import was_swept, words

IDS = ("run_id", "runid", "run_uuid", "wandb_id", "id", "trial_id", "job_id", "jobid", "uuid", "experiment_id")
NAMES = ("run", "run_name", "name", "display_name", "trial_name", "exp_name", "experiment_name", "model_name", "exp")
SHOWN = 3
CHECKPOINT = {"ckpt", "checkpoint", "revision"}


def id_column(table: pd.DataFrame) -> str | None:
    """The column of IDs, if there is one that is filled."""
    return _first(table, IDS)


def name_column(table: pd.DataFrame) -> str | None:
    """The column of names of runs, if there is one that is filled."""
    return _first(table, NAMES)


def _first(table: pd.DataFrame, wanted: Sequence[str]) -> str | None:
    plain = {plain_name(c): str(c) for c in reversed(table.columns)}
    for name in wanted:
        if name in plain and (column := table[plain[name]]).notna().all() and (column.astype(str) != "").all():
            return plain[name]
    return None


def settings(table: pd.DataFrame) -> list[str]:
    """Columns that were swept, by their names, and vary."""
    return [str(c) for c in table if was_swept(str(c)) and table[c].astype(str).nunique() > 1]


def telling(table: pd.DataFrame, keys: Sequence[pd.Series], at: Sequence[pd.Series]) -> list[str]:
    """Settings that tell runs of one name apart where places (tokens, steps) repeat: no schedules along a run.

    A setting has at most as many values as a place has rows; a learning rate that falls along a run has more.
    """
    often = (
        table.groupby([*keys, *at], sort=False)[table.columns[0]]
        .transform("size")
        .groupby(list(keys), sort=False)
        .max()
    )
    if (often <= 1).all():
        return []
    found = []
    for name in settings(table):
        varied = table[name].astype(str).groupby(list(keys), sort=False).nunique()
        if (varied <= often).all():
            found.append(name)
    return found


def told_apart(names: pd.Series, ids: pd.Series | None, swept: pd.DataFrame) -> pd.Series:
    """One label per row, the same for rows of one run: names, with the ID or a number where a name has several runs.

    Parameters
    ----------
    names, ids : Series
        What the table calls each row's run, and its ID where it has one.
    swept : DataFrame
        What tells runs of one name apart where there is no ID.
    """
    names = names.astype(str)
    if ids is not None:
        several = ids.astype(str).groupby(names).transform("nunique") > 1
        return names.where(~several, names + " (" + ids.astype(str) + ")")
    if swept.empty and not len(swept.columns):
        return names
    keys = swept.map(str).agg("\x1f".join, axis=1)
    number = pd.Series(0, index=names.index)
    for _, rows in keys.groupby(names, sort=False):
        number[rows.index] = pd.factorize(rows)[0]
    return names.where(number == 0, names + "#" + (number + 1).astype(str))


def runs_of_points(table: pd.DataFrame, original: pd.DataFrame) -> tuple[pd.Series | None, list[Remark]]:
    """``run_id`` of a table of points, where rows have names: rows of one size and D are runs of their own.

    Parameters
    ----------
    table : DataFrame
        Canonical columns; ``run_id`` as it was given.
    original : DataFrame
        The same rows as they were read.
    """
    if "run_id" not in table:
        return _of_checkpoints(table, original)
    id_ = id_column(original)
    given = table["run_id"]
    named = name_column(original)
    if id_ is not None and named is not None and original[named].astype(str).equals(given.astype(str)):
        return told_apart(given, original[id_], pd.DataFrame(index=table.index)), []
    if id_ is not None:
        return given, []
    keys = [given.astype(str), *(table[k].astype(str) for k in ("N", "U_D") if k in table)]
    at = [table[k].astype(str) for k in ("D", "C") if k in table][:1]
    swept = pd.DataFrame({f"_{k.name}": k for k in keys[1:]}, index=table.index)
    if at:
        for name in telling(original, keys, at):
            swept[name] = original[name].astype(str)
        swept["_again"] = table.groupby([*keys, *at, *(swept[c] for c in swept)], sort=False).cumcount()
    labels = told_apart(given, None, swept)
    if (changed := labels != given.astype(str)).any():
        shown = labels[changed].drop_duplicates().head(SHOWN).tolist()
        return labels, [Remark("seeds", {"n": int(changed.sum())}, tuple(shown))]
    return given, []


def _of_checkpoints(table: pd.DataFrame, original: pd.DataFrame) -> tuple[pd.Series | None, list[Remark]]:
    """``run_id`` of rows without a name, where a column counts checkpoints that rise with the tokens of each model."""
    counted = [
        str(c) for c in original if CHECKPOINT & set(words(str(c))) and plain_name(c) not in ("checkpoint_path",)
    ]
    if "D" not in table or "N" not in table or not counted:
        return None, []
    called = next((str(c) for c in original if plain_name(c) in ("model", "model_id")), None)
    label = table["N"].map("N{:.6g}".format) if called is None else original[called].astype(str).set_axis(table.index)
    groups = pd.DataFrame({"run": label, "N": table["N"]}).agg(lambda row: "|".join(map(str, row)), axis=1)
    at = pd.Series(parse_quantities(original[counted[0]])[0], index=table.index)
    if at.isna().any():
        return None, []
    for rows in groups.groupby(groups).groups.values():
        order = at[rows].sort_values().index
        if at[rows].duplicated().any() or not table["D"].astype(float)[order].diff().dropna().gt(0).all():
            return None, []
    if groups.nunique() == len(groups):
        return None, []
    facts = {"column": counted[0], "called": called or "N", "n": int(groups.nunique())}
    return told_apart(label, None, pd.DataFrame({"N": table["N"]})), [Remark("checkpoints", facts)]
