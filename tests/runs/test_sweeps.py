"""Sweeps at each N and D: seen, reduced to the best of each, and how much too low that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.runs import best
from quokka_laws.runs.sweeps import cell_numbers, seen

NOISE = 0.01


def sweep(
    noise: float = NOISE, rates: tuple[float, ...] = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), seeds: int = 1
) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for N in (1e7, 3e7, 9e7):
        for D in (2e8, 8e8, 3.2e9):
            floor = 1.7 + 400 / N**0.34 + 1200 / D**0.3
            for lr in rates:
                for seed in range(seeds):
                    loss = floor + 0.3 * np.log10(lr / 1e-3) ** 2 + noise * rng.standard_normal()
                    rows.append(
                        {"run_id": f"{N:g}-{D:g}-{lr}-{seed}", "N": N, "D": D, "lr": lr, "seed": seed, "loss": loss}
                    )
    return pd.DataFrame(rows)


def test_a_sweep_is_seen_and_its_advice_ends_it() -> None:
    runs = ql.read_runs(sweep())
    note = next(note for note in runs.attrs["notes"] if note["code"] == "sweep")
    assert (note["columns"], note["cells"], note["of"]) == (["lr"], 9, 9)
    followed = ql.read_runs(sweep(), **note["advice"][0])
    assert len(followed) == 9
    assert "sweep" not in [note["code"] for note in followed.attrs["notes"]]
    left = followed.attrs["excluded"]
    assert len(left) == 36
    assert {e["code"] for e in left} == {"not_best"}
    assert left[0]["name"].startswith("1e+07-2e+08")


def test_seeds_are_no_sweep() -> None:
    seeds = sweep(rates=(1e-3,), seeds=4, noise=0.1)
    assert seen(ql.read_runs(seeds)) is None
    assert len(ql.read_runs(seeds)) == 36


def test_the_bias_of_the_lowest_is_that_of_normal_draws() -> None:
    rng = np.random.default_rng(1)
    told = []
    for _ in range(6):
        flat = sweep(noise=0.0)
        flat["loss"] -= (
            0.3 * np.log10(flat["lr"] / 1e-3) ** 2
        )  # the learning rate does nothing: the lowest of five is noise
        flat["loss"] += 0.05 * rng.standard_normal(len(flat))
        kept = best(ql.read_runs(flat), by="lr")
        told.append(next(n for n in kept.attrs["notes"] if n["code"] == "best_bias"))
    assert np.mean([n["noise"] for n in told]) == pytest.approx(0.05, rel=0.15)
    assert np.mean([n["bias"] for n in told]) == pytest.approx(
        0.05 * 1.163, rel=0.3
    )  # 1.163 sd: the lowest of five draws


def test_edges_of_a_sweep_are_said() -> None:
    kept = best(ql.read_runs(sweep(rates=(1e-4, 3e-4, 7e-4))), by=["lr"])
    note = next(n for n in kept.attrs["notes"] if n["code"] == "best_at_edge")
    assert (note["column"], note["n"], note["of"]) == ("lr", 9, 9)


def test_noise_from_seeds_which_are_averaged() -> None:
    runs = ql.read_runs(sweep(seeds=3, noise=0.02))
    kept = best(runs, by="lr")
    assert len(kept) == 9
    note = next(n for n in kept.attrs["notes"] if n["code"] == "best_bias")
    assert note["noise"] == pytest.approx(0.02, rel=0.2)
    cell = runs[(runs["N"] == 1e7) & (runs["D"] == 2e8)]
    assert kept["loss"].iloc[0] == pytest.approx(cell.groupby("lr")["loss"].mean().min())


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(ql.RunsError, match="best of bs: no such column"):
        best(ql.read_runs(sweep()), by="bs")


def test_a_swept_column_by_its_usual_short_name() -> None:
    table = pd.DataFrame({"N": 1e8, "D": 2e9, "learning_rate": [1e-4, 3e-4, 1e-3], "loss": [3.5, 3.4, 3.6]})
    assert ql.read_runs(table, best_of="lr")["learning_rate"].tolist() == [3e-4]
    two = table.assign(peak_learning_rate=table["learning_rate"] * 2)
    with pytest.raises(ql.RunsError, match="no such column; the table has N"):
        ql.read_runs(two, best_of="lr")


def test_tokens_rounded_to_whole_batches_are_one_cell() -> None:
    table = sweep()
    table["D"] *= 1 + 0.004 * np.random.default_rng(0).random(len(table))
    assert seen(ql.read_runs(table)) is not None
    assert len(best(ql.read_runs(table), by="lr")) == 9


def test_checkpoints_that_lie_close_stay_apart() -> None:
    table = pd.DataFrame(
        {"run_id": list("aaabbb"), "N": 1e8, "D": [1e9, 1.005e9, 1.01e9] * 2, "lr": [1e-3] * 3 + [3e-3] * 3}
    )
    runs = ql.read_runs(table.assign(loss=[3.2, 3.1, 3.0, 3.3, 3.2, 3.1]))
    assert cell_numbers(runs).tolist() == [0, 1, 2, 0, 1, 2]
