"""A law that cannot rise above the loss of a model that has learned nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from quokka_laws import jet
from quokka_laws.jet import Array
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.chinchilla import Chinchilla, Shortage, log_difference
from quokka_laws.laws.projection import floors


@dataclass(frozen=True)
class Bounded(Law):
    """L = (E + L_0·h)/(1 + h), where E + h is the base: h = A/N^alpha + B/D^beta for :class:`Chinchilla`."""

    base: Law = field(default_factory=Chinchilla)
    uninformed_loss: float | None = None

    name = "bounded"
    equation = "(E + L_0·h)/(1 + h), h = base - E"
    source = "Bryant & Liu 2026, arXiv 2605.09189, without its overfitting term"

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the base."""
        return self.base.variables

    @property
    def of_unique_data(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.base.of_unique_data

    @property
    def rises(self) -> bool:
        """As the base does."""
        return self.base.rises

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Those of the base, whose amplitudes but E now stand in both terms, and L_0 unless it is given."""
        own = (
            Coefficient("L_0", "loss of a model that has learned nothing", "scale", (1.02, 3.0), min=1e-3, max=1e3),
        )
        kept = (
            replace(c, kind="scale") if c.kind == "amplitude" and c.name != "E" else c for c in self.base.coefficients
        )
        return (*kept, *(own if self.uninformed_loss is None else ()))

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """E/(1 + h) and L_0·h/(1 + h)."""
        floor, *terms = self.base.log_terms(p, x)
        log_h = terms[0]
        for term in terms[1:]:
            log_h = jet.logaddexp(term, log_h)  # a term may be nothing
        log_top = p["log_L_0"] if self.uninformed_loss is None else np.log(self.uninformed_loss)
        return [floor - jet.softplus(log_h), log_top - jet.softplus(-log_h)]

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Given E and L_0, h = (loss − E)/(L_0 − loss) is the base without its floor: its own projection solves it."""
        theta = theta.copy()
        base = len(self.base.coefficients)
        may = list(free) if free is not None else [True] * len(self.coefficients)
        E = self.names.index("E")
        if may[E]:
            theta[:, E] = np.log(floors(loss, len(theta)))
        if self.uninformed_loss is None:
            if may[base]:
                theta[:, base] += np.log(loss.max())
            top = np.exp(theta[:, [base]])
        else:
            top = np.full((len(theta), 1), self.uninformed_loss)
        floor = np.exp(theta[:, [E]])
        h = np.maximum(loss - floor, 1e-6 * loss) / np.maximum(top - loss, 1e-2 * top)
        inner = theta[:, :base].copy()
        inner[:, E] = -np.inf
        others = [m and j != E for j, m in enumerate(may[:base])]
        solved = self.base.project(inner, x, h, weights, free=others)
        for j, c in enumerate(self.base.coefficients):
            if others[j] and c.kind == "amplitude":
                gone = ~np.isfinite(solved[:, j])
                if gone.any():
                    solved[gone, j] = np.median(solved[~gone, j]) - 3.0 if (~gone).any() else 0.0
        solved[:, E] = theta[:, E]
        theta[:, :base] = solved
        return theta

    def shortage(self, values: Mapping[str, Any]) -> Shortage | None:
        return self.base.shortage(values)

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        top = values["L_0"] if self.uninformed_loss is None else self.uninformed_loss
        log_h = log_difference(log_loss, values["E"]) - np.log(top - np.exp(log_loss))
        return self.base.log_shortage(values, np.logaddexp(np.log(values["E"]), log_h))
