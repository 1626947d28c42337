"""Logs that training programs print: no tables, so that they are refused here with the command that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from quokka_laws.exceptions import RunsError
from quokka_laws.runs.words import is_loss

LOOKED_AT = 65536  # letters of a text
_COUNTED = r"\b(?:step|iter|iteration|epoch|batch|token)s?\b['\"\s:=#\[]{1,5}\d"
_LOST = r"(?:loss|ppl|perplexity)\b['\"\s:=(]{1,5}[a-z(]*[-+]?\d"
_LINE = re.compile(rf"(?im)^.{{0,200}}?{_COUNTED}.{{0,300}}?{_LOST}|^.{{0,40}}\{{'(?:eval_)?loss':|^s:\d+ t[er]l:")
_VALUED = re.compile(r"[:=]\s*\d")  # a "column" that holds its value


def is_log(text: str) -> bool:
    """Whether a text says a step and a loss in several of its first lines."""
    return len(_LINE.findall(text[:LOOKED_AT])) > 1


def names_a_loss(names: Iterable[object]) -> bool:
    """Whether columns name a loss, and not one with its value, which stands in a line of a log."""
    return any(is_loss(str(name)) and not _VALUED.search(str(name)) for name in names)


def no_table(where: str) -> RunsError:
    """What to say of a log where a table is wanted."""
    file = "FILE" if where == "stdin" else where
    first = "save it in a file, and turn it" if where == "stdin" else "turn it"
    return RunsError(
        f"{where} is a log that a training program printed, not a table of runs; {first} into one: quokka-laws import {file}"
    )
