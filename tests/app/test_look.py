"""Looking at files: what was read, left out and refused, in the words of the command line, and what mends it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from app_runs import csv, dropped
from click.testing import CliRunner

from quokka_laws._spelling import on_command_line
from quokka_laws.app.choices import File, Reading
from quokka_laws.app.look import look
from quokka_laws.app.shown import Look
from quokka_laws.cli.app import main


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kept(name: str, data: bytes) -> Reading:
    Path(name).write_bytes(data)
    return Reading((File(name, ""),))


def seen(choice: Reading) -> Look:
    with on_command_line():
        return look(choice)


def command(*words: str) -> str:
    return CliRunner().invoke(main, words).output


def test_a_column_that_is_not_recognised_is_mended() -> None:
    choice = kept("runs.csv", csv(dropped()))
    first = seen(choice)
    assert not first.refused
    assert "N" not in first.mapping
    assert first.columns == ("name", "weights_m", "tokens", "val_loss")
    mended = seen(choice.mapped("N", "weights_m", "M"))
    assert mended.mapping["N"] == "weights_m"
    assert mended.table["N"].max() > 1e9
    assert mended.answer in command("check", "runs.csv", "--columns", "N=weights_m:M")


def test_what_is_left_out_is_listed_with_the_row_and_why() -> None:
    table = dropped().rename(columns={"weights_m": "params_m"}).astype({"val_loss": object})
    table.loc[4, "val_loss"] = "nan (diverged)"
    found = seen(kept("runs.csv", csv(table)))
    ((number, row, why),) = found.left_out.to_numpy().tolist()
    assert number == 5
    assert list(found.table["row"])[3:5] == [4, 6]
    assert "5" in row
    assert "nan (diverged)" in why
    assert found.rows == len(table) - 1


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("broken.csv", b"N,D,loss\n\x00\x01\x02"),
        ("empty.csv", b""),
        ("broken.parquet", b"PAR1 and nothing more"),
        ("broken.csv.gz", b"\x1f\x8b\x08\x00cut"),
        ("paper.pdf", b"%PDF-1.7"),
        ("header.csv", b"N,D,loss\n"),
        ("words.csv", b"a,b\nx,y\n"),
        ("double.csv", b"N,N,D,loss\n1,2,3,4\n"),
        ("runs.json", b'{"N": [1, 2'),
    ],
)
def test_a_broken_file_is_refused_in_the_words_of_the_command_line(name: str, data: bytes) -> None:
    found = seen(kept(name, data))
    assert found.refused
    assert found.refused in command("check", name)
    assert str(Path.cwd()) not in found.refused


def test_faults_are_mended_with_what_they_advise() -> None:
    table = dropped().rename(columns={"weights_m": "params_m"})
    table["C"] = 7.0 * 1e6 * table["params_m"] * table["tokens"]
    choice = kept("runs.csv", csv(table))
    found = seen(choice)
    assert found.refused
    changed = [offer.changes["reading"] for offer in found.offers]
    assert [one.flops for one in changed] == ["7ND", "as given"]
    assert not seen(changed[0]).refused


def test_logs_are_found_out_and_the_end_of_each_run_is_taken() -> None:
    rows = [
        {"run": f"r{i}", "n_params": N, "step": s, "tokens": s * 1e6, "val_loss": 2 + 50 / N**0.3 + 3 / s**0.3}
        for i, N in enumerate((1e7, 3e7, 1e8, 3e8))
        for s in (100, 200, 300)
    ]
    choice = Reading(kept("logs.csv", csv(pd.DataFrame(rows))).files, kind="logs")
    found = seen(choice)
    assert found.kind == "logs"
    assert found.rows == 4
    assert set(found.table["D"]) == {3e8}


def test_several_files_are_one_table() -> None:
    table = dropped().rename(columns={"weights_m": "params_m"})
    first, second = kept("a.csv", csv(table[:10])), kept("b.csv", csv(table[10:]))
    found = seen(Reading((*first.files, *second.files)))
    assert found.rows == len(table)
