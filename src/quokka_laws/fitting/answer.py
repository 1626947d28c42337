"""The number that a fit is asked for when nobody has asked yet: what rows and choices are judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws import Law
from quokka_laws.results.fit_result import FitResult

BEYOND = 10.0  # times the largest run


@dataclass(frozen=True)
class Answer:
    """The logarithm of the best N at a budget, where the law has a closed form for it; else of the loss beyond the runs.

    Parameters
    ----------
    law : Law
    name : {'N', 'loss'}
    C : float
        Budget in FLOPs.
    log_ND : float
        Of that budget.
    point : mapping of str to float
        Where the loss is predicted.
    """

    law: Law
    name: str
    C: float
    log_ND: float
    point: Mapping[str, float]

    @classmethod
    def of(cls, fit: FitResult, C: float | None = None) -> Answer | None:
        """Of a fit at ``C``, by default ten times its largest run; None for a law without a budget."""
        if not fit.law.of_N_and_D or "epochs" in fit.law.variables:
            return None
        C = BEYOND * fit.fitted_range["C"][1] if C is None else C
        log_ND = float(np.log(C / fit.conventions.flops_per_ND))
        closed = fit.law.optimal_log_N(fit.values, np.zeros(1)) is not None
        largest = fit.runs.loc[fit.runs["C"].idxmax()]
        grown = float(np.sqrt(C / largest["C"]))
        point = {"log_N": float(np.log(grown * largest["N"])), "log_D": float(np.log(grown * largest["D"]))}
        return cls(fit.law, "N" if closed else "loss", C, log_ND, point)

    def __call__(self, values: Mapping[str, Array]) -> Array:
        """Coefficients by name, arrays (problems,) → the answer (problems,)."""
        columns = {k: np.asarray(v, dtype=float)[:, None] for k, v in values.items()}
        if self.name == "N":
            return np.asarray(self.law.optimal_log_N(columns, np.array([self.log_ND])))[:, 0]
        return np.asarray(self.law.log_loss(values, {k: np.array([v]) for k, v in self.point.items()}))[:, 0]
