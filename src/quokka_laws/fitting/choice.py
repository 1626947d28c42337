"""Which law to fit where none is named.

Laws of one pass over the data are all within Skaling's ``E + (A/N^alpha + B/D^beta)^k``: Chinchilla's (k = 1), Kaplan's with a floor
(beta = 1) and without (E = 0 besides). They are fitted with the delta of the widest, and the one with the least BIC is taken. BIC was
also compared with the error on held-out budgets, over 68 hold-outs of four public tables: laws chosen by BIC erred by 1.99 % up to ten
times beyond and 2.50 % up to sixty, those chosen by held-out error by 2.05 and 2.55 % (Skaling always: 2.05, 2.61; Chinchilla always:
2.09, 2.49).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f as fisher

from quokka_laws._typing import Array
from quokka_laws.exceptions import FitError, RunsError
from quokka_laws.fitting.bootstrap import independent_runs
from quokka_laws.fitting.determined import one_ratio
from quokka_laws.fitting.multistart import Optimum, optimise
from quokka_laws.fitting.priors import FEW_RUNS
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.run_diagnostics import FREE_EPOCHS
from quokka_laws.fitting.scatter import settle
from quokka_laws.laws import Law
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.laws.memorization import BoundedMemorization
from quokka_laws.laws.power import PowerLaw
from quokka_laws.laws.repeated import EffectiveData
from quokka_laws.objective import LogHuber
from quokka_laws.results.law_choice import LawChoice

FARTHER = 10.0  # times the largest budget: where laws are asked what they would change
ROBUST = 1.155  # makes twice a Huber objective at 1.345 standard deviations a deviance: E ψ'/E ψ²


@dataclass(frozen=True)
class Form:
    """A law with what is held: a candidate."""

    name: str
    law: Law
    held: dict[str, float] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """For :meth:`quokka_laws.laws.Law.make_params`."""
        return {k: {"value": v, "vary": False} for k, v in self.held.items()}

    @property
    def free(self) -> int:
        """Coefficients that are fitted."""
        return len(self.law.coefficients) - len(self.held)


OF_COMPUTE = Form("power", PowerLaw("C"))
WIDEST = Form("skaling", Skaling())
NESTED = (
    Form("chinchilla", Chinchilla()),
    Form("skaling, beta = 1", Skaling(), {"beta": 1.0}),
    Form("skaling, beta = 1, E = 0", Skaling(), {"beta": 1.0, "E": 0.0}),
)


def choose(runs: pd.DataFrame, *, seed: int) -> tuple[Form, LawChoice]:
    """A law for checked runs.

    Raises
    ------
    RunsError
        If the runs have neither N and D nor C.
    """
    if missing := [k for k in ("N", "D") if k not in runs]:
        if "C" in runs:
            return _only(OF_COMPUTE, "compute alone")
        raise RunsError(f"a law is chosen by N and D, or by C; missing: {', '.join(missing)}")
    if one_ratio(runs) and "C" in runs:
        return _only(OF_COMPUTE, "one ratio")
    units = independent_runs(runs)
    if "epochs" in runs and (runs["epochs"] > FREE_EPOCHS).any():
        wide = BoundedMemorization()
        enough = units >= 2 * len(wide.coefficients)
        return _only(Form(wide.name, wide) if enough else Form("effective-data", EffectiveData()), "repeated data")
    if units < FEW_RUNS:
        return _only(NESTED[0], "few runs")
    found = {form.name: optimum for form, optimum in _fits(runs, seed)}
    table = _table(runs, found)
    (chosen,) = (form for form in (WIDEST, *NESTED) if form.name == table["law"].iloc[0])
    return chosen, LawChoice(table, "criterion")


def _only(form: Form, reason: Any) -> tuple[Form, LawChoice]:
    nothing = {"BIC_difference": 0.0, "p_value": np.nan, "C": np.nan, "N": np.nan}
    return form, LawChoice(pd.DataFrame([{"law": form.name, "coefficients": form.free, **nothing}]), reason)


@dataclass(frozen=True)
class _Found:
    """A candidate's optimum at the delta of the widest."""

    values: dict[str, float]
    objective: LogHuber
    value: float


def _fits(runs: pd.DataFrame, seed: int) -> list[tuple[Form, _Found]]:
    first = _fit(NESTED[0], runs, LogHuber("auto"), [], seed)
    wide = _fit(WIDEST, runs, LogHuber("auto"), [{**first.values, "k": 1.0}], seed)
    found = [(WIDEST, wide)]
    for form in NESTED:
        near = [first.values] if form.name == "chinchilla" else [{**wide.values, **form.held}]
        try:
            found.append((form, _fit(form, runs, wide.objective, near, seed)))
        except FitError:  # no start of it fits these runs at all
            continue
    return found


def _fit(form: Form, runs: pd.DataFrame, objective: LogHuber, near: list[dict[str, float]], seed: int) -> _Found:
    data, space = Data.of(form.law, runs), Space.of(form.law, form.law.make_params(**form.settings))
    assert space is not None  # nothing is tied
    begin = None
    if near:
        theta = np.concatenate([form.law.to_theta(v) for v in near])
        begin = space.enter(theta, space.problem(data, LogHuber()))
    settled = settle(form.law, data, space, objective, None, seed=seed, near=begin)
    assert isinstance(settled.objective, LogHuber)
    best: Optimum = optimise(
        form.law, data, space, settled.objective, n_starts=None, seed=seed, near=settled.near, briefly=True
    )
    return _Found(space.values(best.u, best.off), settled.objective, best.value)


def _table(runs: pd.DataFrame, found: dict[str, _Found]) -> pd.DataFrame:
    rows, wide = len(runs), found[WIDEST.name]
    spare = max(rows - WIDEST.free, 1)
    log_ND = np.log(FARTHER * (runs["N"] * runs["D"]).to_numpy(dtype=float).max(keepdims=True))
    records = []
    for form in (WIDEST, *NESTED):
        if form.name not in found:
            continue
        one = found[form.name]
        deviance = 2.0 * ROBUST * one.value / wide.objective.scatter**2
        q = WIDEST.free - form.free
        beyond = max(deviance - 2.0 * ROBUST * wide.value / wide.objective.scatter**2, 0.0)
        records.append(
            {
                "law": form.name,
                "coefficients": form.free,
                "BIC": deviance + form.free * np.log(rows),
                "p_value": float(fisher.sf(beyond / q, q, spare)) if q else np.nan,
                "C": FARTHER * float(runs["C"].max()) if "C" in runs else np.nan,
                "N": _best_size(form.law, one.values, log_ND),
            }
        )
    table = pd.DataFrame(records).sort_values("BIC", kind="stable", ignore_index=True)
    criterion = table.pop("BIC")
    table.insert(2, "BIC_difference", criterion - criterion.min())
    return table


def _best_size(law: Law, values: dict[str, float], log_ND: Array) -> float:
    log_N = law.optimal_log_N(values, log_ND)
    size = float(np.exp(np.ravel(log_N)[0])) if log_N is not None else np.nan
    return size if np.isfinite(size) and size > 0 else float("nan")
