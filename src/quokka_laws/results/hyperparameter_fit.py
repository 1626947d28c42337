"""Best hyper-parameters of each N and D, and the power laws through them: what :func:`quokka_laws.fit_hyperparameters` hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.format import human, left_aligned
from quokka_laws.results.intervals import check_level, percentile_interval, standard_error
from quokka_laws.results.notebook import card
from quokka_laws.results.views import view
from quokka_laws.runs.quantities import as_numbers, times_outside

CURVATURE = " curvature"
DOUBLE = float(np.log(2.0))


@dataclass(frozen=True, eq=False, repr=False)
class HyperparameterFit:
    """Bowls of each cell (one N and D), and how their lowest points and their steepness change with N and D.

    Parameters
    ----------
    over : tuple of str
        The hyper-parameters. A batch that was turned into tokens is called ``batch_tokens``.
    kinds : dict of str to str
        What published rules call them: ``"lr"``, ``"batch_tokens"``, or ``""``.
    cells : DataFrame
        One row a cell: ``cell``, N, D (U_D), ``runs``, ``used`` (near enough to the lowest for the bowl), ``state``:

        * ``"inside"``: the lowest point lies within what was tried;
        * ``"beyond"``: the loss still falls at an end of what was tried;
        * ``"no bowl"``: the loss does not rise on both sides by more than its noise;
        * ``"too few"``: fewer runs, or values, than a bowl needs.

        Then for each hyper-parameter h the best value ``h`` with ``h_lower, h_upper`` (infinite, or 0, where a side is open), ``h_error`` (of its logarithm),
        ``h_side`` (1 where it lies above what was tried, −1 below), ``h_least, h_most`` (what was tried), ``h_curvature`` (relative loss by squared logarithm) and its
        relative error ``h_curvature_error``; ``g*h_curvature`` for pairs; ``bottom`` (loss at the lowest point), ``loss`` and ``loss_error`` (relative): the
        frontier; ``lowest``: of the runs as they are.
    variables : tuple of str
        What the power laws are of: of N and D those whose exponents these cells tell; empty without a law.
    values : dict of str to array (1 + variables,)
        ln c and the exponents of each ``h`` and of ``h curvature``.
    draws : dict of str to array (refits, 1 + variables)
    scatter : dict of str to float
        Of the best value about its law, as a logarithm, beyond what the bowls' errors explain.
    correlation : array (over, over)
        Of the bowls' curvature: −1 where more of one calls for more of the other.
    noise : float
        Relative, of one run about its bowl.
    frontier : DataFrame
        A table of runs: the fitted lowest loss of each cell, with ``weight`` from its error; :func:`quokka_laws.fit` takes it.
    under_tuned : DataFrame
        Cells whose lowest run loses more than its noise by what it was trained with: ``cell``, N, D, ``run``, each h and its ``h_best``, ``lost`` (relative), ``why``.
    points : DataFrame
        The runs of the bowls: ``cell``, each h, ``loss``, ``weight`` (0 for those too far above the lowest).
    diagnostics : tuple of Diagnostic
    level : float
        Of the intervals of ``cells``.
    conventions : dict of str to str
    """

    over: tuple[str, ...]
    kinds: dict[str, str]
    cells: pd.DataFrame
    variables: tuple[str, ...]
    values: dict[str, Array]
    draws: dict[str, Array]
    scatter: dict[str, float]
    correlation: Array
    noise: float
    frontier: pd.DataFrame
    under_tuned: pd.DataFrame
    points: pd.DataFrame
    diagnostics: tuple[Diagnostic, ...] = ()
    level: float = 0.95
    conventions: dict[str, str] = field(default_factory=dict)

    # ---- the law --------------------------------------------------------------------------------------------------

    @property
    def has_law(self) -> bool:
        """Whether there are power laws: enough cells, over which N or D varies."""
        return bool(self.values)

    @cached_property
    def fitted(self) -> pd.DataFrame:
        """Cells that have a bowl, within what was tried or beyond it."""
        return self.cells[self.cells["state"].isin(("inside", "beyond"))]

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """By quantity and coefficient (``c``, then the exponents of N and D): value, stderr, lower, upper at ``level``."""
        rows = []
        for quantity, values in self.values.items():
            drawn = self.draws[quantity]
            for j, name in enumerate(("c", *self.variables)):
                of = np.exp if name == "c" else np.asarray
                lower, upper = percentile_interval(of(drawn[:, j]), self.level)
                record = {"quantity": quantity, "coefficient": name, "value": float(of(values[j]))}
                rows.append(record | {"stderr": float(standard_error(of(drawn[:, j]))), "lower": lower, "upper": upper})
        names = ["quantity", "coefficient", "value", "stderr", "lower", "upper"]
        return pd.DataFrame(rows, columns=names).set_index(["quantity", "coefficient"])

    def _logs(self, **given: Any) -> tuple[dict[str, Array], Array]:
        """N and D as arrays, and the row of the design of each point."""
        if not self.has_law:
            raise FitError("there is no law to predict from: " + " ".join(map(str, self.diagnostics)))
        if missing := [k for k in self.variables if given.get(k) is None]:
            raise ArgumentError(f"the law is one of {' and '.join(self.variables)}; missing: {', '.join(missing)}")
        arrays = dict(zip(given, np.broadcast_arrays(*(np.ravel(as_numbers(v)) for v in given.values())), strict=True))
        if bad := [k for k, v in arrays.items() if not (np.isfinite(v) & (v > 0)).all()]:
            raise ArgumentError(f"{', '.join(bad)}: expected positive numbers")
        ones = np.ones(len(next(iter(arrays.values()))))
        return arrays, np.column_stack([ones, *(np.log(arrays[k]) for k in self.variables)])

    def predict(self, N: Any = None, D: Any = None, *, level: float | None = None, **held: Any) -> pd.DataFrame:
        """Best hyper-parameters at N and D.

        Parameters
        ----------
        N, D : float, text such as ``"7B"``, or array
        level : float, optional
            Confidence level, that of the fit by default.
        **held
            Hyper-parameters that are given, such as ``batch_tokens=1e6``: the best of the others beside them.

        Returns
        -------
        DataFrame
            N, D; for each h ``h, h_lower, h_upper`` and ``h_lost_at_double``: the share of the loss that twice, or half, of it costs; ``level``;
            ``extrapolation``: how far N or D lies outside the cells.

        Raises
        ------
        FitError
            If there is no law.
        """
        level = self.level if level is None else level
        check_level(level)
        if unknown := sorted(set(held) - set(self.over)):
            raise ArgumentError(f"{', '.join(unknown)}: the hyper-parameters of this fit are {', '.join(self.over)}")
        given = {k: v for k, v in (("N", N), ("D", D), *held.items()) if v is not None}
        arrays, x = self._logs(**given)
        best = {h: self._best(x, arrays, h, held, drawn=False)[0] for h in self.over}
        spread = {h: self._best(x, arrays, h, held, drawn=True) for h in self.over}
        table = pd.DataFrame({k: arrays[k] for k in ("N", "D") if k in arrays})
        for h in self.over:
            table[h] = np.exp(best[h])
            table[f"{h}_lower"], table[f"{h}_upper"] = np.exp(percentile_interval(spread[h], level))
            table[f"{h}_lost_at_double"] = np.expm1(0.5 * DOUBLE**2 * np.exp(x @ self.values[h + CURVATURE]))
        table["level"] = level
        asked = [k for k in ("N", "D") if k in arrays and k in self.fitted]
        outside = [times_outside(arrays[k], self.fitted[k].min(), self.fitted[k].max()) for k in asked]
        table["extrapolation"] = np.max(outside, axis=0)
        return table

    def _best(self, x: Array, arrays: Mapping[str, Array], h: str, held: Mapping[str, Any], *, drawn: bool) -> Array:
        """Logarithms of the best h, (1, points) or (refits, points): as the law has it, moved to where it is best beside what is held."""
        source = self.draws if drawn else {k: v[None] for k, v in self.values.items()}
        if h in held:
            return np.log(arrays[h])[None]
        best = source[h] @ x.T
        if not held:
            return np.asarray(best)
        free, fixed = [g for g in self.over if g not in held], [g for g in self.over if g in held]
        steep = {g: np.exp(0.5 * (x @ self.values[g + CURVATURE])) for g in self.over}
        R = pd.DataFrame(self.correlation, self.over, self.over)
        moved = {g: steep[g] * (np.log(arrays[g]) - source[g] @ x.T) for g in fixed}
        toward = np.linalg.solve(R.loc[free, free].to_numpy(), R.loc[free, fixed].to_numpy())[free.index(h)]
        return np.asarray(best - sum(t * moved[g] for t, g in zip(toward, fixed, strict=True)) / steep[h])

    def lost(self, N: Any = None, D: Any = None, **at: Any) -> Array:
        """The share of the loss that hyper-parameters off their optimum cost: ``fit.lost(N="1B", D="20B", lr=1e-3)``.

        Those that are not named are taken at their optimum.
        """
        if not at or (unknown := sorted(set(at) - set(self.over))):
            raise ArgumentError(f"give one or more of {', '.join(self.over)}" + (f", not {unknown[0]}" if at else ""))
        arrays, x = self._logs(**{k: v for k, v in (("N", N), ("D", D), *at.items()) if v is not None})
        names = list(at)
        away = np.stack([np.log(arrays[h]) - x @ self.values[h] for h in names])
        scaled = away * np.exp(0.5 * np.stack([x @ self.values[h + CURVATURE] for h in names]))
        R = pd.DataFrame(self.correlation, self.over, self.over).loc[names, names].to_numpy()
        return np.asarray(np.expm1(0.5 * np.einsum("ip,ij,jp->p", scaled, R, scaled)))

    # ---- in words -------------------------------------------------------------------------------------------------

    @property
    def answer(self) -> str:
        """The law of each hyper-parameter, or its best value in each cell where there is no law."""
        if not self.has_law:
            return "\n".join(self._of_cell(row) for _, row in self.fitted.head(4).iterrows())
        within = int((self.cells["state"] == "inside").sum())
        return "\n".join(self.equation(h) for h in self.over) + f"\nfrom {within} of {len(self.cells)} pairs of N and D"

    def equation(self, h: str) -> str:
        """``lr = 1.8·N^-0.71 (95 %: -0.76 … -0.66)·D^0.31 (…)``."""
        table = self.coefficients.loc[h]
        powers = [
            f"{k}^{row['value']:.3f} ({100 * self.level:.3g} %: {row['lower']:.3f} … {row['upper']:.3f})"
            for k, row in table.iloc[1:].iterrows()
        ]
        return f"best {h} = {table['value'].iloc[0]:.3g}·" + "·".join(powers)

    def _of_cell(self, row: pd.Series) -> str:
        where = ", ".join(f"{k} = {human(row[k])}" for k in ("N", "D") if k in row)
        best = ", ".join(
            f"{h} {row[h]:.3g} ({100 * self.level:.3g} %: {row[f'{h}_lower']:.3g} … {row[f'{h}_upper']:.3g})"
            for h in self.over
        )
        return (f"At {where}: " if where else "") + f"best {best}"

    @property
    def known(self) -> list[str]:
        """What to know before relying on it."""
        return [d.sentence() for d in self.diagnostics]

    def evidence(self) -> list[str]:
        """Tables: cells, coefficients, cells that were under-tuned."""
        places = [k for k in ("N", "D", "U_D") if k in self.cells]
        shown = self.cells[[*places, "runs", "state"]].copy()
        for k in places:
            shown[k] = shown[k].map(human)
        for h in self.over:
            shown[h] = [_with_range(row, h) for _, row in self.cells.iterrows()]
            lost = np.expm1(0.5 * DOUBLE**2 * self.cells[f"{h}_curvature"])
            shown[f"lost at 2× {h}"] = [f"{v:.2%}" if np.isfinite(v) else "–" for v in lost]
        shown["loss"] = [
            f"{v:.4f} ± {v * e:.2g}" if np.isfinite(v) else "–"
            for v, e in zip(self.cells["loss"], self.cells["loss_error"], strict=True)
        ]
        shown["lowest run"] = self.cells["lowest"].map("{:.4f}".format)
        parts = [left_aligned(shown.set_index(places[0]) if places else shown)]
        if self.has_law:
            table = self.coefficients.reset_index()
            for k in ("value", "stderr", "lower", "upper"):
                table[k] = table[k].map("{:.4g}".format)
            parts.append(left_aligned(table.set_index("quantity")))
        if len(self.under_tuned):
            table = self.under_tuned.drop(columns="cell")
            table["lost"] = table["lost"].map("{:.2%}".format)
            for k in [k for k in ("N", "D", "U_D") if k in table]:
                table[k] = table[k].map(human)
            parts.append("under-tuned\n" + left_aligned(table.set_index(table.columns[0])))
        return parts

    def report(self) -> str:
        """Everything, as text: the answer, what to know before relying on it, the evidence."""
        from quokka_laws.results.text import numbered, paragraphs

        return paragraphs(self.answer, numbered(self.known), *self.evidence())

    def plot(self, kind: str = "bowls", **options: Any) -> Any:
        """Draw it: ``"bowls"`` (loss against each hyper-parameter, by cell) or ``"law"`` (the best of one against N, with its band)."""
        return view("hyperparameters")(self, kind, **options)

    def to_json(self, path: str | Path | None = None) -> str:
        """Write (or return) it as JSON; :func:`quokka_laws.read_hyperparameters` reads it back."""
        from quokka_laws.results.hyperparameter_storage import to_json

        return to_json(self, path)

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        return f"HyperparameterFit over {', '.join(self.over)}: {len(self.cells)} cells\n{self.answer}"

    def _repr_html_(self) -> str:
        table = self.coefficients.reset_index() if self.has_law else self.cells
        return card(f"Best {', '.join(self.over)}", self.answer.replace("\n", "; "), table, diagnostics=self.known)


def _with_range(row: pd.Series, h: str) -> str:
    """A best value with its interval; the end of the sweep it lies beyond; nothing without a bowl."""
    if not np.isfinite(row[h]):
        return "–"
    if row[f"{h}_side"]:
        return f"over {row[f'{h}_most']:.3g}" if row[f"{h}_side"] > 0 else f"under {row[f'{h}_least']:.3g}"
    return f"{row[h]:.3g} [{row[f'{h}_lower']:.2g}, {row[f'{h}_upper']:.2g}]"
