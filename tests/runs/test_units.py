"""Units of a loss: converted where the factor is known, else their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

N = [1e7, 2e7, 4e7]


def table(name: str, values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"params": N, "tokens": [2e8, 4e8, 8e8], name: values})


@pytest.mark.parametrize("name", ["perplexity", "val_ppl", "Eval Perplexity", "test/ppl"])
def test_a_perplexity_is_never_taken_for_nats(name: str) -> None:
    for columns in ({}, {"loss": name}):
        runs = ql.read_runs(table(name, [12.0, 9.0, 8.0]), columns=columns)
        assert runs["loss"].tolist() == pytest.approx(np.log([12.0, 9.0, 8.0]))
        assert {"code": "converted", "unit": "perplexity", "into": "nats/token", "how": "ln"} in runs.attrs["notes"]


def test_a_stated_unit_wins_over_the_name_and_is_said() -> None:
    runs = ql.read_runs(table("ppl", [3.2, 3.1, 3.0]), columns={"loss": "ppl"}, loss_unit="nats/token")
    assert runs["loss"].tolist() == [3.2, 3.1, 3.0]
    assert "stated_against_name" in [note["code"] for note in runs.attrs["notes"]]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("val_bpb", "bits/byte"),
        ("bits_per_char", "bits/character"),
        ("nats_per_byte", "nats/byte"),
        ("norm_loss", "normalised loss"),
    ],
)
def test_other_units_stay_their_own(name: str, unit: str) -> None:
    runs = ql.read_runs(table(name, [1.2, 1.1, 1.0]))
    assert runs["loss"].tolist() == [1.2, 1.1, 1.0]
    assert runs.attrs["conventions"]["loss_unit"] == unit
    assert "kept_unit" in [note["code"] for note in runs.attrs["notes"]]


def test_bytes_per_token_converts() -> None:
    runs = ql.read_runs(table("val_bpb", [1.2, 1.1, 1.0]), bytes_per_token=4.0)
    assert runs["loss"].tolist() == pytest.approx(4.0 * np.log(2) * np.array([1.2, 1.1, 1.0]))
    assert runs.attrs["conventions"]["loss_unit"] == "nats/token"


def test_an_accuracy_is_refused_with_advice_that_works() -> None:
    given = table("accuracy", [40.0, 50.0, 55.0])
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(given, columns={"loss": "accuracy"})
    fault = caught.value.faults[0]
    assert fault.code == "accuracy"
    runs = ql.read_runs(given, **fault.advice[0])
    assert runs["loss"].tolist() == pytest.approx([0.6, 0.5, 0.45])
    assert runs.attrs["conventions"]["loss_unit"] == "share of errors"


def test_a_perplexity_below_one_is_none() -> None:
    given = table("perplexity", [1.2, 0.9, 0.8])
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(given)
    fault = caught.value.faults[0]
    assert (fault.code, fault.rows) == ("no_perplexity", ("2", "3"))
    assert ql.read_runs(given, **fault.advice[0])["loss"].tolist() == [1.2, 0.9, 0.8]


def test_losses_in_two_units_are_not_mixed() -> None:
    mixed = table("loss", [3.2, 1.1, 1.0]).assign(loss_unit=["nats/token", "bits/byte", "bits/byte"])
    with pytest.raises(ql.RunsError, match="bits/byte and nats/token, which do not compare"):
        ql.read_runs(mixed)
    assert len(ql.read_runs(mixed, keep="loss_unit == 'bits/byte'")) == 2
