"""Which tasks runs do not predict, and what else is doubtful about their curves."""

from __future__ import annotations

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from quokka_laws._typing import Array
from quokka_laws.results.diagnostic import Diagnostic, Severity
from quokka_laws.results.downstream import FittedCurve, TaskFit
from quokka_laws.runs.tasks import Task

ABOVE = 3.0
"""Standard errors above chance from which on a run has learned something of the task."""
FEWEST_ABOVE = 3
UNLIKELY = 0.01
NO_TREND = 0.05
EXPLAINED = 0.5
"""Share of the variance of accuracy that its curve has to explain, for a task to be predictable."""
UNKNOWN_CEILING = 0.5
"""Of the room above the best run: width of the ceiling's interval from which on it is called unknown."""
FEWEST_REPEATS = 3


def task_diagnostics(task: Task, fitted: TaskFit, *, repeats: Array, level: float) -> tuple[Diagnostic, ...]:
    """What is doubtful about a task, errors first: an error means that these runs do not predict it.

    Parameters
    ----------
    task : Task
    fitted : TaskFit
    repeats : array (runs,) of int
        Runs of one N and D.
    level : float
    """
    lost = _lost(task, fitted)
    if lost is not None:
        return (lost,)
    stage = fitted.curves[0]
    found = [_misses(task, stage, repeats), _ceiling(task, stage, level), _apart(task, fitted, level)]
    if not np.isfinite(task.questions).all():
        found.append(Diagnostic("QUESTIONS_UNKNOWN", Severity.NOTE, {"task": task.name}))
    if task.under_chance:
        found.append(
            Diagnostic(
                "ROWS_UNDER_CHANCE", Severity.WARNING, {"task": task.name, "chance": task.chance}, task.under_chance
            )
        )
    if task.percent:
        found.append(Diagnostic("ACCURACY_IN_PERCENT", Severity.NOTE, {"task": task.name}))
    return tuple(d for d in found if d is not None)


def _lost(task: Task, fitted: TaskFit) -> Diagnostic | None:
    """Why these runs do not predict the task; None where they do."""
    y, x = task.accuracy, fitted.runs["loss"].to_numpy()
    stage = fitted.curves[0]
    rest = y - stage.at({"loss": x})
    n, coefficients = len(y), len(stage.theta)
    noise = _noise(task, rest, coefficients)
    above = int((y - task.chance > ABOVE * noise).sum())
    base = {"task": task.name, "chance": task.chance, "highest": float(y.max()), "runs": n}
    if above <= 1 and task.chance > 0 and np.median(y) - task.chance < np.median(noise):
        return Diagnostic("TASK_AT_CHANCE", Severity.ERROR, base)
    total, left = float(((y - y.mean()) ** 2).sum()), float((rest**2).sum())
    linear, p_linear = _slope(x, y)
    spare = n - coefficients
    F = max(total - left, 0.0) / (coefficients - 1) / max(left / spare, 1e-300)
    p = float(f_distribution.sf(F, coefficients - 1, spare))
    if linear > 0 and p_linear < UNLIKELY:
        return Diagnostic("TASK_FALLS", Severity.ERROR, {"task": task.name, "slope": linear, "p": p_linear})
    if p > NO_TREND:
        return Diagnostic(
            "TASK_WITHOUT_TREND", Severity.ERROR, {"task": task.name, "p": p, "noise": float(np.sqrt(left / spare))}
        )
    if (turn := _turns(x, y, rest)) is not None:
        return Diagnostic("TASK_NOT_MONOTONE", Severity.ERROR, {"task": task.name, **turn})
    if left / max(total, 1e-300) > 1.0 - EXPLAINED:
        return Diagnostic(
            "TASK_TOO_NOISY", Severity.ERROR, {"task": task.name, "explained": 1.0 - left / total, "wanted": EXPLAINED}
        )
    if above < FEWEST_ABOVE:
        return Diagnostic("TASK_JUST_ABOVE_CHANCE", Severity.ERROR, {**base, "above": above})
    return None


def _noise(task: Task, rest: Array, coefficients: int) -> Array:
    """What one run is off by chance: of its questions where known, else of the scatter about the curve."""
    scatter = float(np.sqrt((rest**2).sum() / max(len(rest) - coefficients, 1)))
    p = max(task.chance, 0.01)
    binomial = np.sqrt(p * (1.0 - p) / task.questions)
    return np.where(np.isfinite(binomial), np.maximum(binomial, 1e-9), max(scatter, 1e-9))


def _slope(x: Array, y: Array) -> tuple[float, float]:
    """Slope of accuracy along the loss, and how likely one so far from zero is by chance."""
    J = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    value, error = _last(J, y)
    return value, float(2.0 * t_distribution.sf(abs(value) / error, len(y) - 2))


def _last(J: Array, y: Array) -> tuple[float, float]:
    """The last coefficient of a linear fit, and its standard error."""
    b = np.linalg.lstsq(J, y, rcond=None)[0]
    left = y - J @ b
    variance = (left @ left) / max(len(y) - J.shape[1], 1) * np.linalg.pinv(J.T @ J)
    return float(b[-1]), float(np.sqrt(max(variance[-1, -1], 1e-300)))


def _turns(x: Array, y: Array, rest: Array) -> dict[str, float] | None:
    """Where accuracy falls again as the loss goes on falling: a parabola that turns within the runs, and by more than noise."""
    z = (x - x.mean()) / np.ptp(x)
    J = np.stack([np.ones_like(z), z, z**2], axis=1)
    curvature, error = _last(J, y)
    b = np.linalg.lstsq(J, y, rcond=None)[0]
    turn = -b[1] / (2.0 * b[2]) if b[2] else np.inf
    p = float(2.0 * t_distribution.sf(abs(curvature) / error, len(y) - 3))
    low, high = np.quantile(z, [0.15, 0.85])
    drop = curvature * (z.min() - turn) ** 2
    noise = float(np.sqrt(np.mean((y - J @ b) ** 2)))
    if curvature < 0 and p < UNLIKELY and low < turn < high and -drop > 3.0 * noise / np.sqrt(len(y) / 4):
        return {"loss": float(x.mean() + turn * np.ptp(x)), "drop": float(-drop), "p": p}
    return None


def _misses(task: Task, stage: FittedCurve, repeats: Array) -> Diagnostic | None:
    """A curve that misses its runs by more than repeats of one N and D differ."""
    rest, counts = stage.scatter, np.bincount(repeats)
    means = np.bincount(repeats, rest) / counts
    within, between = len(rest) - len(counts), len(counts) - len(stage.theta)
    if within < FEWEST_REPEATS or between < 1:
        return None
    F = float((counts * means**2).sum() / between / max(((rest - means[repeats]) ** 2).sum() / within, 1e-300))
    p = float(f_distribution.sf(F, between, within))
    return Diagnostic("ACCURACY_CURVE_MISSES", Severity.WARNING, {"task": task.name, "p": p}) if p < UNLIKELY else None


def _ceiling(task: Task, stage: FittedCurve, level: float) -> Diagnostic | None:
    low, high = stage.interval("ceiling", level)
    room = 1.0 - float(task.accuracy.max())
    if high - low < UNKNOWN_CEILING * room:
        return None
    numbers = {"task": task.name, "lower": low, "upper": high, "level": level, "highest": float(task.accuracy.max())}
    return Diagnostic("CEILING_UNKNOWN", Severity.NOTE, numbers)


def _apart(task: Task, fitted: TaskFit, level: float) -> Diagnostic | None:
    """Two methods of which one misses the same runs by far more than the other."""
    if len(fitted.curves) < 2:
        return None
    stage, direct = fitted.curves
    ratio = direct.rms / max(stage.rms, 1e-12)
    if 1.0 / 1.5 < ratio < 1.5:
        return None
    better, worse = (stage, direct) if ratio > 1 else (direct, stage)
    return Diagnostic(
        "ONE_METHOD_MISSES",
        Severity.NOTE if better is stage else Severity.WARNING,
        {
            "task": task.name,
            "better": better.curve.kind,
            "worse": worse.curve.kind,
            "rms": better.rms,
            "rms_worse": worse.rms,
        },
    )
