"""What to say where columns were not recognised: names and formulas of the table that would do, and that work when tried."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._spelling import BLANK
from quokka_laws.runs import words
from quokka_laws.runs.columns import SIZE, WORDED, plain_name, written_sizes
from quokka_laws.runs.quantities import EMPTY, parse_quantities, parse_quantity

_OBJECTIVES = (
    "value",
    "objective",
    "metric",
    "score",
    "final_value",
    "best_value",
    "l",
)  # of searches: offered, never taken
_STEPS = re.compile(
    r"(n_|num_|train_|training_|total_|max_|opt_|optimizer_)*(steps|iterations|iters|updates|batches)(_total|_trained)?"
)
_BATCH = re.compile(r"(global_|train_|total_|effective_|g)*(batch_size|batch|bs|bsz)")
_LAYERS = re.compile(r"(\w+_)?(n_layers?|num_layers|num_hidden_layers|layers|depth)")
_WIDTH = re.compile(r"(\w+_)?(d_model|n_embd|hidden_size|hidden_dim|model_dim|width)")
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
        near = [n for n in names if WORDED[canonical](n) and (table is None or _some_numbers(table[n]))]
        if canonical == "N" and not near:
            blocks = [n for n in names if words.part_of_parameters(n) and not words.of_embedding(n)]
            near = (
                [" + ".join(blocks)]
                if blocks
                else [n for n in names if table is not None and (written_sizes(table[n]) or _some_sizes(n, table))][:1]
            )
            near = near or _blocks(names)
        if canonical == "D" and not near:
            near = _tokens(names, (known or {}).get("N") or pairs.get("N", BLANK))
        if canonical == "loss" and not near:
            near = [n for n in names if plain_name(n) in _OBJECTIVES and (table is None or numeric(table[n]))]
            near = near or [f"-{quoted(n)}" for n in names if table is not None and _likelihood(n, table)]
        unit = {1e3: ":K", 1e6: ":M", 1e9: ":B", 1e12: ":T"}.get(words.scale_of(near[0]), "") if near else ""
        formula = near and not set(near[0]).isdisjoint("*+")
        pairs[canonical] = near[0] + (unit if canonical in ("N", "D") and not formula else "") if near else BLANK
    return pairs


def numeric(column: pd.Series) -> bool:
    """Whether every filled cell is a number."""
    values, bad = parse_quantities(column)
    return len(bad) < len(values) and all(is_empty(column.iloc[i]) for i in bad)


def _some_numbers(column: pd.Series) -> bool:
    """Whether any cell is a number, so that mapping the column leaves rows to use."""
    return len(parse_quantities(column)[1]) < len(column)


def is_empty(cell: object) -> bool:
    """Whether a cell holds nothing, or what people write for it."""
    return cell is None or cell != cell or str(cell).strip().lower() in EMPTY


def _some_sizes(name: str, table: pd.DataFrame) -> bool:
    """Whether a column of models holds sizes beside names: rows without one are left out and named."""
    if not words.names_a_size(name) or pd.api.types.is_numeric_dtype(table[name]):
        return False
    values, bad = parse_quantities(table[name])
    return 0 < len(bad) < len(values)


_BY = re.compile(r"(?<=[kKmMbBtT])x(?=\d)")  # 70Mx2B


def in_names(names: Sequence[str], table: pd.DataFrame) -> tuple[str, str]:
    """A column of names that hold a size and tokens, and their pattern: ``70M_2B_lr3e-4`` → ``{N}_{D}{}``; empty if none."""
    for name in names:
        if pd.api.types.is_numeric_dtype(table[name]):
            continue
        cells = [str(cell) for cell in table[name]]
        places = [list(SIZE.finditer(_BY.sub("×", cell))) for cell in cells]
        if not all(len(found) == 2 for found in places):
            continue
        one, other = places[0]
        between = {cell[a.end() : b.start()] for cell, (a, b) in zip(cells, places, strict=True)}
        order = ("{N}", "{D}") if parse_quantity(one[0]) < parse_quantity(other[0]) else ("{D}", "{N}")
        ends = ["{}" if any(parts) else "" for parts in ([c[: a.start()] for c, (a, _) in zip(cells, places, strict=True)],
                [c[b.end() :] for c, (_, b) in zip(cells, places, strict=True)])]  # fmt: skip
        if len(between) == 1:
            return name, f"{ends[0]}{order[0]}{between.pop()}{order[1]}{ends[1]}"
    return "", ""


def _likelihood(name: str, table: pd.DataFrame) -> bool:
    """Whether a column is a log-likelihood: minus it is a loss."""
    said = set(words.words(name))
    if not ({"log", "likelihood"} <= said or {"logprob", "logprobs", "loglikelihood", "ll"} & said):
        return False
    return numeric(table[name]) and float(np.nanmax(parse_quantities(table[name])[0])) < 0


def accuracies(names: Sequence[str]) -> list[str]:
    """Columns that are accuracies by their names."""
    return [n for n in names if words.unit_of(n) == "accuracy" and not {"std", "stderr"} & set(words.words(n))]


def _blocks(names: Sequence[str]) -> list[str]:
    """The parameters of a transformer's blocks, 12·layers·width² (Kaplan et al. 2020, Table 1), where both are columns."""
    plain = {plain_name(n): n for n in names}
    layers = next((n for p, n in plain.items() if _LAYERS.fullmatch(p)), None)
    width = next((n for p, n in plain.items() if _WIDTH.fullmatch(p)), None)
    return [f"12 * {quoted(layers)} * {quoted(width)}^2"] if layers and width else []


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
