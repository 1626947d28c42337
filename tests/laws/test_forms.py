"""Forms by name: known coefficients come back, columns are named in brackets, each says what it is and where it is from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, ExpressionError, RunsError
from quokka_laws.laws.forms import FORMS, form_law

ROWS = 80
Draw = Callable[[np.random.Generator], dict[str, np.ndarray]]


def between(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    return np.exp(rng.uniform(np.log(low), np.log(high), ROWS))


def some_of(rng: np.random.Generator, *values: float) -> np.ndarray:
    return rng.choice(np.array(values, dtype=float), ROWS)


TRUTH: dict[str, tuple[dict[str, float], Draw]] = {
    "moe-krajewski": (
        dict(ql.published["krajewski-2024/moe"].values),
        lambda r: {
            "N_total": between(r, 1e8, 5e10),
            "granularity": some_of(r, 1, 2, 4, 8, 16),
            "D": between(r, 1e9, 1e11),
        },
    ),
    "moe-ludziejewski": (
        dict(ql.published["ludziejewski-2025"].values),
        lambda r: {
            "N_active": between(r, 1e8, 3e9),
            "experts": some_of(r, 1, 2, 4, 8, 16, 32),
            "D": between(r, 5e8, 8e10),
        },
    ),
    "moe-abnar": (
        dict(ql.published["abnar-2025"].values),
        lambda r: {
            "N_total": between(r, 1e8, 5e10),
            "sparsity": some_of(r, 0, 0.25, 0.5, 0.75, 0.9, 0.95),
            "D": between(r, 1e9, 1e11),
        },
    ),
    "moe-sldbench": (
        dict(ql.published["sldbench-2025/moe"].values),
        lambda r: {"N_dense": between(r, 1e7, 1e9), "experts": some_of(r, 1, 2, 4, 8, 16, 32, 64)},
    ),
    "vocabulary-tao": (
        {"E": 1.0, "A1": 150.0, "alpha1": 0.3, "A2": 30.0, "alpha2": 0.5, "B": 900.0, "beta": 0.3},
        lambda r: {"N_nonvocab": between(r, 3e7, 3e9), "N_vocab": between(r, 1e6, 3e8), "D": between(r, 1e9, 1e12)},
    ),
    "mixture-ye(web, code, books)": (
        {"c": 1.9, "k": 1.2, "t_code": -1.5, "t_books": 0.6},
        lambda r: dict(zip(("web", "code", "books"), r.dirichlet([1.0, 1.0, 1.0], ROWS).T, strict=True)),
    ),
    "quality-goyal": (
        {"E": 0.3, "A": 8.0, "b": 0.12, "tau": 2.5},
        lambda r: {"U_D": between(r, 1e6, 1e9), "epochs": between(r, 1, 16)},
    ),
    "width-depth-mcleish": (
        {"E": 1.5, "A": 60.0, "alpha": 0.7, "B": 2.0, "beta": 0.8, "G": 900.0, "gamma": 0.33},
        lambda r: {"width": between(r, 256, 4096), "depth": between(r, 4, 96), "D": between(r, 1e9, 1e12)},
    ),
}


def test_every_form_is_tried_here() -> None:
    assert {name.partition("(")[0] for name in TRUTH} == set(FORMS)


@pytest.mark.parametrize("name", TRUTH)
def test_known_coefficients_come_back(name: str) -> None:
    truth, draw = TRUTH[name]
    data = draw(np.random.default_rng(0))
    law = ql.law(name)
    assert set(law.names) == set(truth)
    loss = law.loss(truth, **{k: data[k] for k in law.variables})
    fit = ql.fit(law, pd.DataFrame({**data, "loss": loss}))
    assert {k: fit.values[k] for k in truth} == pytest.approx(truth, rel=1e-5)
    assert fit.label == name.partition("(")[0]


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda f: f.name)
def test_every_form_says_what_it_is(form: object) -> None:
    law = ql.law(f"{form.name}(a, b)" if not form.variables else form.name)
    assert form.of
    assert form.not_when
    assert "arXiv" in form.source
    assert all(c.meaning and c.meaning not in ("exponent or shape", "size of its term") for c in law.coefficients)
    assert law.source == form.source


def test_quality_is_a_product_over_passes() -> None:
    law, v = ql.law("quality-goyal"), {"E": 0.3, "A": 8.0, "b": 0.12, "tau": 2.5}
    U, epochs = 1e7, 3.4
    worth = [v["b"] * 0.5 ** (k / v["tau"]) for k in range(4)]
    product = U ** -worth[0] * (2 / 1) ** -worth[1] * (3 / 2) ** -worth[2] * (3.4 / 3) ** -worth[3]
    assert law.loss(v, U_D=U, epochs=epochs) == pytest.approx(v["E"] + v["A"] * product)
    assert law.loss(v, U_D=U, epochs=0.5) == pytest.approx(v["E"] + v["A"] * (0.5 * U) ** -worth[0])


def test_columns_of_other_names_stand_in_brackets() -> None:
    truth, draw = TRUTH["moe-sldbench"]
    data = draw(np.random.default_rng(1))
    law = ql.law("moe-sldbench")
    table = pd.DataFrame({"dense size": data["N_dense"], "E": data["experts"], "loss": law.loss(truth, **data)})
    fit = ql.fit("moe-sldbench(N_dense=`dense size`, experts=E)", table)
    assert fit.values["K"] == pytest.approx(truth["K"], rel=1e-5)
    again = ql.read_fit(fit.to_json())
    assert again == fit
    assert again.label == "moe-sldbench"
    with pytest.raises(RunsError, match=r"moe-sldbench\(N_dense=column, experts=column\)"):
        ql.fit("moe-sldbench", table.rename(columns={"E": "x"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("moe-abnar(params)", "N_total"),
        ("moe-abnar(total=params)", "N_total"),
        ("mixture-ye", "columns"),
        ("mixture-ye(web)", "columns"),
    ],
)
def test_mistakes_name_what_is_expected(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        ql.law(text)


def test_what_is_no_form_is_left_to_others() -> None:
    assert form_law("chinchilla") is None
    assert form_law("E + A/N^alpha") is None
    assert form_law(3) is None
    with pytest.raises(ArgumentError, match="moe-abnar"):
        ql.law("moe-abnr")


def test_settings_replace_those_of_the_form() -> None:
    law = ql.law("moe-ludziejewski", fixed={"E_start": 2.07, "E_max": 290.0}, start={"alpha": -0.2})
    params = law.make_params()
    assert not params["E_max"].vary
    assert params["alpha"].value == -0.2
    assert ql.laws.from_spec(law.to_spec()) == law
