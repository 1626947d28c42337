"""Autoregressive or diffusion, recipe A or B: which of two laws has the lower loss at a budget and a limit of data.

Each law spends the compute as well as it can: the joint optimum of N and epochs for a repeated-data law; for a
law of N and D that knows nothing of repetition, at most one epoch of the unique tokens.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from quokka_laws.conventions import UNSTATED
from quokka_laws.exceptions import FitError
from quokka_laws.jet import Array
from quokka_laws.plan.arguments import one_positive, positive
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal
from quokka_laws.plan.several import ConventionsDiffer, differences
from quokka_laws.results import FittedLaw
from quokka_laws.rules import rules

_LOG_C = np.log(np.geomspace(1e14, 1e28, 57))


def critical_compute(U_D: Any) -> pd.DataFrame:
    """Compute above which masked diffusion has the lower loss, as Prabhudesai et al. 2025 published it.

    ``C_crit ∝ U_D^2.174`` (arXiv 2507.15857). Its constant is secondary, it was fitted for U_D up to 1e8, and it sets an
    exact NLL against an ELBO bound; every row says so.

    Returns
    -------
    DataFrame
        ``U_D, C, extrapolation, status, note``.
    """
    rule = rules["prabhudesai-2025/critical-compute"]
    (unique,) = positive(U_D=U_D)
    table = pd.DataFrame({"U_D": unique, "C": rule("C", U_D=unique)})
    table["extrapolation"] = np.maximum(unique / 1e8, 1.0)
    table["status"], table["note"] = rule.status, rule.note
    return table


def loss_gap(first: FittedLaw, second: FittedLaw, C: Any, U_D: Any) -> pd.DataFrame:
    """Loss of each law spending C on U_D unique tokens as well as it can.

    Returns
    -------
    DataFrame
        Every combination: ``C, U_D, loss_<label>`` of each, ``gap`` (first − second; positive: the second wins),
        ``winner``, ``comparable``.
    """
    labels = _labels(first, second)
    comparable = _comparable(first, second)
    rows = []
    for u in positive(U_D=U_D)[0]:
        for c in positive(C=C)[0]:
            a, b = best_loss(first, c, u), best_loss(second, c, u)
            row = {"C": c, "U_D": u, f"loss_{labels[0]}": a, f"loss_{labels[1]}": b, "gap": a - b}
            rows.append({**row, "winner": labels[int(b < a)]})
    table = pd.DataFrame(rows)
    table["comparable"] = comparable
    return table


def crossover(first: FittedLaw, second: FittedLaw, U_D: Any) -> pd.DataFrame:
    """Compute at which two laws have the same loss on U_D unique tokens.

    Returns
    -------
    DataFrame
        One row per crossing, or one with NaN where there is none: ``U_D, C, loss, below`` (who has the lower loss with
        less compute), ``above``, ``extrapolation`` (how far C or U_D lies outside the runs of either law, where
        known), ``searched_to`` (FLOPs: 1e28, or where a law that cannot rise with epochs would have to promise beyond
        its runs), ``comparable``.
    """
    labels = _labels(first, second)
    comparable = _comparable(first, second)
    rows = []
    for u in positive(U_D=U_D)[0]:
        unique = float(u)

        def gap(log_C: float, unique: float = unique) -> float:
            c = float(np.exp(log_C))
            return best_loss(first, c, unique) - best_loss(second, c, unique)

        gaps = _while_answered(gap)
        searched_to = float(np.exp(_LOG_C[len(gaps) - 1]))
        turns = np.flatnonzero(np.sign(gaps[:-1]) * np.sign(gaps[1:]) < 0)
        for i in turns:
            log_C = brentq(gap, _LOG_C[i], _LOG_C[i + 1], xtol=1e-12)
            c, lower = float(np.exp(log_C)), int(gaps[i] > 0)
            rows.append(
                {
                    "U_D": unique,
                    "C": c,
                    "loss": best_loss(first, c, unique),
                    "below": labels[lower],
                    "above": labels[1 - lower],
                    "extrapolation": _beyond((first, second), C=c, U_D=unique),
                    "searched_to": searched_to,
                }
            )
        if not len(turns):
            always = labels[int(gaps[-1] > 0)]
            rows.append({"U_D": unique, "C": np.nan, "below": always, "above": always, "searched_to": searched_to})
    table = pd.DataFrame(rows, columns=["U_D", "C", "loss", "below", "above", "extrapolation", "searched_to"])
    table["comparable"] = comparable
    return table


def iso_loss(fit: FittedLaw, loss: float, U_D: Any) -> pd.DataFrame:
    """The frontier of one loss: compute needed at each amount of unique tokens.

    Returns
    -------
    DataFrame
        ``U_D, C``; C is inf where so little data never reach the loss within 1e28 FLOPs, NaN where the law cannot say
        (it cannot rise with epochs, and more than it was fitted to would be needed).
    """
    one_positive(loss=loss)
    rows = []
    for u in positive(U_D=U_D)[0]:

        def excess(log_C: float, unique: float = float(u)) -> float:
            return best_loss(fit, float(np.exp(log_C)), unique) - loss

        found = _while_answered(excess, stop_below=True)
        if found[-1] > 0:
            rows.append({"U_D": u, "C": np.inf if len(found) == len(_LOG_C) else np.nan})
            continue
        i = max(len(found) - 1, 1)
        rows.append({"U_D": u, "C": float(np.exp(brentq(excess, _LOG_C[i - 1], _LOG_C[i], xtol=1e-12)))})
    return pd.DataFrame(rows)


def _while_answered(question: Callable[[float], float], *, stop_below: bool = False) -> Array:
    """Answers along rising compute until a law refuses one (or until one is not positive)."""
    answers: list[float] = []
    for t in _LOG_C:
        try:
            answers.append(question(float(t)))
        except FitError:
            if not answers:
                raise
            break
        if stop_below and answers[-1] <= 0:
            break
    return np.array(answers)


def best_loss(fit: FittedLaw, C: float, U_D: float) -> float:
    """Lowest loss a law reaches with C FLOPs on U_D unique tokens."""
    if "epochs" in fit.law.variables:
        return float(compute_and_data_optimal(fit, C, U_D)["loss"].iloc[0])
    best = compute_optimal(fit, C).iloc[0]
    if best["D"] <= U_D:
        return float(best["loss"])
    return float(fit(N=C / (fit.conventions.flops_per_ND * U_D), D=U_D))


def _comparable(first: FittedLaw, second: FittedLaw) -> str:
    """ "yes", or why the two losses do not compare; units that differ are refused."""
    a, b = first.conventions, second.conventions
    if a.loss_unit != b.loss_unit:
        raise FitError(
            f"{first.label} is in {a.loss_unit}, {second.label} in {b.loss_unit}: convert one first "
            "(ql.conversions.bits_per_byte)"
        )
    apart = [d for d in differences([a, b]) if not d.startswith(("FLOP", "ways"))]
    unsure = [k for k in ("loss_kind", "tokenizer") if UNSTATED in (getattr(a, k), getattr(b, k))]
    if apart:
        warnings.warn(f"{first.label} and {second.label} differ in {'; '.join(apart)}", ConventionsDiffer, stacklevel=3)
        return "no: " + "; ".join(apart)
    return f"unknown: {', '.join(unsure)} unstated" if unsure else "yes"


def _beyond(fits: Sequence[FittedLaw], **at: float) -> float:
    """The largest factor outside the fitted range of any law, at least 1; NaN where no range is known."""
    known = [(value, *f.fitted_range[k]) for f in fits for k, value in at.items() if k in f.fitted_range]
    return max([1.0, *(max(v / high, low / v) for v, low, high in known)]) if known else float("nan")


def _labels(first: FittedLaw, second: FittedLaw) -> tuple[str, str]:
    if first.label == second.label:
        return f"first ({first.label})", f"second ({second.label})"
    return first.label, second.label
