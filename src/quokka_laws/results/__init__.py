"""What fits hand back, and how it reads, shows and is stored."""

from quokka_laws.results.diagnostic import Flag
from quokka_laws.results.fit_result import FitResult, FitStatus
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.results.storage import read_fit

__all__ = [
    "FitResult",
    "FitStatus",
    "FittedLaw",
    "Flag",
    "IsoflopFit",
    "read_fit",
]
