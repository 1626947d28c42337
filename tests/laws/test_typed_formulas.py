"""Formulas as people type them: whatever the spelling, each is fitted to its optimum without a start value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.laws.formula_start import anchored
from quokka_laws.objective import LogHuber

ROWS = 80
BASE = {"E": 1.8, "A": 480.0, "alpha": 0.35}
DATA = {"B": 2100.0, "beta": 0.37}
TYPED: dict[str, dict[str, float]] = {
    "E + A/N^alpha + B*exp(-t*step)": {**BASE, "B": 0.4, "t": 2e-5},
    "E + A/N^alpha + B*exp(step*(-t))": {**BASE, "B": 0.4, "t": 2e-5},
    "E + A/N^alpha + B*exp(-step/tau)": {**BASE, "B": 0.4, "tau": 5e4},
    "E + A*N**(-alpha) + B*D**(-beta)": {**BASE, **DATA},
    "E + (N/N0)^-alpha + (D0/D)^beta": {"E": 1.8, "N0": 5e7, "alpha": 0.35, "D0": 1e9, "beta": 0.37},
    "E + A/N^alpha + B/D^beta - c*log(seq_len)": {**BASE, "E": 2.5, **DATA, "c": 0.05},
    "E + A/N^alpha + B/D^beta + c*temp": {**BASE, **DATA, "c": 0.05},
    "E + A/N^(alpha*(1 + k*share)) + B/D^beta": {**BASE, **DATA, "k": 0.2},
    "L0*sigmoid(a - b*log(C)) + E": {"L0": 8.0, "a": 10.0, "b": 0.25, "E": 1.0},
    "E + K/(1 + (C/C0)^kappa)": {"E": 1.5, "K": 6.0, "C0": 1e19, "kappa": 0.3},
    "E + A/N^alpha - G*exp(-((log(lr) - m)/s)^2)": {**BASE, "E": 2.2, "G": 0.3, "m": -6.5, "s": 0.8},
    "E*exp(-t*share) + A/N^alpha": {**BASE, "t": 0.3},
}


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    wide = {"N": (3e7, 3e9), "D": (1e9, 1e12), "step": (1e3, 1e6), "lr": (1e-4, 1e-2)}
    found = {k: np.exp(rng.uniform(*np.log(ends), ROWS)) for k, ends in wide.items()}
    found |= {"share": rng.uniform(0, 1, ROWS), "temp": rng.uniform(-1, 1, ROWS)}
    return {**found, "seq_len": rng.choice([512.0, 1024.0, 2048.0], ROWS), "C": 6 * found["N"] * found["D"]}


@pytest.mark.parametrize("text", TYPED)
def test_typed_formulas_reach_their_optimum(text: str, columns: dict[str, np.ndarray]) -> None:
    truth = TYPED[text]
    law = ql.law(text, variables=list(columns)).for_table(columns)
    clean = law.loss(truth, **{k: columns[k] for k in law.takes})
    loss = clean * np.exp(0.003 * np.random.default_rng(1).standard_normal(ROWS))
    fit = ql.fit(text, pd.DataFrame({**columns, "loss": loss}))
    assert fit.objective_value <= LogHuber(1e-3).value(np.log(clean / loss)).sum()


def test_a_sign_before_a_product_is_the_products() -> None:
    for text in ("exp(-t*S)", "exp(-S*t)", "exp(S*(-t))", "exp(-(t*S))", "exp(t*-S)"):
        roles = ql.law(f"E + B*{text}", variables=["S"]).roles
        assert anchored(roles, "t") is not None, text
    assert (
        ql.law("E + B*exp(-t*-S)", variables=["S"]).roles.tree == ql.law("E + B*exp(t*S)", variables=["S"]).roles.tree
    )


def test_beside_a_number_under_max_either_sign_is_meant() -> None:
    law = ql.law("E + max(0, w*(log(lr) - m))", variables=["lr"])
    assert law.loss({"E": 1.8, "w": 0.1, "m": -6.0}, lr=[1e-4, np.exp(-5.0)]) == pytest.approx([1.8, 1.9])


def test_a_greek_letter_is_no_mistyped_column() -> None:
    N = np.geomspace(1e7, 1e9, 12)
    table = pd.DataFrame({"N": N, "alpha2": N, "loss": 1.7 + 400 / N**0.34})
    assert ql.fit("E + A/N^alpha", table).values["alpha"] == pytest.approx(0.34)
