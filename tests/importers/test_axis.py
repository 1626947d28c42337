"""What an axis counts, by name and values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quokka_laws.importers import axis


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("Step", [0, 100, 200], axis.STEPS),
        ("_step", [1, 2, 3], axis.STEPS),
        ("trainer/global_step", [1, 2, 3], axis.STEPS),
        ("Step", [0.5, 1.0, 1.5], axis.UNKNOWN),
        ("iter (k)", [0.5, 1.0, 1.5], axis.STEPS),
        ("total_flops", [1e18, 2e18], axis.FLOPS),
        ("step", [1e8, 2e8, 4e8], axis.UNKNOWN),
        ("tokens_seen", [1e6, 2e6], axis.TOKENS),
        ("throughput/total_tokens", [1e9, 2e9], axis.TOKENS),
        ("train/num_tokens", [1e9, 2e9], axis.TOKENS),
        ("tokens_per_second", [1e5, 1e5], axis.UNKNOWN),
        ("epoch", [0.5, 1.0], axis.EPOCHS),
        ("train/epoch", [1, 2], axis.EPOCHS),
        ("consumed_samples", [1000, 2000], axis.SAMPLES),
        ("Relative Time (Process)", [0.5, 1.0], axis.TIME),
        ("wall_time", [1.7e9, 1.8e9], axis.TIME),
        ("_timestamp", [1.7e9, 1.8e9], axis.TIME),
        ("latest", [1, 2], axis.UNKNOWN),
    ],
)
def test_kinds(name: str, values: list[float], kind: str) -> None:
    assert axis.kind_of(name, np.array(values, dtype=float)) == kind


def test_series_by_epoch() -> None:
    assert axis.by_epoch("epoch_loss", np.arange(5.0))
    assert not axis.by_epoch("val_loss_epoch", np.arange(5.0) * 100)
    assert not axis.by_epoch("val_loss", np.arange(5.0))


def test_factors() -> None:
    assert axis.tokens_each(axis.SAMPLES, {"model.seq_length": "2048"}) == (2048.0, "model.seq_length = 2048")
    assert axis.tokens_each(axis.EPOCHS, {"U_D": "1B"}) == (1e9, "U_D = 1e+09")
    assert axis.tokens_each(axis.SAMPLES, {"lr": 1e-3}) is None
    assert axis.tokens_each(axis.FLOPS, {"N": "10M"}) == (1 / 6e7, "1/6N, N = 1e+07")
    assert axis.tokens_each(axis.TIME, {"U_D": 1e9}) is None


def test_shapes_of_an_axis() -> None:
    assert axis.rises(np.array([1.0, 2.0, 5.0]))
    assert not axis.rises(np.array([1.0, 1.0]))
    assert axis.evenly(np.arange(1.0, 9.0))
    assert not axis.evenly(np.geomspace(1, 100, 9))


def test_numbers_as_people_write_them() -> None:
    assert axis.numbers(pd.Series(["1,000", "2,000"])).tolist() == [1000.0, 2000.0]
    assert np.isnan(axis.numbers(pd.Series(["1/5", "2/5"]))).all()


def test_steps_that_start_again_with_every_epoch() -> None:
    epochs = np.repeat([1.0, 2.0, 3.0], 3)
    sparse, dense = np.tile([0.0, 100.0, 200.0], 3), np.tile([0.0, 1.0, 2.0], 3)
    assert axis.through_epochs(np.arange(9.0), epochs) is None
    assert axis.through_epochs(sparse, np.ones(9)) is None
    unsaid = axis.through_epochs(sparse, epochs)
    assert unsaid is not None
    assert unsaid.each is None
    said = axis.through_epochs(sparse, epochs, np.full(9, 250.0))
    assert said is not None
    assert said.values.tolist() == [0, 100, 200, 250, 350, 450, 500, 600, 700]
    counted = axis.through_epochs(dense, epochs - 1)
    assert counted is not None
    assert counted.values.tolist() == list(range(9))
    assert axis.kind_of("tokens/s") == axis.UNKNOWN
