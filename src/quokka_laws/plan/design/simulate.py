"""What intervals a sweep would give, before it is paid for: simulated losses, fitted as they would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.determined import check_design
from quokka_laws.fitting.linearised import Estimates, Linearised, estimates
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.priors import FEW_RUNS, Prior
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.solver import solve
from quokka_laws.laws import Law
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.objective import HUBER, LogHuber
from quokka_laws.plan.arguments import one_positive
from quokka_laws.plan.compute import compute_optimal, optimal_log_N
from quokka_laws.plan.design.believed import NOISE, laws_of
from quokka_laws.plan.design.pool import given
from quokka_laws.plan.design.question import Question, Target
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, check_level
from quokka_laws.runs.read import check_runs


def simulate(
    sweep: pd.DataFrame,
    *,
    target_C: float | None = None,
    target: Target | None = None,
    truths: Sequence[FittedLaw] | None = None,
    law: Law | None = None,
    noise: float = NOISE,
    repeats: int = 200,
    level: float = LEVEL,
    seed: int = 0,
) -> pd.DataFrame:
    """Intervals that a sweep would give, for several truths.

    Parameters
    ----------
    sweep : DataFrame
        Runs to be trained, with N and D: a ladder, a design, or one's own, with those trained already.
    target_C : float, optional
        Ask for the compute-optimal log N at this budget.
    target : mapping or DataFrame, optional
        Ask for the log-loss at a point, or at the rows of a table, instead.
    truths : sequence of FittedLaw, optional
        What may be true; published laws of different forms by default, or a fit of one's own.
    law : Law, optional
        What is fitted: Skaling's law by default, which contains Chinchilla's, and Chinchilla's with a weak prior under 13 runs.
    noise : float
        Standard deviation of one run's log-loss.
    repeats : int
        Simulated tables a truth.
    level : float
        Of the intervals.
    seed : int

    Returns
    -------
    DataFrame
        By truth: ``bias`` and ``sd`` of the answer's logarithm, ``width`` of its interval (median, upper over lower less 1),
        ``held`` (share of intervals that hold the truth). ``attrs["target"]`` says what was asked.

    Raises
    ------
    ArgumentError
        If an argument is missing or out of range.
    RunsError
        If the sweep cannot determine the law at all.
    """
    check_level(level)
    (noise,) = one_positive(noise=noise)
    if repeats < 2:
        raise ArgumentError(f"repeats = {repeats}: two at least")
    runs = given(sweep, repeated=False, flops_per_ND=6.0)[["N", "D"]].reset_index(drop=True)
    few = len(runs) < FEW_RUNS
    law = law or (Chinchilla() if few else Skaling())
    prior = Prior.literature(law) if few else None
    truths = laws_of(None, repeated=False)[0] if truths is None else list(truths)
    question = Question.asked(truths[0], target_C, target, None)
    rng = np.random.default_rng(seed)
    rows = []
    for k, truth in enumerate(truths):
        clean = np.log(truth(N=runs["N"].to_numpy(), D=runs["D"].to_numpy()))
        log_losses = clean + noise * rng.standard_normal((repeats, len(runs)))
        found = _answers(law, truth, runs, clean, log_losses, noise, prior, question)
        off, half = found.value - _asked_of(truth, question), found.half_width(level)
        rows.append(
            {
                "truth": f"{truth.label} {k + 1}" if truth.label == truth.law.label else truth.label,
                "bias": float(off.mean()),
                "sd": float(np.sqrt(off.var(axis=0).mean())),
                "width": float(np.expm1(np.median(2.0 * half))),
                "held": float((np.abs(off) <= half).mean()),
            }
        )
    table = pd.DataFrame(rows).set_index("truth")
    table.attrs = {"target": question.text, "law": law.label, "runs": len(runs), "noise": noise, "level": level}
    return table


def _answers(
    law: Law,
    truth: FittedLaw,
    runs: pd.DataFrame,
    clean: Array,
    log_losses: Array,
    noise: float,
    prior: Prior | None,
    question: Question,
) -> Estimates:
    """Answers (tables, targets)."""
    checked = check_runs(runs.assign(loss=np.exp(clean), run_id=np.arange(len(runs))))  # alike is not the same run
    params = law.make_params()
    check_design(law, checked, params, prior=prior)
    objective = LogHuber(HUBER * noise)
    data, space = Data.of(law, checked), Space.of(law, params)
    assert space is not None  # nothing is tied
    if prior is not None:
        mean, precision = prior.on(space)
        space = space.expecting(mean, precision * noise**2)
    values, begin = {"k": 1.0, **truth.values}, None
    if set(law.names) <= set(values) and min(values[c.name] for c in law.coefficients if c.is_log) > 0:
        begin = space.enter(law.to_theta({name: values[name] for name in law.names}), space.problem(data, objective))
    best = optimise(law, data, space, objective, n_starts=None, seed=0, near=begin, briefly=True)
    count = len(log_losses)
    problem = replace(space.problem(data, objective), loss=np.exp(log_losses))
    start, off = np.repeat(best.u[None], count, axis=0), np.repeat(best.off[None], count, axis=0)
    solved = solve(problem, start, data.weights, off=off, begin="near", max_iterations=100)
    near = Linearised.at(space, data, objective, solved.u, solved.off, log_losses)
    return estimates(near, space, solved.u, solved.off, partial(_asked_of_values, law, question))


def _asked_of_values(law: Law, question: Question, values: Mapping[str, Array]) -> Array:
    flat = {name: column[:, 0] for name, column in values.items()}
    if question.C is not None:
        return optimal_log_N(law, flat, np.log([question.C / 6.0]))
    x = {k: np.log(question.points[k].to_numpy(dtype=float)) for k in ("N", "D")}
    return np.asarray(law.log_loss(flat, {"log_N": x["N"], "log_D": x["D"]}))


def _asked_of(truth: FittedLaw, question: Question) -> Array:
    if question.C is not None:
        return np.log(compute_optimal(truth, question.C, level=None)["N"].to_numpy())
    return np.log(truth(N=question.points["N"].to_numpy(), D=question.points["D"].to_numpy()))
