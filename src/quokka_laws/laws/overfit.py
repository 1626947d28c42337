"""Laws of repeated data that add a cost of overfitting to a single-epoch law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.laws import jet
from quokka_laws.laws.base import Coefficient, Inputs, Law
from quokka_laws.laws.projection import floors, positive_sizes
from quokka_laws.laws.repeated import EffectiveData, Repeated, log_repetitions, value_of, with_term


@dataclass(frozen=True)
class AdditiveOverfit(Repeated):
    """Base law + mu·(N/U_D)^delta·(ln epochs)^gamma_o.

    Ni et al. 2025 (Quokka, arXiv 2510.03280), Eq. 18; the natural logarithm, and the printed mu lost a digit.
    The exponent is called gamma there; here gamma_o, so that the term composes with ``QuokkaRepeated``.

    When not to use it: beyond the largest epochs fitted. The term grows without bound, while a memorising model's
    loss saturates.
    """

    name = "additive-overfit"
    equation = "base + mu·(N/U_D)^delta·(ln max(1, epochs))^gamma_o"
    source = "Quokka, arXiv 2510.03280, Eq. 18"

    @property
    def formula(self) -> str:
        """That of the base and the term."""
        return with_term(self.base.formula, "mu*(N/U_D)^delta*log(max(1, epochs))^gamma_o")

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """mu, delta, gamma_o."""
        return (
            Coefficient("mu", "size of the overfitting term", "amplitude"),
            Coefficient(
                "delta", "how much worse more parameters per unique token make it", start=(0.1, 1.2), min=0, max=5
            ),
            Coefficient("gamma_o", "how fast it grows with the logarithm of epochs", start=(1.0, 8.0), min=0.1, max=20),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base and the overfitting term (zero at one epoch)."""
        repeats = value_of(x["epochs"]) > 1.0
        log_log = jet.log(jet.log(jet.where(repeats, x["epochs"], np.e)))
        term = p["log_mu"] + p["delta"] * (x["log_N"] - x["log_U_D"]) + p["gamma_o"] * log_log
        return [*super().log_terms(p, x), jet.where(repeats, term, -np.inf)]


@dataclass(frozen=True)
class SoftplusOverfit(Repeated):
    """Base law + mu·(N/D')^delta·softplus((epochs − kappa·(U_D/N)^eta)/tau)^gamma_o.

    Ni et al. 2025 (Quokka, arXiv 2510.03280), Eq. 22, with D' the base's effective data. Overfitting starts at
    ``kappa·(U_D/N)^eta`` epochs. At ``epochs <= 1`` the term is left out here, so that the base is returned exactly.

    When not to use it: with runs that stop before the loss has risen well past its minimum. Twelve coefficients
    then follow noise; it extrapolates worst of all forms.
    """

    base: Law = field(default_factory=lambda: EffectiveData(parameters=False))

    name = "softplus-overfit"
    equation = "base + mu·(N/D')^delta·softplus((epochs - kappa·(U_D/N)^eta)/tau)^gamma_o"
    source = "Quokka, arXiv 2510.03280, Eq. 22"

    @property
    def formula(self) -> str:
        """That of the base and the term; beyond one epoch, for a formula does not leave the term out there."""
        seen = "D_eff" if "D_eff" in self.base.formula else "D"
        term = f"mu*(N/{seen})^delta*softplus((epochs - kappa*(U_D/N)^eta)/tau)^gamma_o"
        return with_term(self.base.formula, term)

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """mu, delta, kappa, eta, tau, gamma_o."""
        return (
            Coefficient("mu", "size of the overfitting term", "amplitude"),
            Coefficient(
                "delta", "how much worse more parameters per effective token make it", start=(0.0, 1.0), min=0, max=5
            ),
            Coefficient("kappa", "epochs at which overfitting starts, at U_D = N", "scale", (1.0, 1e3)),
            Coefficient("eta", "how much more unique tokens per parameter delay it", start=(0.2, 2.0), min=-1, max=5),
            Coefficient("tau", "epochs over which it sets in", "scale", (1.0, 1e3)),
            Coefficient("gamma_o", "how fast it grows with epochs", start=(0.3, 1.5), min=0.05, max=10),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base and the overfitting term."""
        epochs = x["epochs"]
        repeats = value_of(epochs) > 1.0
        onset = jet.exp(p["log_kappa"] + p["eta"] * (x["log_U_D"] - x["log_N"]))
        argument = (epochs - onset) / jet.exp(p["log_tau"])
        # log softplus(a) is a itself far below zero, where softplus underflows.
        deep = value_of(argument) < -30.0
        log_softplus = jet.where(deep, argument, 0.0) + jet.where(
            ~deep, jet.log(jet.softplus(jet.where(~deep, argument, 0.0))), 0.0
        )
        base = self.base
        seen = base.base_inputs(p, x) if isinstance(base, Repeated) else x
        term = p["log_mu"] + p["delta"] * (x["log_N"] - seen["log_D"]) + p["gamma_o"] * log_softplus
        return [*base.log_terms(p, x), jet.where(repeats, term, -np.inf)]

    def place_scales(self, theta: Array, x: Inputs) -> Array:
        """A start's kappa is the onset at the typical run."""
        eta = theta[:, self.column("eta")]
        theta[:, self.column("kappa")] -= eta * np.mean(x["log_U_D"] - x["log_N"])
        return theta


@dataclass(frozen=True)
class PowerOverfit(Repeated):
    """Base law + P·(epochs − 1)^delta·(N/U_D)^kappa_o.

    "Prescriptive scaling laws for data-constrained training", arXiv 2605.01640. The form is confirmed from secondary
    sources; its published coefficients are not, so none are shipped.

    When not to use it: beyond the largest epochs fitted (unbounded), or to compare recipes with different weight
    decay: P is said to fall by 70 % with strong weight decay.
    """

    name = "power-overfit"
    equation = "base + P·(epochs-1)^delta·(N/U_D)^kappa_o"
    source = "arXiv 2605.01640 (coefficients unconfirmed)"

    @property
    def formula(self) -> str:
        """That of the base and the term."""
        return with_term(self.base.formula, "P*max(0, epochs - 1)^delta*(N/U_D)^kappa_o")

    @property
    def own(self) -> tuple[Coefficient, ...]:
        """P, delta, kappa_o."""
        return (
            Coefficient("P", "size of the overfitting term", "amplitude"),
            Coefficient("delta", "how fast it grows with repetitions", start=(0.2, 2.0), min=0.02, max=10),
            Coefficient(
                "kappa_o", "how much worse more parameters per unique token make it", start=(0.1, 1.5), min=0, max=5
            ),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """Terms of the base and the overfitting term (zero at one epoch)."""
        repeats, log_excess = log_repetitions(x["epochs"])
        term = p["log_P"] + p["delta"] * log_excess + p["kappa_o"] * (x["log_N"] - x["log_U_D"])
        return [*super().log_terms(p, x), jet.where(repeats, term, -np.inf)]


@dataclass(frozen=True)
class SaturatingOverfit(Law):
    """L = E + (L_0 − E)·h/(1 + h), h = A/N^alpha + B/D^beta + H·N^gamma_o/U_D^delta.

    "Practical scaling laws", arXiv 2605.09189: bounded by the loss L_0 of an uninformed model. The form is confirmed
    from secondary sources; its published coefficients are not, so none are shipped.

    When not to use it: as a law of epochs. Given N and U_D its overfitting term does not depend on how often the
    data were seen, so the loss cannot rise with training; it tells sizes of models and data sets apart.
    """

    name = "saturating-overfit"
    equation = "E + (L_0 - E)·h/(1 + h), h = A/N^alpha + B/D^beta + H·N^gamma_o/U_D^delta"
    source = "arXiv 2605.09189 (coefficients unconfirmed)"
    variables = ("N", "U_D", "epochs")
    of_unique_data = ("delta",)

    @property
    def formula(self) -> str:
        """E/(1 + h) + L_0·h/(1 + h)."""
        return "E/(1 + h) + L_0*h/(1 + h); h = A/N^alpha + B/(U_D*epochs)^beta + H*N^gamma_o/U_D^delta"

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """E, A, alpha, B, beta, H, gamma_o, delta, L_0."""
        return (
            Coefficient("E", "irreducible loss", "amplitude"),
            Coefficient("A", "size of the capacity term at N = 1", "scale"),
            Coefficient("alpha", "how fast more parameters help", start=(0.05, 1.2), min=0, max=5),
            Coefficient("B", "size of the data term at D = 1", "scale"),
            Coefficient("beta", "how fast more tokens help", start=(0.05, 1.2), min=0, max=5),
            Coefficient("H", "size of the overfitting term", "scale"),
            Coefficient("gamma_o", "how fast parameters make it worse", start=(0.1, 1.5), min=0, max=5),
            Coefficient("delta", "how fast unique tokens make it better", start=(0.1, 1.5), min=0, max=5),
            Coefficient("L_0", "loss of an uninformed model", "scale", (8.0, 12.0)),
        )

    def log_terms(self, p: Mapping[str, Any], x: Inputs) -> list[Any]:
        """E/(1 + h) and L_0·h/(1 + h)."""
        log_D = x["log_U_D"] + jet.log(x["epochs"])
        log_h = jet.logaddexp(
            jet.logaddexp(p["log_A"] - p["alpha"] * x["log_N"], p["log_B"] - p["beta"] * log_D),
            p["log_H"] + p["gamma_o"] * x["log_N"] - p["delta"] * x["log_U_D"],
        )
        return [p["log_E"] - jet.softplus(log_h), p["log_L_0"] - jet.softplus(-log_h)]

    def project(
        self, theta: Array, x: Inputs, loss: Array, weights: Array, *, free: Sequence[bool] | None = None
    ) -> Array:
        """Given the exponents, E and L_0, h = (loss − E)/(L_0 − loss) is linear in A, B and H."""
        theta = theta.copy()
        column = {name: j for j, name in enumerate(self.names)}
        floor = floors(loss, len(theta))
        theta[:, column["E"]] = np.log(floor)
        top = np.exp(theta[:, [column["L_0"]]])
        h = np.maximum((loss - floor[:, None]) / np.maximum(top - loss, 1e-3 * top), 1e-9)
        log_D = x["log_U_D"] + np.log(x["epochs"])
        exponents = {k: theta[:, [column[k]]] for k in ("alpha", "beta", "gamma_o", "delta")}
        columns = np.stack(
            [
                -exponents["alpha"] * x["log_N"],
                -exponents["beta"] * log_D,
                exponents["gamma_o"] * x["log_N"] - exponents["delta"] * x["log_U_D"],
            ],
            axis=-1,
        )
        theta[:, [column[k] for k in ("A", "B", "H")]] = np.log(positive_sizes(columns, np.log(h), weights))
        return theta
