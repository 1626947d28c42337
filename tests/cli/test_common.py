"""What commands share: quantities, lists of them and assignments as arguments; mistakes are usage errors."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from quokka_laws.cli.common import LEVEL, QUANTITY, USAGE, assignments, quantities


@click.command()
@click.option("-C", "--total", "total", type=QUANTITY)
@quantities("-N", "--params", "N", help="Parameters.")
@assignments("--fix", help="Held.")
@LEVEL
def shown(total: float | None, N: tuple[float, ...], fix: dict[str, str], level: float) -> None:
    click.echo(repr((total, N, fix, level)))


def asked(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(shown, words)
    return done.exit_code, done.output.strip()


def test_quantities_and_assignments_as_people_write_them() -> None:
    words = ("-C", "1e22 FLOPs", "-N", "7B,1.3e9", "-N", "70M", "--fix", "E=1.7,alpha=.3", "--fix", "beta=.3")
    assert asked(*words) == (
        0,
        repr((1e22, (7e9, 1.3e9, 7e7), {"E": "1.7", "alpha": ".3", "beta": ".3"}, 0.95)),
    )


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("-C", "many"), "many"),
        (("-N", "7B,,"), "-N"),
        (("-N", "-7"), "-7"),
        (("--fix", "E"), "E"),
        (("--fix", "E=1,E=2"), "E"),
        (("--fix", "E=1", "--fix", "E=2"), "E"),
        (("--level", "nan"), "nan"),
        (("--level", "95"), "95"),
    ],
)
def test_mistakes_are_usage_errors_that_name_them(words: tuple[str, ...], named: str) -> None:
    code, said = asked(*words)
    assert code == USAGE
    assert named in said
