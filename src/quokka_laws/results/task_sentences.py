"""What is doubtful about task accuracy, in words; :mod:`quokka_laws.results.sentences` is the list that they join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from quokka_laws._spelling import option
from quokka_laws.results.phrases import chance as probability

ROWS_NAMED = 8


def _at_chance(*, task: str, chance: float, highest: float, runs: int, rows: Any, tries: Any) -> str:
    return (
        f"{task} is at chance in all {runs} runs (chance {chance:.3g}, highest {highest:.3g}): they say nothing of where it goes. "
        "Larger runs, an easier task, or the probability of the right answer in place of accuracy would."
    )


def _just_above(*, task: str, chance: float, highest: float, runs: int, above: int, rows: Any, tries: Any) -> str:
    return (
        f"{task} is above chance in {above} of {runs} runs only (chance {chance:.3g}, highest {highest:.3g}): a curve through those is "
        "a guess."
    )


def _falls(*, task: str, slope: float, p: float, rows: Any, tries: Any) -> str:
    return (
        f"{task} falls as the loss falls ({probability(p)}), by {abs(slope):.3g} per unit of loss: inverse scaling, or a column of error rates; "
        "then give 1 less it."
    )


def _without_trend(*, task: str, p: float, noise: float, rows: Any, tries: Any) -> str:
    return f"{task} has no trend along the loss that its noise, {noise:.2g}, would not explain ({probability(p)} of so much by chance)."


def _not_monotone(*, task: str, loss: float, drop: float, p: float, rows: Any, tries: Any) -> str:
    return f"{task} rises until a loss of {loss:.3g} and then falls, by {drop:.2g} ({probability(p)}): no curve of one direction fits."


def _too_noisy(*, task: str, explained: float, wanted: float, rows: Any, tries: Any) -> str:
    return (
        f"{task}: its curve explains {explained:.0%} of how its runs differ, and under {wanted:.0%} is noise for the most part. More "
        "questions or repeated runs would tell."
    )


def _curve_misses(*, task: str, p: float, rows: Any, tries: Any) -> str:
    return f"{task}: the curve misses its runs by more than repeats of one size differ ({probability(p)}); beyond them it may miss by more."


def _ceiling_unknown(
    *, task: str, lower: float, upper: float, level: float, highest: float, rows: Any, tries: Any
) -> str:
    return (
        f"{task}: the best run has {highest:.3f}, and the ceiling may be anywhere from {lower:.3f} to {upper:.3f} ({100 * level:.3g} %). "
        f"The interval holds that; hold the ceiling where you know it, {option('ceiling', 0.95)}."
    )


def _one_method_misses(
    *, task: str, better: str, worse: str, rms: float, rms_worse: float, rows: Any, tries: Any
) -> str:
    return f"{task}: the {worse} curve misses its runs by {rms_worse:.2g}, the {better} one by {rms:.2g}; do not rely on the {worse} one."


def _questions_unknown(*, task: str, rows: Any, tries: Any) -> str:
    return (
        f"{task}: how many questions it has is not known, so the error from questions cannot be told from that of seeds; give it, "
        f"{option('questions', 10042)}."
    )


def _under_chance(*, task: str, chance: float, rows: Sequence[str], tries: Any) -> str:
    shown = ", ".join(rows[:ROWS_NAMED]) + (f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else "")
    return (
        f"{task}: row{'s' if len(rows) != 1 else ''} {shown} lie{'s' if len(rows) == 1 else ''} under chance, {chance:.3g}, by more than "
        "noise; is chance right, or was an answer not parsed?"
    )


def _in_percent(*, task: str, rows: Any, tries: Any) -> str:
    return f"{task} was taken to be in per cent and divided by 100."


def _not_predicted(*, names: Sequence[str], of: int, rows: Any, tries: Any) -> str:
    return (
        f"{len(names)} of {of} tasks ({', '.join(names)}) {'is' if len(names) == 1 else 'are'} not predictable from these runs. For scale: of 46 published tasks 39 % "
        "followed a predictable curve (Lourie et al., arXiv 2507.00885)."
    )


def _not_paired(*, rows: Any, tries: Any) -> str:
    return "The runs with accuracies are not those behind the law of the loss, so the errors of the two stages are taken as independent."


def _other_method_closer(
    *, task: str, holdout: str, closer: str, error: float, other: float, rows: Any, tries: Any
) -> str:
    return (
        f"{task}: on runs held out ({holdout}) the {closer} curve was closer, {error:.2g} against {other:.2g}; "
        f"{option('method', closer)} answers by it."
    )


SENTENCES: dict[str, Callable[..., str]] = {
    "TASK_AT_CHANCE": _at_chance,
    "TASK_JUST_ABOVE_CHANCE": _just_above,
    "TASK_FALLS": _falls,
    "TASK_WITHOUT_TREND": _without_trend,
    "TASK_NOT_MONOTONE": _not_monotone,
    "TASK_TOO_NOISY": _too_noisy,
    "ACCURACY_CURVE_MISSES": _curve_misses,
    "CEILING_UNKNOWN": _ceiling_unknown,
    "ONE_METHOD_MISSES": _one_method_misses,
    "QUESTIONS_UNKNOWN": _questions_unknown,
    "ROWS_UNDER_CHANCE": _under_chance,
    "ACCURACY_IN_PERCENT": _in_percent,
    "TASKS_NOT_PREDICTED": _not_predicted,
    "STAGES_NOT_PAIRED": _not_paired,
    "OTHER_METHOD_CLOSER": _other_method_closer,
}
