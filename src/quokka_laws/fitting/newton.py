"""A Newton step of many problems in coordinates that suit the law: amplitudes count linearly, and valleys are followed.

Constants, amplitudes and small exponents stand in for one another, so that the objective is a long valley, which is
curved where an amplitude counts by its logarithm. Three things keep steps long in it:

* the amplitude of a term is that at the centre of the rows, so that it hardly depends on the term's exponent;
* a step changes the amplitude itself, not its logarithm (to a tenth at most: where it should vanish it is switched off soon);
* the step bends with the valley: it is followed to second order ("geodesic acceleration", Transtrum & Sethna 2012, arXiv 1201.5885).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.fitting.local import Batch, Local

LEAST_LEFT = 0.1
"""Of an amplitude after one step."""
MOST_BEND = 0.75
"""Of a step, over its length; more would mean that the second order does not describe it."""


@dataclass(frozen=True)
class Chart:
    """Coordinates to step in.

    Parameters
    ----------
    matrix : array (problems, free, free)
        From these to the free coordinates.
    linear : list of int
        Those that are log-amplitudes.
    """

    matrix: Array
    linear: list[int]

    @classmethod
    def around(cls, batch: Batch, u: Array) -> Chart:
        """The amplitudes that may vanish, at the centre of the rows."""
        problem = batch.problem
        free = u.shape[1]
        matrix = np.broadcast_to(np.eye(free), (*u.shape, free)).copy()
        terms = problem.terms_at(problem.theta(u), problem.x, order=1)
        linear = []
        for k, t in enumerate(terms):
            if (j := problem.switch(k)) < 0:
                continue
            slopes = np.zeros((len(u), len(problem.basis)))
            for i, g in t.grad.items():
                slopes[:, i] = np.mean(np.atleast_1d(g), axis=-1)
            matrix[:, j] -= np.nan_to_num(slopes @ problem.basis)
            matrix[:, j, j] = 1.0
            linear.append(j)
        return cls(matrix, linear)

    def of(self, who: Array) -> Chart:
        """That of some problems."""
        return Chart(self.matrix[who], self.linear)

    def holding(self, held: Array) -> Chart:
        """Where an amplitude is held (problems, free) it is the amplitude itself that stays, not that at the centre."""
        matrix = self.matrix.copy()
        for j in self.linear:
            matrix[held[:, j], j] = np.eye(matrix.shape[1])[j]
        return Chart(matrix, self.linear)

    def to_free(self, step: Array) -> Array:
        """Steps here → steps of the free coordinates, (problems, free)."""
        return np.asarray(np.matmul(self.matrix, step[..., None])[..., 0])

    def gradient(self, gradient: Array) -> Array:
        """Gradient by the free coordinates → by these."""
        return np.asarray(np.matmul(self.matrix.transpose(0, 2, 1), gradient[..., None])[..., 0])

    def hessian(self, hessian: Array, gradient: Array, newton: Array) -> Array:
        """Hessian by the free coordinates → by these; ``gradient`` by these, ``newton`` where it is exact."""
        found = np.matmul(np.matmul(self.matrix.transpose(0, 2, 1), hessian), self.matrix)
        found[:, self.linear, self.linear] -= np.where(newton[:, None], gradient[:, self.linear], 0.0)
        return np.asarray(found)

    def curvature(self, here: Local, newton: Array) -> Array:
        """That along each of these coordinates, positive."""
        diagonal = np.abs(np.einsum("sii->si", self.hessian(here.hessian, self.gradient(here.gradient), newton)))
        return np.asarray(np.maximum(diagonal, 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300))


def newton_step(
    here: Local,
    chart: Chart,
    *,
    held: Array,
    damping: Array,
    metric: Array,
    newton: Array,
    reach: Array | float,
    bend: Callable[[Array, Array], Array] | None,
) -> tuple[Array, Array]:
    """Damped step of the free coordinates that are not held, and the decrease that an undamped one promises.

    Parameters
    ----------
    here : Local
    chart : Chart
    held : array (problems, free) of bool
    damping : array (problems,)
        In units of ``metric``.
    metric : array (problems, free)
        Curvatures of about the size of those along each coordinate of the chart.
    newton : array (problems,) of bool
        Whether the Hessian is exact, not reweighted Gauss–Newton.
    reach : array (free,) or float
        The longest step in each coordinate.
    bend : callable, optional
        :meth:`Batch.bend` of the problems, of (along, turning). None: the step does not bend.

    Returns
    -------
    step : array (problems, free)
    decrement : array (problems,)
    """
    chart = chart.holding(held)
    g = chart.gradient(here.gradient)
    H = chart.hessian(here.hessian, g, newton)
    scale = 1.0 / np.sqrt(metric)
    g = np.where(held, 0.0, g * scale)
    keep = ~held
    H = H * scale[:, :, None] * scale[:, None, :] * (keep[:, :, None] & keep[:, None, :])
    eigenvalues, vectors = np.linalg.eigh(np.where(np.isfinite(H), H, 0.0))
    largest = np.abs(eigenvalues).max(axis=1, keepdims=True)
    size = np.maximum(np.abs(eigenvalues), 1e-14 * largest + 1e-300)
    back = vectors.transpose(0, 2, 1)

    def solved(by: Array) -> Array:
        return np.asarray(-np.matmul(vectors, (by / (size + damping[:, None]))[..., None])[..., 0])

    along = np.matmul(back, g[..., None])[..., 0]
    decrement = 0.5 * (along**2 / np.maximum(size, 1e-10 * largest + 1e-300)).sum(axis=1)
    step = solved(along)
    longest = (np.abs(step * scale) / reach).max(axis=1, keepdims=True)
    step = step / np.maximum(longest, 1.0)
    if bend is not None:
        turning = np.zeros_like(step)
        turning[:, chart.linear] = -((step * scale)[:, chart.linear] ** 2)  # of the logarithm of what moves straight
        push = chart.gradient(bend(chart.to_free(step * scale), chart.to_free(turning)))
        push = np.where(held, 0.0, np.nan_to_num(push, posinf=0.0, neginf=0.0) * scale)
        turn = 0.5 * solved(np.matmul(back, push[..., None])[..., 0])
        length, bent = (np.linalg.norm(v, axis=1, keepdims=True) for v in (step, turn))
        step = step + turn * np.minimum(1.0, 0.5 * MOST_BEND * length / np.maximum(bent, 1e-300))
    step = step * scale
    step[:, chart.linear] = np.log(np.maximum(1.0 + step[:, chart.linear], LEAST_LEFT))
    return chart.to_free(step), decrement
