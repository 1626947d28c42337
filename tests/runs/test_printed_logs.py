"""Printed logs where a table is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws.runs.printed_logs import is_log, names_a_loss, no_table

LOGS = {
    "nanogpt": "".join(
        f"step {s}: train loss 3.{s}, val loss 3.{s}\niter {s}: loss 3.1, time 9.1ms\n" for s in range(9)
    ),
    "modded": "".join(f"step:{s}/9 val_loss:4.{s} train_time:1ms\n" for s in range(9)),
    "trainer": "".join(f"{{'loss': 3.{s}, 'epoch': 0.{s}}}\n" for s in range(9)),
    "main.log": "".join(f"s:{s} tel:3.{s}\n" for s in range(9)),
    "tokens": "".join(f"tokens: {s}00 | loss: 3.{s}\n" for s in range(1, 9)),
}


@pytest.mark.parametrize("text", LOGS.values(), ids=list(LOGS))
def test_a_log_is_refused_with_the_command_that_reads_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    assert is_log(text)
    with pytest.raises(ql.RunsError, match=rf"not a table of runs; turn it into one: quokka-laws import {path}"):
        ql.read_runs(path)


def test_tables_with_notes_are_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{i}e8,1e9,3.{i},at step {i} a loss: 3\n" for i in range(1, 7))
    path.write_text("N,D,loss,note\n" + rows)
    assert is_log(rows)
    assert len(ql.read_runs(path)) == 6
    assert names_a_loss(["N", "val_loss"])
    assert not names_a_loss(["step:1/9", "val_loss:4.1"])


def test_what_comes_from_a_pipe_has_no_name() -> None:
    assert "save it in a file" in str(no_table("stdin"))
