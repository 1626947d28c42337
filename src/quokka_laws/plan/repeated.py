"""How long data may be repeated: questions to a law of N, unique tokens U_D and epochs.

Optima are found by continuous minimisation on exact derivatives. Each row says how far outside the fitted runs it
lies in N, U_D and epochs separately.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._numeric.roots import find_root, root_or_end
from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError
from quokka_laws.laws import Law
from quokka_laws.laws.jet import exp, variables
from quokka_laws.plan.arguments import one_positive, positive
from quokka_laws.plan.compute import FLAT
from quokka_laws.plan.minimise import derivatives, lowest, minimise_plane
from quokka_laws.plan.side_by_side import several
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, interval_with_never, usable_level
from quokka_laws.runs.quantities import times_outside

MOST_EPOCHS = 1e7
"""Epochs beyond which a loss that still falls is called falling for good."""

_LOG_EPOCHS = np.concatenate([np.geomspace(1e-6, 0.05, 40), np.linspace(0.06, np.log(MOST_EPOCHS), 260)])


@several
def max_epochs(fit: FittedLaw, N: Any, U_D: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """Epochs after which more repetition makes a model of N parameters on U_D unique tokens worse.

    Parameters
    ----------
    fit : FittedLaw, the name of a published law, or a list of them
        Of a law of N, U_D and epochs whose loss can rise.
    N, U_D : float or array
        Broadcast against one another; arrays of different lengths give every combination.
    level : float, optional
        Confidence level of the interval of ``epochs``; None for none.

    Returns
    -------
    DataFrame
        ``N, U_D``; ``epochs`` and ``loss`` at the lowest minimum beyond one epoch (1 if there is none, inf if the
        loss still falls at 10⁷); ``epochs_lower, epochs_upper``; ``local``: whether the law promises a lower loss still at
        one epoch or at 10⁷, which is no advice where it lies outside the runs; ``global_epochs``: the best of the three (1,
        ``epochs`` or inf); ``epochs_flat_lower, epochs_flat_upper``: within 0.1 % of ``loss``, inf where still so at 10⁷;
        ``extrapolation_N``, ``_U_D``, ``_epochs``.

    Raises
    ------
    FitError
        If the law cannot rise, or is not one of repeated data.
    """
    _need_rising(fit, "the number of epochs that is too many")
    N, U_D = _every(N=N, U_D=U_D)
    draws = None if (level := usable_level(fit, level)) is None else fit.draw_values()
    rows = []
    for n, u in zip(N, U_D, strict=True):
        epochs, loss, elsewhere = (v[0] for v in _best_epochs(fit.law, fit.values, n, u))
        row = {"N": n, "U_D": u, "epochs": epochs, "loss": loss}
        if draws is not None and level is not None:
            several, _, _ = _best_epochs(fit.law, draws, n, u)
            row["epochs_lower"], row["epochs_upper"] = interval_with_never(several, level)
        row |= {"local": not np.isnan(elsewhere), "global_epochs": epochs if np.isnan(elsewhere) else elsewhere}
        row |= _flat_epochs(fit, float(np.log(n)), float(np.log(u)), float(epochs), float(loss))
        rows.append(row)
    return _with_extrapolation(fit, pd.DataFrame(rows))


@several
def data_optimal(fit: FittedLaw, U_D: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """The model size and epochs that reach the lowest loss U_D unique tokens allow, whatever the compute.

    Returns
    -------
    DataFrame
        ``U_D, N, epochs, C, loss``; ``local``: whether the law promises a lower loss still at one epoch or towards an
        extreme (tiny models for millions of epochs), which is no advice; intervals and ``no_optimum``, the share of draws that have none
        inside and are left out of them, ``N_flat_*`` and ``epochs_flat_*`` (within 0.1 % loss, the other
        held at its optimum), extrapolation in N, U_D and epochs. N and epochs are NaN where there is no interior
        optimum, because a term of the law is missing: bigger would always be better.
    """
    _need_rising(fit, "the best use of limited data")
    k = fit.conventions.flops_per_ND
    draws = None if (level := usable_level(fit, level)) is None else fit.draw_values()
    rows = []
    for u in positive(U_D=U_D)[0]:
        log_u = float(np.log(u))
        log_N, log_e, loss, elsewhere = (v[0] for v in _joint(fit.law, fit.values, log_u))
        N, epochs = float(np.exp(log_N)), float(np.exp(log_e))
        row = {
            "U_D": u,
            "N": N,
            "epochs": epochs,
            "C": k * N * u * epochs,
            "loss": float(loss),
            "local": bool(elsewhere),
        }
        if draws is not None and level is not None:
            found = _joint(fit.law, draws, log_u)
            row |= _intervals(np.exp(found[0]), np.exp(found[1]), found[2], level)
        row |= _flat(fit, log_u, float(log_N), float(log_e), float(loss))
        rows.append(row)
    return _with_extrapolation(fit, pd.DataFrame(rows))


@several
def compute_and_data_optimal(fit: FittedLaw, C: Any, U_D: Any, *, level: float | None = LEVEL) -> pd.DataFrame:
    """The best model under a budget of FLOPs *and* a limit of unique tokens.

    Where the data-limited optimum costs less than C the rest is ``unused``; a law that cannot rise finds a use for any
    compute, however little it helps: ``C_flat`` says how little does nearly as well.

    Parameters
    ----------
    fit : FittedLaw, the name of a published law, or a list of them
        Of a law of repeated data. One that cannot rise is refused where its answer repeats data more often than any
        run it was fitted to.
    C, U_D : float or array
        As N and U_D of :func:`max_epochs`.
    level : float, optional
        Confidence level of the intervals of ``N``, ``epochs`` and ``loss``.

    Returns
    -------
    DataFrame
        ``C, U_D, N, epochs, D, loss, unused`` (FLOPs), intervals of N, epochs and loss with ``no_optimum`` as in
        :func:`data_optimal`, ``C_flat, N_flat, epochs_flat``, the
        cheapest run within 0.1 % of that loss; extrapolation in N, U_D and epochs. Epochs below 1 mean that not all unique
        tokens are needed.

    Raises
    ------
    FitError
        If there is no optimal size because a term of the law is zero.
    """
    _need_repeated(fit)
    C, U_D = _every(C=C, U_D=U_D)
    k = fit.conventions.flops_per_ND
    draws = None if (level := usable_level(fit, level)) is None else fit.draw_values()
    rows = []
    for c, u in zip(C, U_D, strict=True):
        row = best_run(fit, c, u)
        log_u = float(np.log(u))
        if draws is not None and level is not None:
            found = _within_both(fit.law, draws, log_u, float(np.log(c / (k * u))))
            row |= _intervals(np.exp(found[0]), np.exp(found[1]), found[2], level)
        row |= _cheapest(fit, log_u, float(np.log(row["N"] * row["epochs"])), row["loss"])
        rows.append(row)
    return _with_extrapolation(fit, pd.DataFrame(rows))


def best_run(fit: FittedLaw, C: float, U_D: float) -> dict[str, float]:
    """``C, U_D, N, epochs, D, loss, unused`` of one budget and limit, as :func:`compute_and_data_optimal` has them."""
    _need_repeated(fit)
    k = fit.conventions.flops_per_ND
    log_ne = float(np.log(C / (k * U_D)))  # log(N · epochs)
    log_N, log_e, loss = (float(v[0]) for v in _within_both(fit.law, fit.values, float(np.log(U_D)), log_ne))
    if not np.isfinite(log_N):
        raise FitError(f"{fit.label} has no optimal size at C = {C:g}, U_D = {U_D:g}: a term of it is zero")
    N, epochs = float(np.exp(log_N)), float(np.exp(log_e))
    _need_seen_epochs(fit, epochs, f"C = {C:g}, U_D = {U_D:g}")
    unused = max(C - k * N * U_D * epochs, 0.0) if log_N + log_e < log_ne - 1e-12 else 0.0
    return {"C": C, "U_D": U_D, "N": N, "epochs": epochs, "D": U_D * epochs, "loss": loss, "unused": unused}


@several
def loss_of_repeating(
    fit: FittedLaw, N: float, U_D: float, epochs: Any, *, level: float | None = LEVEL
) -> pd.DataFrame:
    """What repetition costs and what it is worth.

    Returns
    -------
    DataFrame
        ``epochs, D, loss`` and its interval; ``effective_tokens``, the unique tokens that would give the same loss in
        one epoch (NaN where the loss is out of reach of any number); ``worth`` = effective_tokens / D, the value of
        a repeated token in fresh ones; ``marginal_worth``, what one more repeated token adds in fresh ones, negative
        once repeating harms; extrapolation.
    """
    _need_repeated(fit)
    (e,) = positive(epochs=epochs)
    N, U_D = one_positive(N=N, U_D=U_D)
    table = fit.predict(N=N, U_D=U_D, epochs=e, level=level).drop(columns="extrapolation")
    table.insert(3, "D", U_D * e)
    target = np.log(table["loss"].to_numpy())

    def above(log_D: Array) -> Array:
        x = {"log_N": np.log(N), "log_U_D": log_D, "log_D": log_D, "epochs": np.ones_like(log_D)}
        return fit.law.log_loss(fit.values, x)[0] - target

    table["effective_tokens"] = np.exp(find_root(above, np.full(len(e), np.log(1e25)), np.zeros(len(e))))
    table["worth"] = table["effective_tokens"] / table["D"]
    log_N, log_u = np.log(float(N)), np.log(float(U_D))
    along = _slope(fit, np.log(e), lambda t: {"log_N": log_N, "log_U_D": log_u, "log_D": log_u + t, "epochs": exp(t)})
    fresh = _slope(
        fit,
        np.log(table["effective_tokens"].to_numpy()),
        lambda t: {"log_N": log_N, "log_U_D": t, "log_D": t, "epochs": np.ones((1, 1))},
    )
    table["marginal_worth"] = table["worth"] * along / fresh
    return _with_extrapolation(fit, table)


# ---- pieces ---------------------------------------------------------------------------------------------------


def _along_epochs(log_N: float, log_u: float) -> Any:
    return lambda t: {"log_N": log_N, "log_U_D": log_u, "log_D": log_u + t, "epochs": exp(t)}


def _along_budget(log_u: float, log_ne: float) -> Any:
    return lambda t: {"log_N": t, "log_U_D": log_u, "log_D": log_u + log_ne - t, "epochs": exp(log_ne - t)}


def _in_plane(log_u: float) -> Any:
    return lambda n, t: {"log_N": n, "log_U_D": log_u, "log_D": log_u + t, "epochs": exp(t)}


def _best_epochs(law: Law, values: Mapping[str, Any], N: float, U_D: float) -> tuple[Array, Array, Array]:
    """Epochs and loss of the lowest interior minimum, and where the loss is lower still (1, inf, else NaN), per problem."""
    theta, log_N, log_u = law.to_theta(values), float(np.log(N)), float(np.log(U_D))
    path = _along_epochs(log_N, log_u)
    best, at_end = lowest(law, theta, path, _LOG_EPOCHS, interior=True)
    per_problem = law.to_values(theta)

    def loss_at(t: Array) -> Array:
        return np.exp(law.log_loss(per_problem, {k: np.asarray(v) for k, v in path(t).items()}))[:, 0]

    at_one, last = loss_at(np.zeros((1, 1))), loss_at(_LOG_EPOCHS[-1:, None])
    falling = np.isnan(best) & ((at_end == 1) | (last < at_one))  # a loss that levels off has not risen
    at = np.where(np.isnan(best), np.where(falling, np.log(MOST_EPOCHS), 0.0), best)
    loss = loss_at(at[:, None])
    better = np.minimum(at_one, last) < loss * (1 - 1e-9)
    elsewhere = np.where(better, np.where(at_one < last, 1.0, np.inf), np.nan)
    return np.where(falling, np.inf, np.exp(at)), loss, elsewhere


def _flat_epochs(fit: FittedLaw, log_N: float, log_u: float, epochs: float, loss: float) -> dict[str, float]:
    limit, path = np.log(loss) + np.log1p(FLAT), _along_epochs(log_N, log_u)

    def excess(t: Array) -> Array:
        return fit.law.log_loss(fit.values, {k: np.asarray(v) for k, v in path(t).items()})[0] - limit

    here = np.array([np.log(min(epochs, MOST_EPOCHS))])
    every = np.concatenate([[0.0], _LOG_EPOCHS])
    worse = every[excess(every) > 0]
    low, high = worse[worse < here][-1:], worse[worse > here][:1]  # the nearest: a loss can fall again
    return {
        "epochs_flat_lower": float(np.exp(find_root(excess, here, low)[0])) if len(low) else 1.0,
        "epochs_flat_upper": float(np.exp(find_root(excess, here, high)[0])) if len(high) else np.inf,
    }


def _joint(law: Law, values: Mapping[str, Any], log_u: float) -> tuple[Array, Array, Array, Array]:
    """log N, log epochs and loss of the joint optimum of each problem (NaN where there is none inside), and whether
    the loss is lower still somewhere at the edge of what is considered."""
    theta = law.to_theta(values)
    per_problem = law.to_values(theta)
    log_N = log_u + np.linspace(np.log(1e-7), np.log(1e4), 70)
    log_e = np.linspace(1e-3, np.log(MOST_EPOCHS), 70)
    n, t = (v.ravel() for v in np.meshgrid(log_N, log_e, indexing="ij"))
    loss = law.log_loss(per_problem, _in_plane(log_u)(n, t)).reshape(len(theta), 70, 70)
    # The deepest minimum inside: towards an edge (tiny models for ever, say) some laws fall further still.
    middle = loss[:, 1:-1, 1:-1]
    around = [loss[:, 1 + i : 69 + i, 1 + j : 69 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    pit = np.where(middle <= np.minimum.reduce(around), middle, np.inf).reshape(len(theta), -1)
    deepest = pit.argmin(axis=1)
    inside = np.isfinite(pit.min(axis=1))
    i, j = (v + 1 for v in np.unravel_index(deepest, (68, 68)))
    found, converged = minimise_plane(law, theta, _in_plane(log_u), np.stack([log_N[i], log_e[j]], axis=1))
    good = inside & converged
    x = {k: np.asarray(v) for k, v in _in_plane(log_u)(found[:, [0]], found[:, [1]]).items()}
    value = np.exp(law.log_loss(per_problem, x))[:, 0]
    lower_outside = loss.reshape(len(theta), -1).min(axis=1) < value * (1 - 1e-9)
    return (*(np.where(good, v, np.nan) for v in (found[:, 0], found[:, 1], value)), good & lower_outside)


def _cheapest(fit: FittedLaw, log_u: float, log_ne: float, loss: float) -> dict[str, float]:
    """The least compute whose best run is within FLAT of a loss that ``log_ne`` reaches."""
    limit = loss * (1 + FLAT)

    def excess(at: Array) -> Array:
        return np.array([_within_both(fit.law, fit.values, log_u, float(v))[2][0] - limit for v in at])

    (least,) = find_root(excess, np.array([log_ne]), np.array([log_ne - np.log(1e6)]))
    log_N, log_e, _ = (float(v[0]) for v in _within_both(fit.law, fit.values, log_u, float(least)))
    N, epochs = float(np.exp(log_N)), float(np.exp(log_e))
    return {
        "C_flat": fit.conventions.flops_per_ND * N * epochs * float(np.exp(log_u)),
        "N_flat": N,
        "epochs_flat": epochs,
    }


def _slope(fit: FittedLaw, at: Array, path: Any) -> Array:
    """Derivative of the log-loss along a path at each position."""
    theta = np.repeat(fit.law.to_theta(fit.values), len(at), axis=0)
    p = {c.coordinate: theta[:, [j]] for j, c in enumerate(fit.law.coefficients)}
    (t,) = variables(at[:, None])
    with np.errstate(all="ignore"):
        gradient, _ = derivatives(fit.law.log_terms(p, path(t)), 1)
    return gradient[:, 0]


def _within_both(law: Law, values: Mapping[str, Any], log_u: float, log_ne: float) -> tuple[Array, Array, Array]:
    """log N, log epochs and loss of the best model whose log(N·epochs) is at most ``log_ne``, per problem."""
    theta = law.to_theta(values)
    centre = 0.5 * (log_ne + log_u)
    grid = np.linspace(centre - np.log(1e7), centre + np.log(1e7), 801)
    log_N, at_end = lowest(law, theta, _along_budget(log_u, log_ne), grid, interior=False)
    log_N = np.where(at_end == 0, log_N, np.nan)
    log_e = log_ne - log_N
    if law.rises:  # spend less where that is better
        free_N, free_e, free_loss, _ = _joint(law, values, log_u)
        along = {k: np.asarray(v) for k, v in _in_plane(log_u)(log_N[:, None], log_e[:, None]).items()}
        spending = np.exp(law.log_loss(law.to_values(theta), along))[:, 0]
        with np.errstate(invalid="ignore"):
            less = (free_N + free_e < log_ne) & ~(spending < free_loss)
        log_N, log_e = np.where(less, free_N, log_N), np.where(less, free_e, log_e)
    at = {k: np.asarray(v) for k, v in _in_plane(log_u)(log_N[:, None], log_e[:, None]).items()}
    return log_N, log_e, np.exp(law.log_loss(law.to_values(theta), at))[:, 0]


def _intervals(N: Array, epochs: Array, loss: Array, level: float) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, values in (("N", N), ("epochs", epochs), ("loss", loss)):
        row[f"{name}_lower"], row[f"{name}_upper"] = interval_with_never(values, level)
    row["no_optimum"] = float(np.isnan(N).mean())
    return row


def _flat(fit: FittedLaw, log_u: float, log_N: float, log_e: float, loss: float) -> dict[str, float]:
    names = ("N_flat_lower", "N_flat_upper", "epochs_flat_lower", "epochs_flat_upper")
    if not np.isfinite(loss):
        return dict.fromkeys(names, np.nan)
    limit = np.log(loss) + np.log1p(FLAT)

    def excess(n: Array, t: Array) -> Array:
        return fit.law.log_loss(fit.values, _in_plane(log_u)(n, t))[0] - limit

    found = []
    for side in (-1, 1):
        at = root_or_end(lambda n: excess(n, np.array([log_e])), np.array([log_N]), np.array([log_N + side * 20.0]))
        found.append(float(np.exp(at[0])))
    for end in (0.0, np.log(MOST_EPOCHS)):
        at = root_or_end(lambda t: excess(np.array([log_N]), t), np.array([log_e]), np.array([end]))
        found.append(float(np.exp(at[0])))
    return dict(zip(names, found, strict=True))


def _with_extrapolation(fit: FittedLaw, table: pd.DataFrame) -> pd.DataFrame:
    for name in ("N", "U_D", "epochs"):
        low, high = fit.fitted_range.get(name, (np.nan, np.nan))
        table[f"extrapolation_{name}"] = times_outside(table[name].to_numpy(dtype=float), low, high)
    return table


def _every(**two: Any) -> list[Array]:
    """Pairs of two arguments: one each where they are equally many or one is alone, else every combination."""
    a, b = (positive(**{name: value})[0] for name, value in two.items())
    if a.size != b.size and 1 not in (a.size, b.size):
        return [v.ravel() for v in np.meshgrid(a, b, indexing="ij")]
    return [np.array(v) for v in np.broadcast_arrays(a, b)]


def _need_repeated(fit: FittedLaw) -> None:
    if "epochs" not in fit.law.variables:
        raise FitError(
            f"{fit.label} is a law of {', '.join(fit.law.variables)} and knows nothing of repetition; fit a repeated-data law, "
            f"such as {either('ql.laws.BoundedMemorization()', '--law bounded-memorization')}"
        )


def _need_seen_epochs(fit: FittedLaw, epochs: float, where: str) -> None:
    most = fit.fitted_range.get("epochs", (np.nan, np.inf))[1]
    if not fit.law.rises and epochs > most * 1.001:
        raise FitError(
            f"{fit.label} cannot rise with epochs, so beyond the {most:g} epochs of its runs it promises gains that "
            f"overfitting may take back: {where} would take {epochs:.3g} epochs. Fit a law that can rise (bounded-memorization)"
        )


def _need_rising(fit: FittedLaw, question: str) -> None:
    _need_repeated(fit)
    if not fit.law.rises:
        raise FitError(
            f"{fit.label} cannot answer {question}: its loss can only fall with epochs, so outside the runs it was fitted "
            "to it would recommend training for ever. Fit a law that can rise (bounded-memorization)"
        )
