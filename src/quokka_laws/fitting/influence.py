"""Whether some of the rows decide a conclusion: how much it changes without them, against the noise of that change.

The noise comes from paired resamples: both fits see the same resampled runs, so what they share cancels. Half the distance
between the 16th and 84th percentile of the change stands for its standard deviation, which a few wild refits would inflate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.fitting.bootstrap import resample_weights
from quokka_laws.fitting.multistart import THIN_ROWS, Optimum, optimise
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import solve
from quokka_laws.fitting.starts import thin
from quokka_laws.laws import Law
from quokka_laws.objective import Objective
from quokka_laws.results.intervals import standard_error

RESAMPLES = 100

Conclusion = Callable[[Mapping[str, Array], Array], Mapping[str, Array]]
"""Coefficients (refits,) and row weights (refits, rows) → named numbers (refits,)."""


@dataclass(frozen=True)
class Change:
    """A number with all rows and without some, and the standard deviations of the latter and of the difference."""

    with_all: float
    without: float
    sd_without: float
    sd: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the number changes by more than two standard deviations."""
        return abs(self.with_all - self.without) > 2.0 * self.sd


@dataclass(frozen=True)
class Refits:
    """What is needed to fit the same law to some of the rows.

    Parameters
    ----------
    law, data, space, objective, seed
        Of the fit.
    best : Optimum
        Of all rows.
    n_starts : int, optional
    """

    law: Law
    data: Data
    space: Space
    objective: Objective
    best: Optimum
    n_starts: int | None
    seed: int

    def without(
        self,
        kept: Array,
        conclude: Conclusion,
        *,
        worth: Callable[[float, float], bool],
        n_starts: int | None = None,
        resamples: int = RESAMPLES,
    ) -> dict[str, Change]:
        """Numbers with all rows, and with only those at the positions ``kept``.

        Parameters
        ----------
        kept : array of int
        conclude : callable
        worth : callable
            Of a number with all rows and without some: whether to ask for the noise. Nothing is returned if none is.
        n_starts : int, optional
            Instead of the fit's own.
        resamples : int
            Where there are many rows, of a few that stand for each run.
        """
        few = n_starts or self.n_starts
        part = optimise(self.law, self.data.take(kept), self.space, self.objective, n_starts=few, seed=self.seed)
        every = np.arange(len(self.data.loss))
        once = np.ones((1, len(every)))
        a, b = (conclude(self.space.batch_values(o.u[None], o.off[None]), once) for o in (self.best, part))
        if not any(worth(float(a[k][0]), float(b[k][0])) for k in a):
            return {}
        weights = resample_weights(len(every), resamples, seed=self.seed, cluster=self.data.groups)
        with_all = self._resampled(self.best, every, weights, conclude)
        without = self._resampled(part, kept, weights, conclude)
        return {
            k: Change(
                float(a[k][0]),
                float(b[k][0]),
                float(standard_error(without[k])),
                float(standard_error(with_all[k] - without[k])),
            )
            for k in a
        }

    def on(self, kept: Array) -> Refits:
        """The same, of the rows at the positions ``kept`` only."""
        data = self.data.take(kept)
        best = optimise(self.law, data, self.space, self.objective, n_starts=self.n_starts, seed=self.seed)
        return replace(self, data=data, best=best)

    def _runs(self, rows: Array) -> tuple[Array | None, Array]:
        """Which run each of the rows belongs to, and where along it."""
        return None if self.data.groups is None else self.data.groups[rows], self.data.order[rows]

    def _resampled(self, start: Optimum, rows: Array, weights: Array, conclude: Conclusion) -> dict[str, Array]:
        few, counts = thin(len(rows), *self._runs(rows), limit=THIN_ROWS, seed=self.seed)
        rows = rows[few]
        data = self.data.take(rows, counts)
        u, off = (np.repeat(v[None], len(weights), axis=0) for v in (start.u, start.off))
        solved = solve(
            self.space.problem(data, self.objective), u, weights[:, rows] * data.weights, off=off, begin="warm"
        )
        with np.errstate(all="ignore"):
            found = conclude(self.space.batch_values(solved.u, solved.off), weights)
        return {k: np.where(solved.converged & np.isfinite(v), v, np.nan) for k, v in found.items()}
