"""Farseer: a data term whose size and exponent both change with N."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law


@dataclass(frozen=True)
class Farseer(Law):
    """L(N, D) = exp(s·N^q + S) + exp(B·N^b + Q)·D^(−exp(A·N^a + E)).

    Li et al. 2025 (arXiv 2506.10972). The optimal D/N is not constant in C; there is no closed form for it.

    When not to use it: on fewer than hundreds of runs. Nine coefficients enter through exponentials of powers, and
    automatic starts look near the published ones only; its authors fit it piece by piece instead.
    """

    name = "farseer"
    equation = "exp(s·N^q + S) + exp(B·N^b + Q)·D^(-exp(A·N^a + E))"
    source = "Li et al. 2025, arXiv 2506.10972"

    @property
    def formula(self) -> str:
        """The equation."""
        return "exp(s*N^q + S) + exp(B*N^b + Q)/D^exp(A*N^a + E)"

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """s, q, S, B, b, Q, A, a, E."""
        return (
            Coefficient("s", "how the loss at endless data falls with N: size", start=(-0.2, 0.0)),
            Coefficient("q", "and exponent", start=(0.05, 0.25), min=-1.0, max=1.0),
            Coefficient("S", "log of the loss at endless data for small N", start=(-0.5, 1.5)),
            Coefficient("B", "how the data term's size changes with N: size", start=(50.0, 400.0)),
            Coefficient("b", "and exponent", start=(-0.25, -0.05), min=-1.0, max=1.0),
            Coefficient("Q", "log size of the data term for large N", start=(-6.0, 3.0)),
            Coefficient("A", "how the data term's exponent changes with N: size", start=(-2.5, 0.0)),
            Coefficient("a", "and exponent", start=(0.02, 0.15), min=-1.0, max=1.0),
            Coefficient("E", "log of the data term's exponent for small N", start=(0.0, 4.0)),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """s·N^q + S and B·N^b + Q − exp(A·N^a + E)·log D."""
        log_N = x["log_N"]
        endless = p["s"] * jet.exp(p["q"] * log_N) + p["S"]
        size = p["B"] * jet.exp(p["b"] * log_N) + p["Q"]
        exponent = jet.exp(p["A"] * jet.exp(p["a"] * log_N) + p["E"])
        return [endless, size - exponent * x["log_D"]]
