"""What commands share: quantities as arguments, and messages in options instead of Python."""

from __future__ import annotations

import click
import pytest

from quokka_laws.cli.app import main
from quokka_laws.cli.common import as_options


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Keep one of each, drop='duplicates'", "Keep one of each, --drop 'duplicates'"),
        ("Say columns={'N': '# Params', 'D': …}", 'Say --columns "N=# Params,D=…"'),
        ("or say cluster=None (on the command line --cluster row) if each", "or say --cluster row if each"),
        ("hold it: params=law.make_params(E=dict(vary=False)), on the command line --fix E=…", "hold it: --fix E=…"),
        ("such as ql.laws.Memorization(), on the command line --law memorization", "such as --law memorization"),
        ("known from elsewhere (--fix E=1.7; in Python params=)", "known from elsewhere (--fix E=1.7)"),
        ("or begin with ql.plan.ladder", "or begin with `quokka-laws ladder`"),
        ("fit it first, ql.fit('chinchilla', runs)", "fit it first, `quokka-laws fit`"),
    ],
)
def test_messages_show_options_and_no_python(message: str, shown: str) -> None:
    with click.Context(main):
        assert as_options(message) == shown
