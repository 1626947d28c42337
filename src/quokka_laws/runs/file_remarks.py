"""What reading a file can remark, as sentences: a code with its facts inside, text here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SENTENCES = {
    "separator": "columns are separated by {mark}",
    "decimal_comma": "decimal commas read as points ({example!r})",
    "pointed_thousands": "points of column {column!r} group thousands ({example!r})",
    "two_headers": "lines {lines} were read as one header",
    "encoding": "not UTF-8 text: read as {encoding}",
    "comments": "{n} lines of comments were skipped",
    "commented_header": "the header was read from a line of comment (line {line})",
    "preamble": "{n} lines above the header (line {line}) were skipped",
    "header_again": "{n} rows that say the header again (from line {line}) were skipped",
    "filled_down": "{n} empty cells of column {column!r} hold what stands above them, as in merged cells",
    "other_tables": "the table in line {line} was read; not read: those in lines {lines}",
    "around": "{n} lines of text around the table were skipped",
    "pasted": "read as a table of {kind}",
    "empty_rows": "{n} rows without any value were skipped",
    "empty_columns": "{n} columns without a name or any value were skipped",
    "short_rows": "{n} rows have fewer cells than the header (from line {line}): the last ones are empty there",
    "no_last_newline": "the last line has no end, and its last value {cell!r} is shorter than the others: was the file cut off?",
    "incomplete_line": "the last line ({line}) is incomplete and was left out: a run was being written",
    "sheet": "read from sheet {sheet!r}; not read: {others}",
    "loose": "not JSON as it stands: read as Python writes it, or without its last commas and comments",
    "named_values": "one number for each of {n} names: read as run_id and value",
    "side_by_side": "{n} tables of the same columns stand side by side: read as one below the other",
    "quoted_lines": "every line stands in quotation marks: read without them",
    "shape": "one JSON value: {shape}",
    "shared": "{names} stand beside the list of runs and were given to every run",
}
ROUTINE = frozenset({"shape"})
"""Codes that only say what any reader would expect."""


def sentences(remarks: Iterable[Mapping[str, Any]], where: str = "") -> list[str]:
    """Remarks as text, the routine ones left out."""
    return [sentence(remark, where) for remark in remarks if remark["code"] not in ROUTINE]


def sentence(remark: Mapping[str, Any], where: str = "") -> str:
    """One remark as text, after the file it is about."""
    facts = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in remark.items()}
    return (f"{where}: " if where else "") + SENTENCES[remark["code"]].format(**facts)
