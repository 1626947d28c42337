"""Autoregressive or diffusion, recipe A or B: which of two laws has the lower loss at a budget and a limit of data.

Each law spends the compute as well as it can: the joint optimum of N and epochs for a repeated-data law; for a
law of N and D that knows nothing of repetition, at most one epoch of the unique tokens.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import FarOutside, FitError
from quokka_laws.literature.power_rules import rules
from quokka_laws.literature.registry import law_of
from quokka_laws.plan.arguments import one_positive, positive
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.repeated import best_run
from quokka_laws.plan.side_by_side import ConventionsDiffer, differences
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import times
from quokka_laws.runs.conventions import UNSTATED

_LOG_C = np.log(np.geomspace(1e14, 1e28, 57))
FAR = 10.0
"""Factor outside a law's runs beyond which it names no winner."""


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
    _warn_if_far("prabhudesai-2025/critical-compute", table)
    return table


def loss_gap(first: FittedLaw, second: FittedLaw, C: Any, U_D: Any) -> pd.DataFrame:
    """Loss of each of two laws (fits, or names of published laws) spending C on U_D unique tokens as well as it can.

    Returns
    -------
    DataFrame
        Every combination: ``C, U_D, loss_<label>`` of each, ``gap`` (first − second; positive: the second has the
        lower loss), ``extrapolation`` (how far the point lies outside the runs of either law, where known),
        ``winner``, ``comparable``, ``note``. There is no winner, and the note says why, where a law is asked beyond
        a factor of ten outside its runs or the losses do not compare.
    """
    first, second = law_of(first, repeated=True), law_of(second, repeated=True)
    labels = _labels(first, second)
    comparable, in_words = _comparable(first, second)
    rows = []
    for u in positive(U_D=U_D)[0]:
        for c in positive(C=C)[0]:
            uses = best_use(first, c, u), best_use(second, c, u)
            a, b = (use["loss"] for use in uses)
            outside = [_beyond(fit, use) for fit, use in zip((first, second), uses, strict=True)]
            why = [f"{k} is {times(f)} outside its runs" for k, f in zip(labels, outside, strict=True) if f > FAR]
            if comparable is Comparable.NO:
                bound = "" if why else _even_its_bound((first, second), labels, a - b)
                why.append(f"losses do not compare{bound}")
            rows.append(
                {
                    "C": c,
                    "U_D": u,
                    f"loss_{labels[0]}": a,
                    f"loss_{labels[1]}": b,
                    "gap": a - b,
                    "extrapolation": _farthest(outside),
                    "winner": "" if why else labels[int(b < a)],
                    "note": "; ".join(why),
                }
            )
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("note"), "comparable", in_words)
    table.attrs["comparable"] = comparable.value
    _warn_if_far(" or ".join(labels), table)
    return table


def crossover(first: FittedLaw, second: FittedLaw, U_D: Any) -> pd.DataFrame:
    """Compute at which two laws (fits, or names of published laws) have the same loss on U_D unique tokens.

    Returns
    -------
    DataFrame
        One row per crossing, or one with NaN where there is none: ``U_D, C, loss, below`` (who has the lower loss with
        less compute), ``above``, ``extrapolation`` (how far the point lies outside the runs of either law, where
        known), ``searched_to`` (FLOPs: 1e28, or where a law that cannot rise with epochs would have to promise beyond
        its runs), ``comparable``.
    """
    first, second = law_of(first, repeated=True), law_of(second, repeated=True)
    labels = _labels(first, second)
    comparable, in_words = _comparable(first, second)
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
                    "extrapolation": _farthest([_beyond(f, best_use(f, c, unique)) for f in (first, second)]),
                    "searched_to": searched_to,
                }
            )
        if not len(turns):
            always = labels[int(gaps[-1] > 0)]
            rows.append({"U_D": unique, "C": np.nan, "below": always, "above": always, "searched_to": searched_to})
    table = pd.DataFrame(rows, columns=["U_D", "C", "loss", "below", "above", "extrapolation", "searched_to"])
    table["comparable"] = in_words
    table.attrs["comparable"] = comparable.value
    _warn_if_far(" or ".join(labels), table)
    return table


def iso_loss(fit: FittedLaw, loss: float, U_D: Any) -> pd.DataFrame:
    """The frontier of one loss: compute needed at each amount of unique tokens.

    Returns
    -------
    DataFrame
        ``U_D, C``; C is inf where so little data never reach the loss within 1e28 FLOPs, NaN where the law cannot say
        (it cannot rise with epochs, and more than it was fitted to would be needed).
    """
    fit = law_of(fit, repeated=True)
    (loss,) = one_positive(loss=loss)
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
    return best_use(fit, C, U_D)["loss"]


def best_use(fit: FittedLaw, C: float, U_D: float) -> dict[str, float]:
    """N, D, epochs and loss of the lowest loss a law reaches with C FLOPs on U_D unique tokens, with U_D and C used."""
    k = fit.conventions.flops_per_ND
    if fit.law.of_repetition:
        run = best_run(fit, C, U_D)
        N, D, epochs, loss = (run[name] for name in ("N", "D", "epochs", "loss"))
    else:
        best = compute_optimal(fit, C, level=None).iloc[0]
        D = min(float(best["D"]), U_D)
        N, epochs = C / (k * D), 1.0
        loss = float(fit(N=N, D=D))
    return {"N": N, "D": D, "U_D": U_D, "epochs": epochs, "C": k * N * D, "loss": loss}


class Comparable(Enum):
    """Whether the losses of two laws compare."""

    YES = "yes"
    UNKNOWN = "unknown"
    NO = "no"


def _comparable(first: FittedLaw, second: FittedLaw) -> tuple[Comparable, str]:
    """Whether the two losses compare, and that with its reason in words; units that differ are refused."""
    a, b = first.conventions, second.conventions
    if a.loss_unit != b.loss_unit:
        raise FitError(
            f"{first.label} is in {a.loss_unit}, {second.label} in {b.loss_unit}: convert one first: "
            f"{either('ql.conversions.convert(law, tokens_per_byte=…)', '--tokens-per-byte')}"
        )
    apart = [words for name, words in differences([a, b]).items() if name not in ("flops", "N_counts")]
    unsure = [k for k in ("loss_kind", "tokenizer") if UNSTATED in (getattr(a, k), getattr(b, k))]
    if apart:
        warnings.warn(
            f"{first.label} and {second.label} differ in {'; '.join(apart)}.", ConventionsDiffer, stacklevel=3
        )
        return Comparable.NO, f"no: {'; '.join(apart)}"
    if unsure:
        return Comparable.UNKNOWN, f"unknown: {', '.join(unsure)} unstated"
    return Comparable.YES, "yes"


def _even_its_bound(fits: Sequence[FittedLaw], labels: Sequence[str], gap: float) -> str:
    """What a bound still says: an exact loss lies below its bound, so a bound that is lower means a lower loss."""
    kinds = [f.conventions.loss_kind for f in fits]
    lower = int(gap > 0)
    if len(differences([f.conventions for f in fits])) > 1 or kinds[lower] != "ELBO bound" or UNSTATED in kinds:
        return ""
    return f", but even the bound of {labels[lower]} is below the exact loss of {labels[1 - lower]}"


def _beyond(fit: FittedLaw, use: dict[str, float]) -> float:
    """The largest factor outside the fitted range of a law, at least 1; NaN where no range is known."""
    known = [(use[k], *fit.fitted_range[k]) for k in ("N", "D", "U_D", "epochs", "C") if k in fit.fitted_range]
    return max([1.0, *(max(v / high, low / v) for v, low, high in known)]) if known else float("nan")


def _farthest(factors: Sequence[float]) -> float:
    """The largest factor that is known; NaN where none is."""
    return float(np.fmax.reduce(factors))


def _warn_if_far(label: str, table: pd.DataFrame) -> None:
    """Warn where a table leaves the runs behind it."""
    far = table[table["extrapolation"] > FAR]
    if len(far):
        where = ", ".join(f"{u:.3g}" for u in dict.fromkeys(far["U_D"]))
        warnings.warn(
            f"{times(far['extrapolation'].max())} outside the runs of {label} at U_D = {where}: this is no evidence.",
            FarOutside,
            stacklevel=3,
        )


def _labels(first: FittedLaw, second: FittedLaw) -> tuple[str, str]:
    if first.label == second.label:
        return f"first ({first.label})", f"second ({second.label})"
    return first.label, second.label
