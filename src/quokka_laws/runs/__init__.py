"""Tables of training runs: read, named, checked, marked with their conventions."""

from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import check_runs, equal_run_weights, read_runs
from quokka_laws.runs.remarks import Remark, sentence
from quokka_laws.runs.sweeps import best

__all__ = [
    "Conventions",
    "Remark",
    "best",
    "check_runs",
    "equal_run_weights",
    "read_runs",
    "sentence",
]


def __dir__() -> list[str]:
    return __all__
