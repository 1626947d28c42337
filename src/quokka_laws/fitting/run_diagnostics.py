"""What is doubtful about the rows of a table before anything is fitted to them, each as a code and one sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from quokka_laws.laws import Law
from quokka_laws.runs.conventions import Conventions

HIGHEST_LOSS = 12.0  # nats/token: guessing among 160,000 tokens
FREE_EPOCHS = 4.0  # up to which repeated tokens are worth about as much as fresh ones (Muennighoff et al. 2023)
MOST_ROWS = 20  # of one size at different D that are not taken for checkpoints


def of_runs(runs: pd.DataFrame, law: Law) -> Iterator[tuple[str, str]]:
    """Every doubt about rows that a law is to be fitted to."""
    yield from _perplexity(runs)
    yield from _checkpoints(runs)
    yield from _repetition(runs, law)


def _perplexity(runs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    unit = Conventions.from_dict(runs.attrs.get("conventions", {})).loss_unit
    if unit == "nats/token" and (highest := runs["loss"].max()) > HIGHEST_LOSS:
        yield (
            "LOSS_TOO_HIGH",
            f"THE LOSS GOES UP TO {highest:.4g} nats/token; guessing among 160,000 tokens costs {HIGHEST_LOSS:g}. Is it a "
            "perplexity? Take its logarithm",
        )


def _checkpoints(runs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    if "run_id" in runs or not {"N", "D"} <= set(runs):
        return
    counts = runs.groupby([k for k in ("N", "U_D") if k in runs])["D"].nunique()
    if counts.max() > MOST_ROWS:
        size = counts.idxmax()
        yield (
            "CHECKPOINTS",
            f"{counts.max()} ROWS OF ONE SIZE (N = {size[0] if isinstance(size, tuple) else size:.3g}) AT DIFFERENT D look like "
            "checkpoints of few runs. They are not independent: give a column run_id, or intervals are far too narrow",
        )


def _repetition(runs: pd.DataFrame, law: Law) -> Iterator[tuple[str, str]]:
    if "epochs" in law.variables or "epochs" not in runs:
        return
    if count := int((runs["epochs"] > FREE_EPOCHS).sum()):
        yield (
            "REPETITION_IGNORED",
            f"{count} OF {len(runs)} ROWS REPEAT THEIR DATA MORE THAN {FREE_EPOCHS:g} TIMES (up to {runs['epochs'].max():.3g}), and "
            f"{law.name} takes a repeated token for a fresh one. Fit a law that does not: --law bounded-memorization, or effective-data "
            "where no loss rises again",
        )
