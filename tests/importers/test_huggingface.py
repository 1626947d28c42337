"""Hugging Face: states written by the real library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from logs import RUNS, TOKENS_PER_STEP, huggingface
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.importers import import_runs


def test_the_law_comes_back_without_any_option(tmp_path: Path) -> None:
    huggingface(tmp_path)
    runs = ql.read_runs(import_runs(tmp_path))
    assert runs.attrs["conventions"]["N_counts"] == "non-embedding"  # what total_flos counts
    assert ql.fit(ql.laws.Chinchilla(), runs).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


def test_tokens_that_were_not_counted_are_asked_for(tmp_path: Path) -> None:
    huggingface(tmp_path, tokens=False)
    with pytest.raises(ql.RunsError, match=r"nothing says how many tokens.*tokens_per_step"):
        import_runs(tmp_path)
    with pytest.raises(ql.RunsError, match="nothing says how many parameters"):
        import_runs(tmp_path, tokens_per_step=TOKENS_PER_STEP)
    named = import_runs(tmp_path, tokens_per_step=TOKENS_PER_STEP, name="N{N}-D{}")
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(named)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


def test_the_last_checkpoint_of_a_run_is_read_once(tmp_path: Path) -> None:
    huggingface(tmp_path, RUNS[:2])
    run = next(tmp_path.glob("*M-D*"))
    last = next(run.glob("checkpoint-*"))
    early = json.loads((last / "trainer_state.json").read_text())
    early["log_history"] = early["log_history"][:3]
    (run / "checkpoint-9").mkdir()
    (run / "checkpoint-9" / "trainer_state.json").write_text(json.dumps(early))
    runs = import_runs(tmp_path)
    assert len(runs) == 2
    assert set(runs["status"]) == {"ok"}
    single = import_runs(last / "trainer_state.json")
    assert single["run_id"].tolist() == [run.name]


def test_a_run_that_stopped_early(tmp_path: Path) -> None:
    huggingface(tmp_path, RUNS[:1])
    path = next(tmp_path.rglob("trainer_state.json"))
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "max_steps": 4000}))
    made = import_runs(tmp_path).iloc[0]
    assert (made["status"], made["reason"]) == ("stopped", "stopped at step 1000 of 4000")
    assert import_runs(tmp_path, accept=["stopped"]).iloc[0]["status"] == "ok"


def test_validation_comes_before_training(tmp_path: Path) -> None:
    huggingface(tmp_path, RUNS[:1])
    path = next(tmp_path.rglob("trainer_state.json"))
    state = json.loads(path.read_text())
    history = [{**entry, "loss": 9.0} for entry in state["log_history"]]
    path.write_text(
        json.dumps({**state, "log_history": [*history, {"step": 1000, "train_loss": 8.0, "total_flos": 1}]})
    )
    made = import_runs(tmp_path).iloc[0]
    assert (made["metric"], made["remark"]) == ("eval_loss", "'eval_loss' is the loss; not used: loss, train_loss")
    assert import_runs(tmp_path, columns={"loss": "loss"}).iloc[0]["loss"] == 9.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"log_history": [{"st', "not the whole state of a Trainer.*copy the file again"),
        ('{"epoch": 1}', "not the whole state of a Trainer"),
        ("", "not the whole state of a Trainer"),
    ],
)
def test_damaged_states_name_the_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "trainer_state.json").write_text(text)
    with pytest.raises(ql.RunsError, match=said) as caught:
        import_runs(tmp_path)
    assert "trainer_state.json" in str(caught.value)


def test_a_state_without_history_is_a_row_with_a_reason(tmp_path: Path) -> None:
    huggingface(tmp_path, RUNS[:1])
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "trainer_state.json").write_text('{"log_history": []}')
    runs = import_runs(tmp_path).set_index("run_id")
    assert "log_history is empty" in runs.loc["short", "reason"]
    assert runs.loc["short", "status"] == "no loss"
