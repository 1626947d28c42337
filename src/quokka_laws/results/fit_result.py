"""What a fit hands back: numbers with how they were obtained. Frozen: nothing about it changes after the fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.objective import LogHuber, LogL2, Objective
from quokka_laws.results.diagnostic import Diagnose, Diagnostic, Known
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import check_level, percentile_interval, standard_error
from quokka_laws.results.law_choice import LawChoice
from quokka_laws.results.notebook import card
from quokka_laws.results.views import view
from quokka_laws.runs.columns import inputs_of
from quokka_laws.writing import make_folder

CONDITION_LIMIT = 1e8  # of the scaled Hessian: above it some combination of coefficients is free


class FitStatus(Enum):
    """How far the optimum can be taken at its word."""

    CONVERGED = "converged"
    AT_BOUND = "converged, with a coefficient at a bound or an amplitude at zero"
    NOT_CONVERGED = "not converged: the best point found is not a minimum"
    EVALUATED = "coefficients were given, not fitted"


@dataclass(frozen=True, eq=False, repr=False)
class FitResult(FittedLaw):
    """Frozen evidence of a fit; see the fields for what each number means.

    Parameters
    ----------
    objective, objective_value
        What was minimised, and its value: the weighted *sum* over rows.
    status : FitStatus
        An optimistic view of success: that a minimum was reached, not that the law is right.
    diagnose : callable
        Looks for everything doubtful when ``diagnostics`` is first asked for.
    runs : DataFrame
        The rows that were fitted; ``excluded`` lists those left out with the reason.
    params : lmfit.Parameters
        Settings of the fit with fitted values; ``stderr`` and ``correl`` come from the bootstrap draws of *this*
        objective, and stay None without them.
    starts : dict
        How many starts were solved and how many reached the optimum.
    rivals : DataFrame
        Other local minima found, best first: objective_value and coefficients.
    gradient_norm : float
        Largest component of the scaled gradient at the optimum.
    condition_number : float
        Of the Hessian with unit diagonal: above 1e8 some combination of coefficients is not identified.
    bootstrap : dict
        Kind of resampling, refits asked for, refits that converged.
    route : str
        ``"newton"``, or why lmfit's Minimizer had to be used.
    choice : LawChoice, optional
        Which laws there were, where none was named.
    prior : dict
        Normal priors that were taken, mean and standard deviation by coefficient; empty without.
    seed : int
    versions : dict
        Of this package and what it computes with.
    """

    objective: Objective = field(default_factory=LogHuber)
    objective_value: float = np.nan
    status: FitStatus = FitStatus.EVALUATED
    diagnose: Diagnose = field(default_factory=Known, compare=False, repr=False)
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    excluded: pd.DataFrame = field(default_factory=pd.DataFrame)
    params: lmfit.Parameters = field(default_factory=lmfit.Parameters)
    starts: dict[str, int] = field(default_factory=dict)
    rivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    gradient_norm: float = np.nan
    condition_number: float = np.nan
    bootstrap: dict[str, Any] = field(default_factory=dict)
    route: str = "newton"
    prior: dict[str, tuple[float, float]] = field(default_factory=dict)
    choice: LawChoice | None = None
    seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)

    # ---- views ------------------------------------------------------------------------------------------------

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything doubtful about the fit; looked for when first asked for, which takes refits."""
        return self.diagnose(self)

    @property
    def identified(self) -> bool:
        """Whether these runs determine every combination of coefficients, by the condition number."""
        return not self.condition_number > CONDITION_LIMIT

    @property
    def has_intervals(self) -> bool:
        """Whether there are draws whose spread means something: of an unidentified fit it does not."""
        return super().has_intervals and self.identified

    def summary_at(self, level: float = 0.95) -> pd.DataFrame:
        """Coefficients with standard error and interval at ``level``; blank (NaN) without draws or not identified."""
        check_level(level)
        table = pd.DataFrame({"value": [self.values[k] for k in self.law.names]}, index=list(self.law.names))
        table.index.name = "coefficient"
        table[["stderr", "lower", "upper"]] = np.nan
        if self.draws is not None and self.identified and len(self.draws.dropna()) > 1:
            usable = self.draws.dropna()
            table["stderr"] = standard_error(usable.to_numpy())
            lower, upper = percentile_interval(usable.to_numpy(), level)
            table["lower"], table["upper"] = lower, upper
        table["at_bound"] = [self.at_bound(k) for k in self.law.names]
        return table

    @property
    def summary(self) -> pd.DataFrame:
        """DataFrame indexed by coefficient: value, stderr, lower, upper (95 %), at_bound."""
        return self.summary_at(0.95)

    def at_bound(self, name: str) -> bool:
        """Whether a fitted coefficient stopped at a bound of its own, to the rounding of a logarithm."""
        par = self.params.get(name)
        if par is None or not par.vary:
            return False
        return bool(np.isclose(self.values[name], (par.min, par.max), rtol=1e-9, atol=0.0).any())

    @property
    def aic(self) -> float:
        """Akaike's criterion, from the likelihood that the objective stands for; lower is better on the same runs."""
        return self._minus_two_log_likelihood() + 2.0 * self._free

    @property
    def bic(self) -> float:
        """Schwarz's criterion, as :attr:`aic` with ln(rows) for 2."""
        return self._minus_two_log_likelihood() + float(np.log(len(self.runs))) * self._free

    @property
    def _free(self) -> int:
        """Coefficients that were fitted, and the scale of the residuals."""
        return sum(1 for p in self.params.values() if p.vary and not p.expr) + 1

    def _minus_two_log_likelihood(self) -> float:
        """Of log-residuals: normal for least squares, Laplace for the others, whose cost is linear far out."""
        if not len(self.runs):
            raise FitError(f"{self.label} holds no runs, so it has no likelihood")
        r, n = self.log_residuals(), len(self.runs)
        if isinstance(self.objective, LogL2):
            return float(n * (np.log(2.0 * np.pi * np.mean(r**2)) + 1.0))
        return float(2.0 * n * (np.log(2.0 * np.mean(np.abs(r))) + 1.0))

    def log_residuals(self) -> Array:
        """ln(predicted / observed) of the fitted rows."""
        return self.residuals["residual"].to_numpy(dtype=float)

    @property
    def rms_residual(self) -> float:
        """Root mean square of the log-residuals: 0.01 means that the law misses the loss by about 1 %."""
        return float(np.sqrt(np.mean(self.log_residuals() ** 2))) if len(self.runs) else np.nan

    @property
    def residuals(self) -> pd.DataFrame:
        """The fitted runs with ``predicted`` loss and ``residual`` = ln(predicted / observed), weights aside."""
        table = self.runs.copy()
        table["predicted"] = self._loss(self.values, inputs_of(table, self.law.takes))
        table["residual"] = np.log(table["predicted"] / table["loss"])
        return table

    def report(self) -> str:
        """The fit as text: the answer, what to know before relying on it, the evidence."""
        from quokka_laws.results.text import fit_report

        return fit_report(self)

    def plot(self, kind: str | None = None, **options: Any) -> Any:
        """Draw the fit: :func:`quokka_laws.plot.figure` says the kinds, and returns matplotlib axes."""
        return view("figure")(self, kind, **options)

    def save(self, path: str | Path) -> Path:
        """Write the fit to a file, ``fit.json`` in a folder that is named; :func:`quokka_laws.read_fit` reads it back exactly."""
        path = Path(path)
        if path.is_dir() or not path.suffix:
            path = path / "fit.json"
        make_folder(path.parent)
        self.to_json(path)
        return path

    def to_json(self, path: str | Path | None = None) -> str:
        """Write (or return) the fit as JSON; :func:`quokka_laws.read_fit` reads it back exactly."""
        from quokka_laws.results.storage import to_json

        return to_json(self, path)

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        """Six lines; :meth:`report` has the rest."""
        from quokka_laws.results.text import short_report

        return short_report(self)

    def __eq__(self, other: object) -> bool:
        """Whether two results are the same fit: everything given and found agrees to the last digit."""
        from quokka_laws.results.storage import facts, plain_json

        if not isinstance(other, FitResult):
            return NotImplemented
        return self is other or plain_json(facts(self)) == plain_json(facts(other))

    def __hash__(self) -> int:
        return hash((self.label, self.objective_value, self.seed, *sorted(self.values.items())))

    def _repr_html_(self) -> str:
        facts = f"{len(self.runs)} rows, objective {self.objective_value:.6g}, {self.status.value}"
        title = f"{self.label}: loss = {self.law.equation}"
        return card(title, facts, self.summary, diagnostics=map(str, self.diagnostics), index=True)


def check_fit(given: Any, asked: str) -> None:
    """Raise unless this is a law with numbers, which ``asked`` is made of."""
    if not isinstance(given, FittedLaw):
        raise ArgumentError(f"{asked} is of a fit, such as ql.fit(runs) returns, not of {type(given).__name__}")


def draws_to_parameters(params: lmfit.Parameters, draws: pd.DataFrame | None) -> lmfit.Parameters:
    """Fill ``stderr`` and ``correl`` of lmfit parameters from bootstrap draws; leave them None without draws."""
    if draws is None or len(draws.dropna()) < 2:
        return params
    usable = draws.dropna()
    stderr = dict(zip(usable, standard_error(usable.to_numpy()), strict=True))
    moving = [name for name, par in params.items() if par.vary and stderr[name] > 0]
    correlation = usable[moving].corr()
    for name, par in params.items():
        if par.vary or par.expr:
            par.stderr = float(stderr[name])
        if name in moving:
            par.correl = {other: float(correlation.loc[name, other]) for other in moving if other != name}
    return params
