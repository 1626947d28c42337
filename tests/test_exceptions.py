"""Errors: one base for all, and the built-in kind that callers expect of each."""

from __future__ import annotations

import inspect
import pickle

import pytest

import quokka_laws as ql
from quokka_laws import exceptions
from quokka_laws.exceptions import FarOutside, QuokkaError, RunsError

ERRORS = [c for _, c in inspect.getmembers(exceptions, inspect.isclass) if issubclass(c, QuokkaError)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ArgumentError", ValueError),
        ("RunsError", ValueError),
        ("ExpressionError", ValueError),
        ("FitError", RuntimeError),
        ("FitFileError", RuntimeError),
        ("OutputError", OSError),
        ("MissingDependencyError", ImportError),
    ],
)
def test_each_is_also_a_built_in(name: str, kind: type[Exception]) -> None:
    error = getattr(exceptions, name)
    assert issubclass(error, kind)
    assert issubclass(error, QuokkaError)


def test_the_warning_is_no_error() -> None:
    assert issubclass(FarOutside, UserWarning)
    assert not issubclass(FarOutside, QuokkaError)


def test_faults_of_a_table_travel_with_the_error() -> None:
    error = RunsError("two faults", source="runs.csv", faults=("a", "b"))
    assert (str(error), error.source, error.faults) == ("two faults", "runs.csv", ("a", "b"))
    assert RunsError("plain").faults == ()


@pytest.mark.parametrize("error", ERRORS)
def test_messages_survive_another_process(error: type[Exception]) -> None:
    again = pickle.loads(pickle.dumps(error("what was wrong")))
    assert type(again) is error
    assert str(again) == "what was wrong"


def test_what_the_package_raises_is_of_the_base() -> None:
    with pytest.raises(QuokkaError):
        ql.FittedLaw(ql.laws.Chinchilla(), {})
