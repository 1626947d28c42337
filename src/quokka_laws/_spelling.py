"""How advice is spelt: as arguments in Python, as options on the command line; the door that is used decides."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_command_line: ContextVar[bool] = ContextVar("command_line", default=False)
BLANK = "…"
"""Stands for a value that only the user knows."""


def is_command_line() -> bool:
    """Which door is used."""
    return _command_line.get()


@contextmanager
def on_command_line(door: bool = True) -> Iterator[None]:
    """Messages made inside are for someone who types options, or not, as another process was told."""
    token = _command_line.set(door)
    try:
        yield
    finally:
        _command_line.reset(token)


def either(python: str, command: str) -> str:
    """Of two spellings of the same advice, the one of the door that is used."""
    return command if _command_line.get() else python


def option(name: str, value: Any) -> str:
    """An argument to give: ``drop='D / N < 4'`` in Python, ``--drop "D / N < 4"`` on the command line."""
    return either(f"{name}={_literal(value)}", _flag(name, value))


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {_literal(v)}" for k, v in value.items()) + "}"
    return BLANK if value == BLANK else repr(value)


def _flag(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        value = ",".join(f"{k}={v}" for k, v in value.items())
    if name == "loss_unit":
        name, value = "state", f"loss_unit={value}"
    shown = ",".join(value) if isinstance(value, list | tuple) else str(value)
    return f"--{name.replace('_', '-')} {shown if shown == BLANK else _quoted(shown)}"


def _quoted(text: str) -> str:
    """For a shell: as it is where that will do, in double quotes, or in single ones where something means more in them."""
    if shlex.quote(text) == text:
        return text
    return f'"{text}"' if not set(text) & set('"$`\\!') else "'" + text.replace("'", "'\\''") + "'"
