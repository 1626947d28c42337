"""A prediction that does not bet on one law: stacked over several, with an interval calibrated on held-out budgets.

The bootstrap interval of one law holds the uncertainty of its coefficients, not the chance that the law is wrong, and far
outside the runs the second is the larger by far. Here

- weights minimise the error on held-out budgets of the user's own runs, never in sample;
- the half-width at a point is ``q·s`` with ``s² = noise² + disagreement² + (growth·ln distance)²``: residual noise, the
  weighted spread of the laws' predictions there, and what errors were seen to grow by with distance;
- ``q`` is the quantile of ``|error|/s`` on the held-out rows, the largest over the splits, since rows of one split share
  their errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from scipy.stats import norm

from quokka_laws.conventions import Conventions
from quokka_laws.exceptions import FitError
from quokka_laws.holdout import Candidate, as_candidates, default_candidates, inputs_of, splits, try_fit
from quokka_laws.jet import Array
from quokka_laws.laws import Law
from quokka_laws.notebook import card
from quokka_laws.objective import Objective
from quokka_laws.report_text import indent, left_aligned
from quokka_laws.results import FitResult, check_level
from quokka_laws.runs import check_runs

DISTANCES = (2.0, 3.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True)
class _HeldOut:
    """Predictions of all laws on one split."""

    label: str
    log_predicted: Array  # laws × rows
    log_observed: Array
    log_distance: Array
    noise: float


@dataclass(frozen=True)
class Average:
    """Several laws as one prediction.

    Parameters
    ----------
    fits : dict of str to FitResult
        Each law on all runs.
    weights : dict of str to float
        Non-negative, summing to 1.
    noise, growth : float
        Parts of the interval's scale, in log-loss; see the module.
    held_out : tuple
        What was predicted on held-out budgets; the calibration.
    refused : tuple of str
        Splits and fits that were not possible, and why.
    """

    fits: dict[str, FitResult]
    weights: dict[str, float]
    noise: float
    growth: float
    held_out: tuple[_HeldOut, ...]
    refused: tuple[str, ...]
    largest_C: float
    conventions: Conventions

    @property
    def label(self) -> str:
        """Name for tables."""
        return "average of " + ", ".join(self.fits)

    def __call__(self, **data: Any) -> Array:
        """Stacked loss at raw data: the weighted geometric mean of the laws' predictions."""
        return np.asarray(np.exp(np.tensordot(self._w, self._log(data), axes=1)))

    @property
    def _w(self) -> Array:
        return np.array([self.weights[name] for name in self.fits])

    def _log(self, data: dict[str, Any]) -> Array:
        return np.log(np.stack(np.broadcast_arrays(*(f(**data) for f in self.fits.values()))))

    def predict(self, *, interval: float | None = None, **data: Any) -> pd.DataFrame:
        """Loss of one new run.

        Parameters
        ----------
        interval : float, optional
            Level; the interval is one of a run, and widens with distance.
        **data
            N, D and whatever the laws need, in raw units.

        Returns
        -------
        DataFrame
            The data, ``loss``, ``loss_lower, loss_upper``, ``disagreement`` (largest over smallest prediction of a
            law with weight, minus 1), ``distance`` (C over the largest C of the runs), and
            ``coverage_held_out``: the share of held-out rows that intervals of this level contained when each
            split was calibrated on the others (NaN with fewer than two splits).
        """
        shape = np.broadcast_shapes(*(np.shape(v) for v in data.values()))
        flat = {k: np.broadcast_to(np.asarray(v, dtype=float), shape).reshape(-1) for k, v in data.items()}
        if any(not (v > 0).all() for v in flat.values()):
            raise ValueError("N, D, U_D and epochs must be positive numbers")
        logs = self._log(flat)
        table = pd.DataFrame(flat)
        centre = self._w @ logs
        table["loss"] = np.exp(centre)
        C = flat.get("C", self.conventions.flops_per_ND * flat.get("N", np.nan) * self._tokens(flat))
        distance = np.maximum(C / self.largest_C, 1.0)
        if interval is not None:
            check_level(interval)
            half = self.quantile(interval) * _scale(logs, self._w, self.noise, self.growth, np.log(distance))
            table["loss_lower"], table["loss_upper"] = np.exp(centre - half), np.exp(centre + half)
        used = logs[self._w > 0]
        table["disagreement"] = np.exp(used.max(axis=0) - used.min(axis=0)) - 1.0
        table["distance"] = distance
        if interval is not None:
            table["coverage_held_out"] = self.coverage(interval)
        return table

    @staticmethod
    def _tokens(flat: dict[str, Array]) -> Any:
        return flat["D"] if "D" in flat else flat.get("U_D", np.nan) * flat.get("epochs", 1.0)

    def quantile(self, level: float) -> float:
        """How many scales the interval reaches; the normal quantile where there is nothing to calibrate on."""
        return _quantile(self.held_out, level) if self.held_out else float(norm.ppf(0.5 + 0.5 * level))

    def coverage(self, level: float) -> float:
        """Share of held-out rows inside intervals of this level, each split calibrated on the others."""
        if len(self.held_out) < 2:
            return float("nan")
        shares = []
        for i, part in enumerate(self.held_out):
            others = (*self.held_out[:i], *self.held_out[i + 1 :])
            w, growth = _stack(others), 0.0
            growth = _growth(others, w)
            scale = _scale(part.log_predicted, w, part.noise, growth, part.log_distance)
            error = np.abs(w @ part.log_predicted - part.log_observed)
            shares.append(float(np.mean(error <= _quantile(others, level, w, growth) * scale)))
        return float(np.mean(shares))

    @property
    def summary(self) -> pd.DataFrame:
        """DataFrame by law: weight and root mean square held-out error."""
        error = np.full(len(self.fits), np.nan)
        if self.held_out:
            per_split = [((h.log_predicted - h.log_observed) ** 2).mean(axis=1) for h in self.held_out]
            error = np.sqrt(np.mean(per_split, axis=0))
        table = pd.DataFrame({"weight": self._w, "held_out_error": error}, index=list(self.fits))
        table.index.name = "law"
        return table

    def report(self, level: float = 0.9) -> str:
        """Weights and calibration as text."""
        shown = self.summary.rename_axis(None)
        shown = shown.assign(
            weight=shown["weight"].map("{:.2f}".format), held_out_error=shown["held_out_error"].map("{:.2%}".format)
        )
        lines = ["Stacked over held-out budgets:", indent(left_aligned(shown))]
        if self.held_out:
            lines.append(f"  calibrated on splits {', '.join(h.label for h in self.held_out)}")
        else:
            lines.append("  ! NOT CALIBRATED: too few runs to hold budgets out; the interval is a guess")
        if len(self.held_out) > 1:
            lines.append(
                f"  {level:.0%} intervals contained {self.coverage(level):.0%} of held-out rows, each split calibrated "
                "on the others"
            )
        return "\n".join([*lines, *(f"  ! {sentence}" for sentence in self.refused)])

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        splits = ", ".join(h.label for h in self.held_out)
        facts = f"stacked over held-out budgets {splits}" if splits else "NOT CALIBRATED: no budget could be held out"
        return card("Average", facts, self.summary, doubts=self.refused, index=True)


def average(
    laws: Sequence[Law | Candidate] | None,
    runs: pd.DataFrame,
    *,
    holdout: Sequence[float] = DISTANCES,
    objective: Objective | None = None,
    seed: int = 0,
) -> Average:
    """Stack several laws by their error on held-out budgets.

    Parameters
    ----------
    laws : sequence of Law or Candidate, or None
        None: Chinchilla, Skaling, Kaplan with a floor, Kaplan.
    runs : DataFrame
    holdout : sequence of float
        Distances at which to hold out; those that leave too few runs are skipped and named.
    objective : Objective, optional
    seed : int

    Returns
    -------
    Average

    Raises
    ------
    FitError
        If no law fits all runs.
    """
    runs = check_runs(runs)
    candidates = as_candidates(laws) if laws is not None else default_candidates()
    fits: dict[str, FitResult] = {}
    refused: list[str] = []
    for candidate in candidates:
        found = try_fit(candidate, runs, objective=objective, bootstrap=0, seed=seed)
        if isinstance(found, str):
            refused.append(found)
        else:
            fits[candidate.label] = found
    if not fits:
        raise FitError(f"no law could be fitted: {'; '.join(refused)}")
    candidates = [c for c in candidates if c.label in fits]
    parts, skipped = splits(runs, holdout, need=max(c.free for c in candidates) + 2)
    held = []
    for part in parts:
        train, test = runs.iloc[part.fitted].reset_index(drop=True), runs.iloc[part.held_out].reset_index(drop=True)
        train.attrs = runs.attrs
        found_all = [try_fit(c, train, objective=objective, bootstrap=0, seed=seed) for c in candidates]
        if failed := [f for f in found_all if isinstance(f, str)]:
            skipped.append(f"{part.label}: {failed[0]}")
            continue
        usable = [f for f in found_all if isinstance(f, FitResult)]
        predicted = np.log(np.stack([f(**inputs_of(f, test)) for f in usable]))
        distance = np.maximum(test["C"].to_numpy(dtype=float) / train["C"].max(), 1.0)
        noise = float(np.sqrt(np.mean([np.mean(f.log_residuals() ** 2) for f in usable])))
        held.append(
            _HeldOut(part.label, predicted, np.log(test["loss"].to_numpy(dtype=float)), np.log(distance), noise)
        )
    w = _stack(held) if held else np.full(len(fits), 1.0 / len(fits))
    residual = sum(wi * f.log_residuals() for wi, f in zip(w, fits.values(), strict=True))
    return Average(
        fits=fits,
        weights={name: float(wi) for name, wi in zip(fits, w, strict=True)},
        noise=float(np.sqrt(np.mean(np.asarray(residual) ** 2))),
        growth=_growth(held, w) if held else 0.0,
        held_out=tuple(held),
        refused=(*refused, *skipped),
        largest_C=float(runs["C"].max()),
        conventions=Conventions.from_dict(runs.attrs.get("conventions", {})),
    )


def _stack(held: Sequence[_HeldOut]) -> Array:
    """Simplex weights with the least mean square of the stacked log error, each split counting the same."""
    errors = np.concatenate([(h.log_predicted - h.log_observed).T / np.sqrt(len(h.log_observed)) for h in held])
    firm = 1e3 * np.abs(errors).max() * np.sqrt(len(errors)) + 1e-12  # holds the sum of the weights at 1
    w, _ = nnls(np.vstack([errors, np.full((1, errors.shape[1]), firm)]), np.r_[np.zeros(len(errors)), firm])
    return np.asarray(w / w.sum())


def _disagreement(logs: Array, w: Array) -> Array:
    """Weighted standard deviation of the laws' log predictions, with at least equal-weights/10 for each law."""
    soft = 0.9 * w + 0.1 / len(w)
    centre = soft @ logs
    return np.asarray(np.sqrt(soft @ (logs - centre) ** 2))


def _scale(logs: Array, w: Array, noise: float, growth: float, log_distance: Array) -> Array:
    return np.asarray(np.sqrt(noise**2 + _disagreement(logs, w) ** 2 + (growth * log_distance) ** 2))


def _growth(held: Sequence[_HeldOut], w: Array) -> float:
    """Error per unit of ln(distance) that noise and disagreement leave unexplained."""
    excess, reach = [], []
    for h in held:
        error = w @ h.log_predicted - h.log_observed
        excess.append(np.mean(error**2 - h.noise**2 - _disagreement(h.log_predicted, w) ** 2))
        reach.append(np.mean(h.log_distance**2))
    return float(np.sqrt(max(np.mean(excess), 0.0) / max(np.mean(reach), 1e-12)))


def _quantile(held: Sequence[_HeldOut], level: float, w: Array | None = None, growth: float | None = None) -> float:
    """The largest over splits of the quantile of |error|/scale."""
    w = _stack(held) if w is None else w
    growth = _growth(held, w) if growth is None else growth
    found = []
    for h in held:
        error = np.abs(w @ h.log_predicted - h.log_observed)
        score = error / _scale(h.log_predicted, w, h.noise, growth, h.log_distance)
        found.append(np.quantile(score, level, method="higher"))
    return float(max(found))
