"""Rows that are left out, each with its reason: conditions, runs that did not finish, summaries, cells without a usable number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._typing import Array
from quokka_laws.exceptions import ExpressionError
from quokka_laws.runs.checks import OWN, duplicated, raise_faults, rows_of
from quokka_laws.runs.columns import POSITIVE, Recognised
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.derived import complete
from quokka_laws.runs.expressions import rows_where
from quokka_laws.runs.quantities import EMPTY, parse_quantities
from quokka_laws.runs.remarks import Remark
from quokka_laws.runs.rows import NUMBERED, ROW, plain_label
from quokka_laws.runs.states import noted, states

MOST_NOTES = 5  # texts of notes in a condition that is shown
SUMMARIES = ("average", "avg", "mean", "median", "total", "sum", "std", "stdev", "min", "max", "count")


def select(
    table: pd.DataFrame,
    original: pd.DataFrame,
    drop: str | Mapping[str, str] | None,
    keep: str | Mapping[str, str] | None,
    found: Recognised,
) -> tuple[pd.DataFrame, list[dict[str, Any]], list[Remark]]:
    """The rows wanted, records of the others, and faults. Conditions know columns by either of their names."""
    excluded: list[dict[str, Any]] = []
    faults: list[Remark] = []
    total = len(table)
    for rule, inverted in ((drop, False), (keep, True)):
        if rule is None:
            continue
        queries = {f"not ({rule})" if inverted else rule: rule} if isinstance(rule, str) else dict(rule)
        for reason, query in queries.items():
            shown = [c for c in table if c not in OWN and not c.startswith("_was_")]
            frame = complete(table[shown], Conventions(), [])
            frame = frame.assign(**{given: frame[name] for given, name in found.mapping.items() if given not in frame})
            if ROW not in frame:
                numbered = table.index.name == NUMBERED
                frame[ROW] = table.index.to_numpy() if numbered else table["_row"].to_numpy() + 1
            try:
                if query == "duplicates":
                    hit = duplicated(original.iloc[table["_row"].to_numpy()]).to_numpy()
                else:
                    hit = rows_where(query, frame)
            except ExpressionError as error:
                faults.append(Remark("text", {"text": str(error)}))
                continue
            out = ~hit if inverted else hit
            excluded += _record(table, out, [Remark("condition", {"reason": reason})] * int(out.sum()))
            table = table[~out]
    if table.empty and not faults:
        faults.append(Remark("no_rows_left", {"n": total}))
    return table, excluded, faults


def finished(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]], list[Remark]]:
    """Leave out rows whose run did not finish; they have no final loss to use."""
    said = states(table.drop(columns=[c for c in OWN if c in table]))
    notes = [Remark("unknown_state", {"column": c, "words": w}) for c, w in said.unknown.items()]
    bad = said.unfinished
    if not bad.any():
        return table, [], notes
    why = table["reason"] if "reason" in table else pd.Series(None, index=table.index)
    remarks = []
    for column, word, reason in zip(said.column[bad], said.word[bad], why[bad], strict=True):
        facts = {"column": column, "word": word}
        because = isinstance(reason, str) and reason
        remarks.append(Remark("state_because", facts | {"why": reason}) if because else Remark("state", facts))
    return table[~bad], _record(table, bad, remarks), notes


def noted_rows(table: pd.DataFrame) -> list[Remark]:
    """Notes that sound as if runs had not finished, with the condition that leaves out such rows."""
    remarks = []
    for column, cells in noted(table).items():
        texts = list(dict.fromkeys(map(str, cells)))
        named = rows_of(table, table["_row"].isin(table.loc[cells.index, "_row"]))
        plain = len(texts) <= MOST_NOTES and not any("'" in text for text in texts)
        condition = f"{quoted(column)} in [{', '.join(map(repr, texts))}]"
        advice = ({"drop": condition if len(texts) > 1 else f"{quoted(column)} == {texts[0]!r}"},) if plain else ()
        remarks.append(Remark("noted" if plain else "noted_only", {"column": column, "text": texts[0]}, named, advice))
    return remarks


def without_summaries(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Leave out rows at the end whose name is that of a summary, as spreadsheets have them: Average, Total."""
    said = table["_label"].astype(str).str.strip().str.lower().isin(SUMMARIES).to_numpy()
    last = np.logical_and.accumulate(said[::-1])[::-1]
    if not last.any() or last.all():
        return table, []
    remarks = [Remark("summary", {"word": word}) for word in table.loc[last, "_label"]]
    return table[~last], _record(table, last, remarks)


def usable(table: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Rows with a positive finite number in every canonical column, and records of the others.

    An empty one of N, D and C is no fault where the other two are there: it is derived.
    """
    present = [k for k in (*POSITIVE, "weight") if k in table]
    values = table[present].to_numpy(dtype=float)
    good = np.isfinite(values) & (values > 0)
    for i, name in enumerate(present):
        if name == "weight":
            good[:, i] = np.isfinite(values[:, i]) & (values[:, i] >= 0)
    three = [present.index(k) for k in ("N", "D", "C") if k in present]
    was = {k: table.get(f"_was_{k}") for k in present}
    if len(three) == 3:
        two = good[:, three].sum(axis=1) == 2
        for i in three:
            blank = np.isnan(values[:, i])
            if (text := was[present[i]]) is not None:
                blank &= _blank(text)
            good[:, i] |= blank & two
    bad = ~good.all(axis=1)
    remarks = []
    for row in np.flatnonzero(bad):
        i = int(np.flatnonzero(~good[row])[-1 if not good[row, -1] and present[-1] != "weight" else 0])
        name, value = present[i], values[row, i]
        text = was[name]
        if not np.isnan(value):
            remarks.append(Remark("not_positive", {"column": name, "value": float(value)}))
        elif text is not None and not _blank(text.iloc[[row]])[0]:
            remarks.append(Remark("no_number", {"column": name, "value": _shown(text.iloc[row])}))
        else:
            remarks.append(Remark("empty", {"column": name}))
    excluded = _record(table, bad, remarks)
    kept = table[~bad].drop(columns=[c for c in table if str(c).startswith("_was_")])
    return kept, excluded


def _shown(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def _blank(cells: pd.Series) -> Array:
    """Cells that hold nothing, or what people write for it."""
    return np.asarray(cells.isna() | cells.astype(str).str.strip().str.lower().isin(EMPTY), dtype=bool)


def some_left(
    source: Any, table: pd.DataFrame, original: pd.DataFrame, excluded: Sequence[Mapping[str, Any]], found: Recognised
) -> None:
    """Raise where no row is left to use, with the reasons; a loss that is negative throughout is a log-likelihood."""
    if not table.empty:
        return
    faults = [Remark("no_usable_rows", {"n": len(original), "reasons": reasons(excluded)})]
    given = found.given("loss")
    if given in original and (np.nan_to_num(parse_quantities(original[given])[0]) < 0).all():
        faults = [Remark("negative_loss", {"column": given}, advice=({"columns": {"loss": f"-{quoted(given)}"}},))]
    raise_faults(source, faults)


def reasons(excluded: Sequence[Mapping[str, Any]]) -> list[str]:
    """Reasons with the number of rows they hold for, the most frequent first."""
    counts = pd.Series([record["reason"] for record in excluded]).value_counts()
    shown = [f"{reason} ({n} rows)" if n > 1 else f"{reason}" for reason, n in counts.head(3).items()]
    return shown + (["…"] if len(counts) > 3 else [])


def _record(table: pd.DataFrame, mask: Any, remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Records of rows left out: number, name, code, reason and what tells the run apart."""
    rows = table[np.asarray(mask, dtype=bool)]
    records = []
    for row, name, remark, known in zip(
        rows.index, rows.get("_label", pd.Series("", index=rows.index)), remarks, identities(rows), strict=True
    ):
        record = {
            "row": plain_label(row),
            **({"name": str(name)} if name else {}),
            "code": remark.code,
            "reason": str(remark),
        }
        records.append(record | {k: v for k, v in known.items() if not (isinstance(v, float) and np.isnan(v))})
    return records


def identities(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """What tells runs apart, row by row, for the record of those left out."""
    return runs[[k for k in ("run_id", "N", "D", "C", "loss") if k in runs]].to_dict("records")
