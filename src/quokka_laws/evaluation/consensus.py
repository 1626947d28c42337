"""One answer where laws and methods differ: one model size, one loss and one interval each.

*Laws.* Chinchilla's and the one that contains it, Skaling, are fitted with one delta. Their estimates ``m_l`` of ln N are averaged with
weights ``p_l·exp(−AIC_l/2)``: where k = 1 is refuted Chinchilla has no say, where nothing refutes it both have. Skaling begins with
four fifths: a coupling that is there and left out costs more than one that is fitted in vain.

*IsoFLOP profiles*, where budgets have four sizes or more, assume no law and err otherwise; they are joined with the weights of least
variance for errors that are half correlated, so that they count little where the law is much sharper.

The error of an average is the average of the errors (they come from the same runs, so nothing cancels), and what two of them differ by
beyond their errors is added, as in a meta-analysis of studies that disagree (DerSimonian & Laird 1986). Errors of single estimates are
those of :mod:`quokka_laws.fitting.linearised` and :mod:`quokka_laws.fitting.isoflop_errors`; intervals are Student's.

Where the residuals of the widest law still hold a pattern, no law here is right and their errors say too little: runs are left out from
the dear end, and as fast as the answer drifts with that its error grows beyond the runs.

``benchmarks/one_answer.py`` compares this rule with each of its members on truths that none of them knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from quokka_laws._typing import Array
from quokka_laws.exceptions import QuokkaError, RunsError
from quokka_laws.fitting.bootstrap import unit_codes
from quokka_laws.fitting.budgets import BUDGET_TOLERANCE, group_budgets
from quokka_laws.fitting.fit import fit as fit_law
from quokka_laws.fitting.isoflop_errors import Minima
from quokka_laws.fitting.linearised import Estimates, Linearised, coordinates, estimates
from quokka_laws.fitting.priors import PriorArgument
from quokka_laws.fitting.problem import Space
from quokka_laws.fitting.score_tests import Pattern, coupling_p_value, pattern
from quokka_laws.laws import Law
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.objective import LogHuber
from quokka_laws.plan.arguments import positive
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import human
from quokka_laws.results.intervals import check_level
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import as_runs

ISOFLOP = "IsoFLOP profiles"

UNLIKELY = 0.01
"""Probability by chance below which a pattern of the residuals refutes the widest law."""
HELD_OUT, FEWEST_SHARE = (3.0, 10.0, 30.0), 0.2
"""Distances at which dear runs are left out to see how an answer drifts, and the least share of the runs that must remain."""
FEWEST_RUNS = 13
"""Below this Chinchilla alone is fitted, with a weak prior on its exponents."""
ROBUST = 1.155
"""What twice a Huber objective with delta = 1.345 standard deviations is multiplied with to be a deviance: E ψ'/E ψ²."""
PRIOR_WEIGHT = {"chinchilla": 0.2, "skaling": 0.8}
CORRELATION = 0.5
"""Of the errors of a law and of profiles, from the same runs; this and the weights by ``benchmarks/one_answer.py``."""


@dataclass(frozen=True)
class Consensus:
    """One answer of several laws and of IsoFLOP profiles.

    Parameters
    ----------
    table : DataFrame
        One row a budget: ``C, N, D, loss, tokens_per_param``, each of N, D and loss with ``_lower`` and ``_upper``;
        ``extrapolation``, C over the largest of the runs (at least 1). The loss is the mean of runs like these, not one run.
    members : DataFrame
        One row a budget and method: ``C, method, weight`` (of its N), ``N, N_lower, N_upper`` and ``loss`` (NaN for
        IsoFLOP profiles, which predict none).
    weights : dict of str to float
        Of the laws, for N and loss alike, before profiles join.
    coupling_p_value : float
        Of k = 1, that is of Chinchilla's law within Skaling's; NaN where too few runs were there to ask.
    pattern : Pattern or None
        The clearest pattern that the widest law leaves in its residuals.
    drift : float
        Where that pattern refutes the law (p < 0.01): the error of ln N that grows with every factor e of compute beyond the
        runs, from what the cheaper of them said of the dearest. Else 0.
    fits : dict of str to FitResult
    refused : tuple of str
        Methods that these runs do not allow, with the reason.
    level : float
        Of the intervals.
    """

    table: pd.DataFrame
    members: pd.DataFrame
    weights: dict[str, float]
    coupling_p_value: float
    pattern: Pattern | None
    drift: float
    fits: dict[str, FitResult]
    refused: tuple[str, ...]
    level: float

    @property
    def alone(self) -> str:
        """The method that is there alone; empty where there are several."""
        methods = self.members["method"].unique()
        return str(methods[0]) if len(methods) == 1 else ""

    @property
    def widest(self) -> float:
        """Largest over smallest N of the members at the largest budget asked: what a single method would have hidden."""
        last = self.members[self.members["C"] == self.members["C"].max()]["N"].dropna()
        return float(last.max() / last.min())

    def report(self) -> str:
        """The answer of each budget first, then what it is made of and why."""
        lines = [
            f"C = {row['C']:.3g}: {human(row['N'])} parameters [{human(row['N_lower'])}, {human(row['N_upper'])}] on "
            f"{human(row['D'])} tokens, loss {row['loss']:.4g} [{row['loss_lower']:.4g}, {row['loss_upper']:.4g}]"
            for _, row in self.table.iterrows()
        ]
        lines.append(f"({self.level:.0%} intervals of the best size and of its mean loss)")
        for C, part in self.members.groupby("C", sort=False):
            own = "; ".join(
                f"{m} {human(n)} [{human(a)}, {human(b)}], weight {w:.0%}"
                for m, n, a, b, w in part[["method", "N", "N_lower", "N_upper", "weight"]].itertuples(index=False)
            )
            lines.append(f"  at C = {C:.3g}: {own}")
        if self.coupling_p_value < UNLIKELY:
            lines.append(f"  Chinchilla's law has no say: k = 1 is rejected (p = {self.coupling_p_value:.1g})")
        if self.pattern is not None and self.pattern.p < UNLIKELY:
            lines.append(
                f"  no law here passes through the runs (their residuals bend with {self.pattern.along}, p = {self.pattern.p:.1g}): "
                f"{self.drift:.1%} is added to the error of N for every factor e beyond them"
            )
        lines += [f"  {sentence}" for sentence in self.refused]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report()


def consensus(
    runs: pd.DataFrame,
    C: Any,
    *,
    level: float = 0.95,
    prior: PriorArgument = "auto",
    seed: int = 0,
) -> Consensus:
    """The best model size and its loss at budgets, as one number and one interval each.

    Parameters
    ----------
    runs : DataFrame
        With N, D and loss; of checkpoints that share a ``run_id`` the last counts.
    C : float or array
        Budgets in FLOPs, counted as those of the runs.
    level : float
    prior : {"auto", "literature"}, mapping or None
        As for :func:`quokka_laws.fit`, of Chinchilla's exponents where it is fitted alone (fewer than 13 runs).
    seed : int

    Returns
    -------
    Consensus

    Raises
    ------
    RunsError
        If the runs do not determine Chinchilla's law.
    ValueError
        If a budget is not a positive number.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> found = ql.consensus(ql.datasets.load_quokka_isoflops(), 1.1e23)
    >>> sorted(found.weights)
    ['chinchilla', 'skaling']
    """
    check_level(level)
    (budgets,) = positive(C=C)
    runs = _last_of_each_run(as_runs(runs))
    conventions = Conventions.from_dict(runs.attrs.get("conventions", {}))
    log_ND = np.log(budgets / conventions.flops_per_ND)
    asked = _Estimates.of(runs, prior, seed)
    profile, profile_error, refused = _profiles(runs, budgets)
    own, centre, spread, freedom = asked.log_N(log_ND)
    answer, answer_error, profile_weight = join(centre, spread, profile, profile_error)
    refuted = pattern(asked.widest)
    drift = _drift(asked, runs, seed) if refuted is not None and refuted.p < UNLIKELY else 0.0
    distance = np.log(np.maximum(budgets / runs["C"].max(), 1.0))
    answer_error = np.hypot(answer_error, drift * distance)
    own_loss, loss, loss_spread, loss_freedom = asked.log_loss(answer, log_ND)
    t, loss_t = (student.ppf(0.5 + 0.5 * level, f) for f in (freedom, loss_freedom))
    D = log_ND - answer
    table = pd.DataFrame(
        {
            "C": budgets,
            **_ends("N", answer, t * answer_error),
            **_ends("D", D, t * answer_error),
            **_ends("loss", loss, loss_t * loss_spread),
            "tokens_per_param": np.exp(D - answer),
            "extrapolation": np.maximum(budgets / runs["C"].max(), 1.0),
        }
    )
    names = [*asked.fits, *([] if refused else [ISOFLOP])]
    weight = asked.weights[:, None] * (1.0 - profile_weight)
    each = [*zip(own.value, own.half_width(level), weight, own_loss.value, strict=True)]
    each += [] if refused else [(profile, t * profile_error, profile_weight, np.full(len(budgets), np.nan))]
    members = pd.concat(
        [
            pd.DataFrame({"C": budgets, "method": name, "weight": w, **_ends("N", m, half), "loss": np.exp(log_loss)})
            for name, (m, half, w, log_loss) in zip(names, each, strict=True)
        ],
        ignore_index=True,
    )
    return Consensus(
        table=table,
        members=members.sort_values("C", kind="stable", ignore_index=True),
        weights=dict(zip(asked.fits, asked.weights.tolist(), strict=True)),
        coupling_p_value=coupling_p_value(asked.fits["chinchilla"]) if len(asked.fits) > 1 else float("nan"),
        pattern=refuted,
        drift=drift,
        fits=asked.fits,
        refused=tuple(refused),
        level=level,
    )


def law_weights(deviance: Array, free: Sequence[int], prior: Sequence[float]) -> Array:
    """Akaike's weights (problems, laws) times prior ones.

    Parameters
    ----------
    deviance : array (problems, laws)
        Twice the objective over the variance of the noise, the same for all laws.
    free : sequence of int
        Coefficients of each law.
    prior : sequence of float
    """
    criterion = deviance + 2.0 * np.asarray(free, dtype=float)
    found = np.asarray(prior) * np.exp(-0.5 * (criterion - criterion.min(axis=1, keepdims=True)))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def average_laws(estimate: Array, error: Array, weight: Array) -> tuple[Array, Array]:
    """Weighted mean over the first axis, and its standard error: the mean error and the spread of the laws."""
    centre = (weight * estimate).sum(axis=0)
    spread = (weight * (estimate - centre) ** 2).sum(axis=0)
    return centre, np.sqrt((weight * error).sum(axis=0) ** 2 + spread)


def join(a: Array, error_a: Array, b: Array, error_b: Array) -> tuple[Array, Array, Array]:
    """Two estimates from the same runs as one: mean, standard error and the weight of ``b`` (0 where it is NaN)."""
    there = np.isfinite(b) & np.isfinite(error_b)
    b, error_b = np.where(there, b, a), np.where(there, error_b, error_a)
    shared = CORRELATION * error_a * error_b
    with np.errstate(invalid="ignore", divide="ignore"):
        w = np.clip((error_a**2 - shared) / (error_a**2 + error_b**2 - 2.0 * shared), 0.0, 1.0)
    w = np.where(there & np.isfinite(w), w, 0.0)
    beyond = np.maximum((a - b) ** 2 - error_a**2 - error_b**2, 0.0)
    mean = (1.0 - w) * a + w * b
    return mean, np.sqrt(((1.0 - w) * error_a + w * error_b) ** 2 + w * (1.0 - w) * beyond), w


@dataclass(frozen=True)
class _Estimates:
    """The laws on some runs, and what they say of a best size and of its loss."""

    fits: dict[str, FitResult]
    weights: Array
    found: tuple[tuple[Space, Array, Array, Linearised], ...]

    @classmethod
    def of(cls, runs: pd.DataFrame, prior: PriorArgument, seed: int) -> _Estimates:
        fits = _fit_laws(runs, prior, seed)
        objective = list(fits.values())[-1].objective
        assert isinstance(objective, LogHuber)
        deviance = 2.0 * ROBUST * np.array([[f.objective_value for f in fits.values()]]) / objective.scatter**2
        free = [len(f.law.coefficients) for f in fits.values()]
        weights = law_weights(deviance, free, [PRIOR_WEIGHT[k] for k in fits])[0]
        found = []
        for f in fits.values():
            space, data, u, off = coordinates(f)
            found.append((space, u, off, Linearised.at(space, data, f.objective, u, off, np.log(data.loss))))
        return cls(fits, weights, tuple(found))

    @property
    def widest(self) -> FitResult:
        return list(self.fits.values())[-1]

    def _ask(self, of: Callable[[Law, Mapping[str, Array]], Array]) -> Estimates:
        """A quantity by each law (laws, budgets)."""
        each = [estimates(near, space, u, off, partial(of, space.law)) for space, u, off, near in self.found]
        return Estimates(*(np.concatenate([getattr(e, k) for e in each]) for k in ("value", "error", "freedom")))

    def _average(self, own: Estimates) -> tuple[Estimates, Array, Array, Array]:
        """A quantity by each law, and the average with its error and degrees of freedom."""
        centre, error = average_laws(own.value, own.error, self.weights[:, None])
        return own, centre, error, self.weights @ own.freedom

    def log_N(self, log_ND: Array) -> tuple[Estimates, Array, Array, Array]:
        """ln N by each law, and on average."""
        return self._average(self._ask(lambda law, v: np.asarray(law.optimal_log_N(v, log_ND))))

    def log_loss(self, log_N: Array, log_ND: Array) -> tuple[Estimates, Array, Array, Array]:
        """ln of the loss of these sizes by each law, and on average."""
        at = {"log_N": log_N, "log_D": log_ND - log_N}
        return self._average(self._ask(lambda law, v: law.log_loss({k: c[:, 0] for k, c in v.items()}, at)))


def _drift(asked: _Estimates, runs: pd.DataFrame, seed: int) -> float:
    """How fast ln N goes astray with ln C when the dear runs are left out: cheap ones' answer at the largest budget beside that of all.

    What the errors of both explain is taken off.
    """
    C = runs["C"].to_numpy(dtype=float)
    log_ND = np.log([(runs["N"] * runs["D"]).max()])
    _, target, target_error, _ = asked.log_N(log_ND)
    squares = []
    for factor in HELD_OUT:
        cheap = runs[C.max() / factor * (1 + 1e-6) >= C].reset_index(drop=True)
        cheap.attrs = runs.attrs
        if len(cheap) < max(FEWEST_RUNS, FEWEST_SHARE * len(runs)) or len(cheap) == len(runs):
            continue
        try:
            _, said, error, _ = _Estimates.of(cheap, None, seed).log_N(log_ND)
        except QuokkaError:
            continue
        beyond = (said - target) ** 2 - error**2 - target_error**2
        squares.append(max(float(beyond[0]), 0.0) / np.log(C.max() / cheap["C"].max()) ** 2)
    return float(np.sqrt(np.mean(squares))) if squares else 0.0


def _fit_laws(runs: pd.DataFrame, prior: PriorArgument, seed: int) -> dict[str, FitResult]:
    """Chinchilla, and with enough runs Skaling, at the delta of the wider."""
    narrow = Chinchilla()
    if len(runs) < FEWEST_RUNS:
        fit = fit_law(narrow, runs, objective=LogHuber("auto"), prior=prior, seed=seed)
        return {narrow.name: fit}
    first = fit_law(narrow, runs, objective=LogHuber("auto"), prior=None, seed=seed)
    wide = Skaling()
    inside = FittedLaw(wide, {**first.values, "k": 1.0})
    second = fit_law(wide, runs, objective=LogHuber("auto"), prior=None, seed=seed, near=[inside])
    again = fit_law(narrow, runs, objective=second.objective, prior=None, seed=seed, near=[first])
    return {narrow.name: again, wide.name: second}


def _profiles(runs: pd.DataFrame, budgets: Array) -> tuple[Array, Array, list[str]]:
    """ln N by IsoFLOP profiles and its standard error; NaN, and why, where the runs do not allow them."""
    nothing = np.full(len(budgets), np.nan)
    C, log_N = runs["C"].to_numpy(dtype=float), np.log(runs["N"].to_numpy(dtype=float))
    minima = Minima.of(log_N, group_budgets(C, BUDGET_TOLERANCE), runs["loss"].to_numpy(dtype=float)[None])
    if minima is None:
        return nothing, nothing, [f"{ISOFLOP}: fewer than two budgets with four model sizes"]
    found, error = minima.power_law(np.log(budgets))
    if not np.isfinite(found).all():
        return nothing, nothing, [f"{ISOFLOP}: fewer than two budgets whose minimum lies inside their own sizes"]
    return found[0], error[0], []


def _last_of_each_run(runs: pd.DataFrame) -> pd.DataFrame:
    """The row of most tokens of every run."""
    if missing := [k for k in ("N", "D", "C") if k not in runs]:
        raise RunsError(f"one answer needs N, D and C; missing: {', '.join(missing)}")
    if "run_id" not in runs:
        return runs
    last = runs.groupby(unit_codes(runs["run_id"]))["D"].idxmax()
    kept = runs.loc[np.sort(last.to_numpy())].reset_index(drop=True)
    kept.attrs = runs.attrs
    return kept


def _ends(name: str, centre: Array, half: Array) -> dict[str, Array]:
    """A quantity and its interval, from its logarithm."""
    return {name: np.exp(centre), f"{name}_lower": np.exp(centre - half), f"{name}_upper": np.exp(centre + half)}
