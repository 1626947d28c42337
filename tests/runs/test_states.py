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


def test_phrases_and_words_that_were_cut() -> None:
    table = pd.DataFrame(
        {"outcome": ["ok", "OUT_OF_ME+", "preempted (spot)", "NaN loss", "finished, saved", "no crash", "CANCELLED+"]}
    )
    found = states(table)
    assert found.unfinished.tolist() == [False, True, True, True, False, False, True]
    assert found.unknown == {"outcome": ["no_crash"]}
