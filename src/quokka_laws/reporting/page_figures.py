"""Figures of a report, each with a title and a sentence; what cannot be drawn says why."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.evaluation.comparison import Comparison, compare
from quokka_laws.evaluation.holdout import Candidate, log_errors
from quokka_laws.evaluation.sensitivity_analysis import own_settings, sensitivity
from quokka_laws.exceptions import QuokkaError
from quokka_laws.laws import BoundedMemorization, Chinchilla, QuokkaRepeated, Skaling
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting import plot
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.isoflop_fit import IsoflopFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 1000
"""Refits of a report see at most about this many rows: of more, evenly chosen checkpoints of each run."""
DISTANCES = (3.0, 10.0)


@dataclass(frozen=True)
class Figure:
    """A title, a sentence below the picture, and what draws it; None where the sentence says why there is none."""

    title: str
    caption: str
    draw: Callable[[], Axes] | None = None

    def drawn(self, shown: bool) -> dict[str, str]:
        """For the template, as inline SVG where pictures are wanted; the reason where the law refuses to be drawn."""
        try:
            picture, caption = svg(self.draw(), self.title) if shown and self.draw else "", self.caption
        except QuokkaError as error:
            picture, caption = "", f"Not drawn: {error}"
        return {"title": self.title, "caption": caption, "svg": picture}


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
    if isinstance(iso, IsoflopFit):
        yield Figure(
            "IsoFLOP profiles",
            f"Parabolas in log N at each budget, from light (least compute) to dark; their minima follow "
            f"N_opt = {iso.values['k_N']:.4g}·C^{iso.values['a']:.3f}.",
            lambda: plot.isoflop_profiles(iso),
        )
    elif iso:
        yield Figure("IsoFLOP profiles", f"Not possible: {iso}")
    if limits:
        yield from _repeated(fit, limits)
    elif fit.law.of_N_and_D:
        yield _contours(fit, budgets)
    if {"C", "D", "N"} <= set(fit.runs.columns):
        yield Figure(
            "Residuals",
            "Predicted against observed loss of every fitted row. Structure is what the law misses; shade is tokens "
            "per parameter.",
            lambda: plot.residuals(fit),
        )
    yield _held_out(fit)
    if new_runs is not None and len(new_runs):
        error = 100 * float(np.sqrt(np.mean(log_errors(fit, new_runs) ** 2)))
        yield Figure(
            "Runs that were not fitted",
            f"{len(new_runs)} of the runs given were not fitted; root mean square error {error:.2f} %.",
            lambda: plot.prediction_errors(fit, new_runs),
        )
    if budgets and not limits:
        yield _sensitivity(fit, budgets[0])


def unseen(fit: FitResult, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that are not among those fitted."""
    keys = [k for k in ("N", "D", "U_D", "epochs", "loss") if k in runs and k in fit.runs]
    seen = set(map(tuple, fit.runs[keys].to_numpy()))
    return runs[[tuple(row) not in seen for row in runs[keys].to_numpy()]].reset_index(drop=True)


def _contours(fit: FitResult, budgets: Sequence[float]) -> Figure:
    try:
        compute_optimal(fit, fit.fitted_range["C"][1], level=None)
    except QuokkaError as error:
        return Figure("Loss contours", f"Not drawn: {error}")
    return Figure(
        "Loss contours",
        "Loss of the fitted law over N and D, the runs, the compute-optimal line with its band, and the budgets asked "
        "for.",
        lambda: plot.loss_contours(fit, C=list(budgets) or None),
    )


def _repeated(fit: FitResult, limits: Sequence[float]) -> Iterator[Figure]:
    yield Figure(
        "Loss over epochs",
        "Runs as points, the fitted law as lines with 90 % bands, one colour per model size.",
        lambda: plot.epoch_curves(fit),
    )
    seen = fit.runs["U_D"].to_numpy(dtype=float)
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


def _held_out(fit: FitResult) -> Figure:
    title = "Held out: the largest runs predicted from the rest"
    try:
        found = comparison(fit)
    except (QuokkaError, ValueError) as error:
        return Figure(title, f"Not possible: {error}")
    words = " ".join(
        f"{distance} beyond ({rows['fitted'].iloc[0]} rows fitted, {rows['held_out'].iloc[0]} predicted): "
        + ", ".join(f"{law} {100 * error:.2f} %" for law, error in zip(rows["law"], rows["error"], strict=True))
        + "."
        for distance, rows in found.table.groupby("holdout", sort=False)
    )
    fewer = "" if len(fit.runs) <= MOST_ROWS else f" On {len(thinned(fit.runs))} of {len(fit.runs)} rows."
    return Figure(
        title,
        f"Root mean square error of losses at budgets up to so many times the largest fitted.{fewer} {words}",
        lambda: plot.held_out_errors(found),
    )


def _sensitivity(fit: FitResult, C: float) -> Figure:
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
        f"Compute-optimal N at C = {C:.3g} when one choice is made otherwise; the band is the fit's own 90 % interval. "
        f"From {human(low['N'])} ({name(low).strip()}) to {human(high['N'])} ({name(high).strip()}).",
        lambda: plot.sensitivity(table, fit=fit, C=C),
    )


def svg(ax: Axes, label: str) -> str:
    """The figure of an axes as inline SVG that scales with the page; text is drawn as outlines."""
    import matplotlib as mpl

    buffer = io.StringIO()
    salt = re.sub(r"\W+", "-", label)
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "path"}):
        ax.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})  # type: ignore[union-attr]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head, _, body = text.partition(">")
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    # Names are local to a figure: several share one page.
    body = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{salt}-", body)
    return f'{head} role="img" aria-label="{label}">{body}'
