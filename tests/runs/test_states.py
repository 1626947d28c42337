"""Runs that did not finish, in everybody's words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.runs.states import states


@pytest.mark.parametrize(
    ("column", "words", "finished"),
    [
        ("run_state", ["finished", "crashed", "running"], [True, False, False]),
        ("state", ["COMPLETE", "PRUNED", "FAIL"], [True, False, False]),
        ("state", ["TrialState.COMPLETE", "TrialState.PRUNED", "TrialState.RUNNING"], [True, False, False]),
        ("trial_status", ["TERMINATED", "ERROR", "PENDING"], [True, False, False]),
        ("State", ["COMPLETED", "CANCELLED by 1000", "OUT_OF_MEMORY"], [True, False, False]),
        ("slurm_outcome", ["COMPLETED", "TIMEOUT", "NODE_FAIL"], [True, False, False]),
        ("how_it_went", ["done", "killed", "done"], [True, False, True]),
        ("done", [True, False, True], [True, False, True]),
        ("is_finished", ["yes", "no", "yes"], [True, False, True]),
        ("diverged", [0, 1, 0], [True, False, True]),
        ("ExitCode", ["0:0", "0:9", "1:0"], [True, False, False]),
        ("status", ["ok", "nan", "diverged"], [True, False, False]),
        ("status", ["ok", "odd", "ok"], [True, False, True]),
        ("state", ["Ohio", "Texas", "Iowa"], [True, True, True]),
        ("note", ["running start", "ok then", ""], [True, True, True]),
        ("finished_at", ["2026-01-01", "2026-01-02", ""], [True, True, True]),
        ("Done", ["✓", "✗", "✓"], [True, False, True]),
        ("finished", ["x", "", "X"], [True, False, True]),
        ("exclude", ["", "", "x"], [True, True, False]),
        ("is_valid", [True, False, True], [True, False, True]),
        ("use", ["yes", "no", "yes"], [True, False, True]),
        ("progress (%)", [100, 42, 100], [True, False, True]),
        ("% complete", ["100%", "100%", "3%"], [True, True, False]),
        ("progress", [0.3, 0.6, 1.0], [True, True, True]),  # points along runs
        ("fraction", [1.0, 1.0, 0.5], [True, True, True]),  # of what?
        ("valid", [3.2, 3.1, 3.0], [True, True, True]),
    ],
)
def test_words(column: str, words: list[object], finished: list[bool]) -> None:
    table = pd.DataFrame({column: words})
    assert (~states(table).unfinished).tolist() == finished


def test_an_empty_loss_of_a_failed_run_is_no_error_and_unknown_words_are_said() -> None:
    table = pd.DataFrame(
        {
            "params": [1e7, 2e7, 4e7, 8e7],
            "tokens": 2e8,
            "val_loss": [5.0, 4.8, np.nan, 4.4],
            "run_state": ["finished", "finished", "preempted", "archived"],
        }
    )
    runs = ql.read_runs(table)
    assert runs["N"].tolist() == [1e7, 2e7, 8e7]
    assert [(e["row"], e["code"], e["reason"]) for e in runs.attrs["excluded"]] == [(3, "state", "run_state preempted")]
    assert {"code": "unknown_state", "column": "run_state", "words": ["archived"]} in runs.attrs["notes"]


def test_notes_and_states_that_are_not_known_are_said() -> None:
    table = pd.DataFrame(
        {
            "N": [1e7, 2e7, 4e7],
            "D": 2e8,
            "loss": [5.0, 4.8, 4.6],
            "notes": ["", "diverged at 3k", "fine"],
            "status": ["fertig", "abgebrochen", "fertig"],
        }
    )
    runs = ql.read_runs(table)
    assert len(runs) == 3
    notes = {note["code"]: note for note in runs.attrs["notes"]}
    assert notes["unknown_state"]["words"] == ["abgebrochen", "fertig"]
    assert notes["noted"]["rows"] == ["2"]
    (advice,) = notes["noted"]["advice"]
    without = ql.read_runs(table, **advice)
    assert without["N"].tolist() == [1e7, 4e7]
    assert "noted" not in [note["code"] for note in without.attrs["notes"]]
    table["notes"] = ["crashed", "it's diverged", "ok"]
    notes = {note["code"]: note for note in ql.read_runs(table).attrs["notes"]}
    assert [row[0] for row in notes["noted_only"]["rows"]] == ["1", "2"]
    table["notes"] = ["NaN loss", "diverged at 3k", ""]
    (advice,) = ql.read_runs(table).attrs["notes"][1]["advice"]
    assert ql.read_runs(table, **advice)["N"].tolist() == [4e7]


def test_phrases_and_words_that_were_cut() -> None:
    table = pd.DataFrame(
        {"outcome": ["ok", "OUT_OF_ME+", "preempted (spot)", "NaN loss", "finished, saved", "no crash", "CANCELLED+"]}
    )
    found = states(table)
    assert found.unfinished.tolist() == [False, True, True, True, False, False, True]
    assert found.unknown == {"outcome": ["no_crash"]}


def test_a_run_may_be_called_by_a_word_of_states() -> None:
    table = pd.DataFrame({"run_id": ["failed", "killed"], "name": ["crash", "nan"], "loss": [3.5, 3.4]})
    assert not states(table).unfinished.any()
    assert states(table.assign(run_status=["failed", "finished"])).unfinished.tolist() == [True, False]
