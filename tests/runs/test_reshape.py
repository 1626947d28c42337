"""Tables that hold sizes, tokens, seeds, metrics or splits in the wrong place become one row per run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.importers import import_runs
from quokka_laws.runs.reshape import reshaped

SIZES, TOKENS = (3e7, 1.2e8, 1.3e9), (1e9, 5e9)


def loss(N: float, D: float) -> float:
    return float(np.round(1.7 + 400 / N**0.34 + 400 / D**0.28, 5))


TRUE = sorted((N, D, loss(N, D)) for N in SIZES for D in TOKENS)
BY_SIZE = {"30M": SIZES[0], "120M": SIZES[1], "1.3B": SIZES[2]}
BY_TOKENS = {"1B": TOKENS[0], "5B": TOKENS[1]}


def found(table: pd.DataFrame) -> list[tuple[float, ...]]:
    return sorted(map(tuple, ql.read_runs(table)[["N", "D", "loss"]].to_numpy().tolist()))


@pytest.mark.parametrize("frame", ["{}", "loss_{}", "gpt-{}/val_loss", "{} loss", "val_loss ({})"])
def test_a_column_for_each_size(frame: str) -> None:
    wide = pd.DataFrame(
        {"tokens": TOKENS} | {frame.format(k): [loss(N, D) for D in TOKENS] for k, N in BY_SIZE.items()}
    )
    assert found(wide) == TRUE
    notes = ql.read_runs(wide).attrs["notes"]
    assert notes[0]["code"] == "by_size"
    assert notes[0]["name"] == "N"


@pytest.mark.parametrize("frame", ["{}", "loss@{}", "val_loss at {} tokens"])
def test_a_column_for_each_number_of_tokens(frame: str) -> None:
    wide = pd.DataFrame(
        {"n_params": SIZES} | {frame.format(k): [loss(N, D) for N in SIZES] for k, D in BY_TOKENS.items()}
    )
    assert found(wide) == TRUE
    assert found(wide.assign(n_params=list(BY_SIZE)).rename(columns={"n_params": "model"})) == TRUE


def test_a_column_for_each_seed() -> None:
    wide = pd.DataFrame(TRUE, columns=["N", "D", "loss_seed0"])
    wide["loss_seed1"] = wide["loss_seed0"] + 0.001
    runs = ql.read_runs(wide)
    assert len(runs) == 2 * len(TRUE)
    assert set(runs["seed"]) == {0, 1}


def test_a_row_for_each_metric_or_split(tmp_path: Path) -> None:
    long = pd.DataFrame(
        [
            (f"{k}_{t}", N, D, metric, loss(N, D) - (metric == "train/loss") * 0.1)
            for k, N in BY_SIZE.items()
            for t, D in BY_TOKENS.items()
            for metric in ("train/loss", "val/loss")
        ],
        columns=["run", "params", "tokens", "metric", "value"],
    )
    assert found(long) == TRUE
    split = long.rename(columns={"metric": "split", "value": "loss"})
    split["split"] = split["split"].str.removesuffix("/loss")
    assert found(split) == TRUE
    assert ql.read_runs(split).attrs["conventions"]["loss_split"] == "validation"
    again = pd.concat([split, split])  # two runs of one name: left as it is
    assert reshaped(again)[1] == []


def test_steps_beside_metrics_and_sizes(tmp_path: Path) -> None:
    steps = range(1, 21)
    rows = [
        f"m{k},{tag},{step},{loss(N, step * 1e6) + lift}\n"
        for k, N in BY_SIZE.items()
        for tag, lift in (("train/loss", 0.5), ("eval/loss", 0.0))
        for step in steps
    ]
    (tmp_path / "tags.csv").write_text("run,tag,step,value\n" + "".join(rows))
    runs = import_runs(tmp_path / "tags.csv", name="m{N}", tokens_per_step=1e6)
    assert runs["loss"].tolist() == [loss(N, 2e7) for N in SIZES]
    wide = pd.DataFrame({"step": steps} | {k: [loss(N, s * 1e6) for s in steps] for k, N in BY_SIZE.items()})
    wide.to_csv(tmp_path / "wide.csv", index=False)
    runs = import_runs(tmp_path / "wide.csv", tokens_per_step=1e6)
    assert sorted(zip(runs["N"], runs["D"], runs["loss"], strict=True)) == [(N, 2e7, loss(N, 2e7)) for N in SIZES]


def test_a_table_on_its_side(tmp_path: Path) -> None:
    table = pd.DataFrame(TRUE, columns=["params", "tokens", "val_loss"], index=[f"r{i}" for i in range(len(TRUE))])
    table.T.rename_axis("run").to_csv(tmp_path / "side.csv")
    runs = ql.read_runs(tmp_path / "side.csv")
    assert sorted(map(tuple, runs[["N", "D", "loss"]].to_numpy().tolist())) == TRUE
    assert runs["run_id"].tolist() == [f"r{i}" for i in range(len(TRUE))]


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"N": [1e8], "D": [2e9], "loss": [3.1]}),
        pd.DataFrame({"params": [1e8], "tokens": [2e9], "c4_loss": [3.1], "pile_loss": [2.9]}),
        pd.DataFrame({"tokens": [2e9], "params": [1e8], "70M": [3.1], "160M": [2.9]}),  # sizes or tokens?
        pd.DataFrame({"tokens": [2e9], "70M": [1], "160M": [0]}),  # no losses
        pd.DataFrame({"metric": ["lr", "wd"], "value": [1.0, 2.0]}),
    ],
)
def test_others_are_left_alone(table: pd.DataFrame) -> None:
    assert reshaped(table)[1] == []


def test_columns_called_by_plain_numbers_and_a_corner_that_names_both_ways() -> None:
    pivot = pd.DataFrame({"N": ["7e7", "2e8"], "2e9": ["3.5", "3.3"], "8000000000": ["3.2", "3.1"]})
    table, remarks = reshaped(pivot)
    assert table[["N", "D", "loss"]].to_numpy().tolist() == [
        ["7e7", "2e9", "3.5"],
        ["2e8", "2e9", "3.3"],
        ["7e7", "8000000000", "3.2"],
        ["2e8", "8000000000", "3.1"],
    ]
    assert remarks[0].facts["name"] == "D"
    for corner, other in (("params \\ tokens", "D"), ("tokens / params", "N")):
        named = pd.DataFrame({corner: ["70M", "160M"], "2B": ["3.5", "3.3"], "8B": ["3.2", "3.1"]})
        assert reshaped(named)[0].columns.tolist() == [corner.split()[0], other, "loss"]
    years = pd.DataFrame({"name": ["a", "b"], "2023": ["3.5", "3.3"], "2024": ["3.2", "3.1"]})
    assert reshaped(years)[0] is years
