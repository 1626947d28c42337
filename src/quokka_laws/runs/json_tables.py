"""JSON in the shapes that people write, as a table with one row per object.

===================================================  ===============================================================
shape                                                one row per
===================================================  ===============================================================
``{…}⏎{…}`` (JSON lines), also indented              object
``[{…}, {…}]``                                       object (pandas' ``records``)
``{"columns": […], "data": [[…]]}``                  list of ``data`` (pandas' ``split``; ``table`` has a schema)
``{"N": {"0": …}, "loss": {"0": …}}``                inner name (pandas' ``columns``)
``{"0": {"N": …}, "1": {…}}``, ``{"run-a": {…}}``    outer name (pandas' ``index``), ``run_id`` unless it counts
``{"N": […], "loss": […]}``                          place in the lists
``[["N", "loss"], [1e8, 3.2]]``                      list after the first, which is the header
``[[1e8, 3.2], [2e8, 3.1]]``                         list; columns are called by their places, 0, 1 (pandas' ``values``)
``{"data": {"N": […], "loss": […]}}``                place in the lists, inside a name for a collection
``{"runs": [{…}], "tokenizer": …}``                  object of the list; what stands beside it is given to all
``{"70M_2B": 3.6, "160M_2B": 3.2, …}``               name: ``run_id`` and ``value``
``{"N": …, "config": {…}, "history": [{…}]}``        the whole: one run, its log a nested value
===================================================  ===============================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.exceptions import RunsError
from quokka_laws.runs.columns import ALIASES, plain_name
from quokka_laws.runs.loose_json import loose
from quokka_laws.runs.words import is_loss

COLLECTIONS = frozenset(
    [
        "runs",
        "run",
        "experiments",
        "results",
        "result",
        "data",
        "records",
        "rows",
        "trials",
        "points",
        "models",
        "jobs",
        "sweep",
        "items",
    ]
)
NAMED_VALUES = 4  # least of them to be runs
DEEPEST = 60  # objects and lists inside one another
_KNOWN = frozenset(name for names in ALIASES.values() for name in names) - {"id", "name", "c", "d", "n", "u", "run"}

Remarks = list[dict[str, Any]]


def json_table(text: str, where: str, remarks: Remarks) -> pd.DataFrame:
    """The table that JSON text holds; nested values stay objects.

    Raises
    ------
    RunsError
        With the line where the text is not JSON, or what its shape lacks.
    """
    lines = text.split("\n")  # only these end a line: a text may hold U+2028 and its like
    filled = [i for i, line in enumerate(lines) if line.strip()]
    if len(filled) > 1 and any(_object_of(lines[i]) is not None for i in filled[:2]):
        return _frame(_json_lines(lines, filled, where, remarks), where)
    try:
        value = loads(text)
    except json.JSONDecodeError as error:
        try:
            return _frame(_several(text, where, error, remarks), where)
        except RunsError:
            value = _loose(text)
            if value is None:
                raise
            remarks.append({"code": "loose"})
    except MalformedError as error:
        raise RunsError(f"{where}: {error}") from None
    return value_table(value, where, remarks)


def _loose(text: str) -> Any:
    try:
        value = loose(text)
        _check_depth(value)
    except (ValueError, MalformedError):
        return None
    return value if isinstance(value, list | dict) else None


# ---- text to values ---------------------------------------------------------------------------------------------


class MalformedError(Exception):
    """JSON that Python reads and we do not: a name twice in one object, too deep, a number too long."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedError(f"an object holds {twice!r} more than once; keep one of them")
    return found


def _whole(digits: str) -> int | float:
    """A whole number; one that no float can hold is infinite, which every check of a number refuses."""
    return int(digits) if len(digits) <= 300 else float(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole)


def loads(text: str) -> Any:
    """JSON text as Python's data.

    Raises
    ------
    json.JSONDecodeError
        Where it is no JSON.
    MalformedError
        For a name twice in one object, and values too deep or too long for any honest file.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise MalformedError("nested too deeply to be a table of runs") from None
    except ValueError as error:  # Python's limit on the digits of a whole number
        raise MalformedError(f"not JSON that can be read ({error})") from None
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise MalformedError(f"nested more than {DEEPEST} deep: no table of runs")


def _object_of(line: str) -> dict[str, Any] | None:
    """The object on a line, if it is all of it."""
    try:
        value = loads(line)
    except (json.JSONDecodeError, MalformedError):
        return None
    return value if isinstance(value, dict) else None


def _json_lines(lines: Sequence[str], filled: list[int], where: str, remarks: Remarks) -> list[dict[str, Any]]:
    records = []
    for i in filled:
        try:
            record = loads(lines[i])
        except json.JSONDecodeError as error:
            if i == filled[-1]:
                remarks.append({"code": "incomplete_line", "line": i + 1})
                continue
            raise RunsError(f"{where}: line {i + 1} is not JSON ({error.msg})") from None
        except MalformedError as error:
            raise RunsError(f"{where}: line {i + 1}: {error}") from None
        if not isinstance(record, dict):
            raise RunsError(f"{where}: line {i + 1} holds {_kind(record)}, expected one object per line")
        records.append(record)
    return records


def _several(text: str, where: str, first_error: json.JSONDecodeError, remarks: Remarks) -> list[dict[str, Any]]:
    """Objects one after another, each over several lines."""
    records: list[dict[str, Any]] = []
    at = 0
    while at < len(text):
        if text[at].isspace() or (records and text[at] == ","):
            at += 1
            continue
        try:
            value, at = _DECODER.raw_decode(text, at)
            _check_depth(value)
        except json.JSONDecodeError as error:
            if records and error.pos >= len(text.rstrip()) - 1:
                remarks.append({"code": "incomplete_line", "line": error.lineno})
                break
            worst = error if records else first_error
            quoted = worst.doc[worst.pos : worst.pos + 1] == "'"
            hint = "; texts and names stand in double quotes: write it with json.dump" if quoted else ""
            raise RunsError(
                f"{where}: line {worst.lineno} is not JSON ({worst.msg}, column {worst.colno}){hint}"
            ) from None
        except (RecursionError, ValueError, MalformedError) as error:
            raise RunsError(f"{where}: {error}") from None
        if not isinstance(value, dict):
            raise RunsError(f"{where}: holds {_kind(value)} among objects; expected one object per run")
        records.append(value)
    return records


# ---- values to rows ---------------------------------------------------------------------------------------------


def value_table(value: Any, where: str, remarks: Remarks) -> pd.DataFrame:
    """The table that a value of JSON is, with one row per object.

    Raises
    ------
    RunsError
        With what its shape lacks.
    """
    if isinstance(value, list):
        return _frame(_of_list(value, where, "an array"), where)
    if not isinstance(value, dict):
        raise RunsError(f"{where}: holds {_kind(value)}; expected objects, one per run")
    if (kind := str(value.get("schema", ""))).startswith("quokka-laws/"):
        read = either("ql.read_fit(path).runs are its runs", "ask it: quokka-laws predict, allocate or report")
        raise RunsError(
            f"{where}: this is a {kind.removeprefix('quokka-laws/')} that was saved, no table of runs; {read}"
        )
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return _split(value, where, remarks)
    if isinstance(value.get("schema"), dict) and isinstance(value.get("data"), list):
        return _frame(_of_list(value["data"], where, "data"), where)
    if name := _collection(value):
        records = _of_list(value[name], where, repr(name))
        shared = {k: v for k, v in value.items() if k != name and not isinstance(v, dict | list)}
        if shared:
            remarks.append({"code": "shared", "names": list(shared)})
        return _frame([{**shared, **record} for record in records], where)
    if name := _wrapped(value):
        remarks.append({"code": "shape", "shape": f"runs inside {name!r}"})
        return value_table(value[name], where, remarks)
    parts = list(value.values())
    if len(parts) > 1 and all(isinstance(p, dict) for p in parts):
        if (rows := _of_objects(value)) is not None:
            remarks.append({"code": "shape", "shape": "an object of objects"})
            return _frame(rows, where)
    elif len(parts) > 1 and _is_lists(value):
        return _of_lists(value, where)
    elif len(parts) >= NAMED_VALUES and _names_values(value):
        remarks.append({"code": "named_values", "n": len(parts)})
        return _frame([{"run_id": name, "value": number} for name, number in value.items()], where)
    return _frame([value], where)


def _names_values(value: Mapping[str, Any]) -> bool:
    """Whether an object gives one number to each of many names, none of which is that of a column."""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in value.values())
    return numbers and not any(plain_name(k) in _KNOWN or k in ALIASES or is_loss(k) for k in value)


def _collection(value: Mapping[str, Any]) -> str:
    """The name under which an object keeps its runs; empty if it is a run itself."""
    lists = [k for k, v in value.items() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)]
    named = [k for k in lists if plain_name(k) in COLLECTIONS]
    if len(named) == 1:
        return named[0]
    return lists[0] if len(lists) == len(value) == 1 else ""


def _wrapped(value: Mapping[str, Any]) -> str:
    """The name under which an object keeps a table of another shape; empty where none does, or several could."""
    named = [k for k, v in value.items() if isinstance(v, dict) and (len(value) == 1 or plain_name(k) in COLLECTIONS)]
    if len(named) != 1 or sum(isinstance(v, dict | list) for v in value.values()) > 1:
        return ""
    inner = value[named[0]]
    if len(inner) < 2:
        return ""
    lists = all(isinstance(v, list) for v in inner.values()) and len({len(v) for v in inner.values()}) == 1
    objects = all(isinstance(v, dict) for v in inner.values()) and _of_objects(inner) is not None
    return named[0] if lists or objects else ""


def _of_list(value: list[Any], where: str, what: str) -> list[dict[str, Any]]:
    if not value:
        raise RunsError(f"{where}: {what} is empty; there are no rows")
    if all(isinstance(record, dict) for record in value):
        return value
    if all(isinstance(row, list) for row in value):
        header = value[0]
        if len(value) > 1 and all(isinstance(name, str) for name in header) and len(set(header)) == len(header):
            return [_row(header, row, i, where) for i, row in enumerate(value[1:], 1)]
        if len({len(row) for row in value}) == 1 and not any(
            isinstance(cell, dict | list) for row in value for cell in row
        ):
            return [_row([str(i) for i in range(len(header))], row, i, where) for i, row in enumerate(value, 1)]
        raise RunsError(f"{where}: {what} holds lists without names of columns; write the first list as the header")
    odd = next(i for i, record in enumerate(value) if not isinstance(record, dict))
    raise RunsError(
        f"{where}: expected an array of objects, one per row; entry {odd + 1} of {what} is {_kind(value[odd])}"
    )


def _row(header: Sequence[Any], row: Any, number: int, where: str) -> dict[str, Any]:
    if not isinstance(row, list) or len(row) != len(header):
        held = f"{len(row)} values" if isinstance(row, list) else _kind(row)
        raise RunsError(f"{where}: row {number} holds {held}, the header has {len(header)} names")
    return dict(zip(map(str, header), row, strict=True))


def _split(value: Mapping[str, Any], where: str, remarks: Remarks) -> pd.DataFrame:
    header = value["columns"]
    if len({str(name) for name in header}) < len(header):
        raise RunsError(f"{where}: 'columns' holds one name more than once; give each column a name of its own")
    remarks.append({"code": "shape", "shape": "columns and data"})
    records = [_row(header, row, i, where) for i, row in enumerate(value["data"], 1)]
    index = value.get("index")
    if (
        isinstance(index, list)
        and len(index) == len(records)
        and not _counts(map(str, index))
        and "run_id" not in header
    ):
        records = [{"run_id": name, **record} for name, record in zip(index, records, strict=True)]
    return _frame(records, where)


def _counts(names: Any) -> bool:
    """Whether names are the row numbers that pandas writes where an index has none."""
    return all(str(name).isdecimal() for name in names)


def _of_objects(value: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """Rows of an object of objects; None where it is one run whose settings are in groups."""
    keys = [set(v) for v in value.values()]
    common, every = set.intersection(*keys), set.union(*keys)
    if not common or len(common) < 0.5 * len(every):
        return None
    named = [sum(plain_name(k) in _KNOWN or k in ALIASES for k in names) for names in (value, common)]
    if _counts(every) or (named[0] > named[1] and not _counts(value)):  # outer names are those of columns
        inner = list(dict.fromkeys(k for v in value.values() for k in v))
        rows = [{column: cells.get(k) for column, cells in value.items()} for k in inner]
        return (
            rows
            if _counts(inner) or "run_id" in value
            else [{"run_id": k, **r} for k, r in zip(inner, rows, strict=True)]
        )
    if _counts(value):
        return [dict(v) for v in value.values()]
    return [dict(v) if "run_id" in v else {"run_id": k, **v} for k, v in value.items()]


def _is_lists(value: Mapping[str, Any]) -> bool:
    """Whether an object's lists are columns: all of it, or the loss and another beside single values."""
    lists = [
        k for k, v in value.items() if isinstance(v, list) and v and not any(isinstance(c, dict | list) for c in v)
    ]
    if len(lists) == len(value):
        return True
    rest = [v for k, v in value.items() if k not in lists]
    return (
        len(lists) > 1
        and not any(isinstance(v, dict | list) for v in rest)
        and any(plain_name(k) in ALIASES["loss"] for k in lists)
    )


def _of_lists(value: Mapping[str, Any], where: str) -> pd.DataFrame:
    lengths = {k: len(v) for k, v in value.items() if isinstance(v, list)}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{k} {n}" for k, n in list(lengths.items())[:8])
        raise RunsError(f"{where}: its lists are columns of different lengths ({shown})")
    rows = next(iter(lengths.values()))
    return _frame([{k: v[i] if isinstance(v, list) else v for k, v in value.items()} for i in range(rows)], where)


def _frame(records: list[dict[str, Any]], where: str) -> pd.DataFrame:
    if not records:
        raise RunsError(f"{where}: there are no rows")
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: _column([record.get(name) for record in records]) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(records)))


def _column(cells: list[Any]) -> pd.Series:
    """Numbers where every cell is one or missing; objects as they are otherwise."""
    if all(c is None or (isinstance(c, int | float) and not isinstance(c, bool)) for c in cells):
        whole = all(isinstance(c, int) and abs(c) < 2**63 for c in cells)
        return pd.Series(cells, dtype="int64") if whole else pd.Series([_float(c) for c in cells], dtype=float)
    return pd.Series(cells, dtype=bool if all(isinstance(c, bool) for c in cells) else object)


def _float(cell: float | None) -> float:
    try:
        return math.nan if cell is None else float(cell)
    except OverflowError:
        return math.inf


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
