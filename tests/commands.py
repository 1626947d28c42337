"""The command line, called in the process of the tests."""

from __future__ import annotations

from click.testing import CliRunner, Result

import quokka_laws as ql
from quokka_laws.cli.app import main

ISOFLOP = ql.datasets.data_folder() / "quokka2025" / "isoflop.csv"
FAST = ["--bootstrap", "20"]


def run(*arguments: object, stdin: str | None = None) -> Result:
    """What a command writes and how it ends."""
    return CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)
