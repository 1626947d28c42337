"""What is doubtful about the rows of a table before anything is fitted to them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from quokka_laws.laws import Law
from quokka_laws.results.diagnostic import Diagnostic, Option, Severity
from quokka_laws.results.fitted_law import HIGHEST_LOSS
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.conventions import Conventions
from quokka_laws.runs.read import row_names
from quokka_laws.runs.sweeps import seen

FREE_EPOCHS = 4.0  # up to which repeated tokens are worth about as much as fresh ones (Muennighoff et al. 2023)
MOST_ROWS = 20  # of one size at different D that are not taken for checkpoints


def of_runs(runs: pd.DataFrame, law: Law) -> Iterator[Diagnostic]:
    """Every diagnostic of rows that a law is to be fitted to."""
    yield from _swept(runs, law)
    yield from _perplexity(runs)
    yield from _checkpoints(runs)
    if "epochs" not in law.variables:
        advice = (Option("law", "bounded-memorization"), Option("law", "effective-data"))
        yield from repetition(runs, law.label, advice)


def _swept(runs: pd.DataFrame, law: Law) -> Iterator[Diagnostic]:
    """Several recipes or learning rates at each N and D, of which a law of N and D knows nothing."""
    if set(law.takes) <= {*INPUTS} and (found := seen(runs)) is not None:
        yield Diagnostic("SWEPT_RUNS", Severity.WARNING, dict(found.facts))


def _perplexity(runs: pd.DataFrame) -> Iterator[Diagnostic]:
    unit = Conventions.from_dict(runs.attrs.get("conventions", {})).loss_unit
    limit = HIGHEST_LOSS["nats/token"]
    if unit == "nats/token" and (highest := float(runs["loss"].max())) > limit:
        rows = row_names(runs, (runs["loss"] > limit).to_numpy())
        yield Diagnostic("LOSS_TOO_HIGH", Severity.ERROR, {"highest": highest, "limit": limit}, rows)


def _checkpoints(runs: pd.DataFrame) -> Iterator[Diagnostic]:
    if "run_id" in runs or not {"N", "D"} <= set(runs):
        return
    counts = runs.groupby([k for k in ("N", "U_D") if k in runs])["D"].nunique()
    if (count := int(counts.max())) > MOST_ROWS:
        size = counts.idxmax()
        N = float(size[0] if isinstance(size, tuple) else size)
        yield Diagnostic("CHECKPOINTS", Severity.ERROR, {"count": count, "N": N})


def repetition(runs: pd.DataFrame, law: str, advice: tuple[Option, ...] = ()) -> Iterator[Diagnostic]:
    """Rows that repeat their data, of which a law of one epoch knows nothing."""
    if "epochs" not in runs:
        return
    repeated = (runs["epochs"] > FREE_EPOCHS).to_numpy()
    if count := int(repeated.sum()):
        most = float(runs["epochs"].max())
        numbers = {"count": count, "of": len(runs), "times": FREE_EPOCHS, "most": most, "law": law}
        yield Diagnostic("REPETITION_IGNORED", Severity.WARNING, numbers, row_names(runs, repeated), advice)
