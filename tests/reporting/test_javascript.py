"""Laws as JavaScript: the source, read back as Python, gives the losses of the law."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.laws import Law
from quokka_laws.reporting.javascript import Symbol, _text, law_source

MATH = SimpleNamespace(
    exp=lambda v: math.exp(v) if v > -math.inf else 0.0,
    log=math.log,
    log1p=math.log1p,
    expm1=math.expm1,
    abs=abs,
    max=max,
    tanh=math.tanh,
)
COEFFICIENTS = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
LAWS: list[tuple[Law, dict[str, float]]] = [
    (laws.Chinchilla(), COEFFICIENTS),
    (laws.Skaling(), COEFFICIENTS | {"k": 0.8}),
    (laws.Kaplan(), {"N_c": 8.8e13, "alpha_N": 0.076, "D_c": 5.4e13, "alpha_D": 0.095}),
    (laws.EffectiveData(), COEFFICIENTS | {"R_D": 15.0, "R_N": 5.0}),
    (laws.PowerOverfit(), COEFFICIENTS | {"P": 4e-3, "delta": 0.75, "kappa_o": 0.5}),
    (laws.Memorization(), COEFFICIENTS | {"nu": 2e-5, "s": 1.77, "p": 1.45, "c": 270_000.0, "T": 10.0}),
]


class Point(dict[str, object]):
    """``x.N`` and ``x["N"]``."""

    __getattr__ = dict.__getitem__


def evaluated(source: str, p: dict[str, float], x: dict[str, object]) -> float:
    """The few forms that are written, as Python: assignments, ``?:``, ``!`` and functions of Math."""
    scope: dict[str, object] = {
        "Math": MATH,
        "p": p,
        "x": Point(x),
        "String": str,
        "Infinity": math.inf,
        "NaN": math.nan,
    }
    for line in source.splitlines()[1:-1]:
        code = re.sub(r"^\s*const |;$", "", line)
        code = re.sub(r"= !(\w+)", r"= not \1", code)
        code = code.replace("===", "==").replace(".indexOf(", ".index(")
        code = re.sub(r"= (.+) \? (.+) : (.+)$", r"= (\2) if (\1) else (\3)", code)
        if code.strip().startswith("return"):
            return float(eval(code.strip().removeprefix("return "), scope))  # type: ignore[arg-type]
        exec(code, scope)
    raise AssertionError(source)


@pytest.mark.parametrize(("law", "values"), LAWS, ids=lambda v: getattr(v, "name", ""))
@pytest.mark.parametrize("epochs", [1.0, 8.0, 200.0])
def test_the_source_is_the_law(law: Law, values: dict[str, float], epochs: float) -> None:
    at = {"N": 3e8, "U_D": 2e8, "epochs": epochs}
    x = {**at, "D": 2e8 * epochs, "C": 6 * 3e8 * 2e8 * epochs}
    assert evaluated(law_source(law), values, x) == pytest.approx(float(law.loss(values, **at)), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("E + A/N^alpha + B*exp(-t*share)", {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 0.4, "t": 3.0}),
        ("E + A/N^alpha - G*tanh(share/w)", {"E": 1.8, "A": 480.0, "alpha": 0.35, "G": 0.2, "w": 0.5}),
        ("E + B*softplus(k*(share - m)) + max(0, share - m)^2", {"E": 1.8, "B": 0.4, "k": 3.0, "m": 0.2}),
        ("E + (A/N^alpha + B/D^beta)^k*(1 - s*share)", {**COEFFICIENTS, "k": 0.8, "s": 0.3}),
        ("L*sigmoid(a - b*log(C)) + E", {"L": 8.0, "a": 10.0, "b": 0.25, "E": 1.0}),
    ],
)
def test_a_formula_of_own_columns_is_its_source(text: str, values: dict[str, float]) -> None:
    law = ql.law(text, variables=["N", "D", "C", "share"])
    x = {"N": 3e8, "D": 2e10, "C": 6 * 3e8 * 2e10, "U_D": 1.0, "epochs": 1.0, "share": 0.4}
    assert evaluated(law_source(law), values, x) == pytest.approx(
        float(law.loss(values, **{k: x[k] for k in law.variables})), rel=1e-12
    )


def test_levels_of_a_column_are_text() -> None:
    table = {"N": np.ones(2), "loss": np.ones(2), "corpus": np.array(["a b", "c"], dtype=object)}
    law = ql.law("E[corpus] + A/N^alpha[corpus]").for_table(table)
    values = {"E_a_b": 1.8, "E_c": 1.5, "A": 480.0, "alpha_a_b": 0.35, "alpha_c": 0.3}
    for corpus in ("a b", "c"):
        x = {"N": 3e8, "D": 1.0, "C": 1.0, "U_D": 1.0, "epochs": 1.0, "corpus": corpus}
        want = law.loss(values, N=3e8, corpus=np.array(corpus, dtype=object))
        assert evaluated(law_source(law), values, x) == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize("name", ql.laws.FORMS)
def test_every_form_has_a_source(name: str) -> None:
    law = ql.law(name if ql.laws.FORMS[name].variables else f"{name}(web, code)")
    assert law_source(law).startswith("(p, x) =>")


def test_numbers_read_back() -> None:
    assert [_text(v) for v in (2.0, -0.1, np.inf, -np.inf, np.nan)] == [
        "2.0",
        "(-0.1)",
        "Infinity",
        "(-Infinity)",
        "NaN",
    ]


def test_what_is_done_is_written_down() -> None:
    program: list[str] = []
    found = 2.0 * Symbol("a", program) - 1.0
    assert program == ["const t0 = a * 2.0;", "const t1 = t0 - 1.0;"]
    assert found.text == "t1"


def test_a_law_of_numpy_functions_is_refused() -> None:
    with pytest.raises((TypeError, AttributeError)):
        np.exp(Symbol("a", []))
