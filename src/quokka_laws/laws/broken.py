"""A power law that changes its exponent once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law


@dataclass(frozen=True)
class BrokenPowerLaw(Law):
    """L(x) = E + K·x^(−c_0)·(1 + (x/d_1)^(1/f_1))^(−c_1·f_1): one break of the broken neural scaling law.

    Caballero et al. 2022 (arXiv 2210.14891), Eq. 1 with n = 1. The exponent is c_0 well below d_1 and c_0 + c_1 well
    above; f_1 is the sharpness of the turn, small is sharp. A negative c_1 < −c_0 makes the curve rise again.

    When not to use it: to extrapolate past a break that the runs do not show. It can express any one turn, so it will.
    """

    variable: Literal["N", "D", "C"] = "C"

    name = "broken-power"
    equation = "E + K·x^(-c_0)·(1 + (x/d_1)^(1/f_1))^(-c_1·f_1)"
    source = "Caballero et al. 2022, arXiv 2210.14891, Eq. 1"

    def __post_init__(self) -> None:
        if self.variable not in ("N", "D", "C"):
            raise ArgumentError(f"variable must be N, D or C, not {self.variable!r}")

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one variable."""
        return (self.variable,)

    @property
    def formula(self) -> str:
        """The equation in the law's own variable."""
        x = self.variable
        return f"E + K/{x}^c_0/(1 + ({x}/d_1)^(1/f_1))^(c_1*f_1)"

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """E, K, c_0, c_1, d_1, f_1."""
        reach = {"N": (1e7, 1e10), "D": (1e8, 1e12), "C": (1e18, 1e22)}[self.variable]
        return (
            Coefficient("E", "irreducible loss", "amplitude"),
            Coefficient("K", "size of the reducible loss before the break", "amplitude"),
            Coefficient("c_0", "exponent before the break", start=(0.01, 0.8), min=-5.0, max=5.0),
            Coefficient("c_1", "what the break adds to the exponent", start=(-0.5, 0.5), min=-5.0, max=5.0),
            Coefficient("d_1", "where the break is", "scale", start=reach),
            Coefficient("f_1", "how gradual it is", "scale", start=(0.1, 2.0), min=1e-3, max=20.0),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """log E and log K − c_0·log x − c_1·f_1·log(1 + (x/d_1)^(1/f_1))."""
        log_x = x[f"log_{self.variable}"]
        width = jet.exp(p["log_f_1"])
        turn = width * jet.softplus((log_x - p["log_d_1"]) / width)
        return [p["log_E"], p["log_K"] - p["c_0"] * log_x - p["c_1"] * turn]
