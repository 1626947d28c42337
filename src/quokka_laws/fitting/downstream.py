"""Task accuracy from runs: by two stages, loss then accuracy, and directly from N and D; refits paired with the law's own.

The curves are least squares on the accuracy, each run weighted by what is expected of it: the binomial error of its questions,
and what runs scatter beyond that (seeds). Refits take, run by run, what the refits of the law took: the same multiplicity where
those drew rows, the same donor of a residual and the same sign where they drew residuals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError, RunsError
from quokka_laws.fitting.accuracy import fit_curve, solve_curves
from quokka_laws.fitting.bootstrap import resample_weights, resampling_units, unit_codes
from quokka_laws.fitting.downstream_diagnostics import task_diagnostics
from quokka_laws.fitting.fit import fit as fit_law
from quokka_laws.fitting.linearised import LARGEST_LEVERAGE
from quokka_laws.fitting.residual_bootstrap import donors
from quokka_laws.laws.accuracy import AccuracyCurve, LogAccuracyPower, LossSigmoid
from quokka_laws.progress import Progress
from quokka_laws.results.downstream import METHODS, Downstream, FittedCurve, Method, TaskFit
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.intervals import check_level
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.read import as_runs
from quokka_laws.runs.rows import subset
from quokka_laws.runs.tasks import Task, per_task, read_task, task_columns

LEVEL = 0.9
FEWEST_RUNS = 6
WIDE_RATIO = 2.0
"""Spread of D/N from which on N and D are told apart."""
REFITS = 1000
SAME = 0.01
"""Relative distance up to which runs are repeats of one N and D."""
FEWEST_REPEATS = 3
"""Degrees of freedom from repeated runs, from which on seeds are judged by them."""
ROUNDS = 3
LEVERAGE_POWER = 0.6
"""Of residuals that are drawn anew; chosen by ``benchmarks/downstream.py``, a little above the 1/2 of HC2."""


def downstream(
    runs: Any = None,
    fit: FitResult | None = None,
    metric: str | Sequence[str] | None = None,
    chance: float | Mapping[str, float] | None = None,
    questions: Any = None,
    *,
    ceiling: float | Mapping[str, float] | None = None,
    method: Method = "two-stage",
    level: float = LEVEL,
    seed: int = 0,
    progress: bool = False,
) -> Downstream:
    """Task accuracy as a function of N and D, from runs with a column of accuracies.

    Two stages: accuracy = chance + (ceiling − chance)/(1 + exp((loss − middle)/width)) of each run's own loss, behind the law of
    the loss. Direct: −ln Q = A/N^alpha + B/D^beta with Q the chance-corrected accuracy (arXiv 2512.08894).

    Parameters
    ----------
    runs : DataFrame, path or data, optional
        With N, D, loss, and a column of accuracies per task; the runs of ``fit`` by default. Runs without an accuracy are left out.
    fit : FitResult, optional
        The law of the loss, with refits: ``ql.fit(law, runs, bootstrap=1000)``. Fitted to ``runs`` without it.
    metric : str or sequence of str, optional
        Columns of accuracies, from 0 to 1 or in per cent; the known benchmarks of the table by default.
    chance : float or mapping by metric, optional
        Score of a guesser, 0.25 for four choices; known for common benchmarks (:mod:`quokka_laws.runs.tasks`).
    questions : int, str or mapping by metric, optional
        How many questions the task has, or a column of it; the column ``METRIC_questions``, or the benchmark's own number.
    ceiling : float or mapping by metric, optional
        Held; fitted, at most 1, without it.
    method : {"two-stage", "direct"}
        Which the answer is; both are fitted.
    level : float
    seed : int
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    Downstream

    Raises
    ------
    ArgumentError
        If an argument is not what was expected.
    RunsError
        If a column holds no accuracies, or too few; each row is named.
    FitError
        If the law has no refits.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> runs = ql.datasets.load_quokka_isoflops().assign(quiz=lambda t: 1.0 - 0.12 * t["loss"])
    >>> fit = ql.fit("chinchilla", runs, objective="auto", bootstrap=100)
    >>> found = ql.downstream(runs, fit, "quiz", chance=0.25, questions=2000)
    >>> bool(0.6 < found.predict(N="7B", D="140B")["accuracy"][0] < 0.8)
    True
    """
    if method not in METHODS:
        raise ArgumentError(f"method = {method!r}: one of {', '.join(METHODS)}")
    check_level(level)
    fit, table = _law_and_table(runs, fit, seed, progress)
    wanted = [metric] if isinstance(metric, str) else list(metric) if metric is not None else task_columns(table)
    if not wanted:
        raise ArgumentError(
            f"which column is the accuracy? Give {option('metric', 'hellaswag')}; the table has {', '.join(map(str, table))}"
        )
    if twice := sorted({m for m in wanted if wanted.count(m) > 1}):
        raise ArgumentError(f"metric: {', '.join(twice)} is asked for twice")
    chances, counts = per_task(chance, wanted, "chance"), per_task(questions, wanted, "questions")
    ceilings = per_task(ceiling, wanted, "ceiling")
    pairing = _Pairing(fit, table, seed)
    found = []
    with Progress("tasks", len(wanted), enabled=progress) as bar:
        for name in wanted:
            task = read_task(table, name, chances[name], counts[name])
            found.append(_fit_task(task, table, fit, ceilings[name], pairing, level))
            bar.update(1)
    return Downstream(fit, tuple(found), method, level, pairing.paired, seed)


def _law_and_table(runs: Any, fit: FitResult | None, seed: int, progress: bool) -> tuple[FitResult, pd.DataFrame]:
    if fit is not None and (not isinstance(fit, FitResult) or not len(fit.runs)):
        raise ArgumentError(f"fit: expected a fit with its runs, such as ql.fit(...) returns, not {fit!r}")
    if runs is None and fit is None:
        raise ArgumentError("give runs with N, D, loss and a column of accuracies")
    if runs is None:
        assert fit is not None
        table = fit.runs
    else:
        table = as_runs(runs)
    if fit is None:
        fit = fit_law(table, bootstrap=REFITS, seed=seed, progress=progress)
    if fit.draws is None or len(fit.draws.dropna()) < 2:
        raise FitError(f"{fit.label} has no refits, so no interval can be given; fit with {option('bootstrap', 1000)}")
    if missing := [k for k in ("loss", *fit.law.takes) if k not in table]:
        raise RunsError(
            f"the runs have no {', '.join(missing)}, which {fit.label} takes; the table has {', '.join(map(str, table))}"
        )
    return fit, table


# ---- refits that take the runs that the law's took ------------------------------------------------------------------


class _Pairing:
    """What each refit takes of each run of a table: multiplicities, or donors of residuals with their signs."""

    def __init__(self, fit: FitResult, table: pd.DataFrame, seed: int) -> None:
        assert fit.draws is not None
        self.count, self.seed = len(fit.draws), seed
        self.of_residuals = fit.bootstrap.get("resample") == "residuals"
        self.position = _positions(fit, table)
        self.table = table
        here = self.position >= 0
        self.paired = bool(here.any())
        self.law_seed, self.size = fit.seed, len(fit.runs)
        if self.of_residuals:
            self.paired = (
                bool(here.all())
                and len(table) == len(fit.runs)
                and np.array_equal(self.position, np.arange(len(table)))
            )
            return
        how = fit.bootstrap
        units, _ = resampling_units(fit.runs, how.get("cluster"), how.get("strata"))
        drawn = resample_weights(len(fit.runs), self.count, seed=fit.seed, **units)
        cluster = unit_codes(table["run_id"]) if "run_id" in table else None
        own = resample_weights(len(table), self.count, seed=seed + 1, cluster=cluster)
        self.weights = np.where(here, drawn[:, self.position], own)

    def refits(
        self, curve: AccuracyCurve, x: Mapping[str, Array], task: Task, weights: Array, theta: Array
    ) -> tuple[Array, Array]:
        """Coordinates of every refit, and the standardised residuals of the fit."""
        value, J = curve.at(theta[None], x)
        low, high = curve.bounds
        moving = (theta > low + 1e-9) & (theta < high - 1e-9)
        root = np.sqrt(weights)
        leverage = (np.linalg.qr(J[0][:, moving] * root[:, None])[0] ** 2).sum(axis=1)
        rest = task.accuracy - value[0]
        standard = rest * root / (1.0 - np.clip(leverage, 0.0, LARGEST_LEVERAGE)) ** LEVERAGE_POWER
        start = np.repeat(theta[None], self.count, axis=0)
        spare = max(len(rest) - len(theta), 1)
        if not self.of_residuals:
            drawn = self.weights[:, task.rows]
            found, _ = solve_curves(curve, x, task.accuracy[None], weights * drawn, start)
            enough = (drawn > 0).sum(axis=1) > len(theta)
            return np.where(enough[:, None], found, np.nan), rest * root * np.sqrt(len(rest) / spare)
        if self.paired and len(task.rows) == self.size:
            donor, sign = donors(self.size, count=self.count, seed=self.law_seed)
        else:
            donor, sign = donors(len(task.rows), count=self.count, seed=self.seed + 1)
        widen = np.sqrt(spare / np.random.default_rng([self.seed, 2]).chisquare(spare, size=(self.count, 1)))
        # Of the law's residuals it is predicted less observed that is drawn, so its sign is the other way round.
        y = value - standard[donor] * sign * widen / root
        return solve_curves(curve, x, y, weights[None], start)[0], rest * root * np.sqrt(len(rest) / spare)


def _positions(fit: FitResult, table: pd.DataFrame) -> Array:
    """Where each row of a table is among the runs of the fit; −1 where it is not."""
    keys = [k for k in dict.fromkeys((*fit.law.takes, "loss", "run_id", "seed")) if k in table and k in fit.runs]
    places: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(fit.runs[keys].itertuples(index=False, name=None)):
        places.setdefault(row, []).append(i)
    return np.array([(places.get(row) or [-1]).pop(0) for row in table[keys].itertuples(index=False, name=None)])


# ---- one task ---------------------------------------------------------------------------------------------------------


def _fit_task(
    task: Task, table: pd.DataFrame, fit: FitResult, ceiling: float | None, pairing: _Pairing, level: float
) -> TaskFit:
    if len(task.rows) < FEWEST_RUNS:
        raise RunsError(
            f"{task.name}: {len(task.rows)} runs have an accuracy; a curve of it needs at least {FEWEST_RUNS}"
        )
    runs = subset(table, task.rows)
    known = fit.law.completed(flops_per_ND=fit.conventions.flops_per_ND, **_numbers(runs))
    x = {**{k: np.asarray(v, dtype=float) for k, v in known.items()}, "loss": runs["loss"].to_numpy(dtype=float)}
    top = None if ceiling is None else _held(ceiling, task)
    curves: list[FittedCurve] = []
    for curve in _curves(task, x, top):
        theta, weights, noise = _best(curve, x, task)
        draws, scatter = pairing.refits(curve, x, task, weights, theta)
        rms = float(np.sqrt(np.mean((task.accuracy - curve.at(theta[None], x)[0][0]) ** 2)))
        curves.append(FittedCurve(curve, theta, draws, scatter, noise, rms))
    seeds, source = _seeds(task, x, min(curves, key=lambda c: c.rms))
    columns: dict[str, Any] = {k: x[k] for k in ("N", "D", "C") if k in x}
    kept = pd.DataFrame({**columns, "loss": x["loss"], "accuracy": task.accuracy, "questions": task.questions})
    if "run_id" in runs:
        kept.insert(0, "run_id", runs["run_id"].astype(str).to_numpy())
    found = TaskFit(task.name, task.chance, kept, tuple(curves), seeds, source)
    said = task_diagnostics(task, found, repeats=_cells(x), level=level)
    return TaskFit(task.name, task.chance, kept, tuple(curves), seeds, source, said)


def _numbers(runs: pd.DataFrame) -> dict[str, Array]:
    return {k: v for k, v in inputs_of(runs).items() if k != "loss" and np.issubdtype(np.asarray(v).dtype, np.number)}


def _held(ceiling: float, task: Task) -> float:
    value = float(ceiling) / 100.0 if 1.0 < float(ceiling) <= 100.0 else float(ceiling)
    if not task.chance < value <= 1.0:
        raise ArgumentError(
            f"ceiling = {ceiling!r} of {task.name}: expected a share above chance, {task.chance:g}, and at most 1"
        )
    return value


def _curves(task: Task, x: Mapping[str, Array], ceiling: float | None) -> list[AccuracyCurve]:
    loss = x["loss"]
    found: list[AccuracyCurve] = [LossSigmoid(task.chance, float(loss.mean()), float(np.ptp(loss)) or 1.0, ceiling)]
    if {"N", "D"} <= x.keys() and np.ptp(np.log(x["D"] / x["N"])) > np.log(WIDE_RATIO) and len(task.rows) > FEWEST_RUNS:
        found.append(LogAccuracyPower(task.chance, ("N", "D"), tuple(float(np.log(x[k]).mean()) for k in ("N", "D"))))
    elif "C" in x and np.ptp(np.log(x["C"])) > np.log(WIDE_RATIO):
        found.append(LogAccuracyPower(task.chance, ("C",), (float(np.log(x["C"]).mean()),)))
    return found


def _best(curve: AccuracyCurve, x: Mapping[str, Array], task: Task) -> tuple[Array, Array, float]:
    """Coordinates, weights of the runs, and the standard deviation of a run beyond the error of its questions."""
    weights, tau = np.ones(len(task.rows)), 0.0
    theta = np.zeros(0)
    for _ in range(ROUNDS):
        found = fit_curve(curve, x, task.accuracy, weights)
        theta = np.array([found.params[k].value for k in curve.names])
        p = curve.at(theta[None], x)[0][0]
        rest = task.accuracy - p
        spare = max(len(rest) - len(theta), 1)
        if not np.isfinite(task.questions).all():
            tau = float(np.sqrt((rest**2).sum() / spare))
            weights = np.full(len(rest), 1.0 / max(tau, 1e-9) ** 2)
            break
        binomial = np.clip(p * (1.0 - p), 1e-6, None) / task.questions
        tau = _beyond(rest, binomial, spare)
        weights = 1.0 / (binomial + tau**2)
    return theta, weights, tau


def _beyond(rest: Array, binomial: Array, spare: int) -> float:
    """Standard deviation that, with the binomial error, makes the residuals as large as they are; 0 where that error is enough."""

    def excess(square: float) -> float:
        return float((rest**2 / (binomial + square)).sum() - spare)

    if excess(0.0) <= 0:
        return 0.0
    return float(np.sqrt(brentq(excess, 0.0, float((rest**2).sum()))))


def _cells(x: Mapping[str, Array]) -> Array:
    """Which runs are repeats of one N and D (or C)."""
    names = [k for k in ("N", "D") if k in x] or ["C"]
    steps = [np.round(np.log(x[k]) / SAME).astype(int) for k in names if k in x]
    return np.unique(np.stack(steps, axis=1), axis=0, return_inverse=True)[1].ravel()


def _seeds(task: Task, x: Mapping[str, Array], fitted: FittedCurve) -> tuple[float, str]:
    """Standard deviation between runs that differ in nothing asked, and where it comes from."""
    cells = _cells(x)
    rest = task.accuracy - fitted.at(dict(x))
    means = np.bincount(cells, rest) / np.bincount(cells)
    spare = len(rest) - len(means)
    if spare < FEWEST_REPEATS:
        return fitted.beyond, "scatter"
    within = float(((rest - means[cells]) ** 2).sum() / spare)
    p = np.clip(fitted.at(dict(x)), 0.0, 1.0)
    binomial = p * (1.0 - p) / task.questions
    known = float(np.mean(binomial)) if np.isfinite(binomial).all() else 0.0
    return float(np.sqrt(max(within - known, 0.0))), "repeats"
