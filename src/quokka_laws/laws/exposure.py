"""Overfitting that grows with how often every parameter has seen the same data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs
from quokka_laws.laws.repeated import Repeated, log_repetitions, with_term


@dataclass(frozen=True)
class ExposureOverfit(Repeated):
    """Base law + ((epochs − 1)·N/c)^p/U_D^s.

    This project's own form: what :class:`Memorization` is for little memorising, without its limit.
    ``Bounded(ExposureOverfit())`` adds the term to the shortages of parameters and of data instead of to the loss; that
    is where it is a useful second opinion: on the runs of arXiv 2607.25271 it predicts later epochs best of all forms,
    with an error of 0.7 % against 1.7 % of :class:`BoundedMemorization` (``docs/replication/ranking.md``).

    When not to use it: on runs whose loss has risen well past its minimum. On Quokka's curves it errs two to four times
    as much as the law it comes from, since its term grows without limit.
    """

    name = "exposure-overfit"
    equation = "base + ((epochs-1)·N/c)^p/U_D^s"
    source = "quokka_laws"
    of_unique_data = ("s",)

    @property
    def formula(self) -> str:
        """That of the base and the term."""
        return with_term(self.base.formula, "(max(0, epochs - 1)*N/c)^p/U_D^s")

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """c, p, s."""
        return (
            Coefficient("c", "parameters times repetitions at which the term is 1/U_D^s", "scale", (1e-3, 1e3)),
            Coefficient("p", "how fast it grows with parameters and repetitions", start=(0.3, 2.0), min=0.05, max=5.0),
            Coefficient("s", "how fast more unique tokens dilute it", start=(0.3, 2.4), min=0.05, max=5.0),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base and the overfitting term (zero at one epoch)."""
        repeats, log_excess = log_repetitions(x["epochs"])
        term = p["p"] * (log_excess + x["log_N"] - p["log_c"]) - p["s"] * x["log_U_D"]
        return [*super().log_terms(p, x), jet.where(repeats, term, -np.inf)]

    def place_scales(self, theta: Array, x: Inputs) -> Array:
        """A start's c is what the term at the typical run is 1/c^p of."""
        log_e = np.log(np.maximum(np.asarray(x["epochs"]) - 1.0, 1.0)).mean()
        p, s = theta[:, self.column("p")], theta[:, self.column("s")]
        theta[:, self.column("c")] += log_e + np.mean(x["log_N"]) - s * np.mean(x["log_U_D"]) / p
        return theta
