"""One row per run: tables with a column for each size or seed, a row for each metric or split, or turned on their side.

======================================================  ==============================================================
table                                                   becomes
======================================================  ==============================================================
``tokens, 70M, 160M`` or ``tokens, loss_70M, …``        ``tokens, N, loss``: names of columns are sizes
``params, loss@2B, loss@8B``                            ``params, D, loss``: names of columns are tokens
``N, D, loss_seed0, loss_seed1``                        ``N, D, seed, loss``
``run, step, metric, value``                            ``run, step`` and a column for each metric
``run, step, split, loss`` with train and val           ``run, step, train_loss, val_loss``
rows called ``params``, ``tokens``, ``val_loss``        columns called so
======================================================  ==============================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from quokka_laws.runs import words
from quokka_laws.runs.columns import SIZE, plain_name, written_sizes
from quokka_laws.runs.quantities import is_quantity, parse_quantities, parse_quantity
from quokka_laws.runs.remarks import Remark

_SEED = re.compile(r"(?i)(?:seed|rep|replicate|replica|trial)[\s_=-]*(\d+)|(?<=[\s_/-])s(\d+)(?![A-Za-z0-9])")
_KEYS = ("metric", "metric_name", "tag", "key", "variable", "series", "measure")
_VALUES = ("value", "metric_value", "val", "score", "result")
_SPLITS = ("split", "phase", "mode", "subset", "stage", "set", "dataset_split")
_ABOUT = frozenset(
    ["at", "after", "for", "tokens", "toks", "tok", "params", "parameters", "gpt", "model", "size", "n", "d"]
)  # beside a size in a name
_CALLED = frozenset(["model", "size", "params", "tokens", "gpt", "n", "d"])
_AXES = {"N": words.counts_parameters, "D": words.counts_tokens}
LEAST = 1e6  # parameters or tokens that name a column
_LOGGED = (words.counts_parameters, words.counts_tokens, words.counts_flops, words.is_loss)


def reshaped(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Remark]]:
    """The table with one row per run, or per run and step, and what was turned; most tables are so already."""
    for turned in (_turned, _by_metric, _by_split, _by_seed, _by_size):
        if (found := turned(table)) is not None:
            result, remark = found
            result.attrs = dict(table.attrs)
            return result, [remark]
    return table, []


def _counts(name: str) -> bool:
    return name in ("N", "D", "C", "loss") or any(says(name) for says in _LOGGED)


def _turned(table: pd.DataFrame) -> tuple[pd.DataFrame, Remark] | None:
    """A table on its side: names of columns stand in its first column."""
    if len(table) < 3 or len(table.columns) < 3 or any(_counts(str(c)) for c in table.columns[1:]):
        return None
    names = table.iloc[:, 0].astype(str)
    if not names.is_unique or sum(map(_counts, names)) < 2 or not any(words.is_loss(name) for name in names):
        return None
    result = table.iloc[:, 1:].T.set_axis(names.tolist(), axis=1)
    called = str(table.columns[0])
    label = called if called not in result and not called.startswith("Unnamed:") else "run_id"
    result.insert(0, label if label not in result else "run_id", result.index.astype(str))
    return result.reset_index(drop=True), Remark("turned", {"column": called})


def _by_metric(table: pd.DataFrame) -> tuple[pd.DataFrame, Remark] | None:
    """A row for each metric, as trackers write them: a column names the metric, another holds its value."""
    plain = {plain_name(c): str(c) for c in reversed(table.columns)}
    key = next((plain[k] for k in _KEYS if k in plain), None)
    value = next((plain[v] for v in _VALUES if v in plain), None)
    if key is None or value is None or pd.api.types.is_numeric_dtype(table[key]):
        return None
    metrics = table[key].astype(str)
    if not any(words.is_loss(name) for name in metrics.unique()) or set(metrics) & (set(map(str, table)) - {key}):
        return None
    rest = [c for c in table if c not in (key, value) and not _of_time(str(c))]
    return _spread(table, metrics, value, rest, Remark("by_metric", {"key": key, "value": value}))


def _by_split(table: pd.DataFrame) -> tuple[pd.DataFrame, Remark] | None:
    """A row for the training loss and one for the validation loss, told apart by a column."""
    plain = {plain_name(c): str(c) for c in reversed(table.columns)}
    column = next((plain[s] for s in _SPLITS if s in plain), None)
    losses = [str(c) for c in table if words.is_loss(str(c))]
    if column is None or len(losses) != 1 or pd.api.types.is_numeric_dtype(table[column]):
        return None
    said = table[column].astype(str).str.lower()
    kinds = {words.split_of(word) for word in said.unique()}
    if kinds != {"training", "validation"} or said.nunique() != 2:
        return None
    rest = [c for c in table if c not in (column, losses[0]) and not _of_time(str(c))]
    names = said + "_" + losses[0]
    return _spread(table, names, losses[0], rest, Remark("by_split", {"column": column, "loss": losses[0]}))


def _spread(
    table: pd.DataFrame, names: pd.Series, value: str, rest: Sequence[Any], remark: Remark
) -> tuple[pd.DataFrame, Remark] | None:
    """Values side by side, one row for each of what is left; None where one name has several values in a row."""
    keys = table[list(rest)].astype(str).agg("\x1f".join, axis=1) if rest else pd.Series("", index=table.index)
    places = pd.DataFrame({"key": keys, "name": names.to_numpy(), "value": table[value].to_numpy()})
    if places.duplicated(["key", "name"]).any():
        return None
    wide = places.pivot(index="key", columns="name", values="value")
    first = table.loc[~keys.duplicated().to_numpy(), list(rest)].reset_index(drop=True)
    wide = wide.reindex(keys.drop_duplicates()).reset_index(drop=True)
    return pd.concat([first, wide.rename_axis(columns=None)[list(dict.fromkeys(names))]], axis=1), remark


def _of_time(name: str) -> bool:
    """Whether a column only says when a row was written."""
    return bool({"timestamp", "walltime", "datetime"} & set(words.words(name))) or plain_name(name) in (
        "wall_time",
        "time",
    )


def _by_seed(table: pd.DataFrame) -> tuple[pd.DataFrame, Remark] | None:
    """A column for each seed: names that agree but for the number of the seed."""
    seeds = {str(c): found for c in table if words.is_loss(_SEED.sub(" ", str(c))) and (found := _SEED.search(str(c)))}
    if len(seeds) < 2 or len({_SEED.sub("", name) for name in seeds}) > 1:
        return None
    if any(words.is_loss(str(c)) for c in table if str(c) not in seeds) or any(
        words.of_seed(str(c)) for c in table if str(c) not in seeds
    ):
        return None
    loss = re.sub(r"[\s_@/=(-]+$", "", _SEED.sub("", next(iter(seeds)))).strip() or "loss"
    return _stacked(table, {name: found[1] or found[2] for name, found in seeds.items()}, "seed", loss), Remark(
        "by_seed", {"columns": list(seeds), "loss": loss}
    )


def _by_size(table: pd.DataFrame) -> tuple[pd.DataFrame, Remark] | None:
    """A column for each size or number of tokens: names that agree but for a quantity, whose cells are losses."""
    table, corner = _corner(table)
    sizes = {str(c): found[0] for c in table if len(found := SIZE.findall(str(c))) == 1}
    counted = corner or {"N", "D"} & set(map(str, table)) or any(_counts(str(c)) for c in table)
    if not sizes and counted:  # names that are numbers, as the columns of a pivot table are
        sizes = {str(c): str(c) for c in table if is_quantity(str(c)) and parse_quantity(str(c)) >= LEAST}
        frames = {""}
    else:
        frames = {SIZE.sub("", name).strip() for name in sizes}
    if len(sizes) < 2 or len(frames) != 1 or len({parse_quantity(s) for s in sizes.values()}) < len(sizes):
        return None
    frame = frames.pop()
    others = [str(c) for c in table if str(c) not in sizes]
    if others and plain_name(others[0]) in ("run_id", "index") and written_sizes(table[others[0]]):
        table, others = table.rename(columns={others[0]: "model"}), ["model", *others[1:]]
    if any(words.is_loss(c) for c in others) or not all(_losses(table[c]) for c in sizes):
        return None
    bare = "_".join(w for w in words.words(frame) if w not in _ABOUT)
    if bare and not words.is_loss(bare) and not set(words.words(frame)) <= _CALLED:
        return None
    of_tokens = bool(words.TOKENS & set(words.words(frame))) or any(
        c == "N" or words.counts_parameters(c) for c in others
    )
    of_tokens = of_tokens or corner == "D" or any(words.names_a_size(c) and written_sizes(table[c]) for c in others)
    if of_tokens and any(c == "D" or words.counts_tokens(c) for c in others):
        return None  # neither is told by the names
    loss = bare if words.is_loss(bare) else "loss"
    canonical = "D" if of_tokens else "N"
    return _stacked(table, sizes, canonical, loss), Remark(
        "by_size", {"columns": list(sizes), "name": canonical, "loss": loss}
    )


def _corner(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The table with its first column named for the rows alone, where it names both ways, ``params \\ tokens``; what columns are."""
    parts = [part.strip() for part in re.split(r"\\|\s/\s|\svs\.?\s|[↓→]", str(table.columns[0])) if part.strip()]
    if len(parts) != 2:
        return table, ""
    kinds = [next((k for k, says in _AXES.items() if part == k or says(part)), "") for part in parts]
    if set(kinds) != {"N", "D"}:
        return table, ""
    return table.rename(columns={table.columns[0]: parts[0]}), kinds[1]


def _losses(column: pd.Series) -> bool:
    """Whether filled cells are numbers that a loss or a perplexity can be."""
    values = pd.Series(parse_quantities(column)[0]).dropna()
    return len(values) > 0 and bool(values.between(1e-3, 1e3).all()) and not bool((values == values.round()).all())


def _stacked(table: pd.DataFrame, columns: dict[str, str], name: str, loss: str) -> pd.DataFrame:
    """A row for each cell of the columns: what the column says as ``name``, the cell as ``loss``; empty ones left out."""
    rest = [c for c in table if str(c) not in columns]
    parts = [table[rest].assign(**{name: said, loss: table[column]}) for column, said in columns.items()]
    rows = pd.concat(parts, ignore_index=True)
    return rows[rows[loss].notna() & (rows[loss].astype(str).str.strip() != "")].reset_index(drop=True)
