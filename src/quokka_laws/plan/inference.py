"""Training and serving together: the cheapest model of a given loss when it will also be used.

Sardana et al. 2023 (arXiv 2401.00448): minimise ``k·N·D·c_train + 2·N·D_inf·c_serve`` over N and D with
``L(N, D)`` fixed. On the iso-loss curve the optimum satisfies

    (∂L/∂log N)/(∂L/∂log D) = 1 + (2·D_inf·c_serve)/(k·D·c_train),

``1 + D_inf/(3·D)`` for k = 6 and equal prices: serving pushes towards smaller models on more tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._numeric.roots import root_or_end
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import Law
from quokka_laws.laws.jet import Jet
from quokka_laws.plan.arguments import one_positive, positive
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.minimise import derivatives
from quokka_laws.plan.side_by_side import several
from quokka_laws.plan.targets import ENDLESS, _log_tokens, _need_surface, cheapest_log_N, compute_to_loss
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.intervals import LEVEL, interval_with_never, usable_level

_SMALLER = np.log(1e6)  # models this much below the compute-optimal size are not looked at

SERVING_FLOPS = 2.0
"""FLOPs per parameter and token of a forward pass."""


@several
def inference_optimal(
    fit: FittedLaw,
    D_inf: Any,
    *,
    loss: Any = None,
    C: Any = None,
    serving_price: float = 1.0,
    level: float | None = LEVEL,
) -> pd.DataFrame:
    """N and D with the lowest cost of training and serving at equal loss.

    Parameters
    ----------
    fit : FittedLaw, or a list of them
        Of a law of N and D.
    D_inf : float or array
        Tokens that will be processed at inference over the model's life.
    loss : float or array
        The quality wanted; or
    C : float or array
        compute whose compute-optimal loss is the quality wanted. Exactly one of the two.
    serving_price : float
        Price of a FLOP of serving over one of training: ``(MFU_train/MFU_serve)·(price_serve/price_train)``;
        serving usually runs at a lower utilisation, so above 1.
    level : float, optional
        Confidence level of the intervals of N and D; None for none.

    Returns
    -------
    DataFrame
        ``D_inf, loss, N, D, tokens_per_param``; ``C`` of training, ``C_total`` with serving at its price;
        ``N_compute_optimal`` and ``saved``, the share of the total cost saved against serving the compute-optimal
        model of the same loss; intervals; ``extrapolation``.

    Raises
    ------
    FitError
        If the loss is below the law's floor.
    """
    _need_surface(fit)
    if (loss is None) == (C is None):
        raise ArgumentError("give the quality wanted once: loss=, or C= whose compute-optimal loss is meant")
    (serving_price,) = one_positive(serving_price=serving_price)
    if loss is None:
        C, demand = positive(C=C, D_inf=D_inf)
        target = compute_optimal(fit, C, level=None)["loss"].to_numpy()
    else:
        target, demand = positive(loss=loss, D_inf=D_inf)
    best = compute_to_loss(fit, target, level=None)  # also refuses targets below the floor
    k = fit.conventions.flops_per_ND
    share = SERVING_FLOPS * serving_price / k
    log_N, log_D = (v[0] for v in _optimum(fit.law, fit.values, np.log(target), share * demand))
    N, D = np.exp(log_N), np.exp(log_D)

    def cost(n: Array, d: Array) -> Array:
        return k * n * (d + share * demand)

    table = pd.DataFrame({"D_inf": demand, "loss": target, "N": N, "D": D, "tokens_per_param": D / N})
    table["C"], table["C_total"] = k * N * D, cost(N, D)
    table["N_compute_optimal"] = best["N"]
    table["saved"] = 1.0 - table["C_total"] / cost(best["N"].to_numpy(), best["D"].to_numpy())
    if (level := usable_level(fit, level)) is not None:
        found = _optimum(fit.law, fit.draw_values(), np.log(target), share * demand)
        for name, values in zip(("N", "D"), found, strict=True):
            lower, upper = interval_with_never(np.exp(values), level)
            table[f"{name}_lower"], table[f"{name}_upper"] = lower, upper
    table["extrapolation"] = fit.extrapolation(N=N, D=D)
    return table


def _optimum(law: Law, values: Mapping[str, Any], log_target: Array, served: Array) -> tuple[Array, Array]:
    """log N and log D of each problem and row; ``served`` = D_inf in units of training tokens."""
    theta = law.to_theta(values)
    largest = cheapest_log_N(law, values, log_target)  # serving only ever makes the model smaller
    smallest = largest - _SMALLER

    def tokens(log_N: Array) -> Array:
        return _log_tokens(law, values, log_target, log_N)

    def slope_excess(log_N: Array) -> Array:
        log_D = tokens(log_N)
        ratio = _slope_ratio(law, theta, log_N, log_D)
        with np.errstate(all="ignore"):
            excess = np.log(ratio) - np.log1p(served * np.exp(-log_D))
        # Beyond reach of the target (NaN) the model is too small: the ratio there is +inf.
        return np.where(np.isnan(log_D), np.inf, excess)

    served_little = slope_excess(largest) >= 0  # so little that rounding hides it
    log_N = np.where(served_little, largest, root_or_end(slope_excess, largest, smallest))
    return log_N, tokens(log_N)


def _slope_ratio(law: Law, theta: Array, log_N: Array, log_D: Array) -> Array:
    """(∂L/∂log N)/(∂L/∂log D), problems × rows, from exact derivatives."""
    rows = log_N.shape[1]
    each = np.repeat(theta, rows, axis=0)
    p = {c.coordinate: each[:, [j]] for j, c in enumerate(law.coefficients)}
    x = {
        "log_N": Jet(log_N.reshape(-1, 1), {0: 1.0}, order=1),
        "log_D": Jet(np.nan_to_num(log_D, nan=np.log(ENDLESS)).reshape(-1, 1), {1: 1.0}, order=1),
    }
    with np.errstate(all="ignore"):
        gradient, _ = derivatives([t for t in law.log_terms(p, x) if isinstance(t, Jet)], 2)
        return np.asarray((gradient[:, 0] / gradient[:, 1]).reshape(log_N.shape))
