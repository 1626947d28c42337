"""What is doubtful about best hyper-parameters, in words; :mod:`quokka_laws.results.sentences` is the list that they join."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quokka_laws.results.format import human
from quokka_laws.results.phrases import cells_named, chance, listed, to_try


def _swept_columns(*, columns: Sequence[str], rows: Any, tries: Any) -> str:
    return f"Hyper-parameters were taken to be {', '.join(columns)}, which vary within most pairs of N and D."


def _setting_empty(*, columns: Sequence[str], rows: Sequence[str], tries: Any) -> str:
    return f"No value of {' or '.join(columns)} in {listed(rows)}: left out."


def _batch_in_tokens(*, column: str, name: str, length: str, rows: Any, tries: Any) -> str:
    return f"{name} is {column} times {length}, in tokens."


def _batch_taken_as_tokens(*, column: str, rows: Any, tries: Sequence[str]) -> str:
    return f"{column} was taken to count tokens.{to_try(tries, 'If it counts sequences, say their length:')}"


def _batch_unit_unknown(*, column: str, rows: Any, tries: Sequence[str]) -> str:
    return f"{column} is in the unit of the table, so published rules, which are in tokens, do not compare.{to_try(tries, 'Say the length of a sequence:')}"


def _best_beyond(*, column: str, side: int, count: int, of: int, end: float, rows: Sequence[str], tries: Any) -> str:
    which = "largest" if side > 0 else "smallest"
    return (
        f"The loss still falls at the {which} {column} in {count} of {of} pairs of N and D ({cells_named(rows)}): they are under-tuned, and say only that "
        f"the best is {'larger' if side > 0 else 'smaller'} than about {end:.3g}."
    )


def _no_bowl(*, count: int, of: int, rows: Sequence[str], tries: Any) -> str:
    return (
        f"In {count} of {of} pairs of N and D ({cells_named(rows)}) the loss does not rise on both sides by more than its noise: no best value "
        "can be told, and the law does not rest on them."
    )


def _few_runs_in_cell(*, count: int, of: int, needed: int, levels: int, rows: Sequence[str], tries: Any) -> str:
    return f"{count} of {of} pairs of N and D ({cells_named(rows)}) have fewer than {needed} runs with {levels} values of each hyper-parameter: too few for a bowl."


def _under_tuned(*, count: int, worst: float, rows: Sequence[str], tries: Any) -> str:
    return f"The lowest run of {count} pairs of N and D costs up to {worst:.2%} of the loss by its hyper-parameters: {listed(rows)}."


def _no_law(*, cells: int, needed: int, over: Sequence[str], rows: Any, tries: Any) -> str:
    return (
        f"No law over N and D: {cells} pair{'s' if cells != 1 else ''} of N and D with the best {' and '.join(over)} within what was tried, of at least "
        f"{needed} at different N or D that it takes. What is here is the best of each."
    )


def _exponent_unknown(*, variable: str, value: float, kept: str, together: bool, rows: Any, tries: Any) -> str:
    if together:
        return f"{variable} moves with {kept} in these runs, so that their exponents cannot be told apart: the exponent of {kept} is that of both together, along their line."
    return f"{variable} is {human(value)} in every pair: its exponent cannot be told, and the law is one of {kept} at that {variable}."


def _also_varied(*, columns: Sequence[str], rows: Any, tries: Any) -> str:
    return f"{', '.join(columns)} {'vary' if len(columns) > 1 else 'varies'} within pairs of N and D too, and count as noise here: fit them as well, or keep one value of each."


def _lopsided_bowls(*, p: float, moved: Mapping[str, float], rows: Any, tries: Sequence[str]) -> str:
    shown = ", ".join(f"{h} ×{factor:.3g}" for h, factor in moved.items())
    return (
        f"The bowls are steeper on one side ({chance(p)}): with that the best values move by about {shown}, alike in all pairs, which changes c "
        f"more than exponents.{to_try(tries, 'Use runs nearer to the lowest:')}"
    )


SENTENCES: dict[str, Callable[..., str]] = {
    "SWEPT_COLUMNS": _swept_columns,
    "SETTING_EMPTY": _setting_empty,
    "BATCH_IN_TOKENS": _batch_in_tokens,
    "BATCH_TAKEN_AS_TOKENS": _batch_taken_as_tokens,
    "BATCH_UNIT_UNKNOWN": _batch_unit_unknown,
    "BEST_BEYOND": _best_beyond,
    "NO_BOWL": _no_bowl,
    "FEW_RUNS_IN_CELL": _few_runs_in_cell,
    "UNDER_TUNED": _under_tuned,
    "NO_LAW": _no_law,
    "EXPONENT_UNKNOWN": _exponent_unknown,
    "ALSO_VARIED": _also_varied,
    "LOPSIDED_BOWLS": _lopsided_bowls,
}
