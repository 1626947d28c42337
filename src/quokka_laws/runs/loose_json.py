"""JSON as hands and Python write it: commas after the last entry, lines of comment, single quotes, tuples, ``None``.

Only literals are read, never evaluated: a text that is neither JSON but for its commas and comments, nor one literal value of
Python, is none.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

LARGEST = 2_000_000  # letters of a value that Python's parser is given
_COMMENT = re.compile(r"(?m)^\s*(?://|#).*$")
_LAST_COMMA = re.compile(r",(?=\s*[\]}])")
_WRAPPED = re.compile(r"\b(?:np\.|numpy\.|torch\.)?(?:float\d+|int\d+|tensor|array)\(([^()]*)\)")  # np.float64(3.21)


def loose(text: str) -> Any:
    """The value of a text.

    Raises
    ------
    ValueError
        Where it is none.
    """
    plain = _LAST_COMMA.sub("", _COMMENT.sub("", text))
    try:
        return json.loads(plain)
    except (ValueError, RecursionError):
        pass
    if len(text) > LARGEST:
        raise ValueError("too long for a value of Python")
    try:
        return _plain(ast.literal_eval(_WRAPPED.sub(r"\1", plain).strip()))
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"no value of Python ({error})") from None


def _plain(value: Any) -> Any:
    """Tuples as lists, names as text, as JSON has them."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise ValueError(f"holds {type(value).__name__}")
