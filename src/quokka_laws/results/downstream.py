"""Task accuracy behind a law of the loss: what :func:`quokka_laws.downstream` hands back. Frozen: it predicts and shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.laws.accuracy import AccuracyCurve
from quokka_laws.results.diagnostic import Diagnostic, Severity
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human, left_aligned
from quokka_laws.results.intervals import check_level, percentile_interval
from quokka_laws.results.notebook import card

MEAN = "mean"
Method = Literal["two-stage", "direct"]
METHODS: tuple[Method, ...] = ("two-stage", "direct")


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """A curve of accuracy with numbers.

    Parameters
    ----------
    curve : AccuracyCurve
    theta : array (coordinates,)
    draws : array (refits, coordinates)
        In the order of the law's own refits; NaN where there is none.
    scatter : array (runs,)
        Standardised residuals: what one run is off, over the error expected of it.
    beyond : float
        Standard deviation of a run's accuracy about the curve, beyond the error of its questions.
    rms : float
        Root mean square of the residuals, in accuracy.
    """

    curve: AccuracyCurve
    theta: Array
    draws: Array
    scatter: Array
    beyond: float
    rms: float

    @property
    def values(self) -> dict[str, float]:
        """Coefficients in natural units."""
        return {k: float(v) for k, v in self.curve.values(self.theta).items()}

    def interval(self, name: str, level: float) -> tuple[float, float]:
        """Of a coefficient."""
        low, high = percentile_interval(self.curve.values(self.draws)[name], level)
        return float(low), float(high)

    def at(self, x: dict[str, Array]) -> Array:
        """Accuracy (rows,) as fitted."""
        return np.asarray(self.curve.at(self.theta[None], x)[0][0])

    def drawn(self, x: dict[str, Array]) -> Array:
        """Accuracy of each refit (refits, rows) at x, rows or (refits, rows)."""
        return np.asarray(self.curve.at(self.draws, x)[0])


@dataclass(frozen=True, eq=False)
class TaskFit:
    """One task.

    Parameters
    ----------
    name : str
    chance : float
        Score of a guesser.
    runs : DataFrame
        Runs with an accuracy: ``N, D, C`` where known, ``loss, accuracy, questions``.
    curves : tuple of FittedCurve
        Of two stages, and direct where the runs allow it.
    seeds : float
        Standard deviation of accuracy between runs that differ in nothing asked: what is left after the error of the questions.
    seeds_from : {"repeats", "scatter"}
        Whether it comes from runs repeated at the same N and D, or from the scatter about the curve.
    diagnostics : tuple of Diagnostic
        An error means that these runs do not predict the task.
    """

    name: str
    chance: float
    runs: pd.DataFrame
    curves: tuple[FittedCurve, ...]
    seeds: float
    seeds_from: str
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def predictable(self) -> bool:
        """Whether these runs say how the task goes on."""
        return not self.why

    @property
    def why(self) -> str:
        """Code of what keeps it from being predicted; empty where nothing does."""
        return next((d.code for d in self.diagnostics if d.severity is Severity.ERROR), "")

    def curve(self, method: str) -> FittedCurve | None:
        """The fitted curve of a method."""
        return next((c for c in self.curves if c.curve.kind == method), None)

    @property
    def questions(self) -> float:
        """How many a run answers: the median; NaN where not known."""
        return float(np.median(self.runs["questions"]))

    def error_of_questions(self, accuracy: Array) -> Array:
        """Binomial standard error of a score; zero where the number of questions is not known."""
        p = np.clip(accuracy, 0.0, 1.0)
        q = self.questions
        return np.sqrt(p * (1.0 - p) / q) if np.isfinite(q) else np.zeros_like(p)


@dataclass(frozen=True, eq=False, repr=False)
class Downstream:
    """Accuracy of tasks as a function of what the law of the loss takes; :meth:`predict` asks, :attr:`table` says what was found.

    Parameters
    ----------
    fit : FitResult
        The law of the loss: the first stage.
    tasks : tuple of TaskFit
    method : {"two-stage", "direct"}
        Which of the two the answer is; the other is shown beside it.
    level : float
        Confidence level of intervals.
    paired : bool
        Whether refits of the tasks took the same runs as the law's own.
    seed : int
    held_out : DataFrame, optional
        Runs predicted from cheaper ones, where that was asked for (:func:`quokka_laws.evaluation.hold_out_tasks`).
    """

    fit: FitResult
    tasks: tuple[TaskFit, ...]
    method: Method
    level: float
    paired: bool
    seed: int = 0
    held_out: pd.DataFrame | None = field(default=None)

    def task(self, name: str) -> TaskFit:
        """A task by name.

        Raises
        ------
        ArgumentError
            For a name that is none of them.
        """
        found = next((t for t in self.tasks if t.name == name), None)
        if found is None:
            raise ArgumentError(f"metric {name!r}: fitted are {', '.join(t.name for t in self.tasks)}")
        return found

    @property
    def predictable(self) -> tuple[TaskFit, ...]:
        """Tasks that these runs predict."""
        return tuple(t for t in self.tasks if t.predictable)

    # ---- predictions ----------------------------------------------------------------------------------------------

    def predict(
        self,
        *,
        metric: str | Sequence[str] | None = None,
        level: float | None = None,
        kind: Literal["mean", "run"] = "mean",
        method: Method | None = None,
        **data: Any,
    ) -> pd.DataFrame:
        """Accuracy at N and D, or whatever the law of the loss takes.

        Parameters
        ----------
        metric : str or sequence of str, optional
            Tasks, also ``"mean"``; all and their mean by default.
        level : float, optional
            Confidence level; the object's own by default.
        kind : {"mean", "run"}
            Of the curve, or of the score that one new run will have: with the error of its questions and its seed.
        method : {"two-stage", "direct"}, optional
        **data
            As for :meth:`FitResult.predict`.

        Returns
        -------
        DataFrame
            ``task``, the data, ``loss``, ``accuracy`` with its bounds and ``level``, ``beside`` (by the other method),
            ``error_questions``, ``error_seeds`` (standard errors of the score of one run), ``extrapolation``, ``why``. A task that
            these runs do not predict has a code in ``why`` and no numbers.

        Raises
        ------
        ArgumentError
            For a task that was not fitted, or data the law does not take.
        FitError
            If the loss predicted is one that no model has, or a mean of no tasks is asked for.
        """
        level = self.level if level is None else level
        check_level(level)
        if kind not in ("mean", "run"):
            raise ArgumentError(f"kind = {kind!r}: 'mean' (of the curve) or 'run' (the score of one new run)")
        method = self.method if method is None else method
        if method not in METHODS:
            raise ArgumentError(f"method = {method!r}: one of {', '.join(METHODS)}")
        wanted = [metric] if isinstance(metric, str) else None if metric is None else list(metric)
        losses = self.fit.predict(level=None, **data)
        x = {str(k): losses[k].to_numpy() for k in losses if k != "extrapolation"}
        completed = self.fit.law.completed(
            flops_per_ND=self.fit.conventions.flops_per_ND,
            **{k: v for k, v in x.items() if k != "loss" and k not in self.fit.law.groups},
        )
        x = {**{k: np.asarray(v) for k, v in completed.items()}, **x}
        samples = self._loss_draws(kind, {k: x[k] for k in losses if k not in ("loss", "extrapolation")})
        points = losses.drop(columns=["loss", "extrapolation"])
        averaged = MEAN in wanted if wanted is not None else len(self.predictable) > 1
        shown = self.tasks if wanted is None else tuple(self.task(m) for m in wanted if m != MEAN)
        blocks, drawn, middles = [], [], []
        for task in dict.fromkeys((*shown, *(self.predictable if averaged else ()))):
            block, spread = self._predicted(task, x, samples, points, method, kind, level)
            blocks += [block] if task in shown else []
            if task.predictable:
                drawn.append(spread)
                middles.append(block["accuracy"].to_numpy())
        if averaged:
            if not middles:
                raise FitError("there is no mean: these runs predict none of the tasks")
            blocks.append(self._mean(points, x, drawn, middles, level))
        table = pd.concat(blocks, ignore_index=True)
        table.insert(int(table.columns.get_loc("why")), "extrapolation", np.tile(losses["extrapolation"], len(blocks)))
        return table

    def _predicted(
        self,
        task: TaskFit,
        x: dict[str, Array],
        samples: Array,
        points: pd.DataFrame,
        method: str,
        kind: str,
        level: float,
    ) -> tuple[pd.DataFrame, Array]:
        """A task's rows, and the draws behind them (refits, points)."""
        rows, draws = len(points), np.full((1, len(points)), np.nan)
        block = points.assign(
            loss=x["loss"], accuracy=np.nan, accuracy_lower=np.nan, accuracy_upper=np.nan, level=level
        )
        block = block.assign(beside=np.nan, error_questions=np.nan, error_seeds=task.seeds, why=task.why)
        block.insert(0, "task", task.name)
        chosen = task.curve(method) or task.curves[0]
        if not task.predictable:
            return block, draws
        other = next((c for c in task.curves if c is not chosen), None)
        accuracy = chosen.at(x)
        draws = chosen.drawn({**x, "loss": samples})
        if kind == "run":
            rng = np.random.default_rng([self.seed, 1])
            error = np.sqrt(task.error_of_questions(draws) ** 2 + chosen.beyond**2)
            draws = np.clip(draws + error * rng.choice(chosen.scatter, size=draws.shape), 0.0, 1.0)
        block["accuracy"] = accuracy
        block["accuracy_lower"], block["accuracy_upper"] = percentile_interval(draws, level)
        block["beside"] = other.at(x) if other is not None else np.full(rows, np.nan)
        block["error_questions"] = task.error_of_questions(accuracy)
        return block, draws

    def _mean(
        self, points: pd.DataFrame, x: dict[str, Array], drawn: list[Array], middles: list[Array], level: float
    ) -> pd.DataFrame:
        block = points.assign(loss=x["loss"], accuracy=np.mean(middles, axis=0))
        lower, upper = percentile_interval(np.mean(drawn, axis=0), level)
        block = block.assign(accuracy_lower=lower, accuracy_upper=upper, level=level, beside=np.nan)
        block = block.assign(error_questions=np.nan, error_seeds=np.nan, why="")
        block.insert(0, "task", MEAN)
        return block

    def _loss_draws(self, kind: str, data: dict[str, Array]) -> Array:
        """Losses by the law's refits (refits, points), NaN where one did not converge, in the order of the draws."""
        draws = self.fit.draws
        usable = draws.notna().all(axis=1).to_numpy() if draws is not None else np.zeros(0, dtype=bool)
        found = np.full((len(usable), len(next(iter(data.values())))), np.nan)
        found[usable] = self.fit.samples(kind="run" if kind == "run" else "mean", **data)
        return found

    # ---- views ----------------------------------------------------------------------------------------------------

    @cached_property
    def table(self) -> pd.DataFrame:
        """What was found, one row per task.

        ``task, chance, questions, runs, lowest, highest`` (accuracies seen), ``ceiling`` with its bounds, ``rms`` and
        ``rms_direct`` (what runs are off the curves), ``error_questions`` (binomial, of the median run), ``error_seeds``,
        ``predictable, why``.
        """
        rows = []
        for task in self.tasks:
            stage, direct = task.curve("two-stage"), task.curve("direct")
            y = task.runs["accuracy"].to_numpy()
            low, high = stage.interval("ceiling", self.level) if stage and task.predictable else (np.nan, np.nan)
            rows.append(
                {
                    "task": task.name,
                    "chance": task.chance,
                    "questions": task.questions,
                    "runs": len(task.runs),
                    "lowest": float(y.min()),
                    "highest": float(y.max()),
                    "ceiling": stage.values["ceiling"] if stage and task.predictable else np.nan,
                    "ceiling_lower": low,
                    "ceiling_upper": high,
                    "level": self.level,
                    "rms": stage.rms if stage else np.nan,
                    "rms_direct": direct.rms if direct else np.nan,
                    "error_questions": float(task.error_of_questions(np.median(y)))
                    if np.isfinite(task.questions)
                    else np.nan,
                    "error_seeds": task.seeds,
                    "predictable": task.predictable,
                    "why": task.why,
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What to know before relying on predictions: of the tasks, then how many of them these runs do not predict."""
        found = [d for task in self.tasks for d in task.diagnostics]
        lost = [t.name for t in self.tasks if not t.predictable]
        if lost and len(self.tasks) > 1:
            found.append(Diagnostic("TASKS_NOT_PREDICTED", Severity.NOTE, {"names": lost, "of": len(self.tasks)}))
        if not self.paired:
            found.append(Diagnostic("STAGES_NOT_PAIRED", Severity.NOTE, {}))
        return tuple(found)

    def known(self) -> list[str]:
        """Diagnostics in words."""
        return [d.sentence() for d in self.diagnostics]

    def said(self, predicted: pd.DataFrame) -> str:
        """Rows of :meth:`predict` as an answer, one line each."""
        lines = []
        given = [str(c) for c in predicted.columns[1 : predicted.columns.get_loc("loss")]]
        for _, row in predicted.iterrows():
            at = ", ".join(f"{k} = {row[k] if isinstance(row[k], str) else human(row[k])}" for k in given)
            name = f"mean of {len(self.predictable)} tasks" if row["task"] == MEAN else row["task"]
            if row["why"]:
                lines.append(f"{name}: not predictable from these runs ({row['why']}) at {at}")
                continue
            lines.append(
                f"{name}: accuracy {row['accuracy']:.3f} ({100 * row['level']:.3g} %: {row['accuracy_lower']:.3f} … "
                f"{row['accuracy_upper']:.3f}) at {at}"
            )
        return "\n".join(lines)

    def report(self) -> str:
        """As text: tasks, and what to know."""
        from quokka_laws.results.text import numbered

        shown = self.table[["task", "chance", "runs", "lowest", "highest", "rms", "predictable", "why"]]
        return "\n\n".join(part for part in (left_aligned(shown.set_index("task")), numbered(self.known())) if part)

    def save(self, path: str | Path) -> Path:
        """Write to a file; :func:`quokka_laws.read_downstream` reads it back exactly."""
        from quokka_laws.results.downstream_storage import save

        return save(self, path)

    def __repr__(self) -> str:
        names = ", ".join(f"{t.name}{'' if t.predictable else ' (not predictable)'}" for t in self.tasks)
        return (
            f"Downstream: {names}\n  {self.method} behind {self.fit.label}, {len(self.fit.runs)} runs; "
            f"{len(self.diagnostics)} things to know: .report(); ask with .predict(N=…, D=…)"
        )

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        return card("Task accuracy", f"{self.method} behind {self.fit.label}", self.table, diagnostics=self.known())
