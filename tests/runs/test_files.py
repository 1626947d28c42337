"""Dialects of CSV and files that are no tables: read, or refused with the file and the fix."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.runs.files import is_table_name, read_table, up_to
from quokka_laws.runs.read import notes_of


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
    assert note in " ".join(map(str, notes_of(runs)))


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
        ("a.csv", b"PK\x03\x04stuff", "an archive that is damaged"),
        ("a.csv", b"\x1f\x8bstuff", "compressed, but damaged"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfdstuff", "compressed, but damaged"),
        ("a.csv", b"\x89PNGstuff", "a picture"),
        ("a.csv", b"SQLite format 3\x00", "an SQLite database: for MLflow"),
        ("a.csv", b"PAR1stuff", "cannot be read"),
        ("a.arrow", b"ARROW1stuff", "cannot be read"),
        ("a.parquet", b"N,D,loss\n", "cannot be read"),
        ("a.csv", b"N,D,loss\n1,2,3,4\n1,2\n1,2,3,4,5\n", r"lines 2, 4 have 4 cells, and the header \(line 1\) has 3"),
        ("a.jsonl", b'{"N": 1}\n[1]\n{"N": 2}\n', "line 2 holds a list"),
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

        def refuse(self: Path, *args: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", refuse)
    else:
        path.chmod(0)
    with pytest.raises(ql.RunsError, match=r"runs\.csv: cannot be read \(Permission denied\)"):
        read_table(path)


def test_a_folder_points_to_import(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError, match=f"turn logs into runs: quokka-laws import {tmp_path}"):
        ql.read_runs(tmp_path)


def test_devices_are_not_read_and_pipes_are(tmp_path: Path) -> None:
    for device in ("/dev/zero", "/dev/null"):
        with pytest.raises(ql.RunsError, match="is a device"):
            read_table(device)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(CSV))
    writer.start()
    assert len(read_table(pipe)) == 2
    writer.join()


def test_names_that_no_file_can_have() -> None:
    for name in ("a\x00b", "x" * 5000):
        with pytest.raises(ql.RunsError):
            read_table(name)
    with pytest.raises(ql.RunsError, match="list is no table of runs"):
        read_table([1])


CSV = "N,D,loss\n1e8,2e9,3.412\n2e8,4e9,3.1\n"


def _zipped(name: str = "runs.csv", text: str = CSV) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
        archive.writestr("__MACOSX/._runs.csv", "x")
    return buffer.getvalue()


def _workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["sweep of May"],
        [None],
        ["N", "D", "loss", None],
        [1e8, 2e9, 3.412, None],
        [],
        [200000000, "4B", 3.1],
    ):
        sheet.append(row)
    book.create_sheet("notes").append(["x"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _arrow(form: str) -> bytes:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.412, 3.1]})
    sink = pa.BufferOutputStream()
    if form == "parquet":
        pytest.importorskip("pyarrow.parquet").write_table(table, sink)
    elif form == "feather":
        pytest.importorskip("pyarrow.feather").write_feather(table, sink)
    else:
        writer = (pa.ipc.new_file if form == "file" else pa.ipc.new_stream)(sink, table.schema)
        with writer:
            writer.write_table(table)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("runs.csv.gz", lambda: gzip.compress(CSV.encode())),
        ("runs.csv.bz2", lambda: bz2.compress(CSV.encode())),
        ("runs.csv.xz", lambda: lzma.compress(CSV.encode())),
        ("runs.csv.zst", lambda: pytest.importorskip("zstandard").compress(CSV.encode())),
        ("runs.zip", _zipped),
        (
            "runs.json.gz",
            lambda: gzip.compress(b'[{"N": 1e8, "D": 2e9, "loss": 3.412}, {"N": 2e8, "D": 4e9, "loss": 3.1}]'),
        ),
        ("runs.csv", lambda: gzip.compress(CSV.encode())),  # told by its bytes, not its name
        ("runs.xlsx", _workbook),
        ("runs.parquet", lambda: _arrow("parquet")),
        ("runs.feather", lambda: _arrow("feather")),
        ("runs.arrow", lambda: _arrow("file")),
        ("runs.arrows", lambda: _arrow("stream")),
    ],
)
def test_packed_and_binary_tables(tmp_path: Path, name: str, data: Callable[[], bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(data())
    runs = ql.read_runs(path)
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [[1e8, 2e9, 3.412], [2e8, 4e9, 3.1]]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    for name, data in (("a.csv.gz", gzip.compress(b"1," * 10**7)), ("a.zip", _zipped(text="1," * 10**7))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ql.RunsError, match=r"more than 1 MB unpacked; .* max_bytes=10000000"):
            read_table(tmp_path / name, max_bytes=1e6)
    (tmp_path / "a.csv").write_text(CSV * 100)
    with pytest.raises(ql.RunsError, match="holds more than"):
        read_table(tmp_path / "a.csv", max_bytes=1e3)


def test_the_limit_can_be_raised(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    with up_to(10), pytest.raises(ql.RunsError, match="max_bytes=100"):
        ql.read_runs(tmp_path / "a.csv")
    with up_to(100):
        assert len(ql.read_runs(tmp_path / "a.csv")) == 2


def test_an_archive_of_several_tables_asks_for_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with pytest.raises(ql.RunsError, match=r"an archive of 2 files \(a.csv, b.csv\)"):
        read_table(tmp_path / "a.zip")


def test_sheets_and_what_stands_above_the_header_are_remarked(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(_workbook())
    table = read_table(tmp_path / "a.xlsx")
    codes = {remark["code"]: remark for remark in table.attrs["remarks"]}
    assert codes["sheet"]["others"] == ["notes"]
    assert codes["preamble"]["n"] == 1
    assert codes["empty_rows"]["n"] == 1
    assert table.index.tolist() == [1, 3]


def test_frames() -> None:
    twice = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["N", "loss", "loss"])
    with pytest.raises(ql.RunsError, match="the DataFrame: 'loss' heads more than one column"):
        read_table(twice)
    levels = pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("N", ""), ("eval", "loss")]))
    assert list(read_table(levels)) == ["N", "eval/loss"]


def test_names_of_tables() -> None:
    assert all(map(is_table_name, ("a.csv", "b/history.jsonl.gz", "x.XLSX", "r.json.zst")))
    assert not any(map(is_table_name, ("a.gz", "model.pt", "csv", "a.tar.gz")))


def test_the_sheet_that_names_a_loss_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["About", "Value"], ["Author", "me"], ["Cluster", "A"]):
        book.active.append(row)
    sheet = book.create_sheet("runs")
    for row in (
        ["Params", "Tokens", "Loss"],
        ["(M)", "(B)", None],
        [20, 1.5, 3.9],
        [None, 3, 3.7],
        [None, 6, 3.5],
        [90, 3, 3.3],
    ):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    runs = ql.read_runs(tmp_path / "a.xlsx")
    assert runs[["N", "D", "loss"]].to_numpy().tolist() == [
        [2e7, 1.5e9, 3.9],
        [2e7, 3e9, 3.7],
        [2e7, 6e9, 3.5],
        [9e7, 3e9, 3.3],
    ]


def test_archives_and_pickles_are_refused_by_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"runs.csv".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0"))
    with pytest.raises(ql.RunsError, match="is a tar archive"):
        read_table(tmp_path / "a.tar")
