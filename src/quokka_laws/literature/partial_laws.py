"""Laws of which only a part was published: where the optimum lies, or what repeated tokens are worth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._numeric.roots import find_root
from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws.repeated import EffectiveData
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.quantities import times_outside


@dataclass(frozen=True)
class Allocation:
    """N_opt = k_N·C^a and D_opt = k_D·C^b, published without a law of the loss.

    Parameters
    ----------
    values : dict
        ``k_N, a, k_D, b``; ``k_L, a_L`` where the loss there was published too, ``k_L·C^a_L``.
    size : {"N", "M"}
        Whether the first counts parameters or non-embedding FLOPs per token M, with C = M·D.
    omega, factor : float
        Set by :func:`quokka_laws.literature.conversions.convert`: N and C of all parameters, the loss in another unit.
    """

    values: dict[str, float]
    conventions: Conventions
    name: str
    size: str = "N"
    fitted_range: dict[str, tuple[float, float]] = field(default_factory=dict)
    omega: float = 0.0
    factor: float = 1.0

    @property
    def label(self) -> str:
        """Name for tables."""
        return self.name

    def allocate(self, C: Array, *, level: float | None = LEVEL) -> pd.DataFrame:
        """N and D at given budgets, as :func:`quokka_laws.plan.compute_optimal`.

        Where the law is one of FLOPs per token, ``N = M/6``: the parameters that do as many FLOPs without attention.
        There are no intervals, whatever the level: the papers give no draws.
        """
        C = np.atleast_1d(np.asarray(C, dtype=float))
        v, own = self.values, self._own_compute(C)
        size, D = v["k_N"] * own ** v["a"], v["k_D"] * own ** v["b"]
        N = self._all_parameters(size / 6.0 if self.size == "M" else size)
        loss = self.factor * v["k_L"] * own ** v["a_L"] if "k_L" in v else np.nan
        plan = pd.DataFrame({"C": C, "N": N, "D": D, "loss": loss, "tokens_per_param": D / N})
        if self.size == "M":
            plan.insert(2, "M", size)
        lowest, highest = self.fitted_range.get("C", (np.nan, np.nan))
        plan["extrapolation"], plan["below_runs"] = times_outside(own, lowest, highest), own < lowest
        plan["N_flat_lower"], plan["N_flat_upper"] = np.nan, np.nan
        return plan

    def _own_compute(self, C: Array) -> Array:
        """Compute as the law counts it, at compute that counts all parameters."""
        if not self.omega:
            return C
        v = self.values

        def excess(log_own: Array) -> Array:
            N = v["k_N"] * np.exp(v["a"] * log_own)
            return log_own + np.log(self._all_parameters(N) / N) - np.log(C)

        return np.exp(find_root(excess, np.log(C) - 60.0, np.log(C)))

    def _all_parameters(self, N: Array) -> Array:
        return N + self.omega * np.cbrt(N)


@dataclass(frozen=True)
class Repetition:
    """R_D and R_N of :class:`~quokka_laws.laws.EffectiveData`, published without the law of fresh tokens they go with.

    Parameters
    ----------
    values : dict
        ``R_D, R_N``.
    """

    values: dict[str, float]
    conventions: Conventions
    name: str
    fitted_range: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name for tables."""
        return self.name

    def worth(self, epochs: Any) -> Array:
        """Fresh data that epochs of the unique tokens are worth, in units of them: D'/U_D."""
        e = np.asarray(epochs, dtype=float)
        if not (e > 0).all():
            raise ArgumentError(f"epochs = {epochs!r}: expected positive numbers")
        R = self.values["R_D"]
        return np.asarray(np.where(e > 1.0, 1.0 - R * np.expm1(-(e - 1.0) / R), e))

    def on(self, fit: FittedLaw) -> FittedLaw:
        """A law of repeated data: this, on a single-epoch law of one's own (with A, alpha, B, beta to use R_N)."""
        parameters = {"A", "alpha", "B", "beta"} <= set(fit.law.names)
        law = EffectiveData(fit.law, parameters=parameters)
        values = {**fit.values, **{k: v for k, v in self.values.items() if k in law.names}}
        ranges = {**fit.fitted_range, **{k: v for k, v in self.fitted_range.items() if k in ("U_D", "epochs")}}
        return FittedLaw(law, values, fit.conventions, ranges, name=f"{self.name} on {fit.label}")

    def allocate(self, C: Array, *, level: float | None = LEVEL) -> pd.DataFrame:
        """Refused: there is no loss to minimise."""
        raise FitError(
            f"{self.name} says what repeated tokens are worth, not what the loss is: its law of fresh tokens was not "
            f"published. {either(f'Put it on a single-epoch fit: ql.published[{self.name!r}].on(fit)', 'Fit a law of repeated data to your runs')}"
        )
