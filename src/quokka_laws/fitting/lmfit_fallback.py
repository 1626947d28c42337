"""The escape hatch: lmfit's Minimizer, for ties between coefficients that the solver cannot express."""

from __future__ import annotations

from collections.abc import Callable

import lmfit

NO_BETTER = 1e-6
"""Share of the cost by which a restart has to improve to count."""


def minimize_with_lmfit(
    params: lmfit.Parameters,
    near: dict[str, float],
    cost: Callable[[dict[str, float]], float],
    *,
    rounds: int = 8,
) -> tuple[dict[str, float], bool]:
    """Minimise ``cost`` over lmfit parameters with bounds and expressions.

    Nelder–Mead restarted until a restart no longer helps, which is what convergence means here: slow but indifferent to the
    kinks of a Huber cost. It supplies no uncertainties; those come from refits.

    Returns
    -------
    values : dict
    converged : bool
    """
    current = params.copy()
    for name, par in current.items():
        if par.vary and not par.expr:
            par.value = near[name]
    best = cost(current.valuesdict())
    for _ in range(rounds):
        found = lmfit.Minimizer(lambda p: cost(p.valuesdict()), current, max_nfev=20_000).minimize(
            method="nelder", options={"xatol": 1e-8, "fatol": max(1e-15, 1e-9 * best), "adaptive": True}
        )
        value, before = cost(found.params.valuesdict()), best
        current, best = found.params, min(value, best)
        if before - value <= NO_BETTER * abs(value):
            return dict(current.valuesdict()), True
    return dict(current.valuesdict()), False
