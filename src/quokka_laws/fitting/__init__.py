"""From runs and a law to evidence: starts, solver, resamples, diagnostics."""

from quokka_laws.fitting.curves import CurvesFit, fit_curves
from quokka_laws.fitting.downstream import downstream
from quokka_laws.fitting.fit import fit
from quokka_laws.fitting.hyperparameters import fit_hyperparameters
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.fitting.leave_out import influence
from quokka_laws.fitting.profile import profile

__all__ = [
    "CurvesFit",
    "downstream",
    "fit",
    "fit_curves",
    "fit_hyperparameters",
    "fit_isoflops",
    "influence",
    "profile",
]


def __dir__() -> list[str]:
    return __all__
