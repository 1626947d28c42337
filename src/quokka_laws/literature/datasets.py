"""Tables that travel with the package, and tables fetched from their owners.

Shipped tables are facts digitised from published figures; ``data/README.md`` gives source and checks. Tables that
may not be redistributed are downloaded once, with their checksum verified.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from quokka_laws.exceptions import ArgumentError, MissingDependencyError, QuokkaError
from quokka_laws.runs.checkpoints import STAGES
from quokka_laws.runs.read import read_runs
from quokka_laws.runs.remarks import Remark

__all__ = [
    "data_folder",
    "fetch_epoch_chinchilla",
    "load_calibration",
    "load_quokka_isoflops",
    "load_quokka_repeated",
    "load_quokka_tables",
    "read_epoch_chinchilla",
]

EPOCH_URL = "https://raw.githubusercontent.com/epoch-research/analyzing-chinchilla/9225883/data/svg_extracted_data.csv"
EPOCH_SHA256 = "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30"
Objective = Literal["autoregressive", "masked", "uniform"]
QUOKKA: dict[str, Any] = {"tokenizer": "GPT-2 BPE", "loss_kind": "ELBO bound", "N_counts": "total"}


def data_folder() -> Traversable:
    """Where the shipped data are: inside the installed package, or beside ``src`` in a checkout."""
    inside = files("quokka_laws") / "data"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "data"


def load_quokka_isoflops() -> pd.DataFrame:
    """87 masked-diffusion runs of the Quokka paper, digitised from Figure 2 of arXiv 2510.03280.

    Nine budgets from 3e18 to 1e21 FLOPs; ``loss`` is the smoothed final *training* loss in nats/token (good to
    4e-5), ``N`` total parameters, ``D = C/6N``.
    """
    with (data_folder() / "quokka2025" / "isoflop.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return read_runs(table, loss_split="training", corpus="Nemotron-CC", **QUOKKA)


def load_quokka_repeated(stages: Sequence[str] = ("descent", "overfit")) -> pd.DataFrame:
    """Checkpoints of 48 repeated-data diffusion runs of the Quokka paper, digitised from its Figure 4.

    Six unique-token budgets (10M to 139M) × eight sizes; ``loss`` is C4 *validation* loss in nats/token, ``N`` total
    parameters. These are 48 trajectories, not thousands of runs: resample and split by ``run_id``.

    Parameters
    ----------
    stages : sequence of str
        Of ``warmup``, ``descent``, ``overfit``, ``second_descent``; the paper fits descent and overfit. What is left
        out is counted in ``runs.attrs["notes"]``.
    """
    if unknown := [s for s in stages if s not in STAGES]:
        raise ArgumentError(f"stages {', '.join(unknown)} are not among {', '.join(STAGES)}")
    with (data_folder() / "quokka2025" / "repeated.csv.gz").open("rb") as file:
        table = pd.read_csv(file, compression="gzip")
    kept = table["stage"].isin(list(stages))
    some = table[kept].reset_index(drop=True)
    some.attrs["notes"] = [
        Remark("other_stages", {"n": int((~kept).sum()), "kept": list(stages)}).to_dict(),
    ]
    return read_runs(some, loss_split="validation", corpus="C4", **QUOKKA)


def load_quokka_tables() -> dict[str, Any]:
    """Tables 1–5 and the printed coefficients of the Quokka paper, for comparison."""
    tables: dict[str, Any] = json.loads((data_folder() / "quokka2025" / "tables.json").read_text(encoding="utf-8"))
    return tables


def load_reuse2026(corpus: Literal["dolma", "dclm"] | None = None, *, least_U_per_N: float = 0.0) -> pd.DataFrame:
    """302 final losses of repeated-data autoregressive runs of Qin et al. 2026 (arXiv 2607.25271), Apache-2.0.

    14M to 600M parameters on 1 to 320 unique tokens per parameter, seen 1 to 128 times; ``loss`` is the validation loss
    in nats/token of the best weight decay and learning rate that the authors tried. ``N`` is as in the name of the
    size, ``N_total`` counts embeddings.

    Parameters
    ----------
    corpus : {"dolma", "dclm"}, optional
        250 runs of seven sizes, or 52 of one size. Losses of different corpora do not compare: fit one of them.
    least_U_per_N : float
        Leave out runs with fewer unique tokens per parameter: below 5 many were hardly trained, with losses of 5 to 10
        nats. What is left out is counted in ``runs.attrs["notes"]``.

    Raises
    ------
    ValueError
        If there is no such corpus.

    Examples
    --------
    >>> import quokka_laws as ql
    >>> len(ql.datasets.load_reuse2026("dolma", least_U_per_N=5))
    173
    """
    with (data_folder() / "reuse2026" / "runs.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    names = {"dolma": "Dolma 3", "dclm": "DCLM"}
    if corpus is not None and corpus not in names:
        raise ArgumentError(f"corpus {corpus!r} is not among {', '.join(names)}")
    ours = table if corpus is None else table[table["corpus"] == corpus]
    enough = ours["U_D"] >= least_U_per_N * ours["N"]
    some = ours[enough].reset_index(drop=True)
    if few := int((~enough).sum()):
        some.attrs["notes"] = [Remark("few_unique", {"n": few, "least": least_U_per_N}).to_dict()]
    stated: dict[str, Any] = {} if corpus is None else {"corpus": names[corpus]}
    return read_runs(
        some, N_counts="non-embedding", loss_split="validation", loss_kind="exact NLL", tokenizer="dolma2", **stated
    )


def load_calibration(objective: Objective = "autoregressive") -> pd.DataFrame:
    """Byte-level models that the reference trainer trained for ``docs/calibration.md``: final losses and checkpoints.

    Parameters
    ----------
    objective : str
        Models trained to predict the next byte, bytes that were masked, or bytes that were replaced by any others.

    Returns
    -------
    DataFrame
        Columns as ``data/calibration/README.md`` has them. Rows of all groups and phases: fit one at a time.

    Raises
    ------
    ArgumentError
        If there are no such rows.
    """
    if objective not in (known := get_args(Objective)):
        raise ArgumentError(f"objective = {objective!r}: there are calibration rows of {', '.join(map(repr, known))}")
    with as_file(data_folder() / "calibration" / objective / "runs.jsonl") as path:
        return read_runs(path)


def fetch_epoch_chinchilla() -> pd.DataFrame:
    """245 Chinchilla runs digitised by Epoch (Besiroglu et al. 2024), downloaded and checked on first use.

    The table carries no licence, so it is not shipped. Published analyses drop the five highest losses.

    Raises
    ------
    MissingDependencyError
        Without ``pooch``.
    QuokkaError
        When the download fails or its checksum is wrong.
    """
    path = _fetched(EPOCH_URL, EPOCH_SHA256)
    return read_epoch_chinchilla(path)


def _fetched(url: str, sha256: str) -> Path:
    """A file of someone else's, downloaded once and checked."""
    try:
        import pooch
    except ImportError:
        raise MissingDependencyError('fetching data needs pooch: pip install "quokka-laws[fetch]"') from None
    try:
        return Path(pooch.retrieve(url, known_hash=sha256, path=pooch.os_cache("quokka-laws"), progressbar=False))
    except Exception as error:  # requests, urllib and pooch each raise their own kinds
        raise QuokkaError(f"cannot fetch {url}: {error}") from error


def read_epoch_chinchilla(path: str | Path) -> pd.DataFrame:
    """Epoch's ``svg_extracted_data.csv`` as runs; D follows from C and N."""
    table = pd.read_csv(path)
    return read_runs(
        table[["Model Size", "Training FLOP", "loss"]],
        columns={"N": "Model Size", "C": "Training FLOP"},
        N_counts="total",
        loss_split="training",
        loss_kind="exact NLL",
        corpus="MassiveText",
        tokenizer="SentencePiece 32k",
    )


def __dir__() -> list[str]:
    return __all__
