"""What fits hand back, and how it reads, shows and is stored."""

from quokka_laws.results.diagnostic import Diagnostic, Option, Severity
from quokka_laws.results.downstream import Downstream
from quokka_laws.results.downstream_storage import read_downstream
from quokka_laws.results.fit_result import FitResult, FitStatus
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.hyperparameter_fit import HyperparameterFit
from quokka_laws.results.hyperparameter_storage import read_hyperparameters
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.results.loss_fits import LossFits, read_fits
from quokka_laws.results.storage import read_fit

__all__ = [
    "Diagnostic",
    "Downstream",
    "FitResult",
    "FitStatus",
    "FittedLaw",
    "HyperparameterFit",
    "IsoflopFit",
    "LossFits",
    "Option",
    "Severity",
    "read_downstream",
    "read_fit",
    "read_fits",
    "read_hyperparameters",
]


def __dir__() -> list[str]:
    return __all__
