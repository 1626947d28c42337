"""Optima per budget and the power laws through them: what :func:`quokka_laws.fit_isoflops` hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.results.diagnostic import Diagnostic, Option, Severity
from quokka_laws.results.intervals import LEVEL, percentile_interval, standard_error, usable_level
from quokka_laws.results.notebook import card
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.derived import flops_spread
from quokka_laws.runs.quantities import times_outside

WIDEST_GRID = 4.0  # largest over smallest N of a budget
FARTHEST_OFFSET = 1.5  # of a minimum from the centre of its sizes


@dataclass(frozen=True)
class IsoflopFit:
    """Optima per budget and the power laws through them.

    Parameters
    ----------
    optima : DataFrame
        One row a budget: ``C, N, D, loss`` of the minimum; ``runs``; ``grid_center`` (geometric mean of the
        smallest and largest N), ``offset`` (N over it) and ``grid_width`` (largest over smallest N): a parabola is
        trustworthy where the offset is near 1 and the width small; ``curvature`` of the parabola in log N.
    refused : tuple of Diagnostic
        Budgets without a minimum inside their own sizes, and why.
    power_laws : dict of str to lmfit ModelResult
        ``"N"`` and ``"D"``: ``log y = log_k + exponent·log C``.
    draws : DataFrame or None
        Bootstrap power laws: ``k_N, a, k_D, b``; NaN where fewer than two curves of a refit have a minimum.
    degree : int
        Of the polynomial: 2, or 3 for the local cubic.
    runs : DataFrame
        The runs, with the ``budget`` each was assigned to.
    """

    optima: pd.DataFrame
    refused: tuple[Diagnostic, ...]
    power_laws: dict[str, Any]
    degree: int
    runs: pd.DataFrame
    conventions: Conventions
    draws: pd.DataFrame | None = None
    profiles: dict[float, Any] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Name for tables."""
        return "IsoFLOP profiles"

    @property
    def has_intervals(self) -> bool:
        """Whether there are draws."""
        return self.draws is not None

    @property
    def values(self) -> dict[str, float]:
        """``k_N, a, k_D, b`` of N_opt = k_N·C^a and D_opt = k_D·C^b."""
        return power_values(self.power_laws)

    @property
    def summary(self) -> pd.DataFrame:
        """DataFrame indexed by ``k_N, a, k_D, b``: value and, with a bootstrap, stderr, lower, upper (95 %)."""
        table = pd.DataFrame({"value": self.values})
        table[["stderr", "lower", "upper"]] = np.nan
        if self.draws is not None:
            table["stderr"] = standard_error(self.draws[list(table.index)].to_numpy())
            table["lower"], table["upper"] = percentile_interval(self.draws[list(table.index)].to_numpy(), LEVEL)
        return table

    def allocate(self, C: Array, *, level: float | None = LEVEL) -> pd.DataFrame:
        """N and D at given budgets, as :func:`quokka_laws.plan.compute_optimal` (the method predicts no loss)."""
        C = np.atleast_1d(np.asarray(C, dtype=float))
        v = self.values
        N = v["k_N"] * C ** v["a"]
        D = C / (self.conventions.flops_per_ND * N)
        plan = pd.DataFrame({"C": C, "N": N, "D": D, "loss": np.nan, "tokens_per_param": D / N})
        if (level := usable_level(self, level)) is not None and self.draws is not None:
            log_N = np.log(self.draws["k_N"].to_numpy())[:, None] + self.draws["a"].to_numpy()[:, None] * np.log(C)
            spread = {"N": np.exp(log_N), "D": np.exp(np.log(C / self.conventions.flops_per_ND) - log_N)}
            for name, values in spread.items():
                plan[f"{name}_lower"], plan[f"{name}_upper"] = percentile_interval(values, level)
        lowest, highest = self.optima["C"].min(), self.optima["C"].max()
        plan["extrapolation"], plan["below_runs"] = times_outside(C, lowest, highest), lowest > C
        plan["N_flat_lower"], plan["N_flat_upper"] = np.nan, np.nan
        return plan

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Budgets that were refused, and what biases the others."""
        found = list(self.refused)
        if spread := flops_spread(self.runs):
            found.append(Diagnostic("FLOPS_VARY", Severity.WARNING, spread))
        width = float(self.optima["grid_width"].max())
        offset = float(np.exp(np.abs(np.log(self.optima["offset"])).max()))
        if width > WIDEST_GRID or offset > FARTHEST_OFFSET:
            numbers = {"width": width, "offset": offset}
            found.append(Diagnostic("WIDE_GRID", Severity.WARNING, numbers, advice=(Option("degree", 3),)))
        return tuple(found)

    def report(self) -> str:
        """The profiles as text."""
        from quokka_laws.results.text import isoflop_report

        return isoflop_report(self)

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        facts = f"N_opt = {self.values['k_N']:.4g}·C^{self.values['a']:.4f}; one row per budget"
        return card("IsoFLOP profiles", facts, self.optima, diagnostics=map(str, self.diagnostics))


def power_values(fits: dict[str, Any]) -> dict[str, float]:
    """``k_N, a, k_D, b`` of the lines through log optima."""
    (N, D) = (fits[k].params for k in ("N", "D"))
    return {
        "k_N": float(np.exp(N["intercept"].value)),
        "a": float(N["slope"].value),
        "k_D": float(np.exp(D["intercept"].value)),
        "b": float(D["slope"].value),
    }
