"""Fits of formulas: the optimum of the class, known coefficients recovered, columns of any name, what is refused."""

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ExpressionError
from quokka_laws.laws.written import as_formula

RUNS = ql.datasets.load_quokka_isoflops()


@pytest.mark.parametrize(
    "law",
    [
        ql.laws.Chinchilla(),
        ql.laws.Skaling(),
        ql.laws.Kaplan(),
        ql.laws.PowerLaw("C"),
        ql.laws.PowerLaw("N", floor=False),
    ],
)
def test_a_formula_has_the_optimum_of_its_class(law):
    own, formula = ql.fit(law, RUNS), ql.fit(as_formula(law), RUNS)
    typed = ql.fit(law.formula, RUNS)
    assert formula.objective_value == pytest.approx(own.objective_value, rel=1e-9)
    assert typed.objective_value == pytest.approx(own.objective_value, rel=1e-9)
    for name in law.names:
        assert typed.values[name] == pytest.approx(own.values[name], rel=1e-5)


def moe(rows: int = 120, noise: float = 0.003) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    N = 10 ** rng.uniform(7.5, 9.5, rows)
    table = pd.DataFrame({"N_active": N, "tokens": N * 10 ** rng.uniform(0.7, 2.3, rows)})
    table["sparsity"] = rng.choice([0.0, 0.5, 0.75, 0.9, 0.95], rows)
    table["corpus"] = rng.choice(["c4", "fine-web"], rows)
    floor = np.where(table["corpus"] == "c4", 1.8, 1.6)
    table["loss"] = floor + 300 * (1 - table["sparsity"]) ** 0.12 / N**0.33 + 900 / table["tokens"] ** 0.33
    table["loss"] *= np.exp(noise * rng.standard_normal(rows))
    return table


def test_columns_of_any_name_are_variables_and_levels_have_floors_of_their_own():
    fit = ql.fit("E[corpus] + A*(1 - sparsity)^lam/N_active^alpha + B/tokens^beta", ql.read_runs(moe()), bootstrap=60)
    truth = {"E_c4": 1.8, "E_fine_web": 1.6, "A": 300, "lam": 0.12, "alpha": 0.33, "B": 900, "beta": 0.33}
    for name, value in truth.items():
        assert abs(fit.values[name] - value) < 3.5 * fit.summary["stderr"][name]
    assert fit.law.variables == ("sparsity", "N", "D")  # as the table was read
    assert fit.law.own_names == {"N_active": "N", "tokens": "D"}
    assert fit.fitted_range["sparsity"] == (0.0, 0.95)
    table = fit.predict(N_active=1e9, D=1e11, sparsity=[0.5, 0.98], corpus="c4")
    assert (table["extrapolation"] > 1).tolist() == [False, True]
    ((name, value, low, high),) = fit.outside(N_active=1e9, D=1e11, sparsity=0.98, corpus="c4")
    assert (name, value, low, high) == ("sparsity", 0.98, 0.0, 0.95)
    again = ql.read_fit(fit.to_json())
    assert again.law == fit.law
    assert again.law.text == fit.law.text
    assert again(N_active=1e9, D=1e11, sparsity=0.5, corpus="fine-web") == fit(
        N_active=1e9, D=1e11, sparsity=0.5, corpus="fine-web"
    )


def test_terms_of_either_sign():
    table = moe(noise=0.001)
    table["loss"] -= 0.05 * np.log1p(4 * table["sparsity"])
    fit = ql.fit(
        "E[corpus] + A*(1 - sparsity)^lam/N_active^alpha + B/D^beta - G*log(1 + 4*sparsity)", ql.read_runs(table)
    )
    assert fit.law.roles.is_signed
    assert fit.values["G"] == pytest.approx(0.05, abs=0.02)
    table["loss"] = moe(noise=0.001)["loss"] + 0.05 * np.log1p(4 * table["sparsity"])
    fit = ql.fit(
        "E[corpus] + A*(1 - sparsity)^lam/N_active^alpha + B/D^beta - G*log(1 + 4*sparsity)", ql.read_runs(table)
    )
    assert fit.values["G"] == pytest.approx(-0.05, abs=0.02)


def test_a_table_of_compute_and_loss_alone():
    C = np.geomspace(1e17, 1e21, 12)
    runs = ql.read_runs(pd.DataFrame({"flops": C, "loss": 1.69 + 90 / C**0.09}))
    fit = ql.fit(ql.law("E + K/C^kappa", fixed={"E": 1.69}), runs)
    assert fit.values == pytest.approx({"E": 1.69, "K": 90.0, "kappa": 0.09}, rel=1e-9)
    with pytest.raises(ql.RunsError, match="needs columns N, D"):
        ql.fit("chinchilla", runs)


def test_starts_bounds_and_ties():
    runs = ql.read_runs(RUNS)
    tied = ql.fit(ql.law("E + A/N^alpha + B/D^beta", tie={"beta": "alpha"}), runs)
    assert tied.values["alpha"] == pytest.approx(tied.values["beta"], rel=1e-12)
    held = ql.fit(ql.law("E + A/N^alpha + B/D^beta", max={"alpha": 0.4}), runs)
    assert held.values["alpha"] == 0.4
    ranged = ql.fit(ql.law("E + A/N^alpha + B/D^beta", start={"alpha": (0.2, 0.9), "beta": 0.3}), runs)
    assert ranged.objective_value == pytest.approx(ql.fit("chinchilla", runs).objective_value, rel=1e-9)


@pytest.mark.parametrize(
    ("formula", "change", "error", "said"),
    [
        ("E + A*G/N_active^alpha", {}, ql.RunsError, "A and G enter only as one product"),
        ("E + A/N_active^alpha + B*x^b", {"x": 2.0}, ql.RunsError, "x = 2 in every run"),
        (
            "E + A/N_active^alpha + B/twice^beta",
            {"twice": lambda t: 2 * t["N_active"]},
            ql.RunsError,
            "same N/twice",
        ),
        ("E + A/N_active^alpha + k*0*x", {"x": lambda t: np.arange(len(t)) + 1.0}, ql.RunsError, "k cannot be told"),
        ("E + A/log(sparsity)^alpha", {}, ql.RunsError, "sparsity is 0 in row"),
        ("E + A/(0.9 - sparsity)^alpha", {}, ql.RunsError, "0.9 - sparsity is -0.05 in row"),
        ("E + A/N_activ^alpha", {}, ExpressionError, "did you mean N_active"),
        ("E + A/corpus^alpha", {}, ql.RunsError, "holds text"),
        ("E[run] + A/N_active^alpha", {}, ql.RunsError, "needs a column run"),
        (
            "E[name] + A/N_active^alpha",
            {"name": lambda t: [f"r{i}" for i in range(len(t))]},
            ExpressionError,
            "at most 50",
        ),
    ],
)
def test_what_runs_cannot_tell_is_said_before_the_fit(formula, change, error, said):
    table = moe()
    for name, value in change.items():
        table[name] = value(table) if callable(value) else value
    with pytest.raises(error, match=said):
        ql.fit(formula, ql.read_runs(table))


def test_a_coefficient_called_like_a_column():
    table = moe().assign(E=3.0)
    with pytest.raises(ExpressionError, match="E is set as a coefficient"):
        ql.fit(ql.law("E + A/N_active^alpha + B/tokens^beta", start={"E": 1.0}), ql.read_runs(table))
    law = ql.law("E + A/N_active^alpha + B/D^beta", variables=["N_active", "D"])
    assert ql.fit(law, ql.read_runs(table)).values["E"] > 1.0


def test_names_that_were_read_as_others_and_names_in_backquotes():
    table = moe().rename(columns={"sparsity": "share off/on"})
    fit = ql.fit("E + A*(1 - `share off/on`)^lam/N_active^alpha + B/tokens^beta", ql.read_runs(table))
    assert fit.law.variables == ("share off/on", "N", "D")


def test_a_formula_without_a_column_of_the_table():
    with pytest.raises(ExpressionError, match="is a column; the table has"):
        ql.fit("E + A/size^a", ql.read_runs(moe()))
