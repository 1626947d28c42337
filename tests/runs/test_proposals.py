"""What is proposed where columns are missing works when it is tried."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import RunsError
from quokka_laws.runs.proposals import accuracies, proposed

SIZES = np.array([2e7, 2e7, 6e7, 6e7, 1.8e8, 1.8e8, 5e8])
LOSS = [3.9, 3.8, 3.6, 3.5, 3.3, 3.2, 3.0]


@pytest.mark.parametrize(
    ("columns", "advice"),
    [
        ({"tokens per parameter": [10, 40, 10, 40, 10, 40, 20]}, "`tokens per parameter` * n_params"),
        ({"TPP": [10, 40, 10, 40, 10, 40, 20]}, "TPP * n_params"),
        ({"train_steps": [10, 40, 30, 90, 50, 80, 60], "tokens_per_batch": 2**19}, "train_steps * tokens_per_batch"),
        ({"iters": [10, 40, 30, 90, 50, 80, 60], "global_batch_size": 64, "context_length": 2048}, "iters * global_batch_size * context_length"),
    ],
)  # fmt: skip
def test_formulas_of_tokens(columns: dict[str, object], advice: str) -> None:
    table = pd.DataFrame({"n_params": SIZES, "val_loss": LOSS, **columns})
    assert proposed(list(columns), ["D"], table, {"N": "n_params"}) == {"D": advice}
    with pytest.raises(RunsError) as refused:
        ql.fit(ql.laws.Chinchilla(), ql.read_runs(table))
    assert advice in str(refused.value)
    assert (ql.read_runs(table, columns={"D": advice})["D"] > 0).all()


def test_sizes_that_are_called_by_their_names() -> None:
    table = pd.DataFrame({"model": ["20M", "60M", "1.8B"], "tokens": ["2B"] * 3, "loss": [3.9, 3.6, 3.3]})
    assert ql.read_runs(table)["N"].tolist() == [2e7, 6e7, 1.8e9]
    table["model"] = ["small", "60M", "1.8B"]
    assert "N" not in ql.read_runs(table)


def test_an_accuracy_is_offered_with_the_unit_it_needs() -> None:
    table = pd.DataFrame({"N": SIZES, "D": 1e9, "arc_easy_acc": np.linspace(0.3, 0.6, 7), "arc_easy_acc_stderr": 0.01})
    assert accuracies(list(table)) == ["arc_easy_acc"]
    with pytest.raises(RunsError) as refused:
        ql.read_runs(table)
    (fault,) = refused.value.faults
    (advice,) = fault.advice
    assert advice == {"columns": {"loss": "arc_easy_acc"}, "loss_unit": "accuracy"}
    assert ql.read_runs(table, **advice)["loss"].iloc[0] == pytest.approx(0.7)


def test_logs_inside_objects_are_sent_to_the_importer() -> None:
    rows = [
        {"name": f"r{k}", "N": 1e7 * k, "log": [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.5}]} for k in (1, 2)
    ]
    with pytest.raises(RunsError) as refused:
        ql.read_runs(rows)
    assert [fault.code for fault in refused.value.faults] == ["logs_inside"]
