"""The main job, end to end: a sweep fitted both ways, the optimum with intervals, figures and the fit on disk."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.evaluation.agreement import disagreement, second_opinions
from quokka_laws.exceptions import FitError, QuokkaError, RunsError
from quokka_laws.fitting.fit import fit
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.laws import Chinchilla, Law
from quokka_laws.literature import datasets
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.reporting import plot
from quokka_laws.reporting.text import allocation_table, outside_runs
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import WIDTH, human, indent, right_aligned
from quokka_laws.results.isoflop_fit import IsoflopFit

LEVEL = 0.95


@dataclass(frozen=True)
class Study:
    """A parametric fit, IsoFLOP profiles where the runs allow them, and allocations at the budgets asked for."""

    fit: FitResult
    iso: IsoflopFit | None
    no_iso: str
    budgets: tuple[float, ...]
    unique: tuple[float, ...] = ()

    @property
    def plan(self) -> pd.DataFrame:
        """Allocations of both methods, one row each per budget; empty without budgets."""
        if not self.budgets or not self.has_optimum:
            return pd.DataFrame()
        tables = {self.fit.law.label: self._own_plan()}
        if self.iso is not None:
            level = LEVEL if self.iso.draws is not None else None
            tables["IsoFLOP profiles"] = compute_optimal(self.iso, self.budgets, interval=level)
        return pd.concat(tables, names=["method"]).reset_index(level=0)

    def _own_plan(self) -> pd.DataFrame:
        return compute_optimal(self.fit, self.budgets, interval=self.level)

    @property
    def level(self) -> float | None:
        """Of the intervals of the fit, if it has any."""
        return LEVEL if self.fit.has_intervals else None

    @property
    def has_optimum(self) -> bool:
        """Whether the law is one of N and D."""
        return self.fit.law.of_N_and_D

    def report(self) -> str:
        """Everything, as text."""
        parts = [self.fit.report()]
        if self.iso is not None:
            parts.append(self.iso.report())
        elif self.no_iso:
            parts.append(f"IsoFLOP profiles: not possible. {self.no_iso}")
        if self.budgets and self.has_optimum:
            parts.append(f"Compute-optimal allocation ({LEVEL:.0%} intervals)")
            for method, table in self.plan.groupby("method", sort=False):
                parts.append(f"  by {method}\n{allocation_table(table.reset_index(drop=True), LEVEL)}")
            parts.append("\n".join(self.cautions()))
        elif self.budgets:
            parts.append(self._repeated())
        return "\n\n".join(parts)

    def _repeated(self) -> str:
        """The best use of the budgets and of limited data, or what it takes to say."""
        if "epochs" not in self.fit.law.variables:
            return f"{self.fit.law.label} is a law of {', '.join(self.fit.law.variables)}: it allocates no budget"
        if not self.unique:
            return (
                f"{self.fit.law.label} allocates a budget on limited data: say how many unique tokens there are (-U 100B), or ask "
                "`quokka-laws data-optimal`"
            )
        try:
            plan = compute_and_data_optimal(self.fit, self.budgets, self.unique, interval=self.level)
        except FitError as error:
            return f"no allocation: {error}"
        return f"Best model and epochs by {self.fit.law.label}\n{indent(right_aligned(plan))}"

    def cautions(self) -> list[str]:
        """What to keep in mind about the allocations."""
        lines = [
            f"  ! C = {budget:.3g} IS {factor} {side.upper()}; intervals hold the uncertainty of the coefficients, not that of "
            "the law"
            for budget, factor, side in outside_runs(self.fit, self.budgets)
        ]
        others = second_opinions(self.fit, self.iso, self.budgets)
        for i, (_, own) in enumerate(self._own_plan().iterrows()):
            if said := disagreement(own, others, i):
                sentence = f"AT C = {own['C']:.3g} the best size is {human(own['N'])} by {self.fit.label}, but {said}"
                lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ! ", subsequent_indent="    ")
        return lines or ["  all budgets lie within the fitted runs"]

    def write(self, folder: str | Path) -> list[Path]:
        """Write ``fit.json`` and the figures to a folder (made if need be); returns what was written."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.fit.to_json(folder / "fit.json")
        written = [folder / "fit.json"]
        if self.iso is not None:
            written.append(plot.save(plot.isoflop_profiles(self.iso), folder / "isoflop-profiles.png"))
        if self.has_optimum:
            at = self.budgets or None
            written.append(plot.save(plot.loss_contours(self.fit, C=at), folder / "loss-contours.png"))
            written.append(plot.save(plot.residuals(self.fit), folder / "residuals.png"))
        return written


def study(
    law: Law,
    runs: pd.DataFrame,
    *,
    C: Any = (),
    U_D: Any = (),
    bootstrap: int = 1000,
    seed: int = 0,
    **settings: Any,
) -> Study:
    """Fit a law and, where the runs share budgets, IsoFLOP profiles.

    Parameters
    ----------
    law, runs, bootstrap, seed
        As for :func:`quokka_laws.fit`.
    C : float or sequence
        Budgets to allocate.
    U_D : float or sequence
        Unique tokens, for laws of repeated data.
    **settings
        Further arguments of :func:`quokka_laws.fit`.
    """
    result = fit(law, runs, bootstrap=bootstrap, seed=seed, **settings)
    iso, reason = None, ""
    if result.law.of_N_and_D:
        try:
            iso = fit_isoflops(result.runs, bootstrap=bootstrap, seed=seed)
        except RunsError as error:
            reason = str(error)
    budgets, unique = (tuple(float(v) for v in np.atleast_1d(given)) for given in (C, U_D))
    return Study(result, iso, reason, budgets, unique)


def quokka_demo(*, C: Any = (), bootstrap: int = 1000, seed: int = 0, progress: bool = False) -> tuple[Study, str]:
    """The main job on the digitised runs of the Quokka paper, and its text with the paper's numbers beside ours."""

    runs = datasets.load_quokka_isoflops()
    tables = datasets.load_quokka_tables()
    llada = 1.1e23
    done = study(Chinchilla(), runs, C=(llada, *np.atleast_1d(C)), bootstrap=bootstrap, seed=seed, progress=progress)
    if done.iso is None:
        raise QuokkaError(f"the shipped Quokka runs gave no IsoFLOP profiles: {done.no_iso}")
    printed = tables["eq13"]
    summary = done.fit.summary
    beside = pd.DataFrame(
        {
            "ours": summary["value"].map("{:.5g}".format),
            "95 % interval": [f"{a:.4g} … {b:.4g}" for a, b in zip(summary["lower"], summary["upper"], strict=True)],
            "paper (Eq. 13)": [f"{printed[k]:g}" for k in summary.index],
        }
    )
    beside.index.name = None
    v, p = done.iso.summary, tables["approach1_text"]
    power = pd.DataFrame(
        {
            "ours": v["value"].map("{:.4g}".format),
            "95 % interval": [f"{a:.3g} … {b:.3g}" for a, b in zip(v["lower"], v["upper"], strict=True)],
            "paper (Sec. 3.2)": [p["kN"], p["a"], p["kD"], p["b"]],
        }
    )
    text = "\n\n".join(
        [
            "Quokka (arXiv 2510.03280): 87 masked-diffusion runs, digitised from its Figure 2, and LLaDA's budget",
            done.report(),
            f"Beside the paper: parametric law\n{right_aligned(beside, index=True)}",
            f"Beside the paper: IsoFLOP power laws\n{right_aligned(power, index=True)}",
        ]
    )
    return done, text
