"""Formulas of columns that were asked for, and columns that hold logarithms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import RunsError

SIZES = np.array([2e7, 6e7, 1.8e8])
TABLE = pd.DataFrame({"params": SIZES, "loss": [3.9, 3.6, 3.3]})


def test_tokens_from_a_ratio_or_from_steps() -> None:
    ratio = TABLE.assign(tokens_per_param=20.0)
    assert (ql.read_runs(ratio, columns={"D": "tokens_per_param * params"})["D"] == 20 * SIZES).all()
    steps = TABLE.assign(steps=[100, 200, 300], bs=64, seq=1024)
    assert ql.read_runs(steps, columns={"D": "steps * bs * seq"})["D"].tolist() == [6553600.0, 13107200.0, 19660800.0]


def test_a_formula_of_columns_that_are_not_there_is_said() -> None:
    with pytest.raises(RunsError, match=r"the table has no column 'nope'\. There are: params, loss, steps"):
        ql.read_runs(TABLE.assign(steps=3), columns={"D": "steps * nope"})


@pytest.mark.parametrize(("name", "base"), [("log10_tokens", 10), ("lg tokens", 10), ("ln_tokens", np.e), ("log_tokens", np.e), ("log_tokens", 10)])  # fmt: skip
def test_logarithms_are_undone(name: str, base: float) -> None:
    runs = ql.read_runs(TABLE.assign(**{name: np.log(20 * SIZES) / np.log(base)}))
    assert runs["D"].to_numpy() == pytest.approx(20 * SIZES, rel=1e-9)
    assert "unlogged" in [note["code"] for note in runs.attrs["notes"]]


def test_a_logarithm_beside_the_number_is_left_alone() -> None:
    runs = ql.read_runs(TABLE.assign(tokens=1e9, log10_tokens=7.0))
    assert (runs["D"] == 1e9).all()


def test_a_log_loss_is_a_loss() -> None:
    assert ql.read_runs(pd.DataFrame({"N": SIZES, "D": 1e9, "log_loss": [3.9, 3.6, 3.3]}))["loss"].tolist() == [
        3.9,
        3.6,
        3.3,
    ]


@pytest.mark.parametrize(
    "names", [["pythia-20m", "pythia-60m", "pythia-0.18b"], ["LM 1.5 (20M)", "LM 1.5 (60M)", "LM 1.5 (180M)"]]
)
def test_sizes_in_names_of_models(names: list[str]) -> None:
    runs = ql.read_runs(TABLE.drop(columns="params").assign(model=names, tokens=1e9))
    assert runs["N"].tolist() == [2e7, 6e7, 1.8e8]
    assert "sized" in [note["code"] for note in runs.attrs["notes"]]


@pytest.mark.parametrize(
    "names", [["a-20M", "b", "c-9M"], ["x-8x7B"] * 3, ["q-30B-A3B"] * 3, ["20M-on-4B", "60M-on-4B", "90M-on-4B"]]
)
def test_names_that_do_not_say_one_size(names: list[str]) -> None:
    assert "N" not in ql.read_runs(TABLE.drop(columns="params").assign(model=names, tokens=1e9))


def test_a_decimal_logarithm_of_the_loss_is_undone() -> None:
    runs = ql.read_runs(TABLE.drop(columns="loss").assign(log10_loss=np.log10(TABLE["loss"]), tokens=1e9))
    assert runs["loss"].to_numpy() == pytest.approx(TABLE["loss"].to_numpy())
