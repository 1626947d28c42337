"""Tables of training runs: read, named, checked, marked with their conventions."""

from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import check_runs, equal_run_weights, read_runs

__all__ = [
    "Conventions",
    "check_runs",
    "equal_run_weights",
    "read_runs",
]


def __dir__() -> list[str]:
    return __all__
