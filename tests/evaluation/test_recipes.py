"""Recipes of known multiplier: intervals hold it, pairing narrows them, mistakes get a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from two_recipes import recipes

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, RunsError


def test_exact_runs_give_the_exact_multiplier_at_every_budget() -> None:
    found = ql.speedup(recipes(1.37, noise=1e-6, seed=1), C=[1e18, 1e20, 1e23], bootstrap=100)
    assert found.step.name == "one multiplier"
    assert found.step.kind == ("C",)
    assert found.table["multiplier"].tolist() == pytest.approx([1.37] * 3, rel=1e-3)
    assert (found.table["p_better"] == 1.0).all()
    A, B = (1.7 + 2.0 * (m * 1e20 / 1e17) ** -0.17 for m in (1.0, 1.37))
    assert found.table["loss_gain"][1] == pytest.approx(A - B, rel=1e-2)
    assert found.table["loss"][1] == pytest.approx(B, rel=1e-4)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = [
        bool(row["multiplier_lower"] <= 1.2 <= row["multiplier_upper"])
        for seed in range(12)
        for row in [ql.speedup(recipes(seed=seed), C=1e19, bootstrap=200).table.iloc[0]]
    ]
    assert 8 <= sum(held) <= 12  # of 12 at 90 %: fewer than 8 has a chance of 4 in 1000


def test_noise_that_pairs_share_cancels() -> None:
    def width(pair: str | None) -> float:
        row = ql.speedup(recipes(shared=0.9), C=1e19, pair=pair, bootstrap=400).table.iloc[0]
        return float(np.log(row["multiplier_upper"] / row["multiplier_lower"]))

    assert width("auto") < 0.6 * width(None)


def test_a_floor_is_held() -> None:
    found = ql.speedup(recipes(), fix={"E": 1.7}, bootstrap=100)
    assert all(step.fit.values["E"] == 1.7 for step in found.steps)
    assert "own everything" not in {step.name for step in found.steps}


def test_several_recipes_against_one_baseline() -> None:
    third = recipes(2.0, noise=1e-5).query("recipe == 'B'").assign(recipe="C")
    found = ql.speedup(pd.concat([recipes(1.2, noise=1e-5), third]), baseline="B", C=1e19, bootstrap=100)
    assert found.recipes == ("B", "A", "C")
    assert found.table["multiplier"].tolist() == pytest.approx([1 / 1.2, 2.0 / 1.2], rel=1e-3)


def test_of_checkpoints_the_last_counts() -> None:
    last = recipes().assign(run_id=lambda t: [f"run {i}" for i in range(len(t))])
    earlier = last.assign(D=last["D"] / 2, loss=last["loss"] + 0.2)
    found = ql.speedup(pd.concat([earlier, last], ignore_index=True), C=1e19, bootstrap=100)
    assert found.left_out == len(last)
    assert found.table["multiplier"][0] == ql.speedup(recipes(), C=1e19, bootstrap=100).table["multiplier"][0]


def test_the_same_seed_gives_the_same_numbers() -> None:
    a, b = (ql.speedup(recipes(), bootstrap=100, seed=3).table for _ in range(2))
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(
    ("runs", "arguments", "error", "says"),
    [
        (recipes(), {"baseline": "C"}, ArgumentError, ["'C'", "A, B"]),
        (recipes(), {"by": "arm"}, ArgumentError, ["'arm'", "recipe"]),
        (recipes().query("recipe == 'A'"), {}, ArgumentError, ["'A'", "every row"]),
        (recipes().drop(index=range(10, 16)), {}, RunsError, ["B has 2 runs", "3"]),
        (recipes().assign(N=1e8, D=2e9), {}, RunsError, ["A, B", "3 different C"]),
        (recipes().drop(columns=["N", "D"]), {}, RunsError, ["C"]),
        (recipes(), {"law": "kaplan"}, ArgumentError, ["kaplan"]),
        (recipes(), {"fix": {"alpha": 0.3}}, ArgumentError, ["alpha"]),
        (recipes(), {"pair": "twin"}, ArgumentError, ["twin"]),
        (recipes(), {"bootstrap": 5}, ArgumentError, ["5", "100"]),
        (recipes(), {"level": 90}, ArgumentError, ["90"]),
        (recipes(), {"C": -1.0}, ArgumentError, ["-1"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_a_mistake_gets_a_sentence(
    runs: pd.DataFrame, arguments: dict[str, Any], error: type[Exception], says: list[str]
) -> None:
    with pytest.raises(error) as caught:
        ql.speedup(runs, **{"bootstrap": 100, **arguments})
    assert all(part in str(caught.value) for part in says), str(caught.value)
