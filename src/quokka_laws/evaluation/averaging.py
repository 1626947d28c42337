"""A prediction that does not bet on one law: stacked over several, with an interval calibrated on held-out budgets.

The laws are fitted for a forecast: the most expensive runs count most, and weak priors settle what they leave open
(:mod:`quokka_laws.evaluation.leaning`). The bootstrap interval of one law holds the uncertainty of its coefficients, not the chance that the law is wrong, and far
outside the runs the second is the larger by far. Here weights and width are learned from budgets of the user's own runs that
were held out, never from the fit in sample; :mod:`quokka_laws.evaluation.stacking` says how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._parallel import run_all
from quokka_laws._typing import Array
from quokka_laws.evaluation.holdout import (
    KAPLAN_WITH_FLOOR,
    Candidate,
    Split,
    as_candidates,
    laws_and_runs,
    reach_of_runs,
    splits,
    try_fold,
)
from quokka_laws.evaluation.leaning import HALVED_EVERY, leaning, weak_prior
from quokka_laws.evaluation.stacking import Folds, Stack, learn, nested
from quokka_laws.exceptions import FitError
from quokka_laws.laws import Law
from quokka_laws.laws.chinchilla import Skaling
from quokka_laws.objective import LogHuber, Objective
from quokka_laws.plan.arguments import positive
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import indent, left_aligned
from quokka_laws.results.intervals import LEVEL, check_level, with_level
from quokka_laws.results.notebook import card
from quokka_laws.results.text import numbered, paragraphs
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.rows import subset

DISTANCES = tuple(2.0**k for k in range(1, 15))
"""Folds: fit the runs up to max(C) over each of these, predict the rest; those with too few runs are left out."""
BANDS = (1.0, 3.0, 10.0, 30.0, np.inf)
"""Distances at which coverage is counted apart."""
FAR_TOO_WIDE = 5.0
"""Half-width of an interval over the error it had to hold, above which the report says so."""


@dataclass(frozen=True)
class Average:
    """Several laws as one prediction.

    Parameters
    ----------
    fits : dict of str to FitResult
        Each law on all runs, weighted towards the most expensive; ``fit.prior`` is what was expected of it.
    stack : Stack
        Weights, and what the interval is made of.
    folds : Folds
        What was predicted on held-out budgets; the calibration.
    refused : tuple of str
        Folds and fits that were not possible, and why.
    largest_C : float
    conventions : Conventions
    """

    fits: dict[str, FitResult]
    stack: Stack
    folds: Folds
    refused: tuple[str, ...]
    largest_C: float
    conventions: Conventions

    @property
    def label(self) -> str:
        """Name for tables."""
        return "average of " + ", ".join(self.fits)

    @property
    def weights(self) -> dict[str, float]:
        """By law; non-negative, summing to 1."""
        return dict(zip(self.fits, self.stack.weights.tolist(), strict=True))

    def __call__(self, **data: Any) -> Array:
        """Stacked loss at raw data: the weighted geometric mean of the laws' predictions."""
        return np.asarray(np.exp(np.tensordot(self.stack.weights, self._log(data), axes=1)))

    def _log(self, data: dict[str, Any]) -> Array:
        return np.log(np.stack(np.broadcast_arrays(*(f(**data) for f in self.fits.values()))))

    def predict(self, *, level: float | None = LEVEL, **data: Any) -> pd.DataFrame:
        """Loss of one new run.

        Parameters
        ----------
        level : float, optional
            Confidence level; the interval is one of a new run, and widens with distance. None for no interval.
        **data
            N, D and whatever the laws need, in raw units.

        Returns
        -------
        DataFrame
            The data, ``loss``, ``loss_lower, loss_upper``, ``disagreement`` (largest over smallest prediction of a
            law with weight, minus 1), ``distance`` (C over the largest C of the runs), and
            ``coverage_held_out``: what intervals of this level held of held-out budgets at about this distance, in
            nested folds (NaN where none is that far: the interval is then an extrapolation itself).
        """
        flat = dict(zip(data, positive(**data), strict=True))
        logs = self._log(flat)
        table = pd.DataFrame(flat)
        centre = self.stack.weights @ logs
        table["loss"] = np.exp(centre)
        C = flat.get("C", self.conventions.flops_per_ND * flat.get("N", np.nan) * self._tokens(flat))
        distance = np.maximum(C / self.largest_C, 1.0)
        if level is not None:
            check_level(level)
            half = self.stack.half_width(logs, np.log(distance), level)
            table["loss_lower"], table["loss_upper"] = np.exp(centre - half), np.exp(centre + half)
        used = logs[self.stack.weights > 0]
        table["disagreement"] = np.exp(used.max(axis=0) - used.min(axis=0)) - 1.0
        table["distance"] = distance
        if level is not None:
            by_band = self.calibration(level)["coverage"].to_numpy()
            table["coverage_held_out"] = by_band[_band(distance)]
        return with_level(table, level)

    @staticmethod
    def _tokens(flat: dict[str, Array]) -> Any:
        return flat["D"] if "D" in flat else flat.get("U_D", np.nan) * flat.get("epochs", 1.0)

    def calibration(self, level: float = LEVEL) -> pd.DataFrame:
        """What intervals of this level held of held-out budgets that nothing had seen, by distance.

        Every fold in turn is an outer one: weights and width are learned by holding out budgets within the runs it fits,
        and tried on the budgets beyond.

        Returns
        -------
        DataFrame
            By ``distance`` (up to ×3, ×10, ×30, beyond): ``budgets``, ``rows``, ``coverage`` (mean over budgets, NaN
            without any), ``claim`` (coverage·n/(n + 1): n budgets cannot promise more for the next one),
            ``half_width`` and ``error``, relative.
        """
        check_level(level)
        tried = nested(self.folds, level)
        band = _band(tried["distance"].to_numpy(dtype=float))
        rows = []
        for i, (low, high) in enumerate(pairwise(BANDS)):
            part = tried[band == i]
            rows.append(
                {
                    "distance": f"×{low:g} to ×{high:g}" if np.isfinite(high) else f"beyond ×{low:g}",
                    "budgets": len(part),
                    "rows": int(part["rows"].sum()),
                    "coverage": float(part["inside"].mean()) if len(part) else np.nan,
                    "claim": float(part["inside"].sum() / (len(part) + 1)) if len(part) else np.nan,
                    "half_width": float(part["half_width"].median()) if len(part) else np.nan,
                    "error": float(np.sqrt((part["error"] ** 2).mean())) if len(part) else np.nan,
                }
            )
        return pd.DataFrame(rows)

    def claim(self, level: float = LEVEL) -> float:
        """The coverage that can be claimed over all distances; NaN where fewer than two folds could be held out."""
        tried = nested(self.folds, level)
        return float(tried["inside"].sum() / (len(tried) + 1)) if len(tried) else float("nan")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """DataFrame by law: weight and root mean square held-out error."""
        error = self.stack.errors if len(self.folds) else np.full(len(self.fits), np.nan)
        table = pd.DataFrame({"weight": self.stack.weights, "held_out_error": error}, index=list(self.fits))
        table.index.name = "law"
        return table

    def report(self, level: float = LEVEL) -> str:
        """The answer, what to know before relying on it, weights and calibration."""
        return paragraphs(self.answer(level), numbered(self.known(level)), self.evidence(level))

    def answer(self, level: float = LEVEL) -> str:
        """Weights in a line, and what its intervals can claim to hold."""
        weights = ", ".join(f"{law} {weight:.2f}" for law, weight in self.weights.items() if weight > 0)
        claim = self.claim(level)
        held = f"; {100 * level:.3g} % intervals can claim {claim:.0%}" if claim == claim else ""
        return f"Weights from held-out budgets: {weights}{held}"

    def known(self, level: float = LEVEL) -> list[str]:
        """What to know before relying on it: intervals that held less than they say, or far more; what was not possible."""
        said = []
        table = self.calibration(level)
        tried = table[table["budgets"] > 0]
        if not len(self.folds):
            said.append("Not calibrated: too few runs to hold budgets out, so the interval is a guess.")
        elif not len(tried):
            said.append("Coverage is unknown: there was one fold, and nothing left to try the interval on.")
        for row in tried[tried["coverage"] < level - 0.1].itertuples():
            said.append(
                f"{row.distance}: {100 * level:.3g} % intervals held only {row.coverage:.0%}; read them as such."
            )
        wide = tried[tried["half_width"] > FAR_TOO_WIDE * tried["error"]]
        if len(wide):
            times = (wide["half_width"] / wide["error"]).map("{:.0f}".format)
            each = ", ".join(f"{n} times ({where})" for n, where in zip(times, wide["distance"], strict=True))
            said.append(
                f"Intervals were wider than the errors they had to hold, {each}: safe, not sharp; the folds are few, or the laws disagree."
            )
        return [*said, *self.refused]

    def evidence(self, level: float = LEVEL) -> str:
        """Weights and calibration."""
        shown = self.summary.rename_axis(None)
        shown = shown.assign(
            weight=shown["weight"].map("{:.2f}".format), held_out_error=shown["held_out_error"].map("{:.2%}".format)
        )
        lines = ["Stacked over held-out budgets:", indent(left_aligned(shown))]
        lines.append(
            f"  Each law is fitted with weights that halve for every factor {HALVED_EVERY:g} below the largest compute."
        )
        expected = {k: v for f in self.fits.values() for k, v in f.prior.items()}
        if expected:
            lines.append(f"  Weak priors: {', '.join(_expectation(k, *v) for k, v in expected.items())}")
        if len(self.folds):
            lines.append(f"  {len(self.folds)} folds, fitted on {', '.join(map(str, self.folds.fitted[:-1]))} rows")
        table = self.calibration(level)
        if len(tried := table[table["budgets"] > 0]):
            lines += ["", f"What {100 * level:.3g} % intervals held of budgets they had not seen:"]
            lines.append(indent(left_aligned(_calibration_text(tried))))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        count = len(self.folds)
        facts = (
            f"stacked over {count} folds of held-out budgets"
            if count
            else "not calibrated: no budget could be held out"
        )
        return card("Average", facts, self.summary, diagnostics=self.refused, index=True)


def average(
    *given: Any,
    laws: Sequence[Law | Candidate | str] | None = None,
    runs: Any = None,
    holdout: Sequence[float] = DISTANCES,
    objective: Objective | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: bool = False,
) -> Average:
    """Stack several laws by their error on held-out budgets.

    Parameters
    ----------
    *given
        Laws and runs, in either order, or runs alone, where they are not given by name.
    laws : sequence of Law, Candidate or str, optional
        None: Skaling, and Kaplan's form with a floor.
    runs : DataFrame, path or data
    holdout : sequence of float
        Distances at which to hold out. A fold needs twice as many runs as the largest law has coefficients; others are
        skipped. More folds give a width that is better known.
    objective : Objective, optional
        ``LogHuber("auto")`` by default.
    seed : int
    workers : int
        Processes that share the folds; -1 for every core. See :func:`~quokka_laws.fit`.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Average

    Raises
    ------
    FitError
        If no law fits all runs.
    """
    laws, runs = laws_and_runs("average", given, laws, runs)
    order = np.argsort(reach_of_runs(runs), kind="stable")
    runs = subset(runs, order)
    candidates = as_candidates(laws) if laws is not None else [Candidate(Skaling()), KAPLAN_WITH_FLOOR]
    objective = objective or LogHuber("auto")
    found_all = {c.label: _fitted(c, runs, objective, seed) for c in candidates}
    fits = {label: f for label, f in found_all.items() if isinstance(f, FitResult)}
    refused = [f for f in found_all.values() if isinstance(f, str)]
    if not fits:
        raise FitError(f"no law could be fitted: {'; '.join(refused)}")
    candidates = [c for c in candidates if c.label in fits]
    parts, short = splits(runs, np.sort(np.atleast_1d(holdout))[::-1], need=2 * max(c.free for c in candidates))
    if not parts:
        refused += short
    tried = [part for i, part in enumerate(parts) if not i or len(part.fitted) != len(parts[i - 1].fitted)]
    near = {label: FittedLaw(f.law, f.values) for label, f in fits.items()}
    pieces = [(candidates, near, runs, part, objective, seed) for part in tried]
    with Progress("folds", len(tried), enabled=progress) as bar:
        by_fold = run_all(_fold, pieces, workers=workers, done=lambda _: bar.update(1))
    predicted, fitted = [], []
    for part, found in zip(tried, by_fold, strict=True):
        if isinstance(found, str):
            refused.append(f"{part.label}: {found}")
        else:
            predicted.append(found)
            fitted.append(len(part.fitted))
    folds = Folds(
        np.log(runs["loss"].to_numpy(dtype=float)),
        np.log(runs["C"].to_numpy(dtype=float)),
        np.stack([*predicted, _predictions(list(fits.values()), runs)]),
        np.array([*fitted, len(runs)]),
    )
    return Average(
        fits=fits,
        stack=learn(folds),
        folds=folds,
        refused=tuple(refused),
        largest_C=float(runs["C"].max()),
        conventions=Conventions.from_dict(runs.attrs.get("conventions", {})),
    )


def _fitted(
    candidate: Candidate, runs: pd.DataFrame, objective: Objective, seed: int, near: Sequence[FittedLaw] = ()
) -> FitResult | str:
    """A law as a forecast wants it, or why there is none."""
    prior = weak_prior(candidate, runs, objective)
    return try_fold(candidate, leaning(runs), near=near, objective=objective, prior=prior, seed=seed)


def _fold(
    candidates: Sequence[Candidate],
    near: Mapping[str, FittedLaw],
    runs: pd.DataFrame,
    part: Split,
    objective: Objective,
    seed: int,
) -> Array | str:
    """What laws fitted to some of the runs predict for all of them, or why one could not be fitted."""
    train = subset(runs, part.fitted)
    found = [_fitted(c, train, objective, seed, [near[c.label]]) for c in candidates]
    if failed := [f for f in found if isinstance(f, str)]:
        return failed[0]
    return _predictions([f for f in found if isinstance(f, FitResult)], runs)


def _predictions(fits: Sequence[FitResult], runs: pd.DataFrame) -> Array:
    return np.log(np.stack([f(**inputs_of(runs, f.law.takes)) for f in fits]))


def _expectation(name: str, mean: float, sd: float) -> str:
    """A prior in words; that of a floor is of its logarithm."""
    return (
        f"E near {np.exp(mean):.3g}, within a factor {np.exp(sd):.2g}" if name == "E" else f"{name} {mean:g} ± {sd:g}"
    )


def _band(distance: Array) -> Array:
    return np.clip(np.searchsorted(BANDS, distance * (1 - 1e-9), side="right") - 1, 0, len(BANDS) - 2)


def _calibration_text(tried: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame(
        {
            "budgets": tried["budgets"].astype(str),
            "held": tried["coverage"].map("{:.0%}".format),
            "can claim": tried["claim"].map("{:.0%}".format),
            "half-width": tried["half_width"].map("{:.1%}".format),
            "error": tried["error"].map("{:.1%}".format),
        }
    )
    shown.index = tried["distance"].rename(None)
    return shown
