"""Ties between coefficients: written so that lmfit can only compute them, or refused."""

import math

import lmfit
import pytest

from quokka_laws._arithmetic import as_tie, check_no_circle
from quokka_laws.exceptions import ExpressionError

KNOWN = {"alpha": 0.3, "beta": 0.4, "A": 2.0}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("alpha", 0.3),
        ("2*alpha", 0.6),
        ("alpha^2 + 0.1", 0.19),
        ("alpha/(2*beta) - (A - 1)", 0.375 - 1),
        ("-(alpha + beta)*2", -1.4),
        ("(-alpha)^2", 0.09),
        ("2^alpha^2", 2**0.09),
        ("A/alpha/beta", 2 / 0.3 / 0.4),
        ("1/(1/alpha)", 0.3),
        ("exp(log(A)/2) + sqrt(A) + abs(-A)", 2 * math.sqrt(2) + 2),
        ("alpha - -beta", 0.7),
        ("1e-3*A", 0.002),
    ],
)
def test_a_tie_keeps_its_value_and_lmfit_reads_it(text: str, wanted: float) -> None:
    params = lmfit.Parameters()
    for name, number in KNOWN.items():
        params.add(name, value=number)
    params.add("tied", expr=as_tie(text, KNOWN))
    assert params["tied"].value == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "while True: pass",
        "fromfile('/etc/hostname')",
        "open",
        "alpha.real",
        "[alpha]",
        "alpha if beta else A",
        "9**9**9*alpha",  # Python's whole numbers would never end
        "alpha < 2",
        "log(-A)",
        "",
        "tied",
        "(" * 60 + "alpha" + ")" * 60,
    ],
)
def test_what_is_not_arithmetic_of_coefficients_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        as_tie(text, KNOWN, "tied")


def test_ties_that_lead_back_to_themselves() -> None:
    with pytest.raises(ExpressionError, match="alpha is tied to itself through beta"):
        check_no_circle({"alpha": "beta", "beta": "2*alpha"})
    check_no_circle({"alpha": "beta", "beta": "A"})
