"""What is believed before runs are trained: several laws, how sure each is, and how wrong all of them may be.

With a fit, its law counts half and others fitted to the same runs the rest; without one, or with a handful of runs, published laws of
different forms stand in. Each law's coefficients are taken to be so uncertain that its predictions of the candidates and of the target
are known to ±30 % in every direction: next to nothing, but never infinite.

What no law knows is a smooth surface of ln L over ln N and ln D (ln U_D too), a standard deviation of 2 % that is forgotten over a
factor e³ ≈ 20. ``benchmarks/design.py`` chose both: without this hedge runs are bought that are cheap and far from the question.
An error that grows with the distance from the target besides was tried in seven settings: none is ahead at 1, 5 and 10 % of a pool's cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import QuokkaError
from quokka_laws.fitting.bootstrap import unit_codes
from quokka_laws.fitting.fit import fit as fit_law
from quokka_laws.fitting.priors import FEW_RUNS
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.literature.registry import published
from quokka_laws.plan.design.expected_error import Beliefs, Trained
from quokka_laws.plan.design.local import jacobian
from quokka_laws.plan.design.question import Question
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw

WRONG, FORGOTTEN = 0.02, 3.0
"""Standard deviation of what no law knows, and the distance in logarithms over which it is forgotten."""
WRONG_ABOUT_SIZE = 0.003
"""The same where a best size is asked. It rests on the slope of the surface along a budget, and with more than this the hedge would buy the
variance of a right law back: 0.02 ends with a standard deviation of ln N that is 8 % above the least, 0.003 within 2 %."""
VAGUE, VAGUE_SIZE = 0.3, 1.0
"""Standard deviations of a prior on log-losses, and on the log of a best size: a factor e either way."""
NOISE = 0.006
"""Standard deviation of a run's log-loss where no fit says it."""
KNOWN = (
    "besiroglu-2024",
    "chinchilla-2022/parametric",
    "gadre-2024/c4",
    "quokka-2025/parametric",
    "skaling/farseer-runs",
)
KNOWN_REPEATED = ("muennighoff-2023", "quokka-2025/repeated")
MOST_DRAWS = 4


def laws_of(fit: FitResult | None, *, repeated: bool) -> tuple[list[FittedLaw], Array]:
    """Laws that may hold, and their weights."""
    if fit is None:
        known = [published[name] for name in (KNOWN_REPEATED if repeated else KNOWN)]
        found = [law for law in known if isinstance(law, FittedLaw)]
        if not repeated:  # what Quokka's 87 runs say: two terms that are coupled strongly
            values = {"E": 1.846, "A": 1.183e5, "alpha": 0.578, "B": 2.106e6, "beta": 0.586, "k": 0.4115}
            found.append(FittedLaw(Skaling(), values, name="skaling/quokka-runs"))
        return found, np.full(len(found), 1.0 / len(found))
    others = [] if repeated else _rivals(fit)
    if fit.draws is not None and len(draws := fit.draws.dropna()):
        few = draws.iloc[np.linspace(0, len(draws) - 1, MOST_DRAWS).astype(int)]
        others += [FittedLaw(fit.law, dict(row)) for row in few.to_dict("records")]
    weights = [0.5 if others else 1.0, *(0.5 / len(others) for _ in others)]
    return [fit, *others], np.array(weights)


def _rivals(fit: FitResult) -> list[FittedLaw]:
    """Laws of one pass over the data on the same runs; published ones where those are too few."""
    if len(fit.runs) < FEW_RUNS:
        return laws_of(None, repeated=False)[0]
    narrow = fit if fit.law.name == "chinchilla" else None
    found: list[FittedLaw] = []
    try:
        narrow = narrow or fit_law(Chinchilla(), fit.runs, objective="auto", prior=None)
        found.append(narrow)
        inside = FittedLaw(Skaling(), {**narrow.values, "k": 1.0})
        found.append(fit_law(Skaling(), fit.runs, objective="auto", prior=None, near=[inside]))
    except QuokkaError:
        pass
    return [law for law in found if law.law.name != fit.law.name]


def believe(
    laws: Sequence[FittedLaw],
    weights: Array,
    candidates: pd.DataFrame,
    trained: pd.DataFrame,
    question: Question,
    noise: float,
) -> Trained:
    """Beliefs about candidates (first) and runs that are trained already (after them), the latter counted in."""
    rows = pd.concat([candidates, trained], ignore_index=True)
    size = max(len(law.law.coefficients) for law in laws)
    targets = len(question.points)
    J, g = np.zeros((len(laws), len(rows), size)), np.zeros((len(laws), targets, size))
    precision = np.zeros((len(laws), size, size))
    for m, law in enumerate(laws):
        p = len(law.law.coefficients)
        J[m, :, :p] = _finite(jacobian(law, _inputs(law, rows)))
        near = _finite(jacobian(law, _inputs(law, question.points)))
        g[m, :, :p] = _finite(question.gradient(law))
        own = J[m, :, :p]
        told = (own.T @ own / len(own) + near.T @ near / targets) / (2.0 * VAGUE**2)
        if question.C is not None:
            told = told + g[m, :, :p].T @ g[m, :, :p] / VAGUE_SIZE**2
        scale = np.diag(told)
        precision[m] = np.eye(size)
        precision[m, :p, :p] = told + np.diag(np.where(scale > 0, 1e-9 * scale, 1.0))
    K, k, k_target = _covariances(rows, question)
    beliefs = Beliefs(J, g, precision, weights, noise, K, k, k_target)
    now = beliefs.with_none()
    for i in range(len(candidates), len(rows)):
        now = now.change(i, 1.0)
    return now


def last_points(runs: pd.DataFrame) -> pd.DataFrame:
    """The last row of every run, whose noise its others share."""
    if "run_id" not in runs:
        return runs
    last = runs.groupby(unit_codes(runs["run_id"]))["D"].idxmax()
    return runs.loc[np.sort(last.to_numpy())]


def only_candidates(now: Trained, count: int) -> Trained:
    """Without the trained rows, which nobody can buy or drop; what they say stays."""
    b = now.beliefs
    fewer = replace(b, J=b.J[:, :count], K=b.K[:count, :count], k=b.k[:count])
    return replace(now, beliefs=fewer, V=now.V[:, :count], chosen=now.chosen[:count])


def _inputs(law: FittedLaw, table: pd.DataFrame) -> dict[str, Array]:
    return dict(law.law.inputs(**{k: table[k].to_numpy(dtype=float) for k in law.law.takes}))


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def _covariances(rows: pd.DataFrame, question: Question) -> tuple[Array, Array, Array]:
    """Of what the laws do not know: between rows, of rows with the targets, of the targets."""
    names = [k for k in ("N", "D", "U_D") if k in rows and k in question.points]
    x, at = (np.log(table[names].to_numpy(dtype=float)) for table in (rows, question.points))
    wrong = WRONG if question.C is None else WRONG_ABOUT_SIZE
    K = wrong**2 * np.exp(-0.5 * _squares(x, x) / FORGOTTEN**2)
    k = wrong**2 * np.exp(-0.5 * _squares(x, at) / FORGOTTEN**2)
    if question.C is None:
        return K, k, np.full(len(at), wrong**2)
    # The best log N moves by −slope/curvature, with the slope of the unknown surface along the budget: (1, −1) in ln N and ln D.
    along = (x[:, :1] - at[:, 0]) - (x[:, 1:2] - at[:, 1])
    slope = k * along / FORGOTTEN**2
    curvature = max(question.curvature, 1e-6)
    return K, -slope / curvature, np.array([2.0 * wrong**2 / FORGOTTEN**2 / curvature**2])


def _squares(a: Array, b: Array) -> Array:
    return np.asarray(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))
