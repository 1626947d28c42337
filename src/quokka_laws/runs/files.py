"""A table as its file holds it: opened with care, unpacked, its format found by what is in it.

==========================  ==========================================================================================
what                        how it is known
==========================  ==========================================================================================
text tables                 everything else that is text: :mod:`quokka_laws.runs.text_tables`
JSON in its shapes          begins with ``{`` or ``[``: :mod:`quokka_laws.runs.json_tables`
Parquet, Arrow, Feather     their first bytes (needs ``quokka-laws[parquet]``)
Excel workbooks             a zip archive with a workbook in it (needs ``quokka-laws[excel]``)
gzip, bzip2, xz, zip, zst   their first bytes; what is inside is one of the above (zst needs ``zstandard``)
==========================  ==========================================================================================

Nothing is interpreted here: cells of text stay text, nested values stay objects (:func:`flatten` gives them columns of
their own). What was noticed is in ``attrs["remarks"]`` as plain data and in ``attrs["notes"]`` as sentences.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import stat
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path, PurePath
from typing import IO, Any

import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.runs import printed_logs
from quokka_laws.runs.data import data_table
from quokka_laws.runs.file_remarks import sentences
from quokka_laws.runs.json_tables import json_table
from quokka_laws.runs.text_tables import cells_table, decoded, text_table
from quokka_laws.runs.words import is_loss

SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq"),
    *(".arrow", ".feather", ".xlsx", ".xlsm"),
)
NAMED = (".md", ".markdown", ".tex", ".rst", ".dat", ".tab")  # read where one is named, not looked for in folders
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
LARGEST = (
    500_000_000  # bytes, unpacked; a table of runs is a few kilobytes, one of all their steps a few hundred megabytes
)
_LIMIT: ContextVar[float] = ContextVar("largest file", default=LARGEST)
HEADED = 20  # rows of a sheet among which its header is
MOST_CELLS = 200_000_000  # of a binary table, whose few bytes can stand for many cells
_REFUSED = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"%PDF": "a PDF: copy its table into a CSV",
    b"SQLite format 3": "an SQLite database: for MLflow, `quokka-laws import FILE --from mlflow`",
    b"\x89PNG": "a picture",
    b"\x89HDF": "an HDF5 file: write its table as CSV or Parquet",
    **{b"\x80" + version: "a pickle: write its table as CSV or Parquet" for version in (b"\x03", b"\x04", b"\x05")},
    b"\x93NUMPY": "a numpy array: write it as CSV with a header",
}


def read_table(source: Any, *, max_bytes: float | None = None) -> pd.DataFrame:
    """A table as it is: DataFrame, file, pipe, ``"-"`` for stdin, or data.

    Data may be what :func:`quokka_laws.runs.data.data_table` knows: a dict of columns, a list of records, an array whose columns
    have names, a table of polars, pyarrow or another library.

    Parameters
    ----------
    source : path, ``"-"`` or DataFrame
    max_bytes : float, optional
        Largest size of a file, and of what it holds once unpacked; see :func:`up_to`.

    Returns
    -------
    DataFrame
        Cells of text tables are text, empty where nothing was written; where empty rows were left out, the index is
        the number of each row in the file, from 1. ``attrs["remarks"]``: what was noticed, a list of mappings with a ``code``.

    Raises
    ------
    RunsError
        When the file cannot be read or is no table; the message names the file, and the line where there is one.
    MissingDependencyError
        When a format needs a library that is not installed.
    """
    if isinstance(source, pd.DataFrame):
        return _frame(source)
    if not isinstance(source, str | os.PathLike):
        return _frame(data_table(source))
    where = "stdin" if str(source) == "-" else str(source)
    max_bytes = _LIMIT.get() if max_bytes is None else max_bytes
    try:
        data = _stdin(max_bytes) if str(source) == "-" else file_bytes(Path(source), max_bytes)
        return _table(data, where, PurePath(where).name, max_bytes, [])
    except _TooLargeError as error:
        raise RunsError(
            f"{where}: {error}; keep only the rows that are needed, or read it all the same, "
            + either(f"max_bytes={error.limit * 10:.0f}", f"quokka-laws --max-file-size {error.limit * 10:.0f} …")
        ) from None
    except OSError as error:
        raise RunsError(f"{where}: cannot be read ({error.strerror or error})") from None


def is_table_name(name: str | Path) -> bool:
    """Whether a file's name is that of a table: ``runs.csv``, ``history.jsonl.gz``, ``sheet.xlsx``."""
    suffixes = [s.lower() for s in PurePath(name).suffixes]
    return bool(suffixes) and (
        suffixes[-1] in SUFFIXES or (suffixes[-1] in PACKED and suffixes[-2:-1] != [] and suffixes[-2] in SUFFIXES)
    )


def flatten(table: pd.DataFrame) -> pd.DataFrame:
    """Nested objects as columns of their own, ``config/width``; lists as JSON text."""
    nested = [
        c for c in table.columns[table.dtypes == "object"] if table[c].map(lambda v: isinstance(v, dict | list)).any()
    ]
    if not nested:
        return table
    flat = pd.json_normalize(table.to_dict("records"), sep="/")
    flat.index = table.index
    for name in flat.columns[flat.dtypes == "object"]:
        flat[name] = flat[name].map(lambda cell: json.dumps(cell) if isinstance(cell, list | dict) else cell)
    flat.attrs = dict(table.attrs)
    return flat


def check_names(names: Iterable[Any], where: str) -> None:
    """Raise where two columns have one name."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise RunsError(
            f"{where}: {', '.join(repr(name) for name in twice)} heads more than one column; give each column (each "
            "run, in an export of curves) a name of its own"
        )


# ---- opening ----------------------------------------------------------------------------------------------------


class _TooLargeError(RunsError):
    """More bytes than are read."""

    def __init__(self, limit: float, what: str = "") -> None:
        super().__init__(f"holds more than {limit / 1e6:,.3g} MB{what}")
        self.limit, self.what = limit, what


@contextlib.contextmanager
def up_to(max_bytes: float) -> Iterator[None]:
    """Read files up to another size inside a ``with`` block: ``with up_to(5e9): ql.read_runs("large.csv")``."""
    before = _LIMIT.set(max_bytes)
    try:
        yield
    finally:
        _LIMIT.reset(before)


def file_bytes(path: Path, limit: float | None = None) -> bytes:
    """What a regular file or a pipe holds, if it is not too much."""
    limit = _LIMIT.get() if limit is None else limit
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise RunsError(f"{path}: no such file") from None
    except ValueError as error:  # a NUL in the name
        raise RunsError(f"{str(path)!r}: no such file ({error})") from None
    if stat.S_ISDIR(kind):
        raise RunsError(f"{path} is a folder; name a file in it, or turn logs into runs: quokka-laws import {path}")
    if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
        raise RunsError(f"{path} is a device, not a file of rows")
    if stat.S_ISREG(kind) and path.stat().st_size > limit:
        raise _TooLargeError(limit)
    with path.open("rb") as file:
        return _limited(file, limit)


def _stdin(limit: float) -> bytes:
    binary = getattr(sys.stdin, "buffer", None)
    return _limited(binary, limit) if binary is not None else str(sys.stdin.read()).encode()


def _limited(file: IO[bytes], limit: float, what: str = "") -> bytes:
    data = file.read(int(min(limit, sys.maxsize - 1)) + 1)
    if len(data) > limit:
        raise _TooLargeError(limit, what)
    return data


def _unpacked(data: bytes, where: str, limit: float) -> bytes | None:
    """What a compressed file holds; None where it is none."""
    what = " unpacked"
    try:
        if data.startswith(b"\x1f\x8b"):
            return _limited(gzip.GzipFile(fileobj=io.BytesIO(data)), limit, what)  # type: ignore[arg-type]
        if data.startswith(b"BZh"):
            return _limited(bz2.BZ2File(io.BytesIO(data)), limit, what)
        if data.startswith(b"\xfd7zXZ\x00"):
            return _limited(lzma.LZMAFile(io.BytesIO(data)), limit, what)
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            return _from_zst(data, where, limit)
    except RunsError:
        raise
    except (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise RunsError(f"{where}: compressed, but damaged or cut off ({error})") from None
    return None


def _from_zst(data: bytes, where: str, limit: float) -> bytes:
    try:
        import zstandard
    except ImportError:
        raise MissingDependencyError(f'{where}: reading .zst needs zstandard: pip install "quokka-laws[zst]"') from None
    try:
        found = _limited(zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True), limit, " unpacked")
        rest = data
        while rest:  # the stream reader takes a frame that is cut off for a whole one
            frame = zstandard.ZstdDecompressor().decompressobj()
            frame.decompress(rest)
            if not frame.eof:
                raise RunsError(f"{where}: compressed, but damaged or cut off")
            rest = frame.unused_data
    except zstandard.ZstdError as error:
        raise RunsError(f"{where}: compressed, but damaged or cut off ({error})") from None
    return found


def _zipped(data: bytes, where: str, limit: float) -> tuple[bytes, str] | None:
    """The one table of a zip archive and its name; None for a workbook, which is one too."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = [i for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
            if sum(i.file_size for i in inside) > limit:
                raise _TooLargeError(limit, " unpacked")
            if any(i.filename == "xl/workbook.xml" for i in inside):
                return None
            tables = [i for i in inside if is_table_name(i.filename)] or inside
            if len(tables) != 1:
                listed = ", ".join(i.filename for i in tables[:8])
                raise RunsError(
                    f"{where}: an archive of {len(tables)} files ({listed or 'empty'}); unpack it and name one"
                )
            with archive.open(tables[0]) as file:
                return _limited(file, limit, " unpacked"), tables[0].filename
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error, ValueError) as error:
        if isinstance(error, RunsError):
            raise
        raise RunsError(f"{where}: an archive that is damaged or protected ({error})") from None


# ---- formats ----------------------------------------------------------------------------------------------------


def _table(data: bytes, where: str, name: str, limit: float, unpacked: list[str]) -> pd.DataFrame:
    remarks: list[dict[str, Any]] = []
    if not data.strip():
        raise RunsError(f"{where} is empty")
    if len(unpacked) > 3:
        raise RunsError(f"{where}: packed more than three times over; unpack it first")
    if data.startswith(b"PK\x03\x04"):
        found = _zipped(data, where, limit)
        if found is not None:
            return _table(found[0], f"{where} ({found[1]})", found[1], limit, [*unpacked, "zip"])
        table = cells_table(_workbook(data, where, remarks), where, remarks)
    elif (inside := _unpacked(data, where, limit)) is not None:
        return _table(inside, where, PurePath(name).stem, limit, [*unpacked, "packed"])
    elif data.startswith((b"PAR1", b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")):
        table = _arrow(data, where)
    else:
        if what := next((what for start, what in _REFUSED.items() if data.startswith(start)), ""):
            raise RunsError(f"{where} is not a table of text but {what}")
        if data[257:262] == b"ustar":
            raise RunsError(f"{where} is a tar archive: unpack it and name a file in it")
        if PurePath(name).suffix.lower() in (".yaml", ".yml", ".toml", ".ipynb", ".py"):
            raise RunsError(
                f"{where} is no table by its name ({PurePath(name).suffix}): write its table as JSON or CSV"
            )
        if PurePath(name).suffix.lower() in (".parquet", ".pq", ".arrow", ".feather"):
            raise RunsError(
                f"{where}: cannot be read: not {PurePath(name).suffix[1:]} by its first bytes, whatever its name says"
            )
        text = decoded(data, where, remarks)
        lines = PurePath(name).suffix.lower() in (".jsonl", ".ndjson", ".json")
        try:
            table = json_table(text, where, remarks) if lines or _is_json(text) else text_table(text, where, remarks)
        except RunsError:
            if printed_logs.is_log(text):
                raise printed_logs.no_table(where) from None
            raise
        if not printed_logs.names_a_loss(table) and printed_logs.is_log(text):
            raise printed_logs.no_table(where)
    check_names(table.columns, where)
    table.attrs = {"remarks": remarks, "notes": sentences(remarks, where)}
    return table


def _is_json(text: str) -> bool:
    """Whether text of no telling name is JSON: a header can begin with a bracket, an object or array of objects cannot be one."""
    start = text.lstrip()[:2000]
    return start.startswith("{") or (start.startswith("[") and start[1:].lstrip()[:1] in ("{", "[", "]", "("))


def _arrow(data: bytes, where: str) -> pd.DataFrame:
    """Parquet, Feather, an Arrow file or an Arrow stream."""
    try:
        import pyarrow as pa
        from pyarrow import feather, ipc, parquet
    except ImportError:
        raise MissingDependencyError(
            f'{where}: reading Parquet or Arrow needs pyarrow: pip install "quokka-laws[parquet]"'
        ) from None
    try:
        if data.startswith(b"PAR1"):
            about = parquet.read_metadata(pa.BufferReader(data))
            _few_enough(about.num_rows, about.num_columns, where)
            found = parquet.read_table(pa.BufferReader(data))
        elif data.startswith(b"FEA1"):
            found = feather.read_table(pa.BufferReader(data))
        elif data.startswith(b"ARROW1"):
            found = ipc.open_file(pa.BufferReader(data)).read_all()
        else:
            found = ipc.open_stream(pa.BufferReader(data)).read_all()
        found.validate(full=True)
        _few_enough(found.num_rows, found.num_columns, where)
        check_names(found.column_names, where)
        table = found.to_pandas()
    except RunsError:
        raise
    except Exception as error:  # pyarrow's own errors have no common base
        raise RunsError(f"{where}: cannot be read ({type(error).__name__}: {error})") from None
    if any(name is not None and name not in table.columns for name in table.index.names):
        table = table.reset_index()  # written from a DataFrame with an index of its own
    return _frame(table)


def _few_enough(rows: int, columns: int, where: str) -> None:
    if rows * max(columns, 1) > MOST_CELLS:
        raise RunsError(
            f"{where}: {rows:,} rows of {columns:,} columns are more than {MOST_CELLS:,} cells; keep what is needed"
        )


def _workbook(data: bytes, where: str, remarks: list[dict[str, Any]]) -> list[list[Any]]:
    """Cells of the first sheet that names a loss, else of the first that can be a table: two columns and two rows."""
    try:
        import openpyxl
    except ImportError:
        raise MissingDependencyError(
            f'{where}: reading Excel needs openpyxl: pip install "quokka-laws[excel]"'
        ) from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    except Exception as error:  # openpyxl passes on what zip, XML and dates raise
        raise RunsError(f"{where}: an Excel workbook that cannot be read ({type(error).__name__}: {error})") from None
    filled = {title: rows for title, rows in sheets.items() if any(cell is not None for row in rows for cell in row)}
    if not filled:
        raise RunsError(f"{where} is empty: no sheet holds a value")
    tables = [t for t, rows in filled.items() if len([r for r in rows if sum(c is not None for c in r) > 1]) > 1]
    named = [t for t in tables if any(isinstance(c, str) and is_loss(c) for row in filled[t][:HEADED] for c in row)]
    first = next(iter(named or tables or filled))
    if len(filled) > 1:
        remarks.append({"code": "sheet", "sheet": first, "others": [t for t in filled if t != first]})
    return filled[first]


def _frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A DataFrame as a table: columns of several levels joined."""
    table = frame.copy()
    if isinstance(table.columns, pd.MultiIndex):
        table.columns = ["/".join(str(part) for part in name if str(part)) for name in table.columns]
    table = table.rename(columns=str)
    check_names(table.columns, "the DataFrame")
    table.attrs = dict(frame.attrs)
    return table
