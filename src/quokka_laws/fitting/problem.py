"""Between tables and the solver: rows as arrays, and the free coordinates that parameters, bounds and ties leave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting.bootstrap import independent_runs, unit_codes
from quokka_laws.fitting.local import REACH, Problem
from quokka_laws.laws import Law
from quokka_laws.laws.base import AUTOMATIC
from quokka_laws.objective import Objective
from quokka_laws.runs.columns import inputs_of


@dataclass(frozen=True)
class Data:
    """The rows as arrays."""

    x: dict[str, Array]
    loss: Array
    weights: Array
    groups: Array | None
    order: Array

    @classmethod
    def of(cls, law: Law, runs: pd.DataFrame) -> Data:
        """From checked runs, weighted by their column ``weight`` if there is one."""
        w = runs["weight"].to_numpy(dtype=float) if "weight" in runs else np.ones(len(runs))
        if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
            raise RunsError(
                f"weights from {w.min():g} to {w.max():g}: they must be finite and not negative, with a positive sum"
            )
        x = law.inputs(**inputs_of(runs, law.takes))
        groups = unit_codes(runs["run_id"]) if independent_runs(runs) < len(runs) else None
        order = runs["D"].to_numpy(dtype=float) if "D" in runs else np.ones(len(runs))
        return cls(x, runs["loss"].to_numpy(dtype=float), w, groups, order)

    def take(self, rows: Array, counts: Array | float = 1.0) -> Data:
        """Some rows, each weighing ``counts`` times as much."""
        groups = None if self.groups is None else self.groups[rows]
        x = {k: v[rows] for k, v in self.x.items()}
        return Data(x, self.loss[rows], self.weights[rows] * counts, groups, self.order[rows])


@dataclass(frozen=True)
class Space:
    """Free coordinates of a fit: ``theta = basis @ u + offset``, with a prior on them where there is one."""

    law: Law
    basis: Array
    offset: Array
    lower: Array
    upper: Array
    free: Array
    fixed_off: Array
    given: dict[int, float]
    ranges: dict[int, tuple[float, float]]
    expected: Array | None = None
    precision: Array | None = None

    @classmethod
    def of(cls, law: Law, params: lmfit.Parameters) -> Space | None:
        """None when a tie is not linear in the solver's coordinates: then lmfit's Minimizer has to do it."""
        coefficients = law.coefficients
        free = np.array([params[c.name].vary and not params[c.name].expr for c in coefficients])
        index = np.flatnonzero(free)
        basis = np.zeros((len(coefficients), len(index)))
        basis[index, np.arange(len(index))] = 1.0
        offset = np.zeros(len(coefficients))
        lower, upper, given = np.full(len(index), -np.inf), np.full(len(index), np.inf), {}
        ranges: dict[int, tuple[float, float]] = {}
        zero = []
        for j, c in enumerate(coefficients):
            par = params[c.name]
            if free[j]:
                with np.errstate(divide="ignore"):
                    bounds = np.log([max(par.min, 0.0), par.max]) if c.is_log else np.array([par.min, par.max])
                lower[index == j], upper[index == j] = bounds
                if isinstance(par.user_data, tuple):
                    ranges[j] = par.user_data
                elif par.user_data != AUTOMATIC and (par.value > 0 or not c.is_log):
                    given[j] = float(np.log(par.value)) if c.is_log else float(par.value)
            elif not par.expr:
                if c.kind == "amplitude" and par.value == 0:
                    zero.append(j)
                elif c.is_log and par.value <= 0:
                    raise ArgumentError(f"{c.name} is fixed at {par.value:g}; {law.label} needs it positive")
                else:
                    offset[j] = np.log(par.value) if c.is_log else par.value
        tied = [j for j, c in enumerate(coefficients) if params[c.name].expr]
        if tied and not _linear_ties(law, params, tied, index, basis, offset):
            return None
        fixed_off = np.zeros(law.term_count, dtype=bool)
        fixed_off[[law.amplitude_terms[j] for j in zero]] = True
        return cls(law, basis, offset, lower, upper, free, fixed_off, given, ranges)

    def problem(self, data: Data, objective: Objective) -> Problem:
        """What the solver is given."""
        lower = dict(zip(np.flatnonzero(self.free), self.lower, strict=True))
        vanishing = {j: k for j, k in self.law.amplitude_terms.items() if lower.get(j) == -np.inf}
        return Problem(
            self.law.terms_at,
            data.x,
            data.loss,
            objective,
            self.basis,
            self.offset,
            self.lower,
            self.upper,
            vanishing,
            self.reach,
            self.expected,
            self.precision,
        )

    @property
    def reach(self) -> Array:
        """How far one step may go in each free coordinate: as far as a coefficient that is large anyway may lie."""
        wide = [
            0.0 if c.is_log else max(map(abs, self.ranges.get(j, c.start))) for j, c in enumerate(self.law.coefficients)
        ]
        slope = np.array([c.kind == "slope" for c in self.law.coefficients])
        return np.where(slope[self.free], np.inf, np.maximum(REACH, np.array(wide)[self.free]))

    def expecting(self, expected: Array, precision: Array) -> Space:
        """With a prior on the free coordinates; its precision in units of the objective."""
        return replace(self, expected=expected, precision=precision)

    def enter(self, theta: Array, problem: Problem) -> tuple[Array, Array]:
        """Solver coordinates (problems, coefficients) → free coordinates and switched-off terms."""
        off = np.repeat(self.fixed_off[None], len(theta), axis=0)
        for j, k in problem.amplitudes.items():
            off[:, k] |= theta[:, j] == -np.inf
        u = theta[:, self.free]
        return np.clip(np.where(np.isfinite(u), u, 0.0), self.lower, self.upper), off

    def values(self, u: Array, off: Array) -> dict[str, float]:
        """Natural values of one solution."""
        return {k: float(v[0]) for k, v in self.batch_values(u[None], off[None]).items()}

    def batch_values(self, u: Array, off: Array) -> dict[str, Array]:
        """Natural values of many solutions; amplitudes of switched-off terms are exactly zero."""
        values = self.law.to_values(u @ self.basis.T + self.offset)
        for j, k in self.law.amplitude_terms.items():
            name = self.law.coefficients[j].name
            values[name] = np.where(off[:, k], 0.0, values[name])
        return values


def _linear_ties(
    law: Law, params: lmfit.Parameters, tied: list[int], index: Array, basis: Array, offset: Array
) -> bool:
    """Fill in the rows of tied coefficients if their expressions are linear in solver coordinates."""
    probe = params.copy()
    rng = np.random.default_rng(0)
    points = rng.uniform(0.2, 0.9, size=(2 * len(index) + 4, len(index)))
    seen = np.empty((len(points), len(tied)))
    for row, point in enumerate(points):
        for j, coordinate in zip(index, point, strict=True):
            c = law.coefficients[j]
            par = probe[c.name]
            par.min, par.max = -np.inf, np.inf
            par.value = np.exp(coordinate) if c.is_log else coordinate
        for column, j in enumerate(tied):
            c = law.coefficients[j]
            probe[c.name].min, probe[c.name].max = -np.inf, np.inf
            with np.errstate(all="ignore"):
                value = float(probe[c.name].value)
                seen[row, column] = np.log(value) if c.is_log else value
    design = np.column_stack([points, np.ones(len(points))])
    if not np.isfinite(seen).all():
        return False
    slopes, *_ = np.linalg.lstsq(design, seen, rcond=None)
    if np.abs(design @ slopes - seen).max() > 1e-9:
        return False
    slopes[np.abs(slopes) < 1e-12] = 0.0
    for column, j in enumerate(tied):
        basis[j], offset[j] = slopes[:-1, column], slopes[-1, column]
    return True
