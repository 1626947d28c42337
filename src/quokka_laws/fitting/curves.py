"""``fit_curves``: one law for whole training curves of several runs, and the final loss of a run that is still going.

A table of final losses has one number a run; its log has the whole way there. With the schedule of the learning rate in the law
(:mod:`quokka_laws.fitting.curve_law`), a few runs with their logs say where one of them will end, and what runs of other sizes would.

How sure a forecast is comes from the runs that are finished: each is cut off where the running one stands now and forecast
from there. What those forecasts were off by, over what they were thought to be, widens or narrows the interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError, RunsError
from quokka_laws.fitting.curve_law import LEAST_RATE, LOGARITHMS, CurveSolution, CurveSystem, coupled, through
from quokka_laws.fitting.curve_table import SHARES, CurveOfRun, read_curves
from quokka_laws.laws.chinchilla import Skaling
from quokka_laws.laws.schedules import relative_rate
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import human, indent, left_aligned
from quokka_laws.results.intervals import LEVEL, check_level
from quokka_laws.results.notebook import card
from quokka_laws.results.text import numbered, paragraphs
from quokka_laws.runs.conventions import Conventions

MOST_HINDCASTS = 8
IMAGINED, IMAGINED_RATIO = 2.0, 1.5
"""Hindcasts that stand beside the real ones, and how many times their error their expected one was."""
EARLY = 0.1  # of its tokens: a run that is not farther has said little about itself
DRAWS = 300


@dataclass(frozen=True)
class CurvesFit:
    """A law of whole curves.

    Parameters
    ----------
    curves : tuple of CurveOfRun
    solution : CurveSolution
    level : float
        Of the intervals, unless another is asked for.
    seed : int
        Of the draws behind :meth:`final_law`.
    """

    curves: tuple[CurveOfRun, ...]
    solution: CurveSolution
    level: float
    seed: int

    @property
    def values(self) -> dict[str, float]:
        """Of ``E + (A/N^alpha + B/T^beta)^k − F·N^phi·g``, T the intrinsic time; ``c, gamma, delta`` are those of g."""
        return self.solution.values

    @property
    def summary(self) -> pd.DataFrame:
        """DataFrame by coefficient: value and standard error (of the logarithm for E, A, B, F, c and k)."""
        return pd.DataFrame({"value": self.values, "stderr": self.solution.errors}).rename_axis("coefficient")

    @property
    def running(self) -> tuple[CurveOfRun, ...]:
        """Runs that have not seen their planned tokens."""
        return tuple(c for c in self.curves if not c.finished)

    def forecast(self, *, level: float | None = None) -> pd.DataFrame:
        """Final losses of the runs that are still going.

        Parameters
        ----------
        level : float, optional
            Confidence level; that of the fit by default.

        Returns
        -------
        DataFrame
            One row a run: ``run_id, N, D`` (tokens seen), ``D_final, share``, ``loss_now``, ``loss`` (at the end, without the noise of one evaluation),
            ``loss_lower, loss_upper, level``, and ``tried`` (finished runs that were forecast from the same share) with
            ``error_tried``, the root mean square relative error of those forecasts (NaN without any).
        """
        level = self.level if level is None else level
        check_level(level)
        rows = []
        for curve in self.running:
            centre, error = self.solution.forecast(self.curves.index(curve))
            tried = self._hindcasts(curve.seen / curve.D_final)
            ratio = np.sqrt(
                (IMAGINED * IMAGINED_RATIO**2 + ((tried["error"] / tried["expected"]) ** 2).sum())
                / (IMAGINED + len(tried))
            )
            half = float(student.ppf(0.5 + 0.5 * level, IMAGINED + len(tried))) * ratio * error
            rows.append(
                {
                    "run_id": curve.run_id,
                    "N": curve.N,
                    "D": curve.seen,
                    "D_final": curve.D_final,
                    "share": curve.seen / curve.D_final,
                    "loss_now": curve.last_loss,
                    "loss": np.exp(centre),
                    "loss_lower": np.exp(centre - half),
                    "loss_upper": np.exp(centre + half),
                    "level": level,
                    "tried": len(tried),
                    "error_tried": float(np.sqrt((tried["error"] ** 2).mean())) if len(tried) else np.nan,
                }
            )
        columns = [
            "run_id",
            "N",
            "D",
            "D_final",
            "share",
            "loss_now",
            "loss",
            "loss_lower",
            "loss_upper",
            "level",
            "tried",
            "error_tried",
        ]
        return pd.DataFrame(rows, columns=columns)

    def hindcasts(self, share: float) -> pd.DataFrame:
        """Finished runs, cut off at a share of their tokens and forecast from there, the others as they are.

        Parameters
        ----------
        share : float
            Between 0 and 1.

        Returns
        -------
        DataFrame
            ``run_id, loss`` (at the end, the noise of its points smoothed away), ``forecast``, ``error`` (relative, logarithm of the ratio) and
            ``expected`` (its standard error).
        """
        if not 0.0 < share < 1.0:
            raise ArgumentError(f"share = {share!r}: a share of the planned tokens, between 0 and 1")
        return self._hindcasts(share)

    def _hindcasts(self, share: float) -> pd.DataFrame:
        rows = []
        finished = [i for i, c in enumerate(self.curves) if c.finished]
        for i in finished[:MOST_HINDCASTS]:
            whole = self.curves[i]
            cut = whole.until(share)
            if len(cut.D) < 3:
                continue
            curves = [cut if k == i else c for k, c in enumerate(self.curves)]
            found = replace(self.solution.system, curves=tuple(curves)).fit(self.solution)
            centre, error = found.forecast(i)
            end, unsure = self.solution.forecast(i)
            rows.append((whole.run_id, np.exp(end), np.exp(centre), centre - end, float(np.hypot(error, unsure))))
        return pd.DataFrame(rows, columns=["run_id", "loss", "forecast", "error", "expected"])

    def final_law(self, schedule: str | None = None) -> FittedLaw:
        """The law of final losses of runs with one schedule: Skaling's, with draws, ready for plans.

        Every run of one schedule spends the same share of its time at each learning rate, so its intrinsic time is
        proportional to its tokens, and its gain of annealing depends on N alone. Skaling's law with the same k is put through the final losses
        that follow at the sizes and tokens of the runs.

        Parameters
        ----------
        schedule : str, optional
            As for :func:`quokka_laws.schedules.relative_rate`; by default that of the first run.
        """
        rate = self.curves[0].rate if schedule is None else relative_rate(schedule, SHARES)
        draws = np.random.default_rng(self.seed).multivariate_normal(
            self.solution.v, self.solution.covariance, DRAWS, method="eigh"
        )
        values = self._final(self.solution.v[None], rate)
        one = {name: float(column[0]) for name, column in values.items()}
        N, D = [c.N for c in self.curves], [c.D_final for c in self.curves]
        conventions = Conventions()
        return FittedLaw(
            Skaling(),
            one,
            conventions=conventions,
            fitted_range={
                "N": (min(N), max(N)),
                "D": (min(D), max(D)),
                "C": (
                    conventions.flops_per_ND * min(n * d for n, d in zip(N, D, strict=True)),
                    conventions.flops_per_ND * max(n * d for n, d in zip(N, D, strict=True)),
                ),
            },
            draws=pd.DataFrame(self._final(draws, rate)),
            name="curves",
        )

    def _final(self, v: Array, rate: Array) -> dict[str, Array]:
        """Skaling's coefficients of final losses, from coordinates (draws, coefficients)."""
        system = self.solution.system
        T = np.concatenate([[0.0], np.cumsum(np.diff(SHARES) * 0.5 * (rate[1:] + rate[:-1]))])
        fell, since, low = (
            np.maximum(rate[:-1] - rate[1:], 0.0),
            (T[-1] - T[1:]) / T[-1],
            np.maximum(rate[1:], LEAST_RATE),
        )
        N, D = (
            v.ravel() for v in np.meshgrid(*(_about([getattr(c, k) for c in self.curves]) for k in ("N", "D_final")))
        )
        at, seen = np.log(N) - system.log_N, np.log(D * T[-1]) - system.log_T
        rows = []
        for one in v:
            E, A, B, F, c, k = np.exp(np.clip(one[list(LOGARITHMS)], -700.0, 700.0))
            gain = F * float(((1.0 - (1.0 + c * low ** -one[7] * since) ** -one[8]) * fell).sum())
            alpha, beta, more = one[2] / k, one[4] / k, (1.0 / k - 1.0) * np.log(A + B)
            begin = np.array([E, np.log(A) + more, alpha, np.log(B) + more, beta])
            wanted = coupled(begin, at, seen, k)[0] - gain * np.exp(one[9] * at)
            begin[0] = max(E - gain, 1e-3)
            rows.append([*(through(wanted, at, seen, begin, k) if gain > 0 else begin), k])
        E_, log_A, alpha, log_B, beta, k = np.array(rows).T
        return {
            "E": np.maximum(E_, 0.0),
            "A": np.exp(log_A + alpha * system.log_N),
            "alpha": alpha,
            "B": np.exp(log_B + beta * (system.log_T - np.log(T[-1]))),
            "beta": beta,
            "k": k,
        }

    def intermediate(self, shares: Sequence[float] = (0.25, 0.5, 0.75)) -> pd.DataFrame:
        """How far points along a curve lie above the ends of runs that were planned to end there.

        Those ends are what a law of N and D describes; points along one annealed run are not.

        Returns
        -------
        DataFrame
            One row a run and share: ``run_id, N, D, share``, ``loss`` on the curve, ``loss_of_its_own_run``, and ``excess``,
            the ratio less 1.
        """
        rows = []
        for curve in self.curves:
            for share in shares:
                D = np.array([share * curve.D_final])
                short = replace(curve, nodes=curve.nodes * share, D_final=float(D[0]))
                here = float(np.exp(self.solution.system.log_loss(self.solution.v, curve, D)[0]))
                own = float(np.exp(self.solution.system.log_loss(self.solution.v, short, D)[0]))
                rows.append((curve.run_id, curve.N, float(D[0]), share, here, own, here / own - 1.0))
        return pd.DataFrame(rows, columns=["run_id", "N", "D", "share", "loss", "loss_of_its_own_run", "excess"])

    @cached_property
    def known(self) -> list[str]:
        """What to know before relying on a forecast, a sentence each."""
        said = []
        finished = len(self.curves) - len(self.running)
        if not finished:
            said.append(
                "No run is finished, so nothing here shows how much annealing gains: that is taken from the multi-power law's own "
                "fits, and the interval from experience."
            )
        for curve in self.running:
            if curve.seen < EARLY * curve.D_final:
                said.append(
                    f"Run {curve.run_id} has seen {curve.seen / curve.D_final:.0%} of its tokens; ask again at a third."
                )
            largest = max((c.N for c in self.curves if c is not curve), default=curve.N)
            if (times := curve.N / largest) > 3.0:
                said.append(f"Run {curve.run_id} is {times:.3g} times as large as any other.")
        sizes = len({c.N for c in self.curves})
        if sizes < 3:
            said.append(
                f"{sizes} size{'s' * (sizes > 1)} of N: the exponent alpha is what published fits lead to expect."
            )
        return said

    @property
    def answer(self) -> str:
        """The forecasts in a line each, or the law where every run is finished."""
        if not self.running:
            return f"{len(self.curves)} finished runs; noise of a point {self.solution.sizes.noise:.2%}. Final losses: {self._law_text()}"
        return "\n".join(
            f"{row.run_id}: {row.loss:.4g} [{row.loss_lower:.4g}, {row.loss_upper:.4g}] after {human(row.D_final)} tokens "
            f"({100 * row.level:.3g} % interval); now {row.loss_now:.4g} at {row.share:.0%}"
            for row in self.forecast().itertuples()
        )

    def _law_text(self) -> str:
        v = self.final_law().values
        return f"{v['E']:.4g} + ({v['A']:.4g}/N^{v['alpha']:.3g} + {v['B']:.4g}/D^{v['beta']:.3g})^{v['k']:.3g}"

    def evidence(self) -> str:
        """What forecasts from the same share were worth for finished runs, and the coefficients."""
        lines = []
        for row in self.forecast().itertuples():
            if row.tried:
                lines.append(
                    f"From {row.share:.0%} on, {row.tried} finished run{'s' * (row.tried > 1)} would have been forecast with an error of "
                    f"{row.error_tried:.2%} (rms)."
                )
        shown = self.summary.rename_axis(None)
        shown = shown.assign(value=shown["value"].map("{:.5g}".format), stderr=shown["stderr"].map("{:.2g}".format))
        return "\n".join([*lines, "ln L = ln(E + (A/N^alpha + B/T^beta)^k − F·N^phi·g):", indent(left_aligned(shown))])

    def report(self) -> str:
        """The answer, what to know before relying on it, and the evidence."""
        return paragraphs(self.answer, numbered(self.known), self.evidence())

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        facts = f"{len(self.curves)} runs, {len(self.running)} still going"
        return card("Curves", facts, self.forecast() if self.running else self.summary, diagnostics=self.known)


def _about(values: Sequence[float]) -> Array:
    """Points over the range of values, and a factor of two about a single one."""
    low, high = min(values), max(values)
    return np.geomspace(low / (2.0 if high / low < 1.5 else 1.0), high * (2.0 if high / low < 1.5 else 1.0), 5)


def fit_curves(
    table: Any,
    *,
    columns: Mapping[str, str] | None = None,
    schedule: str | None = None,
    D_final: float | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> CurvesFit:
    """Fit one law to whole training curves of several runs.

    ``ln L = ln(E + (A/N^alpha + B/T^beta)^k − F·N^phi·g)``: T is the intrinsic time of the functional scaling law (arXiv 2509.19189), g the
    gain of annealing of the multi-power law (arXiv 2503.12811); see :mod:`quokka_laws.fitting.curve_law`.

    Parameters
    ----------
    table : DataFrame or path
        One row a logged loss: ``run_id, N, D`` (tokens seen so far), ``loss``; ``lr``, the learning rate; ``D_final``, the
        planned tokens, and ``schedule`` where they are known. ``ql.import_runs(..., checkpoints=True)`` makes such tables.
    columns : mapping, optional
        Canonical name → name in the table.
    schedule : str, optional
        For runs without a column ``schedule``: ``"cosine"``, ``"linear"``, ``"constant"``, ``"wsd"``, with their ends as in
        ``"cosine:0"`` and ``"wsd:0.1"`` (:func:`quokka_laws.schedules.relative_rate`). Runs with ``lr`` need it only for what lies
        ahead; where neither says that, it is taken to go on as in the runs that are finished.
    D_final : float, optional
        Planned tokens of runs without a column ``D_final``. Without either, a run is taken to be finished.
    level : float
        Of the intervals.
    seed : int
        Of the draws behind plans.

    Returns
    -------
    CurvesFit
        ``forecast()`` for the runs that are still going, ``final_law()`` for plans, ``intermediate()``.

    Raises
    ------
    RunsError
        If columns are missing, or a run has no size, too few points, or no learning rate for what lies ahead.
    FitError
        If no coefficients are found.

    Examples
    --------
    >>> import numpy as np, pandas as pd, quokka_laws as ql
    >>> share = np.linspace(0.02, 1.0, 50)
    >>> loss = lambda N, D: 1.8 + 480 / N**0.35 + 2100 / D**0.37
    >>> runs = pd.concat(
    ...     pd.DataFrame({"run_id": str(N), "N": N, "D": share * 20 * N, "loss": loss(N, share * 20 * N)})
    ...     for N in (3e7, 6e7, 1.2e8)
    ... )
    >>> found = ql.fit_curves(runs, schedule="constant")
    >>> bool(abs(found.final_law()(N=1.2e8, D=2.4e9) / loss(1.2e8, 2.4e9) - 1) < 0.002)
    True
    """
    check_level(level)
    if D_final is not None and not D_final > 0:
        raise ArgumentError(f"D_final = {D_final!r}: planned tokens, a positive number")
    curves = read_curves(table, columns=columns, schedule=schedule, D_final=D_final)
    if not curves:
        raise RunsError("no run has a name and a loss")
    solution = CurveSystem.of(curves).fit()
    if not np.isfinite(solution.v).all():
        raise FitError(
            "no coefficients describe these curves; are the losses in nats and the tokens those seen so far?"
        )
    return CurvesFit(tuple(curves), solution, level, seed)
