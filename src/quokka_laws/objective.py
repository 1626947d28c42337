"""What a residual costs: value, score, curvature and weight of residuals, nothing else.

==================  ===========================================  ==============================================
objective           residual r                                   use it when
==================  ===========================================  ==============================================
``LogHuber(1e-3)``  log prediction − log loss, Huber             comparing with papers: what Hoffmann and Quokka used
``LogHuber("auto")`` the same, delta from the runs' own scatter  everything else, and always with few runs
``QuantileHuber()`` the same, dearer above the run         runs that can only be too high: badly tuned, not annealed
``LogL2()``         log prediction − log loss, squared           noise is Gaussian and no run is an outlier
``LogL1()``         log prediction − log loss, absolute          several runs are plainly wrong
``L2()``            prediction − loss, squared                   comparing with tools that minimise squared loss
==================  ===========================================  ==============================================

The value of an objective is always the *sum* over rows, never the mean: the same as in the papers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError


@dataclass(frozen=True)
class Objective:
    """Base: a convex cost of residuals, zero at zero.

    ``log`` says whether residuals are of the logarithm of the loss (else of the loss itself).
    """

    @property
    def log(self) -> bool:
        """Whether residuals are log-residuals."""
        return True

    def value(self, r: Array) -> Array:
        """Cost ρ(r) of each residual."""
        raise NotImplementedError

    def score(self, r: Array) -> Array:
        """ρ'(r)."""
        raise NotImplementedError

    def curvature(self, r: Array) -> Array:
        """ρ''(r)."""
        raise NotImplementedError

    def irls_weight(self, r: Array) -> Array:
        """ρ'(r)/r: the weight that makes a squared residual cost the same to first order."""
        raise NotImplementedError

    def continuation(self) -> tuple[Objective, ...]:
        """Smoother objectives to solve first from a poor start, ending with the one to solve."""
        return (self,)

    def refinement(self) -> tuple[Objective, ...]:
        """Objectives to solve in turn from a good start, ending with the one to report."""
        return (self,)

    def to_spec(self) -> dict[str, Any]:
        """Plain description; :func:`objective_from_spec` rebuilds the objective."""
        return {"name": type(self).__name__, **vars(self)}


HUBER = 1.345
"""delta over the standard deviation of the noise at which Huber's estimate is 95 % efficient for normal noise (Huber 1981)."""
LEAST_SCATTER = 1e-5
"""Relative; below it the runs count as free of noise. Losses are seldom logged to more than five digits."""


@dataclass(frozen=True)
class LogHuber(Objective):
    """Huber's cost of the log-residual: r²/2 within ``delta``, ``delta·(|r| − delta/2)`` beyond.

    Parameters
    ----------
    delta : float or "auto"
        In log-loss units: 1e-3 is a relative error of 0.1 %. At 1e-3 nearly all runs of a real sweep lie beyond
        it, so the fit is close to least absolute deviations, and passes exactly through as many runs as it has
        coefficients. ``"auto"``: 1.345 times the scatter of the runs about the law (from the median absolute residual,
        for the coefficients fitted), so that only outliers lie beyond; a fit says what it came to.
    auto : bool
        Whether delta was found from the runs; set by :func:`quokka_laws.fit`.
    """

    delta: float | Literal["auto"] = 1e-3
    auto: bool = False

    def __post_init__(self) -> None:
        if self.delta == "auto":
            object.__setattr__(self, "auto", True)
        elif not (isinstance(self.delta, int | float | np.number) and 0 < self.delta < np.inf):
            raise ArgumentError(
                f"delta must be a positive finite number or 'auto', not {self.delta!r}; LogL1() is the limit of delta to 0"
            )

    @property
    def settled(self) -> bool:
        """Whether delta is a number."""
        return self.delta != "auto"

    @property
    def scatter(self) -> float:
        """The standard deviation of the noise that an automatic delta stands for."""
        return self._delta / HUBER

    @property
    def _delta(self) -> float:
        if isinstance(self.delta, str):
            raise ArgumentError('LogHuber("auto") has no delta before it has seen runs: use it through ql.fit')
        return self.delta

    def value(self, r: Array) -> Array:
        """ρ(r)."""
        a = np.abs(r)
        inner = np.minimum(a, self._delta)
        return inner * (a - 0.5 * inner)

    def score(self, r: Array) -> Array:
        """The residual, clipped to ±delta."""
        return np.clip(r, -self._delta, self._delta)

    def curvature(self, r: Array) -> Array:
        """1 within delta, 0 beyond."""
        return (np.abs(r) <= self._delta).astype(float)

    def irls_weight(self, r: Array) -> Array:
        """1 within delta, delta/``|r|`` beyond."""
        return self._delta / np.maximum(np.abs(r), self._delta)

    def continuation(self) -> tuple[Objective, ...]:
        """Huber objectives with delta 0.1 and 0.01 first, where they are wider."""
        wider = tuple(replace(self, delta=d) for d in (0.1, 0.01) if d > 3 * self._delta)
        return (*wider, self)


@dataclass(frozen=True)
class QuantileHuber(LogHuber):
    """Huber's cost of the log-residual, ``over`` times as dear where the prediction lies above the run.

    For runs that can only be too high: one that is badly tuned, cut off or not annealed lies above what its N and D allow, and
    none lies below but by noise. Far out the law is then the quantile ``1/(1 + over)`` of the runs, an eleventh of them at
    ``over=10``. Where runs are well tuned and scatter by noise alone, it lies too low by about the noise:
    ``benchmarks/quantile_huber.py`` shows by how much.

    Parameters
    ----------
    delta : float
        As for :class:`LogHuber`, but a number.
    over : float
        At least 1, where it is Huber's. The penalty of 10 is that of OLMo-core's fits of ladders and of the package ``chinchilla``, which
        takes absolute residuals of the loss itself.
    """

    over: float = 10.0

    def __post_init__(self) -> None:
        if self.delta == "auto":
            raise ArgumentError(
                'QuantileHuber needs a number for delta: "auto" takes it from runs that scatter evenly about a law'
            )
        super().__post_init__()
        if not (isinstance(self.over, int | float | np.number) and 1.0 <= self.over < np.inf):
            raise ArgumentError(
                f"over must be a finite number, 1 or more, not {self.over!r}: how much more a prediction above a run costs"
            )

    def _dear(self, r: Array) -> Array:
        return np.where(r > 0, self.over, 1.0)

    def value(self, r: Array) -> Array:
        """ρ(r)."""
        return self._dear(r) * super().value(r)

    def score(self, r: Array) -> Array:
        """The clipped residual, ``over`` times where it is positive."""
        return self._dear(r) * super().score(r)

    def curvature(self, r: Array) -> Array:
        """1 or ``over`` within delta, 0 beyond."""
        return self._dear(r) * super().curvature(r)

    def irls_weight(self, r: Array) -> Array:
        """As Huber's, ``over`` times where the residual is positive."""
        return self._dear(r) * super().irls_weight(r)


@dataclass(frozen=True)
class LogL1(Objective):
    """Least absolute deviations of the log-residual.

    Solved as Huber objectives of delta shrinking to 1e-11, each from the optimum of the one before: the sum of
    absolute residuals is then exact to about ``rows × 1e-11``.
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.smoothing, int | float | np.number) and 0 <= self.smoothing < np.inf):
            raise ArgumentError(f"smoothing must be zero or positive and finite, not {self.smoothing!r}")

    def value(self, r: Array) -> Array:
        """``|r|`` (its Huber approximation while smoothing)."""
        a = np.abs(r)
        return a if not self.smoothing else LogHuber(self.smoothing).value(r) / self.smoothing

    def score(self, r: Array) -> Array:
        """sign(r) (clipped linear while smoothing)."""
        return np.sign(r) if not self.smoothing else np.clip(r / self.smoothing, -1.0, 1.0)

    def curvature(self, r: Array) -> Array:
        """0 (1/smoothing within it)."""
        return (np.abs(r) <= self.smoothing) / self.smoothing if self.smoothing else np.zeros_like(r)

    def irls_weight(self, r: Array) -> Array:
        """1/``|r|``, bounded by 1/smoothing."""
        return 1.0 / np.maximum(np.abs(r), self.smoothing or 1e-12)

    def continuation(self) -> tuple[Objective, ...]:
        """Wide Huber objectives first."""
        return tuple(LogL1(s) for s in (0.1, 0.01, 1e-3))

    def refinement(self) -> tuple[Objective, ...]:
        """Shrink the smoothing to nothing."""
        return tuple(LogL1(float(s)) for s in np.geomspace(1e-3, 1e-11, 25))


@dataclass(frozen=True)
class LogL2(Objective):
    """Half the squared log-residual."""

    def value(self, r: Array) -> Array:
        """r²/2."""
        return 0.5 * r * r

    def score(self, r: Array) -> Array:
        """r."""
        return r

    def curvature(self, r: Array) -> Array:
        """1."""
        return np.ones_like(r)

    def irls_weight(self, r: Array) -> Array:
        """1."""
        return np.ones_like(r)


@dataclass(frozen=True)
class L2(LogL2):
    """Half the squared residual of the loss itself (nats², not relative)."""

    @property
    def log(self) -> bool:
        """Residuals of the loss itself."""
        return False


BY_NAME: dict[str, Objective] = {
    "huber": LogHuber(),
    "auto": LogHuber("auto"),
    "quantile": QuantileHuber(),
    "l1": LogL1(),
    "l2": LogL2(),
    "raw-l2": L2(),
}
"""Short names, as the command line has them."""


def as_objective(given: Any) -> Objective:
    """An objective from one, its class, or its short name; ``LogHuber()`` from None.

    Raises
    ------
    ArgumentError
        If it is none of these.
    """
    if given is None:
        return LogHuber()
    if isinstance(given, Objective):
        return given
    if isinstance(given, type) and issubclass(given, Objective):
        return given()
    if str(given).lower() in BY_NAME:
        return BY_NAME[str(given).lower()]
    raise ArgumentError(
        f"objective = {given!r}: expected {', '.join(map(repr, BY_NAME))}, or an objective such as LogHuber(delta=1e-3)"
    )


_OBJECTIVES = {cls.__name__: cls for cls in (LogHuber, QuantileHuber, LogL1, LogL2, L2)}


def objective_from_spec(spec: dict[str, Any]) -> Objective:
    """Rebuild an objective from :meth:`Objective.to_spec`.

    Raises
    ------
    ArgumentError
        For an unknown name or option.
    """
    options = {k: v for k, v in spec.items() if k != "name"}
    cls = _OBJECTIVES.get(str(spec.get("name")))
    if cls is None or set(options) - set(cls.__dataclass_fields__):
        raise ArgumentError(f"objective {spec!r}: expected one of {', '.join(_OBJECTIVES)} with its own options")
    return cls(**options)
