"""Text tables as people write them: CSV and its dialects, with comments, a preamble, empty rows and columns.

Separated by commas, semicolons, tabs, bars or blanks; a decimal comma where commas do not separate. What does not fit
together is refused with its line rather than read in some way: a row longer than the header, a quotation mark that
swallows rows, a name that heads two columns, a number grouped in one place and with a decimal comma in another.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import islice
from typing import Any

import pandas as pd

from quokka_laws.exceptions import RunsError
from quokka_laws.runs import headers, words
from quokka_laws.runs.headers import Row, trimmed
from quokka_laws.runs.pasted_tables import pasted
from quokka_laws.runs.quantities import is_quantity
from quokka_laws.runs.rows import NUMBERED

LISTED = 8
SAMPLED = 200  # lines that decide what separates columns
COMMENT = ("#", "%", "//")
MERGED = 0.5  # least share of empty cells in a column that is written once for several rows
_MARKS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks", "  ": "two or more blanks"}
_MARKUP = re.compile(r"\s*<(?:!doctype|html|table|\?xml|svg|head|body|div)\b", re.IGNORECASE)
_COUNTED = re.compile(r"\[\d+ rows x \d+ columns\]|\(\d+ rows?\)")  # below what pandas and psql print
_RULE = re.compile(r"[\s|+:=-]*")  # the line under the header of a table in Markdown
_TAG = re.compile(r"(?i)<br\s*/?>|</?(?:sub|sup|b|i|em|strong|small|u|code|span)(?:\s[^<>]*)?>")
_QUOTED_LINE = re.compile(r'"[^"]*[,;\t][^"]*"')
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

Remarks = list[dict[str, Any]]


def decoded(data: bytes, where: str, remarks: Remarks) -> str:
    """Text from bytes: UTF-8, UTF-16 or UTF-32 by their marks, else the Windows and Latin alphabets.

    Raises
    ------
    RunsError
        When the bytes are no text.
    """
    text = None
    for mark, name in (
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\x00\x00\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            try:
                text = data.decode(name)
            except UnicodeDecodeError as error:
                raise RunsError(
                    f"{where}: not {name.upper()} text, though it begins as such (byte {error.start})"
                ) from None
            break
    if text is None and data[:400:2].count(0) + data[1:401:2].count(0) > 0.4 * min(len(data), 400):  # without a mark
        name = "utf-16-be" if data[:400:2].count(0) > data[1:401:2].count(0) else "utf-16-le"
        text = data.decode(name, errors="replace")
        remarks.append({"code": "encoding", "encoding": name.upper()})
    if text is None:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            try:
                text, name = data.decode("cp1252"), "Windows-1252"
            except UnicodeDecodeError:
                text, name = data.decode("latin-1"), "Latin-1"
            remarks.append({"code": "encoding", "encoding": name})
    text = text.lstrip("\ufeff")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise RunsError(f"{where}: not a table of text: byte {ord(found[0])} in line {line}")
    return text


def text_table(text: str, where: str, remarks: Remarks) -> pd.DataFrame:
    """The table that text holds; cells are text without the blanks around them.

    Raises
    ------
    RunsError
        When rows do not fit the header, quotation marks are not closed, or there is no header.
    """
    if _MARKUP.match(text):
        raise RunsError(
            f"{where} is a page of HTML, not a table of text; open it in a browser and copy its table to a CSV"
        )
    lines = re.split(r"\r\n|\n|\r", _untagged(text))
    if quoted := _whole_quoted(lines):
        remarks.append({"code": "quoted_lines"})
        lines = quoted
    if (found := pasted(lines, remarks)) is not None:
        rows, mark = [Row(line, cells) for line, cells in found], "|"
    else:
        rows, mark = _separated(lines, where, remarks)
    table = _assembled(rows, where, remarks, mark)
    if _TWICE_POINTED.search(text):
        table = _pointed_thousands(table, remarks)
    if mark != "," or _QUOTED_COMMA.search(text):
        table = _decimal_comma(table, where, remarks, mark)
    if not text.endswith(("\n", "\r")) and len(table) > 1:
        _note_cut_off(table, remarks)
    return table


def _untagged(text: str) -> str:
    """Without the few tags of HTML that people set into cells of Markdown and spreadsheets: ``Params<br>(M)``, ``10<sup>9</sup>``."""
    if "<" not in text or not _TAG.search(text):
        return text
    return _TAG.sub("", re.sub(r"(?i)<br\s*/?>", " ", re.sub(r"(?i)<sup>\s*(?=[-+]?\d)", "^", text)))


def _whole_quoted(lines: list[str]) -> list[str]:
    """Lines without the quotation marks that stand around each whole line; none where that is not so."""
    filled = [line.strip() for line in lines if line.strip()]
    if len(filled) < 2 or not all(_QUOTED_LINE.fullmatch(line) for line in filled):
        return []
    return [line.strip()[1:-1] for line in lines]


def _separated(lines: list[str], where: str, remarks: Remarks) -> tuple[list[Row], str]:
    """The rows of lines, comments aside, and what separates their cells."""
    comments = [
        i for i, line in enumerate(lines) if line.lstrip().startswith(COMMENT) or _COUNTED.fullmatch(line.strip())
    ]
    skipped = set(comments)
    full = (line for i, line in enumerate(lines) if line.strip() and i not in skipped)
    try:
        mark = _separator(list(islice(full, SAMPLED)))
    except csv.Error as error:  # such as a cell of more than 131,072 letters
        raise RunsError(f"{where}: not a CSV table ({error})") from None
    rows = _rows(lines, skipped, mark, where)
    if comments and (header := _commented_header(lines, comments, rows, mark)):
        rows = [header, *rows]
        comments = [i for i in comments if i != header.line - 1]
        remarks.append({"code": "commented_header", "line": header.line})
    if comments:
        remarks.append({"code": "comments", "n": len(comments)})
    if mark != ",":
        remarks.append({"code": "separator", "mark": _MARKS[mark]})
    return rows, mark


def cells_table(rows: Sequence[Sequence[Any]], where: str, remarks: Remarks) -> pd.DataFrame:
    """The table that rows of a spreadsheet hold; cells become text."""
    texts = [Row(i, [_text(cell) for cell in row]) for i, row in enumerate(rows, 1)]
    kept = [r for r in texts if not (r.filled and next(filter(None, r.cells)).startswith("#"))]
    if len(kept) < len(texts):
        remarks.append({"code": "comments", "n": len(texts) - len(kept)})
    return _assembled(kept, where, remarks, ",")


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell).strip()


# ---- lines to rows ----------------------------------------------------------------------------------------------


def _separator(lines: Sequence[str]) -> str:
    """What separates columns: the mark that gives the most rows the same number of cells, several of them."""
    best, most = ",", (0.0, 0, 0)
    text = "\n".join(lines)
    for mark in _MARKS:
        if mark not in text or mark == "  ":
            continue
        counts = Counter(len(cells) for cells in _cells_of(lines, mark) if any(cells))
        if not counts:
            continue
        width, hits = max(counts.items(), key=lambda c: (c[1], c[0]))
        if width < 2:
            continue
        score = (round(hits / len(lines), 1), -(mark == " "), width if mark != " " else 0)
        if score > most:
            best, most = mark, score
    return "  " if best == " " and _names_hold_blanks(lines) else best


def _names_hold_blanks(lines: Sequence[str]) -> bool:
    """Whether two or more blanks separate columns whose names hold single ones."""
    wide, narrow = ([len(_cells(line, mark)) for line in lines] for mark in ("  ", " "))
    return len(set(wide)) == 1 and wide[0] > 1 and len(set(narrow)) > 1


def _cells_of(lines: Sequence[str], mark: str) -> Iterable[list[str]]:
    """The cells of each line."""
    if mark in (" ", "|"):
        return (_cells(line, mark) for line in lines if line.strip())
    return csv.reader(lines, delimiter=mark, skipinitialspace=True)


def _cells(line: str, mark: str) -> list[str]:
    """The cells of one line by itself."""
    if mark == "  ":
        return re.split(r"\s{2,}|\t", line.strip())
    if mark == " " and '"' not in line:
        return line.split()
    found = next(csv.reader([line.strip(" ")], delimiter=mark, skipinitialspace=True), [])
    return _bare(found) if mark == "|" else found


def _bare(cells: list[str]) -> list[str]:
    """Without the empty cells outside the bars of a table in Markdown."""
    inner = cells[1:] if cells and not cells[0].strip() else cells
    return inner[:-1] if inner and not inner[-1].strip() else inner


def _rows(lines: list[str], comments: set[int], mark: str, where: str) -> list[Row]:
    """Every row with the line it begins at, comments aside; rows without values stay, for they count."""
    kept = [(i + 1, line) for i, line in enumerate(lines) if i not in comments]
    while kept and not kept[-1][1].strip():
        kept.pop()
    if mark in (" ", "  ", "|"):
        texts = [(n, line) for n, line in kept if mark != "|" or not _RULE.fullmatch(line) or not line.strip()]
        return [Row(n, [c.strip() for c in _cells(line, mark)]) for n, line in texts]
    reader = csv.reader((line + "\n" for _, line in kept), delimiter=mark, skipinitialspace=True, strict=False)
    rows, used = [], 0
    try:
        for cells in reader:
            first, used = used, reader.line_num
            if used - first > 1:
                _check_quotes(cells, kept[first][0], kept[used - 1][0], mark, where)
            rows.append(Row(kept[first][0], [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise RunsError(f"{where}: line {kept[min(used, len(kept) - 1)][0]}: not a CSV table ({error})") from None
    if rows and used == len(kept) and kept and _open_quote(rows[-1], lines[rows[-1].line - 1 :], mark):
        raise RunsError(f"{where}: a quotation mark in line {rows[-1].line} is never closed")
    return rows


def _check_quotes(cells: list[str], first: int, last: int, mark: str, where: str) -> None:
    """A quoted cell may hold line ends; one that holds whole rows was not meant to."""
    inner = max((line.count(mark) for cell in cells for line in cell.split("\n")[:-1]), default=0)
    if inner and inner >= len(cells) - 2:
        raise RunsError(
            f"{where}: a quotation mark in line {first} is not closed before line {last}, and takes the rows between for one "
            "value; close or remove it"
        )


def _open_quote(row: Row, lines: list[str], mark: str) -> bool:
    """Whether the last row ends inside a quoted cell."""
    text = "\n".join(lines)
    try:
        for _ in csv.reader(
            [line + "\n" for line in text.split("\n")], delimiter=mark, skipinitialspace=True, strict=True
        ):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _commented_header(lines: list[str], comments: list[int], rows: list[Row], mark: str) -> Row | None:
    """The header where it is a comment, as numpy.savetxt writes it: the line above the rows, which are numbers only."""
    filled = [r for r in rows if r.filled]
    if not filled or not all(is_quantity(c) for c in filled[0].cells if c):
        return None
    above = [i for i in comments if i < filled[0].line - 1]
    if not above:
        return None
    text = lines[above[-1]].lstrip().lstrip("#%/").strip()
    cells = [c.strip() for c in _cells(text, mark)]
    return (
        Row(above[-1] + 1, cells) if len(cells) == len(filled[0].cells) and not any(map(is_quantity, cells)) else None
    )


# ---- rows to a table --------------------------------------------------------------------------------------------


def _assembled(rows: list[Row], where: str, remarks: Remarks, mark: str) -> pd.DataFrame:
    filled = [r for r in rows if r.filled]
    if not filled:
        raise RunsError(f"{where} is empty")
    if apart := headers.side_by_side(filled):
        remarks.append({"code": "side_by_side", "n": len(apart)})
        first, *rest = filled
        below = [
            Row(r.line, [r.cells[j] if j < len(r.cells) else "" for j in places]) for places in apart for r in rest
        ]
        rows = filled = [Row(first.line, [first.cells[j] for j in apart[0]]), *(r for r in below if r.filled)]
    header, again = headers.found(filled, where, remarks, blanks=not mark.strip(" "))
    body = [r for r in rows if r.line > header.last]
    names = headers.named(header, [r for r in body if r.filled], where)
    _check_lengths(names, body, header, where)
    full = [(i, r) for i, r in enumerate(body) if r.filled and r.line not in again]
    if not full:
        raise RunsError(f"{where}: there are no rows, only a header")
    if (blank := len(body) - len(full) - len(again)) > 0:
        remarks.append({"code": "empty_rows", "n": blank})
    if short := [r.line for _, r in full if len(r.cells) < len(trimmed(names))]:
        remarks.append({"code": "short_rows", "n": len(short), "line": short[0]})
    used = [j for j, name in enumerate(names) if name]
    if len(used) < len(names) and any(not n for n in names[: len(trimmed(names))]):
        remarks.append({"code": "empty_columns", "n": len(names) - len(used)})
    cells = [[r.cells[j] if j < len(r.cells) else "" for j in used] for _, r in full]
    table = pd.DataFrame(cells, columns=[names[j] for j in used], index=_index([i for i, _ in full]), dtype=str)
    return _filled_down(table, remarks)


def _index(places: list[int]) -> pd.Index:
    """Nothing to say where every row is there; else the number of each in the file."""
    whole = places == list(range(len(places)))
    return pd.RangeIndex(len(places)) if whole else pd.Index([i + 1 for i in places], name=NUMBERED)


def _filled_down(table: pd.DataFrame, remarks: Remarks) -> pd.DataFrame:
    """Columns on the left where a size or a model is written once for several rows, as merged cells are saved."""
    for name in table:
        cells = table[name]
        empty = cells == ""
        if not empty.any():
            return table
        counts = (words.counts_parameters, words.counts_tokens, words.counts_flops, words.names_a_size)
        if empty.iloc[0] or empty.mean() < MERGED or not (name in ("N", "D", "C") or any(c(name) for c in counts)):
            return table
        remarks.append({"code": "filled_down", "column": name, "n": int(empty.sum())})
        table = table.assign(**{name: cells.where(~empty).ffill()})
    return table


def _check_lengths(names: list[str], body: list[Row], header: Row, where: str) -> None:
    long = [r for r in body if len(trimmed(r.cells)) > len(names)]
    if not long:
        return
    cells = len(trimmed(long[0].cells))
    shown = ", ".join(str(r.line) for r in long[:LISTED]) + (
        f" and {len(long) - LISTED} more" if len(long) > LISTED else ""
    )
    raise RunsError(
        f"{where}: line{'s' if len(long) > 1 else ''} {shown} ha{'ve' if len(long) > 1 else 's'} {cells} cells, and the header (line "
        f"{header.line}) has {len(names)}; name every column, and put values that hold the separator in quotation marks"
    )


def _note_cut_off(table: pd.DataFrame, remarks: Remarks) -> None:
    """A file whose last line has no end may have lost some digits."""
    for name in reversed(table.columns):
        last, others = table[name].iloc[-1], table[name].iloc[:-1]
        if last:
            if is_quantity(last) and len(last) < others[others != ""].map(len).min():
                remarks.append({"code": "no_last_newline", "cell": last})
            return


_COMMA = r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?[kKmMbBgGtTpP]?"
_QUOTED_COMMA = re.compile(r'"[+-]?\d+,(?:\d{1,2}|\d{4,})"')  # not three: those may group thousands
_TWICE_POINTED = re.compile(r"\d\.\d{3}\.\d{3}")
_POINTED_WHOLE = r"[+-]?\d{1,3}(?:\.\d{3}){2,}"
_POINTED = r"[+-]?\d{1,3}(?:\.\d{3})*(?:,\d+)?"
_GROUPED = r"[+-]?\d{1,3}(?:,\d{3}){2,}"
_POINT = r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?"


def _pointed_thousands(table: pd.DataFrame, remarks: Remarks) -> pd.DataFrame:
    """Points that group thousands, in columns where one number has two of them: ``400.000.000``."""
    for name in table:
        cells = table[name]
        whole = cells.str.fullmatch(_POINTED_WHOLE)
        if whole.any() and cells.str.fullmatch(_POINTED).where(cells != "", True).all():
            remarks.append({"code": "pointed_thousands", "column": name, "example": cells[whole].iloc[0]})
            table = table.assign(**{name: cells.str.replace(".", "")})
    return table


def _decimal_comma(table: pd.DataFrame, where: str, remarks: Remarks, mark: str) -> pd.DataFrame:
    """Decimal commas of a table whose columns are not separated by commas, unless commas group thousands there."""
    cells = table.stack()
    comma, point = cells.str.fullmatch(_COMMA), cells.str.fullmatch(_POINT)
    grouped = cells.str.fullmatch(_GROUPED)
    if not comma.any():
        return table
    if point.any() or grouped.any():
        if mark == ",":  # such cells are left as they are, and their rows named
            return table
        other = cells[point | grouped].iloc[0]
        raise RunsError(
            f"{where}: {cells[comma].iloc[0]!r} and {other!r} cannot both be read: is the comma a decimal mark or does "
            "it group thousands? Write all numbers one way, best without grouping"
        )
    remarks.append({"code": "decimal_comma", "example": cells[comma].iloc[0]})
    return table.apply(lambda column: column.where(~column.str.fullmatch(_COMMA), column.str.replace(",", ".")))
