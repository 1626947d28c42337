"""Which column holds what: parts and totals, active and all, compute spent and budgeted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.runs.columns import recognise_runs
from quokka_laws.runs.proposals import proposed

N, D = np.array([1e7, 2e7, 4e7]), np.array([2e8, 4e8, 8e8])


def found(**columns: object) -> dict[str, str]:
    return {v: k for k, v in recognise_runs(pd.DataFrame(columns), {}).mapping.items()}


def test_a_total_before_its_parts_which_are_said() -> None:
    table = pd.DataFrame({"params_wte": N / 4, "params_blocks": N / 2, "params_head": N / 4, "params_total": N})
    recognised = recognise_runs(table.assign(tokens_trained=D, val_bpb=1.0), {})
    assert recognised.given("N") == "params_total"
    assert recognised.given("loss") == "val_bpb"
    note = next(n for n in recognised.notes if n.code == "counted_by_part")
    assert (note.facts["embeddings"], note.facts["low"]) == (["params_wte"], 0.25)


def test_parts_alone_are_proposed_as_a_sum_that_can_be_asked_for() -> None:
    table = pd.DataFrame({"embedding_params": N / 4, "block_params": N, "head_params": N / 4, "tokens": D, "loss": 3.0})
    assert proposed(list(table), ["N"]) == {"N": "block_params + head_params"}
    runs = ql.read_runs(table, columns=proposed(list(table), ["N"]))
    assert runs["N"].tolist() == (1.25 * N).tolist()


def test_active_parameters_of_a_mixture_of_experts() -> None:
    table = pd.DataFrame({"total_params": 8 * N, "active_params": N, "tokens": D, "loss": [3.2, 3.1, 3.0]})
    runs = ql.read_runs(table)
    assert runs["N"].tolist() == N.tolist()
    assert runs.attrs["conventions"]["N_counts"] == "active"
    note = next(n for n in runs.attrs["notes"] if n["code"] == "active_and_total")
    assert (note["low"], note["high"]) == (8.0, 8.0)
    all_of_them = table.drop(columns="active_params").assign(num_experts=8)
    assert "total_of_experts" in [n["code"] for n in ql.read_runs(all_of_them).attrs["notes"]]


def test_a_total_before_a_count_without_embeddings() -> None:
    assert found(n_params=N, non_embedding_params=N / 2)["N"] == "n_params"
    assert found(non_embedding_params=N / 2)["N"] == "non_embedding_params"


@pytest.mark.parametrize(
    "name", ["tokens_per_second", "params_lr", "params_label", "params_wte", "batch_size", "model_name"]
)
def test_rates_parts_and_settings_are_never_proposed(name: str) -> None:
    assert found(**{name: N}) == ({"run_id": name} if name == "run_name" else {})
    assert proposed([name], ["N", "D", "C", "loss"]) == dict.fromkeys(("N", "D", "C", "loss"), "…")


def test_compute_spent_before_a_budget_and_no_budget_of_dollars() -> None:
    assert found(flops_budget=6 * N * D, achieved_flops=6.1 * N * D)["C"] == "achieved_flops"
    assert found(budget=6 * N * D)["C"] == "budget"
    assert "C" not in found(budget=[100, 200, 300])
    isoflop = pd.DataFrame({"budget": [1e18] * 3, "model_size": N, "loss": [3.2, 3.1, 3.0]})
    assert ql.read_runs(isoflop)["D"].tolist() == pytest.approx((1e18 / 6 / N).tolist())


def test_validation_before_training_and_several_evaluations_are_asked_for() -> None:
    assert found(train_loss=N, c4_val_loss=N)["loss"] == "c4_val_loss"
    table = pd.DataFrame({"N": N, "D": D, "eval_c4_loss": [3.2, 3.1, 3.0], "eval_wiki_loss": [3.5, 3.4, 3.3]})
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(table)
    fault = caught.value.faults[0]
    assert fault.code == "several_losses"
    for advice in fault.advice:
        assert len(ql.read_runs(table, **advice)) == 3


def test_the_objective_of_a_search_is_offered_and_not_taken() -> None:
    assert "loss" not in found(value=N)
    assert proposed(["value", "params_lr"], ["loss"]) == {"loss": "value"}
