"""The header of a text table: which row it is, over how many lines it goes, and what is said in it again below."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from quokka_laws.exceptions import RunsError
from quokka_laws.runs import words
from quokka_laws.runs.quantities import is_quantity

SAMPLED = 200  # rows that decide
_UNIT = re.compile(
    r"[(\[]?\s*(?:[kmbgt]|mn|bn|mio|thousands?|millions?|billions?|trillions?|tokens?|params?|parameters?|flops?|p?flops?|nats?|bits?"
    r"|(?:nats?|bits?)(?:/| per )(?:token|byte|char|character|word)|[x×]?\s*(?:1e\d+|10\^\d+|10[⁰-⁹]+)|pf-?days?|%|#|-|–|h|hours?|s|sec)"
    r"\s*[)\]]?",
    re.IGNORECASE,
)
Remarks = list[dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """Cells of one row and the line where it begins, from 1."""

    line: int
    cells: list[str]
    end: int = 0  # of a header of several lines

    @property
    def last(self) -> int:
        """The last line of a header."""
        return max(self.line, self.end)

    @property
    def filled(self) -> bool:
        """Whether any cell holds something."""
        return any(self.cells)


def found(filled: list[Row], where: str, remarks: Remarks, *, blanks: bool) -> tuple[Row, set[int]]:
    """The header, of one line or two, and the lines further down that say it again; what stands above it is said.

    Parameters
    ----------
    blanks : bool
        Whether blanks separate columns: then a column without a name may hold the names of rows.

    Raises
    ------
    RunsError
        When no row names the columns, or a row further down names them in another order.
    """
    at = _at(filled, where)
    header = filled[at]
    if blanks:
        header = _with_index(header, filled[at + 1 :])
    if at:
        remarks.append({"code": "preamble", "n": at, "line": header.line})
    header = (
        _with_level_names(header, filled[at + 1 :], remarks)
        or _with_units(header, filled[at + 1 :], remarks)
        or _of_two_rows(header, filled[at + 1 :], remarks)
    )
    return header, _again(header, [row for row in filled[at + 1 :] if row.line > header.last], where, remarks)


def trimmed(cells: list[str]) -> list[str]:
    """Without the empty cells at the end."""
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _at(rows: list[Row], where: str) -> int:
    """Which row holds the names: the first, or the first as wide as most where notes stand above it."""
    width = Counter(len(r.cells) for r in islice(rows, 1, SAMPLED)).most_common(1)
    wide = width[0][0] if width else len(rows[0].cells)
    first = next((i for i, r in enumerate(rows) if len(trimmed(r.cells)) >= min(wide, 2) and len(r.cells) == wide), 0)
    if first and any(is_quantity(c) for c in rows[first].cells):  # a row of numbers: the names are above it
        first -= 1
    names = trimmed(rows[first].cells)
    if all(is_quantity(c) for c in names if c):
        raise RunsError(f"{where}: line {rows[first].line} holds numbers only; the first row has to name the columns")
    return first


def _with_index(header: Row, body: list[Row]) -> Row:
    """The header of a printed DataFrame or of R's write.table, whose first column counts or names the rows and has no name."""
    first = [r.cells[0] for r in body]
    if not body or not all(len(r.cells) == len(header.cells) + 1 for r in body):
        return header
    counted = any(first == [str(i + start) for i in range(len(body))] for start in (0, 1))
    return Row(header.line, ["", *header.cells]) if counted or not any(map(is_quantity, first)) else header


def side_by_side(filled: list[Row]) -> list[list[int]]:
    """The places of the columns of each table, where several of the same columns stand side by side; none otherwise."""
    groups: list[list[int]] = [[]]
    cells = trimmed(filled[0].cells)
    for j, name in enumerate(cells):
        if name:
            groups[-1].append(j)
        elif groups[-1]:
            groups.append([])
    names = {tuple(cells[j] for j in places) for places in groups}
    return groups if len(groups) > 1 and len(names) == 1 and len(groups[0]) > 1 else []


def _with_level_names(header: Row, body: list[Row], remarks: Remarks) -> Row | None:
    """A header above a line that names the columns it leaves empty, as pandas writes the levels of an index; None where there is none."""
    above = [header.cells]
    for row in body[:2]:
        cells = [*row.cells, *[""] * (len(header.cells) - len(row.cells))]
        free = [not any(j < len(upper) and upper[j] for upper in above) for j in range(len(cells))]
        if any(cells) and any(not f for f in free) and all(bool(c) == f for c, f in zip(cells, free, strict=True)):
            if any(map(is_quantity, filter(None, cells))):
                return None
            parts = [dict.fromkeys(u[j] for u in above if j < len(u) and u[j]) for j in range(len(cells))]
            names = [cell or "/".join(part) for cell, part in zip(cells, parts, strict=True)]
            remarks.append({"code": "two_headers", "lines": f"{header.line} to {row.line}"})
            return Row(header.line, names, row.line)
        above.append(row.cells)
    return None


def _with_units(header: Row, body: list[Row], remarks: Remarks) -> Row | None:
    """A header whose second line holds units, ``Params`` over ``(M)``, as ``Params (M)``; None where it holds none."""
    if len(body) < 2 or not all(_UNIT.fullmatch(cell) for cell in body[0].cells if cell):
        return None
    second = body[0].cells
    if any(is_quantity(cell) and not cell.startswith("[") for cell in second):  # 1e8 is a number, [1e8] a unit
        return None
    if not any(
        cell and any(map(is_quantity, (r.cells[j] for r in body[1:SAMPLED] if j < len(r.cells))))
        for j, cell in enumerate(second)
    ):
        return None
    units = [cell.strip("()[] ") for cell in second] + [""] * len(header.cells)
    names = [f"{name} ({unit})" if unit.strip("-–") else name for name, unit in zip(header.cells, units, strict=False)]
    remarks.append({"code": "two_headers", "lines": f"{header.line} and {body[0].line}"})
    return Row(header.line, names, body[0].line)


def _of_two_rows(header: Row, body: list[Row], remarks: Remarks) -> Row:
    """A header of two lines as one, ``model/params``: the second has words wherever all rows below have numbers."""
    if len(body) < 3 or any(is_quantity(cell) for cell in body[0].cells if cell):
        return header
    second, rest = body[0], body[1 : SAMPLED + 1]
    width = min(len(header.cells), *(len(r.cells) for r in body[: SAMPLED + 1]))
    numeric = [j for j in range(width) if second.cells[j] and all(is_quantity(r.cells[j]) for r in rest)]
    known = (words.counts_parameters, words.counts_tokens, words.counts_flops, words.is_loss)
    if (
        len(numeric) < 2
        or second.cells == header.cells
        or not any(says(second.cells[j]) for j in numeric for says in known)
    ):
        return header  # a run without numbers
    remarks.append({"code": "two_headers", "lines": f"{header.line} and {second.line}"})
    names = [
        "/".join(dict.fromkeys(part for part in (above, second.cells[j] if j < len(second.cells) else "") if part))
        for j, above in enumerate(header.cells)
    ]
    return Row(header.line, names, second.line)


def _again(header: Row, body: list[Row], where: str, remarks: Remarks) -> set[int]:
    """Lines that say the header again, as files that were put together do; in another order it is refused."""
    names = set(filter(None, header.cells))
    again = set()
    for row in body:
        if len(names) < 2 or not (row.cells[0] in names or row.cells[-1] in names):
            continue
        if trimmed(row.cells) == trimmed(header.cells):
            again.add(row.line)
            continue
        cells = [cell for cell in row.cells if cell]
        if len(names & set(cells)) >= max(2, len(cells) / 2) and not any(map(is_quantity, cells)):
            raise RunsError(
                f"{where}: line {row.line} names columns again, and not as line {header.line} does; write the two tables to "
                "two files and name both"
            )
    if again:
        remarks.append({"code": "header_again", "n": len(again), "line": min(again)})
    return again


def named(header: Row, body: Sequence[Row], where: str) -> list[str]:
    """Names of the columns; one without a name that holds values is called by its place, as pandas does.

    Raises
    ------
    RunsError
        When two columns have one name.
    """
    names = list(header.cells)
    for j, name in enumerate(names):
        if not name and any(j < len(r.cells) and r.cells[j] for r in body):
            names[j] = f"Unnamed: {j}"
    if twice := [name for name, count in Counter(names).items() if count > 1 and name]:
        raise RunsError(
            f"{where}: {', '.join(map(repr, twice))} heads more than one column; give each column (each run, in an export "
            "of curves) a name of its own"
        )
    return names
