"""One answer: it holds, it is no worse than its members, and it says when none of them is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import DESIGNS, TRUTHS, simulate

import quokka_laws as ql
from quokka_laws.evaluation.consensus import average_laws, join, law_weights


def test_llada_has_one_size(quokka87: pd.DataFrame) -> None:
    """Chinchilla says 7.35B and profiles 14.9B; the paper advises 14B."""
    found = ql.consensus(quokka87, 1.1e23)
    (row,) = found.table.to_dict("records")
    assert row["N"] == pytest.approx(1.41e10, rel=0.03)
    assert 1.1e10 < row["N_lower"] < 1.25e10 < 1.6e10 < row["N_upper"] < 1.8e10
    assert row["N"] * row["D"] * 6 == pytest.approx(1.1e23)
    assert found.weights["chinchilla"] < 1e-6
    assert found.coupling_p_value < 1e-6
    assert found.widest > 1.8
    assert found.members["weight"].sum() == pytest.approx(1.0)
    assert str(found).splitlines()[0].startswith("C = 1.1e+23: 14.1B parameters [")


@pytest.mark.parametrize("truth", ["chinchilla", "skaling, k = 0.45"])
def test_intervals_hold_the_truth(truth: str) -> None:
    held = []
    for seed in range(12):
        runs = simulate(TRUTHS[truth], DESIGNS["40, isoflop"](), "1 %", seed)
        row = ql.consensus(runs, 100 * runs["C"].max()).table.iloc[0]
        held.append(row["N_lower"] <= np.exp(TRUTHS[truth].log_N(row["C"])) <= row["N_upper"])
    assert sum(held) >= 10


def test_few_runs_and_no_profiles() -> None:
    runs = simulate(TRUTHS["chinchilla"], DESIGNS["9, grid"](), "1 %", 1)
    found = ql.consensus(runs, [1e21, 1e22])
    assert found.weights == {"chinchilla": 1.0}
    assert len(found.refused) == 1
    assert found.fits["chinchilla"].prior
    free = ql.consensus(runs, [1e21, 1e22], prior=None)
    assert (
        np.log(free.table["N_upper"] / free.table["N_lower"]).iloc[1]
        > np.log(found.table["N_upper"] / found.table["N_lower"]).iloc[1]
    )


def test_a_refuted_law_widens_with_distance(shared_data: Path) -> None:
    """Epoch's best sizes grow ever more slowly: no constant exponent is right, and cheap runs say so."""
    table = pd.read_csv(shared_data / "epoch_chinchilla" / "svg_extracted_data.csv").dropna()
    runs = pd.DataFrame({"N": table["Model Size"], "C": table["Training FLOP"], "loss": table["loss"]})
    runs = ql.check_runs(runs.assign(D=runs["C"] / 6 / runs["N"]).sort_values("loss").iloc[:-5].reset_index(drop=True))
    found = ql.consensus(runs, [1e22, 1e25])
    assert found.pattern.p < 1e-6
    assert found.drift > 0.01


def test_checkpoints_count_once() -> None:
    runs = simulate(TRUTHS["chinchilla"], DESIGNS["40, isoflop"](), "1 %", 1)
    ends = runs.assign(run_id=np.arange(len(runs)))
    halves = ends.assign(D=ends["D"] / 2, C=ends["C"] / 2, loss=ends["loss"] + 0.1)
    both = ql.check_runs(pd.concat([ends, halves], ignore_index=True))
    assert ql.consensus(both, 1e22).table["N"].iloc[0] == pytest.approx(ql.consensus(runs, 1e22).table["N"].iloc[0])


def test_arithmetic() -> None:
    weights = law_weights(np.array([[10.0, 8.0]]), [5, 6], [0.5, 0.5])
    assert weights.tolist() == [[0.5, 0.5]]  # two units of deviance pay for one coefficient
    one, two = np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]])
    centre, error = average_laws(one, two, np.array([[0.5], [0.5]]))
    assert (centre[0], error[0]) == (1.0, pytest.approx(np.sqrt(2.0)))
    mean, error, w = join(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1))
    assert (mean[0], error[0], w[0]) == (0.0, 1.0, 0.5)  # agreement of the same runs is no news
    _, apart, _ = join(np.zeros(1), np.ones(1), np.full(1, 10.0), np.ones(1))
    assert apart[0] > 4.0
    assert join(np.zeros(1), np.ones(1), np.full(1, np.nan), np.full(1, np.nan))[2][0] == 0.0
    assert join(np.zeros(1), np.ones(1), np.ones(1), np.full(1, 3.0))[2][0] == 0.0  # much vaguer: no say
