"""Weak normal priors on exponents, for tables of so few runs that the exponents would be guesses.

Nine runs with 1 % noise leave the exponents of Chinchilla's law with a standard deviation of about 0.1; those published for
text differ by less. A prior of that width says no more than "this is a scaling law of text", and halves the error of an
extrapolation from six to twelve runs. With more runs it is drowned by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.bootstrap import independent_runs
from quokka_laws.fitting.problem import Space
from quokka_laws.laws import Law
from quokka_laws.objective import LogHuber, Objective

PriorArgument = Literal["auto", "literature"] | Mapping[str, tuple[float, float]] | None

FEW_RUNS = 13
"""A prior is taken by default below this many independent runs."""
LITERATURE: dict[str, dict[str, tuple[float, float]]] = {
    "chinchilla": {"alpha": (0.35, 0.1), "beta": (0.36, 0.1)},
}
"""By law: mean and standard deviation. Published fits of losses of text to Chinchilla's form have alpha from .29 to .50 and beta
from .23 to .50 (``ql.published``)."""
SCATTER, SCATTER_RUNS = 0.005, 2.0
"""The noise of a run is taken to be half a per cent, a guess that weighs as much as this many runs."""


@dataclass(frozen=True)
class Prior:
    """Normal priors on coefficients.

    Parameters
    ----------
    normal : mapping of str to (float, float)
        Mean and standard deviation by coefficient; of the logarithm for amplitudes and scales.
    """

    normal: Mapping[str, tuple[float, float]]

    @classmethod
    def literature(cls, law: Law) -> Prior | None:
        """What published fits of this form lead to expect; None where there are too few of them."""
        return cls(LITERATURE[law.name]) if law.name in LITERATURE else None

    def check(self, law: Law) -> None:
        """Raise ``ValueError`` naming a coefficient that the law lacks or a width that is not positive."""
        if unknown := sorted(set(self.normal) - set(law.names)):
            raise ArgumentError(
                f"prior: {law.name} has no coefficient {', '.join(unknown)}; it has {', '.join(law.names)}"
            )
        for name, given in self.normal.items():
            mean, sd = given if np.shape(given) == (2,) else (given, None)
            if sd is None or not (np.isfinite(mean) and np.isfinite(sd) and sd > 0):
                raise ArgumentError(
                    f"prior of {name} = {given!r}: give a mean and a positive standard deviation, such as (0.35, 0.1)"
                )

    def on(self, space: Space) -> tuple[Array, Array]:
        """Means and precisions (one over variance) of the free coordinates; precision 0 where there is no prior.

        A coefficient that is held or tied is left out: what was said of it outright is not guessed at.
        """
        mean, precision = np.zeros(len(space.lower)), np.zeros(len(space.lower))
        index = {int(j): i for i, j in enumerate(np.flatnonzero(space.free))}
        for j, c in enumerate(space.law.coefficients):
            if c.name in self.normal and j in index:
                mean[index[j]], sd = self.normal[c.name]
                precision[index[j]] = 1.0 / sd**2
        return mean, precision

    def draws(self, space: Space, count: int, rng: np.random.Generator) -> Array:
        """What to expect instead, once for each of ``count`` refits: the prior is no more certain than its width."""
        mean, precision = self.on(space)
        sd = np.where(precision > 0, 1.0 / np.sqrt(np.where(precision > 0, precision, 1.0)), 0.0)
        return np.asarray(mean + sd * rng.standard_normal((count, len(mean))))

    def describe(self) -> str:
        """``alpha ~ N(0.35, 0.1), …``."""
        return ", ".join(f"{k} ~ N({m:g}, {s:g})" for k, (m, s) in self.normal.items())


def prior_of(prior: PriorArgument, law: Law, runs: pd.DataFrame, objective: Objective) -> Prior | None:
    """The prior that an argument of :func:`quokka_laws.fit` means."""
    automatic = isinstance(objective, LogHuber) and not objective.settled
    if prior is None:
        return None
    if isinstance(prior, str):
        if prior not in ("auto", "literature"):
            raise ArgumentError(
                f"prior = {prior!r}: 'auto', 'literature', a mapping such as {{'alpha': (0.35, 0.1)}}, or None"
            )
        if prior == "auto" and not (automatic and independent_runs(runs) < FEW_RUNS):
            return None
        believed = Prior.literature(law)
        if believed is None and prior == "literature":
            raise ArgumentError(
                f"prior = 'literature': too few fits of {law.name} are published; give numbers, or None"
            )
    else:
        believed = Prior(prior)
        believed.check(law)
    if believed is not None and not automatic:
        raise ArgumentError(
            f'a prior is weighed against the scatter of the runs: it needs LogHuber("auto"), not {objective}'
        )
    return believed
