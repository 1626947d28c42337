"""Figures of a report, each with a title and a sentence; what cannot be drawn says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as SizedFigure

from quokka_laws._spelling import either
from quokka_laws.evaluation.comparison import Comparison, compare
from quokka_laws.evaluation.holdout import Candidate, log_errors
from quokka_laws.evaluation.sensitivity_analysis import own_settings, sensitivity
from quokka_laws.exceptions import QuokkaError
from quokka_laws.laws import BoundedMemorization, Chinchilla, QuokkaRepeated, Skaling
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting import plot
from quokka_laws.reporting.plot.svg import inline
from quokka_laws.reporting.tables import Table
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.isoflop_fit import IsoflopFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 1000
"""Refits of a report see at most about this many rows: of more, evenly chosen checkpoints of each run."""
MOST_MARKED = 4  # budgets on the contours; names of more would cover one another
DISTANCES = (3.0, 10.0)
MOST_CURVES = 4
"""Figures of loss over epochs, one for each number of unique tokens; of more, evenly chosen ones."""


@dataclass(frozen=True)
class Figure:
    """A title, a sentence below the picture, and what draws it; None where the sentence says why there is none."""

    title: str
    caption: str
    draw: Callable[[], Axes] | None = None
    numbers: pd.DataFrame | None = None
    """What is drawn, to download."""

    @property
    def name(self) -> str:
        """What its file of numbers is called."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")[:60]

    def drawn(self, shown: bool) -> dict[str, str]:
        """For the template, as inline SVG where pictures are wanted; the reason where the law refuses to be drawn."""
        try:
            picture, caption = inline(self.draw(), self.title) if shown and self.draw else "", self.caption
        except QuokkaError as error:
            picture, caption = "", f"Not drawn: {error}"
        return {"title": self.title, "name": self.name, "caption": caption, "svg": picture}


def figures(
    fit: FitResult,
    iso: IsoflopFit | str,
    new_runs: pd.DataFrame | None,
    budgets: Sequence[float],
    limits: Sequence[float],
) -> Iterator[Figure]:
    """Every figure that the fit allows, in the order of the page.

    Parameters
    ----------
    fit : FitResult
    iso : IsoflopFit or str
        Profiles of its runs, or why there are none.
    new_runs : DataFrame or None
        Runs to predict that were not fitted.
    budgets : sequence of float
    limits : sequence of float
        Unique tokens, for laws of repeated data; else none.
    """
    if fit.law.of_N_and_D:
        yield _frontier(fit, budgets)
    if isinstance(iso, IsoflopFit):
        yield Figure(
            "IsoFLOP profiles",
            f"Loss over model size at each budget, from faint (least compute) to strong; the minima follow "
            f"N_opt = {iso.values['k_N']:.4g}·C^{iso.values['a']:.3f}.",
            lambda: plot.isoflop_profiles(iso),
            iso.optima,
        )
    elif iso:
        yield Figure("IsoFLOP profiles", f"Not possible: {iso}")
    if limits:
        yield from _repeated(fit, limits)
    elif fit.law.of_N_and_D:
        yield _contours(fit, budgets)
    yield Figure(
        "Residuals",
        "How far the law lies above or below each fitted row, against each of its variables. Structure is what the law misses.",
        lambda: residual_panels(fit),
        fit.residuals,
    )
    if new_runs is not None and len(new_runs):
        errors = log_errors(fit, new_runs)
        yield Figure(
            "Runs that were not fitted",
            f"{len(new_runs)} of the runs given were not fitted; root mean square error "
            f"{100 * float(np.sqrt(np.mean(errors**2))):.2f} %.",
            lambda: plot.prediction_errors(fit, new_runs),
            new_runs.assign(log_error=errors),
        )


def residual_panels(fit: FitResult) -> Axes:
    """Residuals against every variable of the law and against compute, side by side; the first of the axes."""
    known = fit.residuals.select_dtypes("number")
    names = [
        k for k in dict.fromkeys([*fit.law.takes, *fit.law.variables, "C"]) if k in known and known[k].nunique() > 1
    ]
    if {"N", "D"} <= set(known):
        names.append("D/N")
    names = names or ["predicted"]
    rows = -(-len(names) // 2)
    panels = SizedFigure(figsize=(8.0, 2.9 * rows), layout="constrained").subplots(
        rows, min(2, len(names)), sharey=True, squeeze=False
    )
    for k, ax in enumerate(panels.ravel()):
        if k >= len(names):
            ax.axis("off")
            continue
        plot.residuals(fit, against=names[k], ax=ax)
        if k % 2:
            ax.set_ylabel("")
        if k and (legend := ax.get_legend()):
            legend.remove()
    return panels.ravel()[0]


def unseen(fit: FitResult, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that are not among those fitted."""
    keys = [k for k in ("N", "D", "U_D", "epochs", "loss") if k in runs and k in fit.runs]
    seen = set(map(tuple, fit.runs[keys].to_numpy()))
    return runs[[tuple(row) not in seen for row in runs[keys].to_numpy()]].reset_index(drop=True)


def _frontier(fit: FitResult, budgets: Sequence[float]) -> Figure:
    title = "Loss against compute"
    runs = fit.runs["C"]
    grid = np.geomspace(runs.min(), max(runs.max(), *budgets), 60)
    try:
        numbers = compute_optimal(fit, np.unique([*grid, *budgets]))
    except QuokkaError:
        numbers = None  # the figure says so
    return Figure(
        title,
        "The runs, the fitted law at six model sizes, and the lowest loss that each budget allows, with its 95 % band; the star is "
        "this law's best model at the budget asked for.",
        lambda: plot.loss_against_compute(fit, C=list(budgets) or None),
        numbers,
    )


def _contours(fit: FitResult, budgets: Sequence[float]) -> Figure:
    try:
        compute_optimal(fit, fit.fitted_range["C"][1], level=None)
    except QuokkaError as error:
        return Figure("Loss contours", f"Not drawn: {error}")
    return Figure(
        "Loss contours",
        "Loss of the fitted law over N and D, the runs, the compute-optimal line with its band, and the budgets asked "
        "for.",
        lambda: plot.loss_contours(fit, C=list(budgets)[:MOST_MARKED] or None),
    )


def _repeated(fit: FitResult, limits: Sequence[float]) -> Iterator[Figure]:
    seen = fit.runs["U_D"].to_numpy(dtype=float)
    every = np.unique(seen)
    shown = every[np.unique(np.linspace(0, len(every) - 1, min(len(every), MOST_CURVES)).astype(int))]
    for unique in shown:
        yield Figure(
            f"Loss over epochs at {human(unique)} unique tokens",
            "Runs as points, the fitted law as lines with 95 % bands, one colour per model size; the lowest point of each is marked "
            "where the loss rises again.",
            partial(plot.epoch_curves, fit, U_D=float(unique)),
            fit.residuals[seen == unique],
        )
    for nearest in dict.fromkeys(float(seen[np.argmin(np.abs(np.log(seen / limit)))]) for limit in limits):
        yield Figure(
            f"Loss contours at {human(nearest)} unique tokens",
            "Loss of the fitted law over epochs and N, with the optimum it predicts and the lowest run.",
            partial(plot.repeat_contours, fit, nearest),
        )


def comparison(fit: FitResult) -> Comparison:
    """The fit's law and a rival, fitted to the cheaper runs and judged on the others.

    Raises
    ------
    QuokkaError
        If the runs allow no split.
    """
    rivals = (QuokkaRepeated(), BoundedMemorization()) if fit.law.of_repetition else (Chinchilla(), Skaling())
    rival = next(law for law in rivals[::-1] if law.name != fit.law.name)
    laws = [Candidate(fit.law, own_settings(fit)), rival]
    return compare(laws, thinned(fit.runs), holdout=DISTANCES, objective=fit.objective, bootstrap=0, seed=fit.seed)


def thinned(runs: pd.DataFrame) -> pd.DataFrame:
    """At most about ``MOST_ROWS`` rows: evenly spaced checkpoints, first and last kept, or evenly spaced rows."""
    if len(runs) <= MOST_ROWS:
        return runs
    groups = runs.groupby("run_id", sort=False) if "run_id" in runs else [("all", runs)]
    share = max(2, MOST_ROWS // max(1, len(groups)))
    kept = [g.iloc[np.unique(np.linspace(0, len(g) - 1, share).astype(int))] for _, g in groups]
    few = pd.concat(kept, ignore_index=True)
    few.attrs = runs.attrs
    return few


@dataclass(frozen=True)
class HeldOut:
    """How well laws predict the largest runs from the rest, as a figure and a table."""

    figure: Figure
    table: Table


def held_out(fit: FitResult) -> HeldOut:
    """The fit's law beside a rival, judged on the largest runs."""
    title = "Held out: the largest runs predicted from the rest"
    try:
        found = comparison(fit)
    except QuokkaError as error:
        return HeldOut(Figure(title, f"Not possible: {error}"), Table("held-out", [], pd.DataFrame()))
    fewer = "" if len(fit.runs) <= MOST_ROWS else f" On {len(thinned(fit.runs))} of {len(fit.runs)} rows."
    rows = [
        {
            "law": row["law"],
            "budgets held out, up to": f"{row['holdout']} the largest fitted",
            "rows fitted": str(row["fitted"]),
            "rows predicted": str(row["held_out"]),
            "error": f"{100 * row['error']:.2f} %",
            "mean error": f"{100 * row['bias']:+.2f} %",
        }
        for row in found.table.to_dict("records")
    ]
    caption = f"Root mean square error of the losses of runs that cost more than those fitted.{fewer}"
    drawn = Figure(title, caption, lambda: plot.held_out_errors(found, ax=plot.new_axes(height=2.8)))
    return HeldOut(drawn, Table("held-out", rows, found.table))


def sensitivity_figure(fit: FitResult, C: float) -> Figure:
    """What the best size would be under other choices."""
    title = "Sensitivity to choices"
    if len(fit.runs) > MOST_ROWS:
        return Figure(
            title,
            f"Not computed for {len(fit.runs)} rows; {either('ql.sensitivity(fit, C)', '`quokka-laws sensitivity`')} does it.",
        )
    try:
        table = sensitivity(fit, C)
    except QuokkaError as error:
        return Figure(title, f"Not possible: {error}")
    low, high = table.loc[table["N"].idxmin()], table.loc[table["N"].idxmax()]
    name = "{0.choice} {0.variant}".format
    return Figure(
        title,
        f"Compute-optimal N at C = {C:.3g} when one choice is made otherwise; the band is the fit's own 95 % interval. "
        f"From {human(low['N'])} ({name(low).strip()}) to {human(high['N'])} ({name(high).strip()}).",
        lambda: plot.sensitivity(table, fit=fit, C=C),
        table,
    )
