"""Figures and pages of a fit, to look at and hand on."""

from quokka_laws.reporting import plot
from quokka_laws.reporting.explorer import explorer, write_explorer
from quokka_laws.reporting.page import report

__all__ = ["explorer", "plot", "report", "write_explorer"]


def __dir__() -> list[str]:
    return __all__
