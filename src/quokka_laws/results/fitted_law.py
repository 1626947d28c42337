"""A law with numbers: it predicts. Published laws are of this kind; a fit is one with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.laws import Law
from quokka_laws.laws.base import COMPLETED
from quokka_laws.results.intervals import check_level, percentile_interval
from quokka_laws.results.notebook import card
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.quantities import times_outside


@dataclass(frozen=True)
class FittedLaw:
    """A law with numbers.

    Parameters
    ----------
    law : Law
    values : dict of str to float
        Coefficients in natural units.
    conventions : Conventions
        How N, D, C and the loss were counted; predictions are in the same terms.
    fitted_range : dict of str to (float, float)
        Smallest and largest N, D, C, U_D, epochs and loss among the runs behind the numbers.
    draws : DataFrame, optional
        One row of coefficients per bootstrap refit; intervals come from it.
    name : str
        For tables that show several laws.
    """

    law: Law
    values: dict[str, float]
    conventions: Conventions = field(default_factory=Conventions)
    fitted_range: dict[str, tuple[float, float]] = field(default_factory=dict)
    draws: pd.DataFrame | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if missing := [k for k in self.law.names if k not in self.values]:
            raise ValueError(
                f"{self.law.label} needs values for {', '.join(self.law.names)}; missing: {', '.join(missing)}"
            )

    @property
    def label(self) -> str:
        """Name for tables and legends."""
        return self.name or self.law.label

    @property
    def has_intervals(self) -> bool:
        """Whether there are draws whose spread means something."""
        return self.draws is not None

    def _repr_html_(self) -> str:
        table = pd.DataFrame({"value": self.values}).rename_axis("coefficient")
        return card(f"{self.label}: loss = {self.law.equation}", self.conventions.describe(), table, index=True)

    def __call__(self, **data: Any) -> Array:
        """Loss at raw data, of the data's shape: ``fit(N=7e9, D=1.4e12)``."""
        return self._loss(self.values, data)

    def _loss(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> Array:
        """Loss of any coefficients, with a C that is not given by the fit's own rule."""
        return self.law.loss(values, flops_per_ND=self.conventions.flops_per_ND, **data)

    def draw_values(self) -> dict[str, Array]:
        """Coefficients of every usable refit, by name.

        Raises
        ------
        FitError
            If there are no draws: nothing to compute an interval from.
        """
        if self.draws is None or not len(self.draws):
            raise FitError(
                f"{self.label} has no bootstrap draws, so no interval can be given; "
                "fit with bootstrap=1000, or ask with interval=None"
            )
        usable = self.draws.dropna()
        if not len(usable):
            raise FitError(
                f"none of the {len(self.draws)} refits of {self.label} converged, so no interval can be given; look at the "
                "diagnostics of the fit (fit.report()), hold or untie a coefficient, or ask with interval=None"
            )
        return {k: usable[k].to_numpy() for k in self.law.names}

    def extrapolation(self, **data: Any) -> Array:
        """How far outside the fitted runs a point lies: the largest factor over all its variables, at least 1.

        A ratio to the largest or smallest fitted value; where the runs hold zeros or negative values, one plus the distance in
        widths of their range. NaN where the fitted range is not known.
        """
        factors = self.extrapolations(**data)
        if not factors:
            shapes = [np.shape(v) for v in data.values() if v is not None]
            return np.full(np.broadcast_shapes(*shapes), np.nan)
        return np.asarray(np.maximum.reduce(np.broadcast_arrays(*factors.values())))

    def extrapolations(self, **data: Any) -> dict[str, Array]:
        """The factor of :meth:`extrapolation` by variable, for those whose fitted range is known."""
        numbers = {k: v for k, v in data.items() if k not in self.law.groups}
        raw = self.law.completed(flops_per_ND=self.conventions.flops_per_ND, **numbers)
        return {k: times_outside(v, *self.fitted_range[k]) for k, v in raw.items() if k in self.fitted_range}

    def outside(self, **data: Any) -> list[tuple[str, float, float, float]]:
        """Variables of a point that lie outside the fitted runs: name, value farthest out, smallest and largest fitted value."""
        numbers = {k: v for k, v in data.items() if k not in self.law.groups}
        raw = self.law.completed(flops_per_ND=self.conventions.flops_per_ND, **numbers)
        found = []
        for k, factor in self.extrapolations(**data).items():
            if (factor > 1.0 + 1e-9).any():
                found.append((k, float(np.ravel(raw[k])[np.argmax(factor)]), *self.fitted_range[k]))
        return found

    def log_residuals(self) -> Array:
        """ln(predicted / observed) of the runs behind the numbers, as in the objective: the noise of one run.

        Raises
        ------
        FitError
            For a law whose runs are not known, such as a published one.
        """
        raise FitError(
            f"{self.label} comes without its runs, so the noise of a new run is not known; ask for kind='mean'"
        )

    def predict(
        self, *, interval: float | None = None, kind: Literal["mean", "run"] = "mean", **data: Any
    ) -> pd.DataFrame:
        """Loss at given N, D, or whatever variables the law has.

        Parameters
        ----------
        interval : float, optional
            Level of the bootstrap interval, 0.9 for 90 %.
        kind : {"mean", "run"}
            What the interval is of. ``"mean"``: the law, so it holds the uncertainty of the coefficients only.
            ``"run"``: the loss of one new run, the same with a residual of the fitted runs added. Neither holds
            the chance that the law is wrong out there; :func:`quokka_laws.evaluation.averaging` does.
        **data
            Raw units, scalars or arrays that broadcast; text for a column in brackets.

        Returns
        -------
        DataFrame
            The data, ``loss``, ``loss_lower`` and ``loss_upper`` (with ``interval``), ``extrapolation``.
        """
        arrays = self._checked(data)
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()))
        flat = {k: np.broadcast_to(v, shape).reshape(-1) for k, v in arrays.items()}
        table = pd.DataFrame(flat)
        with np.errstate(over="ignore"):
            table["loss"] = self._loss(self.values, flat)
        if (lost := np.flatnonzero(~np.isfinite(table["loss"]))).size:
            shown = "; ".join(
                f"row {i + 1}: " + ", ".join(f"{k} = {_short(v[i])}" for k, v in flat.items()) for i in lost[:8]
            )
            raise FitError(
                f"{self.label} predicts no finite loss in {len(lost)} of {len(table)} rows ({shown}); they are too far "
                "outside anything it was fitted on"
            )
        if interval is not None:
            check_level(interval)
            spread = self._loss(self.draw_values(), flat)
            if kind == "run":
                spread = spread * np.exp(self._noise(spread.shape))
            elif kind != "mean":
                raise ValueError(f"kind = {kind!r}: 'mean' (of the law) or 'run' (of one new run)")
            table["loss_lower"], table["loss_upper"] = percentile_interval(spread, interval)
        table["extrapolation"] = self.extrapolation(**flat)
        return table

    def _checked(self, data: Mapping[str, Any]) -> dict[str, Array]:
        """Data as arrays: text for columns in brackets, positive numbers for canonical variables, finite ones for others."""
        arrays: dict[str, Array] = {}
        bad, unread = [], []
        for k, v in data.items():
            if v is None:
                continue
            if k in self.law.groups:
                arrays[k] = np.asarray(v, dtype=object)
                continue
            try:
                arrays[k] = np.asarray(v, dtype=float)
            except (TypeError, ValueError):
                unread.append(f"{k} = {v!r}")
                continue
            good = arrays[k] > 0 if k in COMPLETED else np.isfinite(arrays[k])
            if not good.all():
                bad.append(f"{k} = {arrays[k][~good].flat[0]:g}")
        if unread:
            raise ValueError(f"{', '.join(unread)}: expected numbers")
        if bad:
            raise ValueError(
                f"{', '.join(bad)}: N, D, C, U_D and epochs must be positive, other variables finite numbers"
            )
        return arrays

    def _noise(self, shape: tuple[int, ...]) -> Array:
        """ln(observed / predicted) of new runs: residuals at random, widened for the coefficients fitted to them."""
        residuals = self.log_residuals()
        spare = max(len(residuals) - len(self.law.coefficients), 1)
        drawn = -np.random.default_rng(0).choice(residuals, size=shape)
        return np.asarray(drawn * np.sqrt(len(residuals) / spare))


def _short(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"
