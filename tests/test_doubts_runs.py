"""Tables that can be read but are not what they seem: other units, perplexities, checkpoints, repeated data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.doubts_runs import of_runs

LAW = ql.laws.Chinchilla()
TRUE = dict(E=1.8, A=480, alpha=0.35, B=2100, beta=0.37)


def grid(sizes: int = 4, ratios: int = 4) -> pd.DataFrame:
    N = np.repeat(np.geomspace(2e7, 2e9, sizes), ratios)
    D = N * np.tile(np.geomspace(5, 200, ratios), sizes)
    return pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(TRUE, N=N, D=D)})


def codes(runs: pd.DataFrame, law: ql.laws.Law = LAW) -> list[str]:
    return [code for code, _ in of_runs(ql.read_runs(runs), law)]


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (dict(N=1e6, D=1e9), "column N holds 20 to 2000, which are no counts of parameters"),
        (dict(N=1e9, D=1e9), "column N holds 0.02 to 2, which"),
        (dict(N=1, D=1e9), "column D holds 0.1 to 400, which are no counts of tokens.*20M and 1.5B"),
    ],
)
def test_numbers_in_millions_or_billions_are_refused(units: dict[str, float], said: str) -> None:
    table = grid()
    with pytest.raises(ql.RunsError, match=said):
        ql.read_runs(table.assign(**{k: table[k] / unit for k, unit in units.items()}))


def test_the_smallest_models_that_are_trained_pass() -> None:
    assert codes(pd.DataFrame({"N": [672, 1500, 4000], "D": [8192, 16384, 8e5], "loss": [5.4, 5.2, 4.9]})) == []


def test_perplexities_are_doubted() -> None:
    table = grid()
    assert codes(table) == []
    assert codes(table.assign(loss=np.exp(table["loss"]))) == ["LOSS_TOO_HIGH"]
    assert "IS IT A PERPLEXITY" in ql.fit(LAW, ql.read_runs(table.assign(loss=np.exp(table["loss"])))).report().upper()


def test_checkpoints_without_run_id_are_doubted() -> None:
    table = grid(sizes=3, ratios=30)
    assert codes(table) == ["CHECKPOINTS"]
    assert codes(table.assign(run_id=np.repeat(["a", "b", "c"], 30))) == []
