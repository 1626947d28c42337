"""A law asked in other conventions: total parameters instead of non-embedding ones, another unit of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.jet import Jet


@dataclass(frozen=True)
class Converted(Law):
    """factor · base(n, …) at the n with n + omega·n^(1/3) = N; made by :func:`quokka_laws.literature.conversions.convert`.

    Parameters
    ----------
    base : Law
    omega : float
        0 leaves N as it is.
    factor : float
        What the loss is multiplied by.
    """

    base: Law
    omega: float = 0.0
    factor: float = 1.0

    name = "converted"

    @property
    def equation(self) -> str:  # type: ignore[override]
        """That of the base."""
        return self.base.equation

    @property
    def source(self) -> str:  # type: ignore[override]
        """That of the base."""
        return self.base.source

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the base."""
        return self.base.variables

    @property
    def rises(self) -> bool:
        """As the base does."""
        return self.base.rises

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Those of the base, in its own units."""
        return self.base.coefficients

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base at its own N, with the factor."""
        seen = {**x, "log_N": log_non_embedding(x["log_N"], self.omega)} if self.omega and "log_N" in x else x
        return [t + np.log(self.factor) for t in self.base.log_terms(p, seen)]

    def shortage(self, values: Mapping[str, Any]) -> Any:
        """Closed forms survive another unit of the loss, not another count of N."""
        return None if self.omega else self.base.shortage(values)

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        """Of the loss in the base's unit."""
        return self.base.log_shortage(values, log_loss - np.log(self.factor))


def non_embedding(total: Any, omega: float) -> Array:
    """n with ``n + omega·n^(1/3) = total``: the real root of a cubic in n^(1/3)."""
    inner = 1.5 * np.asarray(total, dtype=float) / omega * np.sqrt(3.0 / omega)
    return np.asarray((2.0 * np.sqrt(omega / 3.0) * np.sinh(np.arcsinh(inner) / 3.0)) ** 3)


def log_non_embedding(log_N: Any, omega: float) -> Any:
    """The same for logarithms, arrays or jets."""

    def parts(t: Any) -> tuple[Any, Any, Any]:
        n = non_embedding(np.exp(t), omega)
        ratio = omega * n ** (-2.0 / 3.0)
        slope = 1.0 - (2.0 / 3.0) * ratio / (1.0 + ratio)  # d log N / d log n
        return np.log(n), 1.0 / slope, -(4.0 / 9.0) * ratio / (1.0 + ratio) ** 2 / slope**3

    return log_N.apply("log_non_embedding", parts) if isinstance(log_N, Jet) else parts(np.asarray(log_N, float))[0]
