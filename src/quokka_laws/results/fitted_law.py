"""A law with numbers: it predicts. Published laws are of this kind; a fit is one with its evidence."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FarOutside, FitError
from quokka_laws.laws import Law
from quokka_laws.laws.base import COMPLETED
from quokka_laws.results.asked_for import meant
from quokka_laws.results.format import human
from quokka_laws.results.intervals import LEVEL, check_level, percentile_interval, with_level
from quokka_laws.results.notebook import card
from quokka_laws.results.points import columns_for, index_of
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.quantities import as_numbers, parse_quantity, times_outside

HIGHEST_LOSS = {"nats/token": 12.0, "bits/byte": 8.0}
"""A model that knows nothing: guessing among 160,000 tokens, or among 256 bytes."""
FAR_BELOW = 10.0
"""Factor below the smallest N or D of the runs from which on a prediction asks whether a unit is missing."""


@dataclass(frozen=True, eq=False)
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
            raise ArgumentError(
                f"{self.law.label} needs values for {', '.join(self.law.names)}; missing: {', '.join(missing)}"
            )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):  # a property of its own failed, and says why itself
            return object.__getattribute__(self, name)
        hint = meant(name, self.law.names, dir(type(self)))
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}", name=name, obj=self)

    @property
    def label(self) -> str:
        """Name for tables and legends."""
        return self.name or self.law.label

    @property
    def has_intervals(self) -> bool:
        """Whether there are draws whose spread means something."""
        return self.draws is not None and len(self.draws.dropna()) > 1

    def _repr_html_(self) -> str:
        table = pd.DataFrame({"value": self.values}).rename_axis("coefficient")
        return card(f"{self.label}: loss = {self.law.equation}", self.conventions.describe(), table, index=True)

    def __eq__(self, other: object) -> bool:
        """Whether two laws have the same form, numbers, conventions, ranges and draws."""
        if not isinstance(other, FittedLaw) or type(other) is not type(self):
            return NotImplemented
        plain = ("law", "values", "conventions", "fitted_range", "name")
        if not all(getattr(self, k) == getattr(other, k) for k in plain):
            return False
        if self.draws is None or other.draws is None:
            return self.draws is other.draws
        return bool(self.draws.equals(other.draws))

    def __hash__(self) -> int:
        return hash((self.label, *sorted(self.values.items())))

    def __call__(self, **data: Any) -> Array:
        """Loss at raw data, of the data's shape: ``fit(N=7e9, D=1.4e12)``."""
        return self._loss(self.values, self._numbers(data))

    def _numbers(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Data under the law's own names, with text, ``"7B"``, as numbers."""
        called = {self.law.own_names.get(k, k): v for k, v in data.items() if v is not None}
        text = {k for k, v in called.items() if k not in self.law.groups and np.asarray(v).dtype.kind in "OSU"}
        return {k: as_numbers(v).reshape(np.shape(v)) if k in text else v for k, v in called.items()}

    def _loss(self, values: Mapping[str, Any], data: Mapping[str, Any]) -> Array:
        """Loss of any coefficients, with a C that is not given by the fit's own rule."""
        called = {self.law.own_names.get(k, k): v for k, v in data.items()}
        return self.law.loss(values, flops_per_ND=self.conventions.flops_per_ND, **called)

    def draw_values(self) -> dict[str, Array]:
        """Coefficients of every usable refit, by name.

        Raises
        ------
        FitError
            If there are no draws: nothing to compute an interval from.
        """
        if self.draws is None or not len(self.draws):
            raise FitError(
                f"{self.label} has no bootstrap draws, so no interval can be given; fit with {either('bootstrap=1000', '--bootstrap 1000')}"
            )
        usable = self.draws.dropna()
        if not len(usable):
            raise FitError(
                f"none of the {len(self.draws)} refits of {self.label} converged, so no interval can be given; look at what the fit "
                f"says of itself{either(', fit.report(), hold or untie a coefficient, or ask with level=None', ', and hold or untie a coefficient')}"
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
        numbers = {k: v for k, v in self._numbers(data).items() if k not in self.law.groups}
        raw = self.law.completed(flops_per_ND=self.conventions.flops_per_ND, **numbers)
        return {k: times_outside(v, *self.fitted_range[k]) for k, v in raw.items() if k in self.fitted_range}

    def outside(self, **data: Any) -> list[tuple[str, float, float, float]]:
        """Variables of a point that lie outside the fitted runs: name, value farthest out, smallest and largest fitted value."""
        numbers = {k: v for k, v in self._numbers(data).items() if k not in self.law.groups}
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
        self, *table: Any, level: float | None = LEVEL, kind: Literal["mean", "run"] = "mean", **data: Any
    ) -> pd.DataFrame:
        """Loss at given N, D, or whatever variables the law has.

        Parameters
        ----------
        *table : DataFrame or mapping of columns, optional
            One table that holds the data in columns by their usual names, instead of ``**data``.
        level : float, optional
            Confidence level of the interval, which is given wherever the law has draws; None for no interval.
        kind : {"mean", "run"}
            What the interval is of. ``"mean"``: the law, so it holds the uncertainty of the coefficients only.
            ``"run"``: the loss of one new run, the same with a residual of the fitted runs added. Neither holds
            the chance that the law is wrong out there; :func:`quokka_laws.average` does.
        **data
            Raw units, numbers or text (``N="7B"``), scalars or arrays that broadcast; labels for a column in brackets. Two
            of D, U_D and epochs give the third; N and C give D.

        Returns
        -------
        DataFrame
            The data, ``loss``, ``loss_lower``, ``loss_upper`` and their ``level`` (where there are draws),
            ``extrapolation``; with the index of the table or of the Series that were given.

        Raises
        ------
        ArgumentError
            If something is not a positive number, is missing, or is nothing that the law knows of.
        FitError
            If the loss predicted is one that no model has: far outside the runs behind the law.

        Warns
        -----
        FarOutside
            Where N or D is ten or more times below the smallest of the runs: a unit is often missing then.
        """
        data = columns_for(self.law, table) | data
        arrays = self._asked(data)
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()))
        flat = {k: np.broadcast_to(v, shape).reshape(-1) for k, v in arrays.items()}
        found = pd.DataFrame(flat)
        with np.errstate(over="ignore"):
            found["loss"] = self._loss(self.values, flat)
        small = self._far_below(flat)
        self._refuse_impossible(found, flat, small)
        if small:
            warnings.warn("; ".join(small), FarOutside, stacklevel=2)
        if kind not in ("mean", "run"):
            raise ArgumentError(f"kind = {kind!r}: 'mean' (of the law) or 'run' (of one new run)")
        if level is not None:
            check_level(level)
            if kind == "run" or (self.draws is not None and len(self.draws.dropna())):
                found["loss_lower"], found["loss_upper"] = percentile_interval(self._spread(flat, kind), level)
        found["extrapolation"] = self.extrapolation(**flat)
        own = {canonical: name for name, canonical in self.law.own_names.items() if name in data}
        index = index_of(data, len(found))
        return with_level(
            found.rename(columns=own) if index is None else found.rename(columns=own).set_axis(index), level
        )

    def samples(self, *, kind: Literal["mean", "run"] = "run", **data: Any) -> Array:
        """What the interval of :meth:`predict` is made of: losses of every refit, shape (refits, points).

        Parameters
        ----------
        kind, **data
            As there.

        Raises
        ------
        FitError
            If there are no draws; for ``kind="run"`` also if the runs behind the law are not known.
        """
        arrays = self._asked(data)
        shape = np.broadcast_shapes(*(v.shape for v in arrays.values()))
        return self._spread({k: np.broadcast_to(v, shape).reshape(-1) for k, v in arrays.items()}, kind)

    def _spread(self, flat: Mapping[str, Array], kind: str) -> Array:
        spread = self._loss(self.draw_values(), flat)
        return spread * np.exp(self._noise(spread.shape)) if kind == "run" else spread

    def _asked(self, data: Mapping[str, Any]) -> dict[str, Array]:
        """What predictions are asked at, as arrays of positive numbers; every fault at once."""
        arrays: dict[str, Array] = {}
        faults: list[str] = []
        unknown: list[str] = []
        if "interval" in data:
            raise ArgumentError("predict has no argument interval: the confidence level is level=0.95")
        known = {"N", "D", "C", *self.law.takes} | ({"U_D", "epochs"} if self.law.of_repetition else set())
        for called, value in data.items():
            name = self.law.own_names.get(called, called)
            if value is None:
                continue
            if name not in known:
                unknown.append(name)
                continue
            if name in self.law.groups:
                arrays[name] = np.asarray(value, dtype=object)
                continue
            try:
                array = as_numbers(value)
            except ArgumentError as error:
                faults.append(f"{name}: {error}")
                continue
            good, wanted = (array > 0, "positive") if name in COMPLETED else (np.isfinite(array), "finite")
            if not good.all():
                faults.append(f"{name} = {array[~good][0]:g} is not a {wanted} number")
            arrays[name] = array.reshape(np.shape(value)) if np.size(value) == array.size else array
        if unknown:
            example = ", ".join(f"{name}=…" for name in self.law.takes)
            faults.append(f"{self.label} knows nothing of {', '.join(unknown)}: ask predict({example})")
        if faults:
            raise ArgumentError("; ".join(faults))
        try:
            self.law.inputs(flops_per_ND=self.conventions.flops_per_ND, **arrays)
            np.broadcast_shapes(*(v.shape for v in arrays.values()))
        except ArgumentError:
            raise
        except ValueError:
            sizes = ", ".join(f"{v.size} of {k}" for k, v in arrays.items())
            raise ArgumentError(f"{sizes}: give as many of each, or one of all but one") from None
        return arrays

    @property
    def highest_loss(self) -> float:
        """What a model that knows nothing costs, or the worst of the runs: a law that predicts more is asked too far outside."""
        return max(HIGHEST_LOSS.get(self.conventions.loss_unit, np.inf), self.fitted_range.get("loss", (0.0, 0.0))[1])

    def _far_below(self, flat: Mapping[str, Array]) -> list[str]:
        """A question for each of N and D that is far below the smallest of the runs."""
        found = []
        for name in ("N", "D"):
            lowest = self.fitted_range.get(name, (0.0, 0.0))[0]
            if name in flat and (value := float(flat[name].min(initial=np.inf))) * FAR_BELOW <= lowest:
                units = [u for u in "MBT" if lowest <= parse_quantity(f"{value:g}{u}") <= 1e5 * lowest]
                meant = f"; is {' or '.join(f'{value:g}{u}' for u in units)} meant?" if units and value < 1e6 else ""
                found.append(
                    f"{name} = {human(value)} is {lowest / value:.3g} times below the smallest of the runs, {human(lowest)}{meant}"
                )
        return found

    def _refuse_impossible(self, table: pd.DataFrame, flat: Mapping[str, Array], small: Sequence[str]) -> None:
        lost = np.flatnonzero(~(table["loss"] <= self.highest_loss))
        if lost.size:
            most = HIGHEST_LOSS.get(self.conventions.loss_unit, np.inf)
            rows = (
                f"{', '.join(f'{k} = {_short(v[i])}' for k, v in flat.items())}: {table['loss'][i]:.4g}"
                for i in lost[:8]
            )
            raise FitError(
                f"{self.label} predicts a loss that no model has ({'; '.join(rows)}); guessing among 160,000 tokens costs "
                f"{most:g} {self.conventions.loss_unit}. "
                + ("; ".join(small) if small else "This is too far outside the runs it was fitted to")
            )

    def _noise(self, shape: tuple[int, ...]) -> Array:
        """ln(observed / predicted) of new runs (draws, points): residuals at random, widened for the coefficients fitted to them and,
        as Student's t, for how little so few of them say of the noise.
        """
        residuals = self.log_residuals()
        spare = max(len(residuals) - len(self.law.coefficients), 1)
        rng = np.random.default_rng(0)
        drawn = -rng.choice(residuals, size=shape)
        return np.asarray(drawn * np.sqrt(len(residuals) / rng.chisquare(spare, size=(shape[0], 1))))


def _short(value: Any) -> str:
    return value if isinstance(value, str) else human(value)
