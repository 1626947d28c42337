"""What is proposed where columns are missing works when it is tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import RunsError
from quokka_laws.runs.proposals import accuracies, in_names, proposed

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


def test_names_that_hold_size_and_tokens_are_sent_to_the_importer_with_their_pattern(tmp_path: Path) -> None:
    names = [f"run_{n}M_{d}B_lr3e-4" for n in (20, 60, 180) for d in (1, 4)]
    path = tmp_path / "runs.csv"
    pd.DataFrame({"name": names, "val_loss": np.linspace(4, 3, 6)}).to_csv(path, index=False)
    with pytest.raises(RunsError) as refused:
        ql.fit(ql.laws.Chinchilla(), ql.read_runs(path))
    assert "name='{}{N}_{D}{}'" in str(refused.value)
    runs = ql.read_runs(ql.import_runs(path, name="{}{N}_{D}{}"))
    assert sorted(set(runs["N"])) == [2e7, 6e7, 1.8e8]
    assert in_names(["name"], pd.DataFrame({"name": ["a", "b"]})) == ("", "")


def test_what_is_proposed_for_the_loss_holds_numbers() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "D": 1e9, "metric": ["mse", "mse"], "objective": [3.2, 3.1]})
    assert proposed(["metric", "objective"], ["loss"], table) == {"loss": "objective"}


def test_models_of_which_some_are_called_by_their_sizes() -> None:
    table = pd.DataFrame({"model": ["small", "60M", "1.8B"], "D": 1e9, "loss": [3.2, 3.1, 3.0]})
    advice = proposed(["model"], ["N"], table)
    assert advice == {"N": "model"}
    runs = ql.read_runs(table, columns=advice)
    assert runs["N"].tolist() == [6e7, 1.8e9]
    assert [record["reason"] for record in runs.attrs["excluded"]] == ["N is 'small'"]


def test_a_letter_that_may_mean_something_else_comes_last() -> None:
    runs = ql.read_runs(pd.DataFrame({"d": [64, 128], "tokens": [1e9, 2e9], "N": 1e8, "loss": [3.2, 3.1]}))
    assert runs.attrs["undecided"] == {"D": ["tokens", "d"]}
    assert "C" not in ql.read_runs(pd.DataFrame({"c": [12, 24], "loss": [3.2, 3.1]}))


def test_layers_and_width_give_the_parameters_of_blocks() -> None:
    table = pd.DataFrame(
        {"model.n_layer": [4, 4, 8, 8, 16, 16, 24], "model.d_model": [256, 256, 512, 512, 1024, 1024, 1536]}
    ).assign(tokens=40 * SIZES, loss=LOSS)
    with pytest.raises(RunsError, match=r"12 \* `model.n_layer` \* `model.d_model`\^2") as refused:
        ql.fit("chinchilla", table)
    assert "without embeddings" in str(refused.value)
    followed = ql.read_runs(table, columns={"N": "12 * model.n_layer * model.d_model^2"})
    assert followed["N"].iloc[0] == 12 * 4 * 256**2


@pytest.mark.parametrize("by", ["×", "x", " / "])
def test_points_of_a_grid_called_by_both(tmp_path: Path, by: str) -> None:
    path = tmp_path / "grid.csv"
    path.write_text(
        "point,loss\n" + "".join(f"{n}M{by}{d}B,{4 - n / 1000 - d / 100}\n" for n in (70, 160) for d in (2, 8))
    )
    table = pd.DataFrame({"point": [f"{n}M{by}{d}B" for n in (70, 160) for d in (2, 8)]})
    assert in_names(["point"], table) == ("point", f"{{N}}{by}{{D}}")
    runs = ql.import_runs(path, name=f"{{N}}{by}{{D}}", columns={"run_id": "point"})
    assert runs["D"].tolist() == [2e9, 8e9, 2e9, 8e9]
