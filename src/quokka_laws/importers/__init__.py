"""Logs of training runs as a table: TensorBoard, W&B, Hugging Face, MLflow, printed logs, CSV, JSON lines, Parquet."""

from quokka_laws.importers.collect import import_runs
from quokka_laws.importers.configurations import counted
from quokka_laws.importers.curves import Final
from quokka_laws.importers.detect import detect
from quokka_laws.importers.names import NamePattern

__all__ = [
    "Final",
    "NamePattern",
    "counted",
    "detect",
    "import_runs",
]


def __dir__() -> list[str]:
    return __all__
