"""Errors as the command line says them."""

from __future__ import annotations

import click

from quokka_laws.cli.app import main
from quokka_laws.cli.group import refusal
from quokka_laws.exceptions import QuokkaError


def said(error: QuokkaError | OSError | MemoryError) -> str:
    """The sentence that the command line would print, with what to try as options."""
    with click.Context(main):
        return refusal(error)[0]
