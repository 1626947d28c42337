"""Laws of repeated data that replace the tokens seen by an effective number of tokens.

Every law here wraps a single-epoch law (``base``) and hands it other inputs, so it composes with any of them:
``QuokkaRepeated(Skaling())`` puts Skaling's coupling under Quokka's effective data. At ``epochs <= 1`` the base is
returned exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.chinchilla import Chinchilla
from quokka_laws.laws.jet import Jet


def put(formula: str, **names: str) -> str:
    """A formula with other names in place of some."""
    for old, new in names.items():
        formula = re.sub(rf"\b{old}\b", new, formula)
    return formula


def with_term(formula: str, term: str) -> str:
    """A formula with one more term, before its definitions."""
    main, *definitions = formula.split(";")
    return ";".join([f"{main} + {term}", *definitions])


def value_of(x: Any) -> Array:
    """The plain number of an array or jet."""
    return x.value if isinstance(x, Jet) else np.asarray(x, dtype=float)


def log_repetitions(epochs: Any) -> tuple[Array, Any]:
    """Where data repeat (epochs > 1), and ``log(epochs − 1)`` there (a harmless number elsewhere)."""
    repeats = value_of(epochs) > 1.0
    return repeats, jet.log(jet.where(repeats, epochs - 1.0, 1.0))


def log_worth(log_excess: Any, repeats: Array, log_R: Any) -> Any:
    """``log(1 + R·(1 − exp(−(epochs − 1)/R)))``: what all epochs are worth in fresh ones, at most 1 + R."""
    worth = jet.exp(log_R) * -jet.expm1(-jet.exp(log_excess - log_R))
    return jet.where(repeats, jet.log1p(worth), 0.0)


@dataclass(frozen=True)
class Repeated(Law):
    """A law of N, U_D and epochs around a single-epoch law of N and D.

    Parameters
    ----------
    base : Law
        Any law of N and D, or another repeated-data law: effective data and overfitting compose.
    """

    base: Law = field(default_factory=Chinchilla)

    variables = ("N", "U_D", "epochs")

    @property
    def rises(self) -> bool:
        """Overfitting forms rise; effective data alone do not."""
        return True

    def __post_init__(self) -> None:
        names = [c.name for c in self.coefficients]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ArgumentError(
                f"{self.name} cannot wrap {self.base.name}: both have a coefficient {', '.join(twice)}; "
                "combine laws whose coefficients have different names"
            )

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """Coefficients this law adds to its base."""
        raise NotImplementedError

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Those of the base, then this law's own."""
        return (*self.base.coefficients, *self.own)

    def base_inputs(self, p: Mapping[str, Any], x: Inputs) -> Inputs:
        """What the base sees instead of ``x``."""
        return x

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base at its inputs."""
        return self.base.log_terms(p, self.base_inputs(p, x))

    def place_scales(self, theta: Array, x: Inputs) -> Array:
        """Turn start values of scales, given at a typical run, into coefficients."""
        return theta

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Place scales at the data, then let amplitudes (or the base) solve for themselves."""
        may = list(free) if free is not None else [True] * len(self.coefficients)
        theta = self._placed(theta, x, may)
        single = self
        while isinstance(single, Repeated):
            single = single.base  # type: ignore[assignment]
        if type(single).project is Law.project:
            return Law.project(self, theta, x, loss, weights, free=may)
        count = len(single.coefficients)
        p = {c.coordinate: theta[:, [j]] for j, c in enumerate(self.coefficients)}
        seen = self._innermost_inputs(p, x)  # they differ from start to start
        theta[:, :count] = single.project(theta[:, :count], seen, loss, weights, free=may[:count])
        others = [m and j >= count for j, m in enumerate(may)]
        return Law.project(self, theta, x, loss, weights, free=others)

    def _innermost_inputs(self, p: Mapping[str, Any], x: Inputs) -> Inputs:
        seen = self.base_inputs(p, x)
        return self.base._innermost_inputs(p, seen) if isinstance(self.base, Repeated) else seen

    def _placed(self, theta: Array, x: Inputs, may: Sequence[bool]) -> Array:
        placed = self.place_scales(theta.copy(), x)
        if isinstance(self.base, Repeated):
            count = len(self.base.coefficients)
            placed[:, :count] = self.base._placed(placed[:, :count], x, may[:count])
        return np.where(may, placed, theta)

    def column(self, name: str) -> int:
        """Position of a coefficient in arrays of values."""
        return self.names.index(name)


@dataclass(frozen=True)
class QuokkaRepeated(Repeated):
    """Base law at D' = U_D·epochs^p_e·exp(−((epochs − 1)/e_p)^gamma), e_p = c_p·U_D^m_p/N^k_p.

    Ni et al. 2025 (Quokka, arXiv 2510.03280), Eq. 14. Effective data grow with repetition until overfitting makes
    them shrink: the loss falls, then rises again.

    When not to use it: to say where data stop helping *inside* one or two epochs. With gamma < 1 the slope at
    epochs = 1 is infinite and downwards in D', so the curve has a kink there and a local minimum further on may
    lie above the loss at one epoch.
    """

    name = "quokka-repeated"
    equation = "base(N, D'), D' = U_D·epochs^p_e·exp(-((epochs-1)/e_p)^gamma), e_p = c_p·U_D^m_p/N^k_p"
    source = "Quokka, arXiv 2510.03280, Eq. 14"
    of_unique_data = ("m_p",)

    @property
    def formula(self) -> str:
        """That of the base, with D' for D."""
        worth = "U_D*min(1, epochs)*max(1, epochs)^p_e*exp(-(max(0, epochs - 1)/e_p)^gamma)"
        return f"{put(self.base.formula, D='D_eff')}; D_eff = {worth}; e_p = c_p*U_D^m_p/N^k_p"

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """p_e, c_p, m_p, k_p, gamma."""
        return (
            Coefficient(
                "p_e", "value of an epoch before overfitting; 1 counts it as fresh data", start=(0.6, 2.0), min=0
            ),
            Coefficient("c_p", "epochs until overfitting bites, at U_D = N = 1", "scale", (1.0, 1e4)),
            Coefficient("m_p", "how fast more unique tokens delay overfitting", start=(0.0, 1.0), min=-1, max=3),
            Coefficient("k_p", "how fast more parameters hasten overfitting", start=(0.0, 1.0), min=-1, max=3),
            Coefficient("gamma", "how suddenly overfitting bites", start=(0.25, 1.2), min=0.05, max=5),
        )

    def base_inputs(self, p: Mapping[str, Any], x: Inputs) -> Inputs:
        """log_D replaced by log D'."""
        repeats, log_excess = log_repetitions(x["epochs"])
        log_epochs = jet.log(x["epochs"])
        log_e_p = p["log_c_p"] + p["m_p"] * x["log_U_D"] - p["k_p"] * x["log_N"]
        decay = jet.exp(p["gamma"] * (log_excess - log_e_p))
        gain = (p["p_e"] - 1.0) * log_epochs - decay  # beyond log_D = log_U_D + log_epochs
        return {**x, "log_D": x["log_U_D"] + log_epochs + jet.where(repeats, gain, 0.0)}

    def place_scales(self, theta: Array, x: Inputs) -> Array:
        """A start's c_p is e_p at the typical run."""
        m, k = theta[:, self.column("m_p")], theta[:, self.column("k_p")]
        theta[:, self.column("c_p")] += k * np.mean(x["log_N"]) - m * np.mean(x["log_U_D"])
        return theta


@dataclass(frozen=True)
class EffectiveData(Repeated):
    """Base law at D' = U_D + U_D·R_D·(1 − exp(−(epochs − 1)/R_D)), and at N' alike for excess parameters.

    Muennighoff et al. 2023 (arXiv 2305.16264), Eq. 5-6. ``R_D`` is an e-folding constant: repeated data are worth
    at most R_D times the unique data. ``N' = U_N + U_N·R_N·(1 − exp(−(N/U_N − 1)/R_N))`` with U_N the
    compute-optimal size for U_D tokens (or N if smaller).

    When not to use it: to ask how many epochs are too many. The loss can only fall with epochs; planners refuse
    that question.

    Parameters
    ----------
    base : Law
        Must have A, alpha, B, beta (they decide U_N) if ``parameters``.
    parameters : bool
        Whether excess parameters saturate too (R_N), or only repeated data.
    """

    parameters: bool = True

    name = "effective-data"
    equation = "base(N', D'), D' = U_D·(1 + R_D·(1 - exp(-(epochs-1)/R_D))), N' alike with R_N"
    source = "Muennighoff et al. 2023, arXiv 2305.16264, Eq. 5-6"

    @property
    def formula(self) -> str:
        """That of the base, with D' for D and N' for N."""
        worth = "U_D*min(1, epochs)*(1 + R_D*(1 - exp(-max(0, epochs - 1)/R_D)))"
        if not self.parameters:
            return f"{put(self.base.formula, D='D_eff')}; D_eff = {worth}"
        size = "min(N, U_N)*(1 + R_N*(1 - exp(-max(0, N/U_N - 1)/R_N)))"
        return (
            f"{put(self.base.formula, N='N_eff', D='D_eff')}; D_eff = {worth}; N_eff = {size}; "
            "U_N = (alpha*A/(beta*B)*U_D^beta)^(1/alpha)"
        )

    @property
    def rises(self) -> bool:
        """Only if the base does."""
        return self.base.rises

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """R_D and, with ``parameters``, R_N."""
        data = Coefficient("R_D", "repetitions until repeated data lose their value (e-folding)", "scale", (1.0, 1e3))
        size = Coefficient("R_N", "the same for parameters beyond the optimum for the unique data", "scale", (1.0, 1e2))
        return (data, size) if self.parameters else (data,)

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Those of the base and R_D, R_N; A and B also decide U_N, so they are scales that cannot vanish."""
        if not self.parameters:
            return (*self.base.coefficients, *self.own)
        changed: dict[str, dict[str, Any]] = {"A": {"kind": "scale"}, "B": {"kind": "scale"}}
        changed |= {"alpha": {"min": 1e-3}, "beta": {"min": 1e-3}}
        return (*(replace(c, **changed.get(c.name, {})) for c in self.base.coefficients), *self.own)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.parameters and not {"A", "alpha", "B", "beta"} <= set(self.names):
            raise ArgumentError(f"{self.base.name} has no A, alpha, B, beta to decide U_N: use parameters=False")

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """A and B as if no model were too large for its unique data."""
        if not self.parameters:
            return super().project(theta, x, loss, weights, free=free)
        may = list(free) if free is not None else [True] * len(self.coefficients)
        solved = theta.copy()
        solved[:, :-1] = replace(self, parameters=False).project(theta[:, :-1], x, loss, weights, free=may[:-1])
        for name in ("A", "B"):
            j = self.column(name)
            gone = solved[:, j] == -np.inf
            solved[gone, j] = np.median(solved[~gone, j]) if (~gone).any() else 0.0
        return solved

    def base_inputs(self, p: Mapping[str, Any], x: Inputs) -> Inputs:
        """log_D and log_N replaced by their effective values."""
        repeats, log_excess = log_repetitions(x["epochs"])
        log_epochs = jet.where(~repeats, jet.log(x["epochs"]), 0.0) + log_worth(log_excess, repeats, p["log_R_D"])
        seen = {**x, "log_D": x["log_U_D"] + log_epochs}
        if self.parameters:
            optimum = (
                jet.log(p["alpha"]) + p["log_A"] - jet.log(p["beta"]) - p["log_B"] + p["beta"] * x["log_U_D"]
            ) / p["alpha"]
            surplus = x["log_N"] - optimum
            above = value_of(surplus) > 0
            inside = jet.where(above, surplus, 1.0)
            size = jet.exp(p["log_R_N"]) * -jet.expm1(-(jet.expm1(inside) / jet.exp(p["log_R_N"])))
            seen["log_N"] = x["log_N"] + jet.where(above, jet.log1p(size) - inside, 0.0)
        return seen


@dataclass(frozen=True)
class DataReuse(Repeated):
    """Base law at D' = U_D + eta·(D − U_D), where eta is what a repeated token is worth in fresh ones.

    Qin, Hamidieh & Alvarez-Melis 2026 (arXiv 2607.25271): ``E + A/N^alpha + B/(D + eta·D')^beta`` with ``D`` unique and
    ``D'`` repeated tokens, ``eta = R·(1 − exp(−x/R))/x`` at ``x = D'/D = epochs − 1``, and ``log R = log K +
    rho·log(U_D/N) + sigma·log N``: the e-folding constant of :class:`EffectiveData`, which here depends on size and
    data. The form is that of the authors' released fits (github.com/sunnytqin/OLMo-core,
    ``results/chinchilla_fit_dolma/writeup_final.md``, section 3.2); the numbers of its equations in the paper were not
    seen.

    When not to use it: to ask how many epochs are too many. The loss can only fall with epochs, and its authors left
    out the cells whose loss rose. On a base without a bound rho makes up for small models that are hardly trained:
    -0.49 without sigma on the authors' own runs, -0.07 with ``DataReuse(Bounded())``, which fits them twice as well.
    That R falls with size (sigma = -0.5) holds on either base.

    Parameters
    ----------
    base : Law
    by_size : bool
        Whether R depends on N beside U_D/N (sigma). False is the authors' earlier form, ``R = K·(U_D/N)^rho``.
    """

    by_size: bool = True

    name = "data-reuse"
    equation = "base(N, D'), D' = U_D·(1 + R·(1 - exp(-(epochs-1)/R))), R = K·(U_D/N)^rho·N^sigma"
    source = "Qin et al. 2026, arXiv 2607.25271"
    of_unique_data = ("rho",)

    @property
    def formula(self) -> str:
        """That of the base, with D' for D."""
        worth = "U_D*min(1, epochs)*(1 + R*(1 - exp(-max(0, epochs - 1)/R)))"
        size = "*N^sigma" if self.by_size else ""
        return f"{put(self.base.formula, D='D_eff')}; D_eff = {worth}; R = K*(U_D/N)^rho{size}"

    @property
    def rises(self) -> bool:
        """Only if the base does."""
        return self.base.rises

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """K, rho and, with ``by_size``, sigma."""
        size = Coefficient("sigma", "how R changes with parameters at the same U_D/N", start=(-1.0, 0.5), min=-3, max=3)
        data = (
            Coefficient(
                "K", "R, repetitions until repeated data lose their value, at U_D = N = 1", "scale", (1.0, 1e3)
            ),
            Coefficient("rho", "how R changes with unique tokens per parameter", start=(-1.0, 0.5), min=-3, max=3),
        )
        return (*data, size) if self.by_size else data

    def base_inputs(self, p: Mapping[str, Any], x: Inputs) -> Inputs:
        """log_D replaced by log D'."""
        repeats, log_excess = log_repetitions(x["epochs"])
        log_R = p["log_K"] + p["rho"] * (x["log_U_D"] - x["log_N"])
        if self.by_size:
            log_R = log_R + p["sigma"] * x["log_N"]
        log_epochs = jet.where(~repeats, jet.log(x["epochs"]), 0.0) + log_worth(log_excess, repeats, log_R)
        return {**x, "log_D": x["log_U_D"] + log_epochs}

    def place_scales(self, theta: Array, x: Inputs) -> Array:
        """A start's K is R at the typical run."""
        log_N = np.mean(x["log_N"])
        theta[:, self.column("K")] -= theta[:, self.column("rho")] * (np.mean(x["log_U_D"]) - log_N)
        if self.by_size:
            theta[:, self.column("K")] -= theta[:, self.column("sigma")] * log_N
        return theta
