"""A law that cannot rise above the loss of a model that has learned nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from quokka_laws._expression_tree import written
from quokka_laws._expressions import parse
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.chinchilla import Chinchilla, log_difference
from quokka_laws.laws.formula_text import GRAMMAR, additive
from quokka_laws.laws.projection import floors
from quokka_laws.laws.shortage import Shortage

UNBOUNDED = "the runs show no upper bound of the loss, and the law is the one without it"


@dataclass(frozen=True)
class Bounded(Law):
    """L = (E + L_0·h)/(1 + h), where E + h is the base: h = A/N^alpha + B/D^beta for :class:`Chinchilla`.

    Bryant & Liu 2026 (arXiv 2605.09189) without their overfitting term. Near the floor the loss is ``E + (L_0 − E)·h``,
    the base with other amplitudes; where h is large, because models are tiny or hardly trained, it levels off at L_0
    instead of rising for ever. A law without that bound bends its exponents to follow such runs: on the runs of arXiv
    2607.25271, whose losses reach 8.1 nats, the bound halves the error of every law of repeated data
    (``docs/replication``). N and D enter by the same sum as in the base, so a compute-optimal plan has the base's
    closed form.

    L_0 is the loss of a model that has learned nothing: at most the logarithm of the vocabulary, less because how often
    each token occurs is learned at once. Runs that come near it determine it: 8.7 nats there, where the logarithm of
    the vocabulary is 11.5. Others do not and need not: as L_0 grows the law becomes its base, and a fitted L_0 at its
    upper bound of 1,000 says that these runs show none. Do not fix it at the logarithm of the vocabulary, which
    cross-validates worse on each of four sets of runs; fix it (``uninformed_loss``) at what comparable runs gave, to
    predict models much smaller, or less trained, than any run fitted.

    When not to use it: all losses are far below L_0. The coefficient is then one too many.

    Parameters
    ----------
    base : Law
        Any law with a floor E, a term of its own. Laws of repeated data may stand inside, where they then add to h, as
        in ``Bounded(AdditiveOverfit())``, or outside, ``Memorization(Bounded())``.
    uninformed_loss : float or None
        L_0 in the unit of the loss; None fits it.
    """

    base: Law = field(default_factory=Chinchilla)
    uninformed_loss: float | None = None

    name = "bounded"
    equation = "(E + L_0·h)/(1 + h), h = base - E"
    source = "Bryant & Liu 2026, arXiv 2605.09189, without its overfitting term"

    def __post_init__(self) -> None:
        if self.uninformed_loss is not None and not self.uninformed_loss > 0:
            raise ArgumentError(f"uninformed_loss must be positive, not {self.uninformed_loss!r}; None fits it")
        if "E" not in self.base.names or not self.base.is_alone("E"):
            raise ArgumentError(
                f"Bounded needs a base with a floor E that is a term of its own; {self.base.name} has none. A law of "
                "repeated data that mixes, such as Memorization, goes around it: Memorization(Bounded())"
            )

    @property
    def formula(self) -> str:
        """E/(1 + h) + L_0·h/(1 + h), with the other terms of the base for h."""
        main, *definitions = self.base.formula.split(";")
        shortage = " + ".join(term for _, node in additive(parse(main, GRAMMAR)) if (term := written(node)) != "E")
        top = "L_0" if self.uninformed_loss is None else repr(self.uninformed_loss)
        return ";".join([f"E/(1 + h) + {top}*h/(1 + h); h = {shortage}", *definitions])

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the base."""
        return self.base.variables

    @property
    def of_unique_data(self) -> tuple[str, ...]:  # type: ignore[override]
        """Those of the base."""
        return self.base.of_unique_data

    @property
    def rises(self) -> bool:
        """As the base does."""
        return self.base.rises

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Those of the base and, unless it is given, L_0. All but E stand in both terms: none of them may vanish."""
        inner = (
            replace(c, kind="scale") if c.kind == "amplitude" and c.name != "E" else c for c in self.base.coefficients
        )
        top = Coefficient(
            "L_0",
            "loss of a model that has learned nothing",
            "scale",
            (1.02, 3.0),
            min=1e-3,
            max=1e3,
            bound_means=UNBOUNDED,
        )
        return (*inner, *(() if self.uninformed_loss is not None else (top,)))

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """E/(1 + h) and L_0·h/(1 + h)."""
        terms = self.base.log_terms(p, x)
        floor = terms.pop(self._floor)
        log_h = reduce(lambda total, term: jet.logaddexp(term, total), terms)
        return [floor - jet.softplus(log_h), self._log_top(p) - jet.softplus(-log_h)]

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Given E and L_0, h = (loss − E)/(L_0 − loss) is the base without its floor, which solves for itself.

        A start's L_0 is a multiple of the largest loss.
        """
        theta, count, E = theta.copy(), len(self.base.coefficients), self.names.index("E")
        may = list(free) if free is not None else [True] * len(self.coefficients)
        if may[E]:
            theta[:, E] = np.log(floors(loss, len(theta)))
        if self.uninformed_loss is None and may[count]:
            theta[:, count] += np.log(loss.max())
        floor, top = (np.exp(v) for v in (theta[:, [E]], self._log_top({"log_L_0": theta[:, count:]})))
        h = np.maximum(loss - floor, 1e-6 * loss) / np.maximum(
            top - loss, 1e-2 * top
        )  # overfitted runs may lie above L_0
        without = theta[:, :count].copy()
        without[:, E] = -np.inf
        solved = self.base.project(without, x, h, weights, free=[m and j != E for j, m in enumerate(may[:count])])
        gone = ~np.isfinite(solved)  # zero amplitudes have no place here: begin with little of them
        solved = np.where(gone, np.where(gone, np.inf, solved).min(axis=0) - 3.0, solved)
        solved[:, E] = theta[:, E]
        theta[:, :count] = np.where(np.isfinite(solved), solved, 0.0)
        return theta

    def shortage(self, values: Mapping[str, Any]) -> Shortage | None:
        """That of the base, of which the loss is an increasing function."""
        return self.base.shortage(values)

    def log_shortage(self, values: Mapping[str, Any], log_loss: Array) -> Array:
        """That of the base at the loss E + h; NaN at or above L_0."""
        top = values["L_0"] if self.uninformed_loss is None else self.uninformed_loss
        with np.errstate(all="ignore"):
            h = np.exp(log_difference(log_loss, values["E"])) / (top - np.exp(log_loss))
            return self.base.log_shortage(values, np.log(values["E"] + np.where(h > 0, h, np.nan)))

    @property
    def _floor(self) -> int:
        return self.base.amplitude_terms[self.base.names.index("E")]

    def _log_top(self, p: Mapping[str, Any]) -> Any:
        return p["log_L_0"] if self.uninformed_loss is None else np.log(self.uninformed_loss)
