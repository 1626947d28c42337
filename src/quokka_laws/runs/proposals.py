"""What to say where columns were not recognised: names and formulas of the table that would do, and that work when tried."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._spelling import BLANK
from quokka_laws.runs import words
from quokka_laws.runs.columns import WORDED, plain_name, written_sizes

_OBJECTIVES = (
    "value",
    "objective",
    "metric",
    "score",
    "final_value",
    "best_value",
)  # of searches: offered, never taken
_STEPS = re.compile(
    r"(n_|num_|train_|training_|total_|max_|opt_|optimizer_)*(steps|iterations|iters|updates)(_total|_trained)?"
)
_BATCH = re.compile(r"(global_|train_|total_|effective_|g)*(batch_size|batch|bs|bsz)")
_LENGTH = re.compile(
    r"(max_|train_)*(seq_len|seq_length|seqlen|sequence_length|context_length|context_len|context|block_size|n_ctx|max_seq_len)"
)


def proposed(
    names: Sequence[str],
    wanted: Sequence[str],
    table: pd.DataFrame | None = None,
    known: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Canonical name → column that looks right, with the unit its name states, or a formula; a blank where none does.

    Parameters
    ----------
    names : sequence of str
        Columns that hold nothing known.
    wanted : sequence of str
    table : DataFrame, optional
        Whose values help.
    known : mapping, optional
        Canonical name → column that holds it.
    """
    pairs: dict[str, str] = {}
    for canonical in wanted:
        near = [n for n in names if WORDED[canonical](n)]
        if canonical == "N" and not near:
            blocks = [n for n in names if words.part_of_parameters(n) and not words.of_embedding(n)]
            near = (
                [" + ".join(blocks)]
                if blocks
                else [n for n in names if table is not None and written_sizes(table[n])][:1]
            )
        if canonical == "D" and not near:
            near = _tokens(names, (known or {}).get("N") or pairs.get("N", BLANK))
        if canonical == "loss" and not near:
            near = [n for n in names if plain_name(n) in _OBJECTIVES]
        unit = {1e3: ":K", 1e6: ":M", 1e9: ":B", 1e12: ":T"}.get(words.scale_of(near[0]), "") if near else ""
        formula = near and not set(near[0]).isdisjoint("*+")
        pairs[canonical] = near[0] + (unit if canonical in ("N", "D") and not formula else "") if near else BLANK
    return pairs


def accuracies(names: Sequence[str]) -> list[str]:
    """Columns that are accuracies by their names."""
    return [n for n in names if words.unit_of(n) == "accuracy" and not {"std", "stderr"} & set(words.words(n))]


def _tokens(names: Sequence[str], size: str) -> list[str]:
    """Formulas of tokens: of tokens per parameter, or of steps and what a step holds."""
    plain = {plain_name(n): n for n in names}
    for n in names:
        said = set(words.words(n))
        per = "per" in said and said & words.TOKENS and said & words.PARAMETERS
        if size != BLANK and (
            per or plain_name(n) in ("tpp", "d_n", "tokens_param", "token_param_ratio", "chinchilla_ratio")
        ):
            return [f"{quoted(n)} * {quoted(size)}"]
    steps = next((n for p, n in plain.items() if _STEPS.fullmatch(p)), None)
    if steps is None:
        return []
    if each := next((n for n in names if words.tokens_per_step(n)), None):
        return [f"{quoted(steps)} * {quoted(each)}"]
    batch = next((n for p, n in plain.items() if _BATCH.fullmatch(p)), None)
    length = next((n for p, n in plain.items() if _LENGTH.fullmatch(p)), None)
    return [f"{quoted(steps)} * {quoted(batch)} * {quoted(length)}"] if batch and length else []
