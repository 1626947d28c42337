"""Rows left out: each by name and with its reason, and the others used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.cli.runs import summary
from quokka_laws.exceptions import RunsError

GOOD = {"N": [1e8, 2e8, 4e8], "D": [2e9, 8e9, 3e9], "loss": [3.4, 3.1, 3.2]}


def frame(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({**GOOD, **changes})


def test_rows_without_a_number_are_left_out_by_name_and_the_others_used() -> None:
    bad = frame(run_id=["a", "b", "c"], N=["1e8", "lots", "4e8"], D=[2e9, 8e9, float("nan")])
    runs = ql.read_runs(bad)
    assert runs["run_id"].tolist() == ["a"]
    left = [(e["row"], e["name"], e["code"], e["reason"]) for e in runs.attrs["excluded"]]
    assert left == [(2, "b", "no_number", "N is 'lots'"), (3, "c", "empty", "D is empty")]


def test_only_a_table_without_usable_rows_is_refused() -> None:
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(frame(loss=["pending", None, -1.0]))
    fault = caught.value.faults[0]
    assert (fault.code, fault.facts["n"]) == ("no_usable_rows", 3)


@pytest.mark.parametrize(
    ("changes", "row", "code"),
    [
        ({"loss": [3.4, -3.1, 3.2]}, 2, "not_positive"),
        ({"loss": [3.4, np.inf, 3.2]}, 2, "not_positive"),
        ({"N": [0, 1e8, 1e8]}, 1, "not_positive"),
        ({"loss": [3.4, 3.1, None]}, 3, "empty"),
        ({"D": ["2e9", "n/a", "3e9"]}, 2, "empty"),
    ],
)
def test_a_bad_row_never_fails_the_table(changes: dict[str, list[float]], row: int, code: str) -> None:
    runs = ql.read_runs(frame(**changes))
    assert len(runs) == 2
    assert [(e["row"], e["code"]) for e in runs.attrs["excluded"]] == [(row, code)]
    assert len(ql.check_runs(frame(**changes).assign(D=GOOD["D"]))) == (3 if "D" in changes else 2)


@pytest.mark.parametrize("bad", [2, 12])
def test_faults_of_rows_left_out_do_not_matter_however_many(bad: int) -> None:
    good = pd.DataFrame({"N": np.geomspace(1e8, 1e9, 20), "D": 2e10, "loss": np.linspace(3.4, 3.0, 20)})
    text = good.astype({"loss": object})
    text.loc[:bad, "loss"] = "crashed"
    runs = ql.read_runs(text, drop={"no loss": "loss != loss"})
    assert len(runs) == 20 - bad - 1
    assert {e["reason"] for e in runs.attrs["excluded"]} == {"no loss"}
    unnamed = ql.read_runs(text, drop="N == 100M")
    assert len(unnamed) == 20 - bad - 1
    assert [e["code"] for e in unnamed.attrs["excluded"]] == ["condition", *["no_number"] * bad]


def test_excluded_rows_are_recorded_with_their_reason() -> None:
    runs = ql.read_runs(frame(), drop={"diverged": "loss > 3.3"}, keep="N < 3e8")
    assert len(runs) == 1
    assert [(e["row"], e["reason"]) for e in runs.attrs["excluded"]] == [(1, "diverged"), (3, "not (N < 3e8)")]
    with pytest.raises(ql.RunsError, match="no column 'nonsense'"):
        ql.read_runs(frame(), drop="nonsense > 1")
    with pytest.raises(ql.RunsError, match="leave no rows"):
        ql.read_runs(frame(), drop="N > 0")


def test_failed_runs_are_left_out_and_recorded() -> None:
    table = frame(status=["ok", "nan", "ok"], loss=[3.4, None, 3.2], loss_kind=["ELBO bound"] * 3)
    runs = ql.read_runs(table)
    assert len(runs) == 2
    assert [(e["row"], e["code"], e["reason"]) for e in runs.attrs["excluded"]] == [(2, "state", "status nan")]
    assert runs.attrs["conventions"]["loss_kind"] == "ELBO bound"


@pytest.mark.parametrize("name", ["Status", "State", "state"])
def test_states_of_a_wandb_export_are_statuses(name: str, tmp_path: Path) -> None:
    table = frame(**{name: ["finished", "crashed", "finished"]})
    runs = ql.read_runs(table)
    assert len(runs) == 2
    assert [(e["row"], e["reason"]) for e in runs.attrs["excluded"]] == [(2, f"{name} crashed")]
    table.to_csv(tmp_path / "runs.csv", index=False)
    imported = ql.import_runs(tmp_path / "runs.csv")
    assert "3 rows, 2 usable" in summary(imported)
    assert len(ql.read_runs(imported)) == 2


def test_a_state_that_is_none_of_a_run_is_left_alone() -> None:
    assert len(ql.read_runs(frame(state=["Ohio", "Texas", "Iowa"]))) == 3


def test_numbers_in_ones_own_columns_can_be_conditions(tmp_path: Path) -> None:
    text = (
        "run_id,N,D,loss,width,step,note\n007,1e6,1e8,4.0,64,10,a\n008,2e6,1e8,3.9,128,20,3\n009,4e6,1e8,3.8,256,30,b\n"
    )
    (tmp_path / "runs.csv").write_text(text, encoding="utf-8")
    runs = ql.read_runs(tmp_path / "runs.csv", keep="width > 64 and step < 30")
    assert runs["run_id"].tolist() == ["008"]
    assert runs["note"].tolist() == ["3"]


def test_summaries_below_the_runs_are_left_out() -> None:
    table = pd.DataFrame({"run": ["a", "b", "mean", "Average"], "N": 1e8, "D": 2e9, "loss": [3.4, 3.3, 3.1, 3.35]})
    runs = ql.read_runs(table)
    assert runs["run_id"].tolist() == ["a", "b"]
    assert {record["code"] for record in runs.attrs["excluded"]} == {"summary"}
    assert len(ql.read_runs(table.iloc[[2, 3, 0, 1]])) == 4  # runs can be called so


def test_a_log_likelihood_is_minus_the_loss() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "D": 2e9, "loss": [-3.4, -3.2]})
    for case in (table, table.rename(columns={"loss": "log_likelihood"})):
        with pytest.raises(RunsError) as refused:
            ql.read_runs(case)
        (fault,) = refused.value.faults
        (advice,) = fault.advice
        assert ql.read_runs(case, **advice)["loss"].tolist() == [3.4, 3.2]


def test_runs_that_all_failed_are_counted_by_reason() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "D": 2e9, "loss": [3.4, 3.2], "state": "crashed"})
    with pytest.raises(RunsError, match=r"none of 2 rows can be used: state crashed \(2 rows\)"):
        ql.read_runs(table)
