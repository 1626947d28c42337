"""Power laws of one variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws.base import Coefficient, Inputs, Law


@dataclass(frozen=True)
class PowerLaw(Law):
    """L(x) = E + K/x^kappa for one variable x, with or without the floor E.

    Parameters
    ----------
    variable : {"N", "D", "C"}
        What x is.
    floor : bool
        Whether there is an irreducible loss E.

    When not to use it: any other variable changed between the runs. It then fits the way the sweep was laid out,
    not a law.
    """

    variable: Literal["N", "D", "C"] = "C"
    floor: bool = True

    name = "power"
    source = "Kaplan et al. 2020, arXiv 2001.08361, Eq. 1.1-1.3 (there without a floor)"

    def __post_init__(self) -> None:
        if self.variable not in ("N", "D", "C"):
            raise ArgumentError(f"variable must be N, D or C, not {self.variable!r}")

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one variable."""
        return (self.variable,)

    @property
    def equation(self) -> str:  # type: ignore[override]
        """The formula."""
        return self.formula

    @property
    def formula(self) -> str:
        """The equation in the law's own variable."""
        power = f"K/{self.variable}^kappa"
        return f"E + {power}" if self.floor else power

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """E (if any), K, kappa."""
        power = (
            Coefficient("K", f"size of the reducible loss at {self.variable} = 1", "amplitude"),
            Coefficient("kappa", f"how fast more {self.variable} helps", start=(0.01, 1.5), min=0.0, max=5.0),
        )
        return (Coefficient("E", "irreducible loss", "amplitude"), *power) if self.floor else power

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """log E (if any) and log K − kappa·log x."""
        reducible = p["log_K"] - p["kappa"] * x[f"log_{self.variable}"]
        return [p["log_E"], reducible] if self.floor else [reducible]
