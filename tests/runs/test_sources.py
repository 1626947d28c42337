"""Where a table comes from: files of any kind, torn, odd or several; what rows are called."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import RunsError

GOOD = {"N": [1e8, 2e8, 4e8], "D": [2e9, 8e9, 3e9], "loss": [3.4, 3.1, 3.2]}


def frame(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({**GOOD, **changes})


@pytest.mark.parametrize("name", ["runs.csv", "runs.jsonl", "runs.parquet"])
def test_files(tmp_path: Path, name: str) -> None:
    path, table = tmp_path / name, frame(note=["a", "é", "c"])
    {
        "csv": lambda: table.to_csv(path, index=False),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "parquet": lambda: table.to_parquet(path),
    }[name.split(".")[1]]()
    runs = ql.read_runs(path)
    assert runs["note"].tolist() == ["a", "é", "c"]
    assert runs["loss"].tolist() == GOOD["loss"]


def test_torn_last_line_is_tolerated_and_said(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(frame().to_json(orient="records", lines=True) + '{"N": 1e8, "D": 2e')
    runs = ql.read_runs(path)
    assert len(runs) == 3
    assert [note["code"] for note in runs.attrs["notes"] if "line" in note] == ["incomplete_line"]


def test_torn_middle_line_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text('{"N": 1\n{"N": 1e8, "D": 2e9, "loss": 3}\n')
    with pytest.raises(ql.RunsError, match="line 1 is not JSON"):
        ql.read_runs(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("N,D,loss,loss\n1,2,3,4\n", "'loss' heads more than one column"),
        ("N,D,loss\n", "there are no rows"),
    ],
)
def test_odd_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(ql.RunsError, match=said):
        ql.read_runs(path)


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(b"\xef\xbb\xbf" + frame().to_csv(index=False).encode())
    assert len(ql.read_runs(path)) == 3


def test_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError, match="no such file"):
        ql.read_runs(tmp_path / "none.csv")
    with pytest.raises(ql.RunsError, match="is a folder"):
        ql.read_runs(tmp_path)
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ql.RunsError, match="not UTF-16"):
        ql.read_runs(tmp_path / "x.csv")
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(ql.RunsError, match="cannot be read"):
        ql.read_runs(tmp_path / "x.parquet")


def test_files_that_name_things_differently_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("params,tokens,val_loss\n2e7,1e9,3.9\n6e7,1e9,3.6\n")
    (tmp_path / "b.csv").write_text("D,N,loss\n2e9,2e7,3.8\n2e9,6e7,3.5\n")
    runs = ql.read_runs([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert runs["N"].tolist() == [2e7, 6e7, 2e7, 6e7]
    assert runs["loss"].tolist() == [3.9, 3.6, 3.8, 3.5]
    (tmp_path / "b.csv").write_text("params_m,tokens,val_loss\n20,1e9,3.9\n60,1e9,3.6\n")
    with pytest.raises(RunsError, match="in another unit"):
        ql.read_runs([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_one_loss_in_two_files(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_text("params,tokens,train_loss\n1e8,2e9,3.4\n2e8,2e9,3.2\n")
    b.write_text("params,tokens,val_loss\n4e8,2e9,3.0\n8e8,2e9,2.9\n")
    with pytest.raises(RunsError, match="do not compare"):
        ql.read_runs([a, b])
    b.write_text(a.read_text())
    with pytest.raises(RunsError, match="4 rows agree with another in every column"):
        ql.read_runs([a, b])
    assert len(ql.read_runs([a, b], drop="duplicates")) == 2


def test_rows_are_named_by_any_column_that_tells_them_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("size,label,loss\n1e8,tiny,3.4\n2e8,small,oops\n4e8,big,3.1\n")
    (gone,) = ql.read_runs(path).attrs["excluded"]
    assert gone["name"] == "small"


def test_a_dict_of_runs_and_a_frame_with_seeds_side_by_side() -> None:
    runs = ql.read_runs({"a": {"N": 1e8, "D": 2e9, "loss": 3.4}, "b": {"N": 2e8, "D": 2e9, "loss": 3.2}})
    assert runs["run_id"].tolist() == ["a", "b"]
    seeds = pd.DataFrame({"N": [1e8], "D": [2e9], "loss_seed1": [3.4], "loss_seed2": [3.41]})
    assert ql.read_runs(seeds)["loss"].tolist() == [3.4, 3.41]


def test_an_index_may_be_called_like_a_column_or_repeat_its_labels() -> None:
    for table in (
        frame().set_index("N"),
        frame().set_index(["N", "D"]),
        pd.concat([frame()] * 2).assign(seed=range(6)),
    ):
        fine = ql.read_runs(table)
        assert fine["N"].tolist()[:3] == GOOD["N"]
        assert fine.groupby(["N", "D"])["loss"].max().tolist() == GOOD["loss"]
        assert fine.index.is_unique
