"""Learning rate and batch size as several papers advise them, side by side, and beside a law of your own runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws.exceptions import ArgumentError
from quokka_laws.literature.power_rules import Rule, rules
from quokka_laws.plan.arguments import one_positive
from quokka_laws.results.hyperparameter_fit import HyperparameterFit
from quokka_laws.results.hyperparameter_storage import read_hyperparameters

QUANTITIES = ("lr", "batch_tokens")
OWN = "these runs"


def hyperparameters(N: float, D: float, *, loss: float | None = None, unchecked: bool = False) -> pd.DataFrame:
    """Learning rate and batch size for a model of N parameters on D tokens.

    Parameters
    ----------
    N, D : float
        Raw units. The rules count N differently; their notes say how.
    loss : float, optional
        Final loss expected, for rules of the loss (nats/token).
    unchecked : bool
        Include rules whose numbers could not be checked against their paper.

    Returns
    -------
    DataFrame
        One row per rule: ``rule, lr, batch_tokens`` (NaN where it says nothing or lacks an input), ``status, note``.
        Rules were found with different batch schedules and parametrisations: do not mix a learning rate of one
        with a batch of another.
    """
    N, D = one_positive(N=N, D=D)
    if loss is not None:
        (loss,) = one_positive(loss=loss)
    data = {"N": N, "D": D, "C": 6.0 * N * D, "loss": loss}
    rows = []
    for rule in rules.values():
        if not (set(QUANTITIES) & set(rule.formulas)) or not (rule.checked or unchecked):
            continue
        row: dict[str, object] = {"rule": rule.name}
        for quantity in QUANTITIES:
            known = quantity in rule.formulas and all(data[v] is not None for v in rule.needs(quantity))
            row[quantity] = float(rule(quantity, **data)) if known else np.nan
        rows.append({**row, "status": rule.status, "note": rule.note})
    return pd.DataFrame(rows)


def advised(rule: str, N: float, D: float) -> dict[str, float]:
    """Learning rate and batch by one rule.

    Parameters
    ----------
    rule : str
        A published rule's name, or a file that :meth:`HyperparameterFit.to_json` wrote, ending in ``.json``: one's own law.
    N, D : float

    Returns
    -------
    dict
        ``lr`` and ``batch_tokens``; NaN where the rule says nothing.

    Raises
    ------
    ArgumentError
        For a name that is not known.
    FitFileError
        For a file that is not such a fit.
    """
    if rule.endswith(".json"):
        fit = read_hyperparameters(rule)
        row = fit.predict(N=N, D=D, level=None).iloc[0]
        named = {kind: h for h, kind in fit.kinds.items()}
        return {q: float(row[named[q]]) if q in named else float("nan") for q in QUANTITIES}
    table = hyperparameters(N, D).set_index("rule")
    if rule not in table.index:
        raise ArgumentError(
            f"{option('rule', rule)}: there are {', '.join(table.index)}, or a file of your own law, hyper.json"
        )
    return {q: float(table.loc[rule, q]) for q in QUANTITIES}


def hyperparameters_beside(fit: HyperparameterFit, N: Any = None, D: Any = None) -> pd.DataFrame:
    """What published rules say beside a law of one's own runs: values at one N and D, and exponents.

    Parameters
    ----------
    fit : HyperparameterFit
        Of a learning rate, a batch in tokens, or both; other hyper-parameters have no published rules here.
    N, D : float, optional
        The largest N and D of its cells by default.

    Returns
    -------
    DataFrame
        First ``these runs``, then a row for each rule: ``rule``, and for each quantity its value, ``quantity_N`` and ``quantity_D``, the exponents
        (of a rule of C = 6·N·D both are that of C). NaN where a rule, or the law, says nothing. Empty where the fit has neither quantity, or no cells with N and D.
    """
    named = {kind: h for h, kind in fit.kinds.items() if kind}
    if not named or not {"N", "D"} <= set(fit.fitted):
        return pd.DataFrame(columns=["rule"])
    largest = fit.fitted.loc[(np.log(fit.fitted["N"]) + np.log(fit.fitted["D"])).idxmax()]
    at = {k: float(largest[k]) if given is None else one_positive(**{k: given})[0] for k, given in (("N", N), ("D", D))}
    advised = hyperparameters(at["N"], at["D"]).set_index("rule")
    own: dict[str, Any] = {"rule": OWN}
    rows = [own]
    for kind, h in named.items():
        exponents = dict(zip(fit.variables, fit.values[h][1:], strict=True)) if fit.has_law else {}
        own[kind] = float(fit.predict(**at)[h].iloc[0]) if fit.has_law else float(largest[h])
        own |= {f"{kind}_{k}": exponents.get(k, np.nan) for k in ("N", "D")}
    for name in advised.index:
        row: dict[str, Any] = {"rule": name}
        for kind in named:
            row[kind] = advised.loc[name, kind]
            row |= {f"{kind}_{k}": _exponent(rules[name], kind, k) for k in ("N", "D")}
        if any(np.isfinite(row[kind]) for kind in named):
            rows.append(row)
    return pd.DataFrame(rows)


def _exponent(rule: Rule, quantity: str, variable: str) -> float:
    """Of N or D in a published rule, that of C counting for both; NaN where it says nothing or is one of the loss."""
    powers = rule.formulas.get(quantity, {}).get("powers")
    if powers is None or "loss" in powers:
        return float("nan")
    return float(powers.get(variable, 0.0) + powers.get("C", 0.0))
