"""What is doubtful, in words: the one place where a diagnostic's code and numbers become a sentence.

``SENTENCES`` maps each code to the function that words it. Each is given the numbers as keywords; ``rows`` are the names of
the rows it is about, ``tries`` what to try, already written for Python or for the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quokka_laws._spelling import either
from quokka_laws.results import hyperparameter_sentences, task_sentences
from quokka_laws.results.format import human
from quokka_laws.results.phrases import chance, listed, to_try
from quokka_laws.runs.remarks import Remark


def sentence(code: str, numbers: Mapping[str, Any], rows: Sequence[str] = (), tries: Sequence[str] = ()) -> str:
    """A diagnostic in words; a code of a newer version falls back on its numbers."""
    if set(numbers) == {"text"}:  # kept by a version that wrote sentences
        return str(numbers["text"])
    if code in SENTENCES:
        return SENTENCES[code](rows=rows, tries=tries, **numbers)
    return f"{code}: " + ", ".join(f"{k} = {v}" for k, v in numbers.items())


# ---- the minimum -----------------------------------------------------------------------------------------------------


def _not_converged(*, gradient_norm: float, rows: Any, tries: Sequence[str]) -> str:
    return (
        f"The fit did not converge (gradient norm {gradient_norm:.2g}): the point found is not a minimum."
        f"{to_try(tries)} Bounds that exclude the region it ran into help too."
    )


def _one_start(*, starts: int, rows: Any, tries: Sequence[str]) -> str:
    return f"Only 1 of {starts} starts reached the optimum; a better one may exist.{to_try(tries, 'Use more starts:')}"


def _amplitude_zero(*, name: str, rows: Any, tries: Any) -> str:
    what = "there is no irreducible loss" if name == "E" else f"the term of {name} is gone"
    beyond = "run to zero loss" if name == "E" else "go on without it"
    return f"{name} = 0: {what}. These runs do not determine it, and predictions beyond them will {beyond}."


def _at_bound(*, name: str, value: float, means: str = "", rows: Any, tries: Any) -> str:
    return f"{name} is at its bound {value:g}{': ' + means if means else ''}; do not use its interval."


def _amplitude_often_zero(*, name: str, share: float, rows: Any, tries: Any) -> str:
    return f"{name} is 0 in {share:.0%} of the refits: these runs hardly determine it, and its percentile interval is too narrow."


def _ill_conditioned(*, condition_number: float, rows: Any, tries: Any) -> str:
    return (
        f"These runs do not determine every combination of coefficients (condition number {condition_number:.1e}). Predictions "
        "inside the runs stand; single coefficients do not, and no intervals are given."
    )


def _scale_vanished(*, name: str, value: float, rows: Any, tries: Any) -> str:
    return (
        f"{name} ran to {value:.3g}, where it changes no prediction. Where it stands it has to be positive: if it should have the "
        "other sign, turn the sign before it in the formula."
    )


def _dead_term(*, name: str, number: int, largest: float, rows: Any, tries: Any) -> str:
    which = f"of {name}" if name else f"number {number}"
    return (
        f"The term {which} contributes nothing: at most {largest:.1g} of any prediction. Its coefficients are undetermined, and "
        "an optimum that rests on it means nothing."
    )


def _flat_valley(*, name: str, factor: float, lower: float, upper: float, rows: Any, tries: Any) -> str:
    return (
        f"{name} is determined only within a factor {factor:.3g} (90 %: {lower:.3g} to {upper:.3g}): the objective has a flat "
        f"valley. {either(f'Look at its profile before you quote it: ql.profile(fit, {name!r})', 'Quote its interval, not its value')}."
    )


def _rival_minima(*, count: int, within: float, gap: float, rows: Any, tries: Any) -> str:
    return (
        f"{count} other local minim{'um lies' if count == 1 else 'a lie'} within {within:.0%} of the objective (the nearest "
        f"{gap:.2g} above). Do not rely on single coefficients before you have seen the rivals."
    )


# ---- the law against its runs ----------------------------------------------------------------------------------------


def _misfit(*, rms: float, rows: Any, tries: Sequence[str], column: str = "", share: float = 0.0) -> str:
    missed = f"The law misses your runs by {100 * rms:.2g} % (rms)"
    if column:
        return f"{missed}; {share:.0%} of that variance lies between values of {column}. Fit them apart{to_try(tries, ':')}"
    return f"{missed}. Mixed recipes, data or tokenizers look like this, and so do runs that were not annealed."


def _rising_branch(*, changes: Mapping[str, Sequence[float]], decided: Sequence[str], rows: Any, tries: Any) -> str:
    shown = "; ".join(f"{k} {a:.3g} → {b:.3g} (± {sd:.2g})" for k, (a, b, sd) in changes.items())
    return (
        f"The overfitting branch decides {', '.join(decided)}: without the rows after each curve's minimum {shown}. Do not read "
        f"{'them' if len(decided) > 1 else 'it'} as learning."
    )


def _no_rise(*, law: str, highest: float, noise: float, rows: Any, tries: Sequence[str]) -> str:
    return (
        f"No run's loss rises again by more than the noise (by {highest:.2g} of it at most; noise {noise:.2g}), so the best "
        f"number of epochs is a guess: these runs do not show how {law} rises.{to_try(tries)} Or train some runs past their minimum."
    )


def _coupled(
    *, p: float, k: float, wide: str, C: float, own_N: float, wide_N: float, rows: Any, tries: Sequence[str]
) -> str:
    return (
        f"k = 1 is rejected ({chance(p)}): what parameters and tokens lack does not simply add. {wide} fits k = {k:.2g}; at "
        f"C = {C:.3g} its best size is {human(wide_N)}, not {human(own_N)}.{to_try(tries)}"
    )


def _pattern(*, along: str, p: float, law: str, rows: Any, tries: Any) -> str:
    return (
        f"The residuals of {law} bend with {along} ({chance(p)}): however small it is, the law misses a pattern in these runs, and "
        "will miss more of it outside them."
    )


def _low_ratio_runs(
    *,
    count: int,
    of: int,
    ratio: float,
    with_them: float,
    without: float,
    sd: float,
    above: float,
    above_sd: float,
    rows: Any,
    tries: Sequence[str],
) -> str:
    side = "above" if above > 0 else "below"
    return (
        f"{count} of {of} runs have D/N < {ratio:g} and pull the exponent: N_opt ~ C^{with_them:.3f} with them, C^{without:.3f} "
        f"without, a change of {abs(with_them - without):.3f} ± {sd:.3f}. They lie {abs(above):.1%} ± {above_sd:.1%} {side} what "
        f"the others predict. Fit both ways before you choose a model size{to_try(tries, ':')}"
    )


def _outlying_rows(
    *,
    answer: str,
    C: float,
    with_them: float,
    without: float,
    sd: float,
    least: float,
    most: float,
    above: bool,
    corner: Sequence[Any],
    without_all: float,
    others: Sequence[str],
    rows: Sequence[str],
    tries: Sequence[str],
) -> str:
    show = human if answer == "N" else "{:.4f}".format
    off = f"{least:.0%}" if f"{least:.0%}" == f"{most:.0%}" else f"{least:.0%} to {most:.0%}"
    where = ""
    if corner:
        column, sign, limit = corner
        starved = ": too few tokens for their size look like this" if (column, sign) == ("D/N", "<") else ""
        where = f" ({column} {sign} {human(limit) if column in ('N', 'D') else f'{limit:.3g}'}{starved})"
    more = (
        f" {listed(others).capitalize()} {'stand' if len(others) > 1 else 'stands'} out too, but far less; without "
        f"{'them' if len(others) > 1 else 'it'} as well it is {show(without_all)}."
        if others
        else ""
    )
    return (
        f"{listed(rows).capitalize()} {'move' if len(rows) > 1 else 'moves'} {answer} at C = {C:.3g} from {show(without)} to "
        f"{show(with_them)} (without {'them' if len(rows) > 1 else 'it'} ± {sd:.0%}): {'they lie' if len(rows) > 1 else 'it lies'} {off} {'above' if above else 'off'} what the others predict{where}.{to_try(tries, 'To fit without them:')}"
        f"{more}"
    )


# ---- the runs --------------------------------------------------------------------------------------------------------


def _loss_too_high(*, highest: float, limit: float, rows: Sequence[str], tries: Sequence[str]) -> str:
    return (
        f"The loss goes up to {highest:.4g} nats/token ({listed(rows)}); guessing among 160,000 tokens costs {limit:g}. Is it a "
        f"perplexity? Take its logarithm."
    )


def _swept_runs(*, rows: Any, tries: Any, **facts: Any) -> str:
    said = str(Remark("sweep", facts))
    return f"{said[0].upper()}{said[1:]}."


def _checkpoints(*, count: int, N: float, rows: Any, tries: Any) -> str:
    return (
        f"{count} rows of one size (N = {N:.3g}) at different D look like checkpoints of few runs. They are not independent: add "
        "a column run_id, or intervals are far too narrow."
    )


def _repetition_ignored(
    *, count: int, of: int, times: float, most: float, law: str, rows: Any, tries: Sequence[str]
) -> str:
    return (
        f"{count} of {of} rows repeat their data more than {times:g} times (up to {most:.3g}), and {law} takes a repeated token "
        f"for a fresh one.{to_try(tries)}"
    )


def _mixed_runs(*, column: str, kinds: Sequence[str], rows: Any, tries: Sequence[str]) -> str:
    return f"The rows mix {column}: {', '.join(kinds)}. Their losses do not lie on one surface; keep one kind{to_try(tries, ':')}"


def _flops_vary(*, lowest: float, highest: float, median: float, rows: Any, tries: Any) -> str:
    return (
        f"C/(N·D) varies from {lowest:.3g} to {highest:.3g} over the runs. Plans take its median, C = {median:.3g}·N·D, and are "
        "off by as much. Count C alike for all runs, or count N as C does."
    )


def _few_runs(*, units: int, coefficients: int, rows: Any, tries: Any) -> str:
    return f"Only {units} independent runs for {coefficients} coefficients."


def _narrow_design(*, factor: float, lowest: float, highest: float, wanted: float, rows: Any, tries: Any) -> str:
    return (
        f"D/N spans only a factor {factor:.2g} ({lowest:.3g} to {highest:.3g}). Runs off the optimum tell the capacity and data "
        f"terms apart: aim for a factor {wanted:g} or more."
    )


def _refits_failed(*, failed: int, refits: int, rows: Any, tries: Any) -> str:
    return (
        f"{failed} of {refits} refits did not converge and {'is' if failed == 1 else 'are'} left out of the intervals."
    )


def _rows_are_not_runs(*, rows: Any, tries: Sequence[str]) -> str:
    return (
        "Rows that share a run_id were resampled one by one: checkpoints of one run are not independent, and these intervals are "
        f"far too narrow.{to_try(tries, 'Use')}"
    )


# ---- IsoFLOP profiles ------------------------------------------------------------------------------------------------


def _too_few_sizes(*, C: float, sizes: int, degree: int, needed: int, rows: Any, tries: Any) -> str:
    return f"C = {C:.3g}: {sizes} model size{'s' if sizes != 1 else ''}; a polynomial of degree {degree} needs at least {needed}."


def _no_minimum(*, C: float, rows: Any, tries: Any) -> str:
    return f"C = {C:.3g}: the curve opens downwards and has no minimum."


def _minimum_outside(*, C: float, N: float, smallest: float, largest: float, rows: Any, tries: Any) -> str:
    side = "smaller" if smallest > N else "larger"
    return (
        f"C = {C:.3g}: the minimum (N = {N:.3g}) lies outside the sizes of this budget ({smallest:.3g} to {largest:.3g}); train "
        f"{side} models."
    )


def _wide_grid(*, width: float, offset: float, rows: Any, tries: Sequence[str]) -> str:
    return (
        f"The sizes of a budget span up to ×{width:.3g} and minima lie up to ×{offset:.2g} off their centre: a parabola's minimum "
        "is then biased by several per cent, more when extrapolated (arXiv 2603.22339). Compare with a cubic and with the "
        f"parametric fit.{to_try(tries)}"
    )


# ---- recipes against one another -------------------------------------------------------------------------------------


def _losses_of_two_kinds(*, kinds: Mapping[str, str], rows: Any, tries: Any) -> str:
    shown = ", ".join(f"{kind} of {recipe}" for recipe, kind in kinds.items())
    return f"The losses do not compare ({shown}): a bound lies above the exact loss by an unknown amount, so the multiplier is none."


def _no_overlap_in_loss(*, recipe: str, baseline: str, above: float, below: float, rows: Any, tries: Any) -> str:
    return (
        f"No loss is reached by runs of both {recipe} and {baseline} (one has none below {above:.4g}, the other none above "
        f"{below:.4g}): the multiplier comes from the law alone. Train the worse one longer, or the better one shorter."
    )


def _speedup_from_law(*, recipe: str, C: float, factor: float, rows: Any, tries: Any) -> str:
    return f"{recipe} at C = {C:.3g} rests on the law, not on runs: one of the recipes is asked {factor:.3g} times outside its runs."


def _wider_law_disagrees(
    *, step: str, recipe: str, C: float, multiplier: float, p: float, rows: Any, tries: Any
) -> str:
    return (
        f"With {step} the multiplier of {recipe} at C = {C:.3g} would be {multiplier:.3g}, outside the interval; these runs do not "
        f"call for it ({chance(p)}), but do not rule it out."
    )


def _unpaired(*, shared: float, saved: float, rows: Any, tries: Any) -> str:
    return (
        f"The recipes share no runs of the same size and seed. If {shared:.0%} of the noise of a run comes from those, running "
        f"them alike would make the interval {saved:.0%} narrower."
    )


def _paired(*, pairs: int, shared: float, saved: float, rows: Any, tries: Any) -> str:
    return (
        f"{pairs} pairs of runs were drawn together; the correlation of their noise is {shared:.2g}, which makes the interval about "
        f"{saved:.0%} narrower than that of runs without partners."
    )


def _last_checkpoints(*, left_out: int, rows: Any, tries: Any) -> str:
    return f"{left_out} checkpoints before the last of their run were left out: they share its noise."


# ---- forecasts -------------------------------------------------------------------------------------------------------


def _forecast_of_other_runs(*, question: str, apart: Mapping[str, Sequence[str]], rows: Any, tries: Any) -> str:
    shown = "; ".join(f"{k} {made}, not {observed}" for k, (made, observed) in apart.items())
    return f"{question.rstrip(':')} was forecast for runs counted otherwise than these ({shown}): the error is not one of the law alone."


def _forecasts_pending(*, count: int, first: str, rows: Any, tries: Any) -> str:
    which = f"{first.rstrip(':')} has" if count == 1 else f"{count} forecasts have"
    return f"{which} no run yet."


def _intervals_off(*, inside: int, of: int, p: float, rows: Any, tries: Any) -> str:
    side = "narrow, as where the law misses more than its runs show" if inside / of < 0.9 else "wide"
    return f"{inside} of {of} runs fell inside their 90 % interval ({chance(p)} if it were right): the intervals are too {side}."


SENTENCES: dict[str, Callable[..., str]] = {
    **task_sentences.SENTENCES,
    **hyperparameter_sentences.SENTENCES,
    "FORECAST_OF_OTHER_RUNS": _forecast_of_other_runs,
    "FORECASTS_PENDING": _forecasts_pending,
    "INTERVALS_OFF": _intervals_off,
    "LOSSES_OF_TWO_KINDS": _losses_of_two_kinds,
    "NO_OVERLAP_IN_LOSS": _no_overlap_in_loss,
    "SPEEDUP_FROM_LAW": _speedup_from_law,
    "WIDER_LAW_DISAGREES": _wider_law_disagrees,
    "UNPAIRED": _unpaired,
    "PAIRED": _paired,
    "LAST_CHECKPOINTS": _last_checkpoints,
    "NOT_CONVERGED": _not_converged,
    "ONE_START": _one_start,
    "AMPLITUDE_ZERO": _amplitude_zero,
    "AT_BOUND": _at_bound,
    "AMPLITUDE_OFTEN_ZERO": _amplitude_often_zero,
    "ILL_CONDITIONED": _ill_conditioned,
    "SCALE_VANISHED": _scale_vanished,
    "DEAD_TERM": _dead_term,
    "FLAT_VALLEY": _flat_valley,
    "RIVAL_MINIMA": _rival_minima,
    "MISFIT": _misfit,
    "RISING_BRANCH": _rising_branch,
    "NO_RISE": _no_rise,
    "COUPLED": _coupled,
    "PATTERN": _pattern,
    "LOW_RATIO_RUNS": _low_ratio_runs,
    "OUTLYING_ROWS": _outlying_rows,
    "SWEPT_RUNS": _swept_runs,
    "LOSS_TOO_HIGH": _loss_too_high,
    "CHECKPOINTS": _checkpoints,
    "REPETITION_IGNORED": _repetition_ignored,
    "MIXED_RUNS": _mixed_runs,
    "FLOPS_VARY": _flops_vary,
    "FEW_RUNS": _few_runs,
    "NARROW_DESIGN": _narrow_design,
    "REFITS_FAILED": _refits_failed,
    "ROWS_ARE_NOT_RUNS": _rows_are_not_runs,
    "TOO_FEW_SIZES": _too_few_sizes,
    "NO_MINIMUM": _no_minimum,
    "MINIMUM_OUTSIDE": _minimum_outside,
    "WIDE_GRID": _wide_grid,
}
