"""Dialects of CSV and files that are no tables: read, or refused with the file and the fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws.runs.files import read_table


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ("N;D;loss\n1e8;2e9;3,412\n", "decimal commas"),
        ("N;D;loss\n1e8;2e9;3.412\n", "separated by semicolons"),
        ("N\tD\tloss\n1e8\t2e9\t3.412\n", "separated by tabs"),
        ("\ufeffN,D,loss\n1e8,2e9,3.412\n", ""),
        ('\ufeff"N";"D";"loss"\r\n"100.000.000";"2e9";"3,412"\r\n'.replace("100.000.000", "1e8"), "decimal commas"),
        (' N , D , loss \n1e8 , 2e9 , 3.412\n"', ""),
    ],
)
def test_dialects(tmp_path: Path, data: str, note: str) -> None:
    path = tmp_path / "läufe.csv"
    path.write_bytes(data.rstrip('"').encode("utf-8"))
    runs = ql.read_runs(path)
    assert runs.loc[0, ["N", "D", "loss"]].tolist() == [1e8, 2e9, 3.412]
    assert note in " ".join(runs.attrs["notes"])


def test_utf16_of_spreadsheets(tmp_path: Path) -> None:
    path = tmp_path / "runs.txt"
    path.write_bytes("N\tD\tloss\n1e8\t2e9\t3,4\n".encode("utf-16"))
    assert ql.read_runs(path)["loss"].tolist() == [3.4]


@pytest.mark.parametrize(
    "form",
    ["{}\n", "[{}]"],
)
def test_nested_objects_are_columns_of_their_own(tmp_path: Path, form: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(
        form.replace("{}", '{"N": 1e8, "D": 2e9, "loss": 3.4, "config": {"opt": {"lr": 1}, "tags": ["a"]}}')
    )
    for runs in (ql.read_runs(path), ql.import_runs(path)):
        assert runs.loc[0, ["N", "config/opt/lr", "config/tags"]].tolist() == [1e8, 1, '["a"]']


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"N;D;loss\n1,500,000;2e9;3,412\n", "'3,412' and '1,500,000' cannot both be read"),
        ("a.csv", b"N;D;loss\n1e8;2e9;3,412\n1e9;2e9;3.1\n", "'3,412' and '3.1' cannot both be read"),
        ("a.csv", "N,D,loss,läuft\n".encode("latin-1"), r"not UTF-8 text \(byte 10\)"),
        ("a.csv", b"PK\x03\x04stuff", "an Excel workbook or zip archive: save the sheet as CSV"),
        ("a.csv", b"\x1f\x8bstuff", "compressed: unpack it first"),
        ("a.csv", b"SQLite format 3\x00", "an SQLite database: for MLflow"),
        ("a.csv", b"PAR1stuff", "name it .parquet"),
        ("a.parquet", b"N,D,loss\n", "cannot be read"),
        ("a.csv", b"N,D,loss\n1,2,3,4\n1,2\n1,2,3,4,5\n", "not a CSV table"),
        ("a.jsonl", b'{"N": 1}\n[1]\n{"N": 2}\n', "line 2 holds list"),
        ("a.json", b"[1, 2]", "expected an array of objects"),
    ],
)
def test_what_cannot_be_read_names_the_file(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ql.RunsError, match=said) as caught:
        ql.read_runs(path)
    assert str(path) in str(caught.value)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("N,D,loss\n1e8,2e9,3\n")
    if os.geteuid() == 0:  # root may read everything

        def refuse(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "read_bytes", refuse)
    else:
        path.chmod(0)
    with pytest.raises(ql.RunsError, match=r"runs\.csv: cannot be read \(Permission denied\)"):
        read_table(path)


def test_a_folder_points_to_import(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError, match=f"turn logs into runs: quokka-laws import {tmp_path}"):
        ql.read_runs(tmp_path)
