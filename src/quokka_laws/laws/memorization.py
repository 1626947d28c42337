"""Memorization: overfitting as a mixture of a learned and a memorised model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quokka_laws._expression_tree import written
from quokka_laws._expressions import parse
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.bounded import Bounded
from quokka_laws.laws.formula_text import GRAMMAR, additive
from quokka_laws.laws.repeated import Repeated, log_repetitions


@dataclass(frozen=True)
class Memorization(Repeated):
    """L = (1 − w)·base(N, D) + w·T, w = cap·g.

    ``cap = N/(N + nu·U_D^s)`` is the share of the unique data that N parameters can memorise, and
    ``g = x^p/(1 + x^p)`` with ``x = (epochs − 1)/e_0``, ``e_0 = c·N^−(1 − 1/p)`` how far memorising has gone. ``T`` is
    the loss of a model that has memorised: at most the logarithm of the vocabulary. For small w the excess is
    ``(T − base)·(N·(epochs − 1)/c)^p/(nu·U_D^s)``: parameters and repetitions enter as their product.

    This project's own form; ``docs/replication`` shows how it fares against the published ones, where it wins and
    where it does not. Exactly the base at ``epochs <= 1``, without a kink there (p > 1), bounded by max(base, T), and
    the base again for unlimited unique data.

    When not to use it: beyond the unique data fitted. ``s`` alone decides how overfitting fades with more data, it
    differs between kinds of model (1.9 on diffusion, about 1 on autoregressive runs), and runs that have not passed
    their minimum by a factor of two in epochs determine neither ``s`` nor ``p``. Both are bounded for that reason:
    1.02 ≤ p ≤ 4 and 0.3 ≤ s ≤ 3.

    Parameters
    ----------
    base : Law
    memorized_loss : float or None
        T in nats/token, for example ``math.log(50257)``; None fits it.
    p : float or None
        How suddenly memorising sets in; None fits it. Fitted values lie between 1.1 and 1.9, and 1.5 for all predicts
        later epochs better than the fitted one (:class:`BoundedMemorization`).
    """

    memorized_loss: float | None = None
    p: float | None = None

    name = "memorization"
    equation = "(1-w)·base + w·T, w = N/(N + nu·U_D^s)·x^p/(1 + x^p), x = (epochs-1)·N^(1-1/p)/c"
    source = "quokka_laws"
    of_unique_data = ("s",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p is not None and not 1.0 < self.p < np.inf:
            raise ArgumentError(f"p must lie above 1, not {self.p!r}; None fits it, 1.5 suits most runs")

    @property
    def formula(self) -> str:
        """The equation, with every term of the base times 1 − w = (1 + a + a·y)/((1 + a)·(1 + y))."""
        main, *definitions = self.base.formula.split(";")
        learned = " + ".join(f"{written(term)}*r" for _, term in additive(parse(main, GRAMMAR)))
        top = "T" if self.memorized_loss is None else repr(self.memorized_loss)
        p = "p" if self.p is None else repr(self.p)
        r = "r = (1 + a + a*y)/((1 + a)*(1 + y))"
        own = [r, "a = nu*U_D^s/N", f"y = (max(0, epochs - 1)*N^(1 - 1/{p})/c)^{p}"]
        return "; ".join([f"{learned} + {top}*y/((1 + a)*(1 + y))", *definitions, *own])

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """nu, s, p, c and T, without those that are given."""
        every = (
            Coefficient(
                "nu", "parameters that memorise half of one unique token (nu·U_D^s of U_D)", "scale", (0.01, 100)
            ),
            Coefficient("s", "how fast more unique tokens dilute memorising", start=(0.6, 2.4), min=0.3, max=3.0),
            Coefficient("p", "how suddenly memorising sets in with repetitions", start=(1.1, 2.5), min=1.02, max=4.0),
            Coefficient("c", "repetitions until half of it is done, at N = 1", "scale", (10, 1e4)),
            Coefficient("T", "loss of a model that has memorised its data", "amplitude", min=1e-3),
        )
        given = {"p": self.p, "T": self.memorized_loss}
        return tuple(c for c in every if given.get(c.name) is None)

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base times 1 − w, and T·w."""
        repeats, log_excess = log_repetitions(x["epochs"])
        log_cap = -jet.softplus(p["log_nu"] + p["s"] * x["log_U_D"] - x["log_N"])
        power = p["p"] if self.p is None else self.p
        log_x = log_excess - p["log_c"] + x["log_N"] - x["log_N"] / power
        log_w = log_cap - jet.softplus(-(power * log_x))
        log_rest = jet.where(repeats, jet.log(-jet.expm1(jet.where(repeats, log_w, -1.0))), 0.0)
        log_T = p["log_T"] if self.memorized_loss is None else np.log(self.memorized_loss)
        learned = [term + log_rest for term in super().log_terms(p, x)]
        return [*learned, jet.where(repeats, log_T + log_w, -np.inf)]

    def place_scales(self, theta: Array, x: Inputs) -> Array:
        """A start's nu is memorable size over N, and its c is e_0, at the typical run."""
        log_N, log_U = float(np.mean(x["log_N"])), float(np.mean(x["log_U_D"]))
        theta[:, self.column("nu")] += log_N - theta[:, self.column("s")] * log_U
        power = theta[:, self.column("p")] if self.p is None else self.p
        theta[:, self.column("c")] += (1.0 - 1.0 / power) * log_N
        return theta


@dataclass(frozen=True)
class BoundedMemorization(Memorization):
    """:class:`Memorization` on a :class:`Bounded` base with p = 1.5: where to start with repeated data.

    Of every law here it comes nearest to the best of each question, in the mean and at worst, over 25 questions on five
    sets of runs: cross-validation, largest models, later epochs, least and most unique data
    (``docs/replication/ranking.md``). Give ``memorized_loss=math.log(V)`` for a vocabulary of V, which leaves nine
    coefficients, unless a loss of yours rises above that; runs that end soon after their minimum do not determine T,
    and a fitted one costs most where epochs are extrapolated.

    When not to use it: alone. It does not win everywhere: beyond the epochs fitted no law is good and several are
    better; where no loss has risen, ``DataReuse(Bounded())`` does as well and says more of the largest data. Two laws
    that differ say how far to trust either.
    """

    base: Law = field(default_factory=Bounded)
    p: float | None = 1.5

    name = "bounded-memorization"
