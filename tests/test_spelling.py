"""One piece of advice in two spellings: Python's arguments, and options that survive a shell."""

from __future__ import annotations

import shlex

import pytest

from quokka_laws._spelling import BLANK, either, on_command_line, option


@pytest.mark.parametrize(
    ("name", "value", "python", "typed"),
    [
        ("drop", "D / N < 4", "drop='D / N < 4'", ["--drop", "D / N < 4"]),
        ("drop", 'a\'b "c" $x `N size`', None, ["--drop", 'a\'b "c" $x `N size`']),
        ("n_starts", 7, "n_starts=7", ["--n-starts", "7"]),
        (
            "columns",
            {"N": "# Params", "D": BLANK},
            "columns={'N': '# Params', 'D': …}",
            ["--columns", f"N=# Params,D={BLANK}"],
        ),
        ("loss_unit", "bits/byte", "loss_unit='bits/byte'", ["--state", "loss_unit=bits/byte"]),
        ("variables", ("N", "D"), "variables=('N', 'D')", ["--variables", "N,D"]),
    ],
)
def test_an_option_in_both_spellings(name: str, value: object, python: str | None, typed: list[str]) -> None:
    if python is not None:
        assert option(name, value) == python
    with on_command_line():
        assert shlex.split(option(name, value)) == typed


def test_the_door_decides_and_is_left_again() -> None:
    assert either("p", "c") == "p"
    with on_command_line():
        assert either("p", "c") == "c"
    assert either("p", "c") == "p"
