"""Warnings of the library as sentences of the command line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def heard(ask: Callable[[], T]) -> tuple[T, list[str]]:
    """What a question gives, and the warnings about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = ask()
    return answer, list(dict.fromkeys(str(warning.message) for warning in caught))
