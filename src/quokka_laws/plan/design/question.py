"""What a design is asked to learn: losses at points, or the compute-optimal size of a budget; and how it follows from coefficients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws.jet import exp, variables
from quokka_laws.plan.arguments import one_positive
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.design.local import jacobian
from quokka_laws.plan.minimise import derivatives
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.runs.quantities import parse_quantity

Target: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame


@dataclass(frozen=True)
class Question:
    """Either points whose log-loss is asked, or a budget whose best log N is.

    Parameters
    ----------
    points : DataFrame
        Inputs of a law, one row a target; the optimum itself for a budget.
    C : float or None
    U_D : float or None
    curvature : float
        Second derivative of the log-loss along the budget at its optimum; 0 for points.
    """

    points: pd.DataFrame
    C: float | None = None
    U_D: float | None = None
    curvature: float = 0.0

    @classmethod
    def asked(cls, law: FittedLaw, target_C: float | None, target: Target | None, unique: Array | None) -> Question:
        """From the arguments of a plan.

        Raises
        ------
        ArgumentError
            Unless exactly one of ``target_C`` and ``target`` is given, and all its numbers are positive.
        """
        if (target_C is None) == (target is None):
            raise ArgumentError(
                "give either target_C (a budget of FLOPs) or target (a point, {'N': 7e9, 'D': 1.4e12}, or a table of points)"
            )
        if target is not None:
            return cls(_points(target, law))
        (C,) = one_positive(target_C=target_C)
        U = None if unique is None else float(unique.max())
        best, free = _optimum(law, C, U)
        hessian = _second(law, best, free, U)
        count = len(law.law.coefficients)
        points = pd.DataFrame({"N": [best["N"]], "D": [best["D"]]})
        if U is not None:
            points = points.assign(U_D=U, epochs=best["D"] / U)
        return cls(points, C, U, float(hessian[count, count]))

    @property
    def text(self) -> str:
        """What is asked, in words."""
        if self.C is not None:
            return f"log N_opt at C = {self.C:g}" + (f", U_D = {self.U_D:g}" if self.U_D else "")
        shown = [k for k in self.points if k != "epochs" or "U_D" not in self.points]
        if len(self.points) == 1:
            return f"log-loss at {', '.join(f'{k} = {self.points[k].iloc[0]:g}' for k in shown)}"
        ranges = (f"{k} from {self.points[k].min():.3g} to {self.points[k].max():.3g}" for k in shown)
        return f"log-loss at {len(self.points)} points, {', '.join(ranges)}"

    def gradient(self, law: FittedLaw) -> Array:
        """Derivatives (targets, coefficients) in solver coordinates."""
        if self.C is not None:
            return optimum_gradient(law, self.C, self.U_D)[None]
        x = law.law.inputs(**{k: self.points[k].to_numpy(dtype=float) for k in self.points})
        found = jacobian(law, x)
        if isinstance(law, FitResult) and not law.objective.log:
            found = found / np.exp(law.law.log_loss(law.values, x))[0][:, None]
        return found


def _points(target: Target, law: FittedLaw) -> pd.DataFrame:
    if isinstance(target, Mapping):
        one: dict[str, float] = dict(zip(target, one_positive(**target), strict=True))
        table = pd.DataFrame({k: [v] for k, v in one.items()})
    else:
        table = pd.DataFrame(target)
        if not len(table):
            raise ArgumentError("target: the table of points is empty")
    wanted = [k for k in ("N", "D", "U_D", "epochs") if k in law.law.takes or k in ("N", "D")]
    if "U_D" in law.law.takes and "D" not in table and {"U_D", "epochs"} <= set(table):
        table = table.assign(D=table["U_D"] * table["epochs"])
    if missing := [k for k in wanted if k not in table and not (k == "epochs" and {"D", "U_D"} <= set(table))]:
        raise ArgumentError(f"target lacks {', '.join(missing)}; a point of {law.label} has {', '.join(wanted)}")
    table = table[[k for k in wanted if k in table]].map(parse_quantity).astype(float).reset_index(drop=True)
    if "epochs" in wanted:
        table["epochs"] = table["D"] / table["U_D"]
    if (bad := ~(np.isfinite(table) & (table > 0)).all(axis=1)).any():
        raise ArgumentError(f"target, row {int(np.flatnonzero(bad)[0])}: its numbers must be positive")
    return table


def _optimum(law: FittedLaw, C: float, U: float | None) -> tuple[Any, int]:
    """The best size, and how many of N and D are free there: where the data end first, each is at its own optimum."""
    if U is None:
        return compute_optimal(law, C, level=None).iloc[0], 1
    best = compute_and_data_optimal(law, C, U, level=None).iloc[0]
    return best, 2 if best["unused"] > 0 else 1


def _second(law: FittedLaw, best: Any, free: int, U: float | None) -> Array:
    """Second derivatives of the log-loss in coefficients and free positions, at an optimum."""
    at = np.log([best["N"], best["D"]])
    seeds = variables(np.concatenate([law.law.to_theta(law.values), at[None, :free]], axis=1))
    count = len(law.law.coefficients)
    log_N = seeds[count]
    x: dict[str, Any] = {"log_N": log_N, "log_D": seeds[count + 1] if free == 2 else at.sum() - log_N}
    if U is not None:
        x |= {"log_U_D": np.log(U), "epochs": exp(x["log_D"] - np.log(U))}
    p = {c.coordinate: seed for c, seed in zip(law.law.coefficients, seeds, strict=False)}
    with np.errstate(all="ignore"):
        return derivatives(law.law.log_terms(p, x), count + free)[1][0]


def optimum_gradient(law: FittedLaw, C: float, U: float | None = None) -> Array:
    """How the best log N at a budget moves with the coefficients: the slope there stays zero, ``dx/dθ = −H_xx⁻¹ H_xθ``."""
    best, free = _optimum(law, C, U)
    count = len(law.law.coefficients)
    hessian = _second(law, best, free, U)
    return np.asarray(-np.linalg.solve(hessian[count:, count:], hessian[count:, :count])[0])
