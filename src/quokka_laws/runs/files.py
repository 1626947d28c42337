"""Tables as they come: CSV in its dialects, JSON lines, Parquet, or text on stdin."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from io import StringIO
from pathlib import Path

import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")
_BINARY = {
    b"PK\x03\x04": "an Excel workbook or zip archive: save the sheet as CSV, or unpack it",
    b"\x1f\x8b": "compressed: unpack it first (gunzip)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database: for MLflow, `quokka-laws import FILE --from mlflow`",
    b"PAR1": "Parquet: name it .parquet",
}


def read_table(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """A table as it is: DataFrame, CSV, JSON lines, Parquet, or ``"-"`` for CSV or JSON lines on stdin.

    CSV may be separated by commas, semicolons or tabs, with a decimal point or, where commas do not separate, a
    decimal comma; what was found is in ``attrs["notes"]``.
    """
    if isinstance(source, pd.DataFrame):
        table = source.copy()
        table.attrs = dict(source.attrs)
        return table
    if str(source) == "-":
        text = sys.stdin.read()
        return _parse_text(text, "stdin", json_lines=text.lstrip().startswith(("{", "[")))
    path = Path(source)
    if path.is_dir():
        raise RunsError(f"{path} is a folder; name a file in it, or turn logs into runs: quokka-laws import {path}")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        text = _decode(path)
    except FileNotFoundError:
        raise RunsError(f"{path}: no such file") from None
    except ImportError:
        raise MissingDependencyError('reading Parquet needs pyarrow: pip install "quokka-laws[parquet]"') from None
    except OSError as error:
        raise RunsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except RunsError:
        raise
    except Exception as error:  # pyarrow's own errors have no common base
        raise RunsError(f"{path}: cannot be read ({type(error).__name__}: {error})") from None
    return _parse_text(text, str(path), json_lines=path.suffix.lower() in (".jsonl", ".ndjson", ".json"))


def _decode(path: Path) -> str:
    data = path.read_bytes()
    for start, what in _BINARY.items():
        if data.startswith(start):
            raise RunsError(f"{path} is not a table of text but {what}")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # what a spreadsheet calls Unicode text
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise RunsError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8 CSV") from None


def _parse_text(text: str, where: str, *, json_lines: bool) -> pd.DataFrame:
    if not text.strip():
        raise RunsError(f"{where} is empty")
    if json_lines:
        return _parse_json_lines(text, where)
    head = text.lstrip().splitlines()[0]
    mark = max(",;\t", key=head.count)
    names = [name.strip() for name in next(csv.reader([head], delimiter=mark, skipinitialspace=True))]
    if twice := [name for name, count in Counter(names).items() if count > 1 and name]:
        raise RunsError(
            f"{where}: {', '.join(repr(name) for name in twice)} heads more than one column; give each column (each "
            "run, in an export of curves) a name of its own"
        )
    try:
        table = pd.read_csv(StringIO(text), sep=mark, skipinitialspace=True, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, ValueError) as error:
        raise RunsError(f"{where}: not a CSV table ({error})") from None
    table.columns = [str(c).strip() for c in table.columns]
    if mark == ",":
        return table
    notes = [f"columns of {where} are separated by {'semicolons' if mark == ';' else 'tabs'}"]
    table = _decimal_comma(table, where, notes)
    table.attrs["notes"] = notes
    return table


_COMMA = r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?[kKmMbBgGtTpP]?"
_GROUPED = r"[+-]?\d{1,3}(?:,\d{3}){2,}"
_POINT = r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?"


def _decimal_comma(table: pd.DataFrame, where: str, notes: list[str]) -> pd.DataFrame:
    """Decimal commas of a table whose columns are not separated by commas, unless commas group thousands there."""
    cells = table.stack()
    comma, point = cells.str.fullmatch(_COMMA), cells.str.fullmatch(_POINT)
    grouped = cells.str.fullmatch(_GROUPED)
    if not comma.any():
        return table
    if point.any() or grouped.any():
        other = cells[point | grouped].iloc[0]
        raise RunsError(
            f"{where}: {cells[comma].iloc[0]!r} and {other!r} cannot both be read: is the comma a decimal mark or does "
            "it group thousands? Write all numbers one way, best without grouping"
        )
    notes.append(f"decimal commas of {where} read as points ({cells[comma].iloc[0]!r})")
    return table.apply(lambda column: column.where(~column.str.fullmatch(_COMMA), column.str.replace(",", ".")))


def _parse_json_lines(text: str, where: str) -> pd.DataFrame:
    lines = text.splitlines()
    if text.lstrip().startswith("["):
        try:
            array = json.loads(text)
        except json.JSONDecodeError as error:
            raise RunsError(f"{where}: not JSON ({error})") from None
        if not all(isinstance(record, dict) for record in array):
            raise RunsError(f"{where}: expected an array of objects, one per row")
        return _flat(array)
    records, notes = [], []
    filled = [i for i, line in enumerate(lines) if line.strip()]
    for i in filled:
        try:
            record = json.loads(lines[i])
        except json.JSONDecodeError as error:
            if i == filled[-1] and len(filled) > 1:
                notes.append(f"the last line ({i + 1}) is incomplete and was left out: a run was being written")
                continue
            raise RunsError(f"{where}: line {i + 1} is not JSON ({error.msg})") from None
        if not isinstance(record, dict):
            raise RunsError(f"{where}: line {i + 1} holds {type(record).__name__}, expected one object per line")
        records.append(record)
    table = _flat(records)
    table.attrs["notes"] = notes
    return table


def _flat(records: list[dict[str, object]]) -> pd.DataFrame:
    """A table whose nested objects are columns of their own, ``config/width``, and whose lists are text."""
    table = pd.json_normalize(records, sep="/")
    for name in table.columns[table.dtypes == "object"]:
        table[name] = table[name].map(lambda cell: json.dumps(cell) if isinstance(cell, list) else cell)
    return table
