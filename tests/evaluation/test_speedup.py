"""Recipes of known multiplier: intervals hold it, pairing narrows them, steps are taken when they are due, mistakes get a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.results.diagnostic import Severity

NOISE = 0.004


def recipes(
    m: float = 1.2,
    *,
    sizes: int = 8,
    shared: float = 0.8,
    other_sizes: bool = False,
    noise: float = NOISE,
    exponent: float = 0.17,
    seed: int = 0,
) -> pd.DataFrame:
    """Two recipes along one D/N; B saves a factor m at the smallest size, and its own exponent may differ."""
    rng = np.random.default_rng(seed)
    N = np.geomspace(3e7, 3e9, sizes)
    common = rng.standard_normal(sizes)
    parts = []
    for recipe, factor, kappa in (("A", 1.0, 0.17), ("B", m, exponent)):
        size = N * (1.3 if other_sizes and recipe == "B" else 1.0)
        C = 120.0 * size**2
        e = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.standard_normal(sizes)
        loss = 1.7 + 2.0 * (factor * C / 1e17) ** -kappa
        parts.append(pd.DataFrame({"recipe": recipe, "N": size, "D": 20 * size, "loss": loss * np.exp(noise * e)}))
    return pd.concat(parts, ignore_index=True)


def surfaces(m: float, noise: float = 1e-5) -> pd.DataFrame:
    """Two recipes over N and D; both terms of B are smaller, so that it saves a factor m of compute and more of tokens."""
    rng = np.random.default_rng(0)
    alpha, beta = 0.34, 0.37
    s = m ** (-alpha * beta / (alpha + beta))
    N, ratio = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 3e9, 5), [5.0, 20.0, 80.0]))
    parts = []
    for recipe, scale in (("A", 1.0), ("B", s)):
        loss = 1.7 + scale * (400 / N**alpha + 2000 / (ratio * N) ** beta)
        noisy = loss * np.exp(noise * rng.standard_normal(len(N)))
        parts.append(pd.DataFrame({"recipe": recipe, "N": N, "D": ratio * N, "loss": noisy}))
    return pd.concat(parts, ignore_index=True)


def test_exact_runs_give_the_exact_multiplier_at_every_budget() -> None:
    found = ql.speedup(recipes(1.37, noise=1e-6), C=[1e18, 1e20, 1e23], bootstrap=100)
    assert found.step.name == "one multiplier"
    assert found.step.kind == ("C",)
    assert found.table["multiplier"] == pytest.approx([1.37] * 3, rel=1e-3)
    assert (found.table["p_better"] == 1.0).all()
    A, B = (1.7 + 2.0 * (m * 1e20 / 1e17) ** -0.17 for m in (1.0, 1.37))
    assert found.table["loss_gain"][1] == pytest.approx(A - B, rel=1e-2)
    assert found.table["loss"][1] == pytest.approx(B, rel=1e-4)


def test_a_law_of_N_and_D_compares_at_the_best_size_and_in_tokens() -> None:
    found = ql.speedup(surfaces(1.5), C=1e20, bootstrap=100)
    assert found.step.kind == ("N", "D")
    assert found.step.name == "one multiplier"
    assert found.table["multiplier"][0] == pytest.approx(1.5, rel=1e-2)
    frontier = ql.plan.compute_optimal(ql.fit("chinchilla", surfaces(1.5).query("recipe == 'A'")), 1e20, level=None)
    assert found.frontiers.loss(np.array([1e20]), 0)[0, 0] == pytest.approx(frontier["loss"][0], rel=1e-3)
    s = 1.5 ** (-0.34 * 0.37 / 0.71)
    n, d = 1e9, 2e10
    loss = 1.7 + s * (400 / n**0.34 + 2000 / d**0.37)
    tokens = (2000 / (loss - 1.7 - 400 / n**0.34)) ** (1 / 0.37)
    assert found.tokens(n, d)["multiplier"][0] == pytest.approx(tokens / d, rel=2e-2)


def test_runs_along_one_ratio_do_not_tell_tokens_from_parameters() -> None:
    with pytest.raises(ArgumentError, match="D/N"):
        ql.speedup(recipes(), bootstrap=100).tokens(1e9, 2e10)


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


def test_what_pairing_saves_is_said() -> None:
    paired = {d.code: d for d in ql.speedup(recipes(shared=0.9, sizes=9), bootstrap=100).diagnostics}
    assert paired["PAIRED"].numbers["pairs"] == 9
    assert paired["PAIRED"].numbers["shared"] > 0.5
    other = {d.code for d in ql.speedup(recipes(other_sizes=True), bootstrap=100).diagnostics}
    assert "UNPAIRED" in other
    assert "PAIRED" not in other


def test_own_exponents_are_taken_where_they_differ_and_the_crossing_is_given() -> None:
    found = ql.speedup(recipes(0.5, exponent=0.2, noise=1e-4, shared=0.0), bootstrap=200)
    assert found.step.name == "own sizes and exponents"
    # (C/1e17)^-.17 = (C/2e17)^-.2
    crossing = 1e17 * 2.0 ** (0.2 / 0.03)
    row = found.crossings.iloc[0]
    assert row["C"] == pytest.approx(crossing, rel=0.1)
    assert row["C_lower"] <= row["C"] <= row["C_upper"]
    assert row["above"] == "B"
    assert row["share"] > 0.9
    assert found.at(crossing / 10)["p_better"][0] < 0.1 < 0.9 < found.at(crossing * 10)["p_better"][0]


def test_one_multiplier_never_crosses() -> None:
    assert ql.speedup(recipes(), bootstrap=100).crossings.empty


def test_a_floor_is_held() -> None:
    found = ql.speedup(recipes(), fix={"E": 1.7}, bootstrap=100)
    assert all(step.fit.values["E"] == 1.7 for step in found.steps)
    assert "own everything" not in {step.name for step in found.steps}


def test_several_recipes_against_one_baseline() -> None:
    third = recipes(2.0, noise=1e-5).query("recipe == 'B'").assign(recipe="C")
    found = ql.speedup(pd.concat([recipes(1.2, noise=1e-5), third]), baseline="B", C=1e19, bootstrap=100)
    assert found.recipes == ("B", "A", "C")
    assert found.table["multiplier"].tolist() == pytest.approx([1 / 1.2, 2.0 / 1.2], rel=1e-3)


def test_far_from_the_runs_it_rests_on_the_law() -> None:
    found = ql.speedup(recipes(), C=[1e19, 1e23], bootstrap=100)
    assert found.table["rests_on"].tolist() == ["runs", "law"]
    (far,) = (d for d in found.diagnostics if d.code == "SPEEDUP_FROM_LAW")
    assert far.severity is Severity.WARNING
    assert far.numbers["factor"] > 10


def test_recipes_without_a_loss_in_common_rest_on_the_law() -> None:
    runs = recipes(1.2)
    cheap, dear = runs[runs["recipe"] == "A"].head(4), runs[runs["recipe"] == "B"].tail(4)
    found = ql.speedup(pd.concat([cheap, dear]), bootstrap=100)
    assert "NO_OVERLAP_IN_LOSS" in {d.code for d in found.diagnostics}
    assert (found.table["rests_on"] == "law").all()
    assert len(found.known) == 1


def test_a_bound_and_an_exact_loss_do_not_compare() -> None:
    runs = recipes()
    runs["loss_kind"] = np.where(runs["recipe"] == "A", "exact NLL", "ELBO bound")
    (doubt,) = (d for d in ql.speedup(runs, bootstrap=100).diagnostics if d.code == "LOSSES_OF_TWO_KINDS")
    assert doubt.severity is Severity.ERROR


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
