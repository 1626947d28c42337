"""Headers of text tables: with units below them, said again, beside names of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.runs.files import read_table
from quokka_laws.runs.text_tables import text_table

ROWS = [(1e7, 3e8, 4.4), (4e7, 3e8, 4.1), (4e7, 6e9, 3.5)]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    return path


def body(mark: str = ",", scale: tuple[float, float] = (1, 1)) -> str:
    return "".join(f"{n / scale[0]:g}{mark}{d / scale[1]:g}{mark}{x}\n" for n, d, x in ROWS)


@pytest.mark.parametrize(
    "second", ["M,B,nats/token", "(M),(B),(nats)", "millions,billions,", "[1e6],[10^9],-", "x10^6,×10⁹,nats"]
)
def test_units_in_the_second_line(tmp_path: Path, second: str) -> None:
    runs = ql.read_runs(written(tmp_path, f"Params,Tokens,Loss\n{second}\n" + body(scale=(1e6, 1e9))))
    assert np.allclose(runs[["N", "D", "loss"]], ROWS, rtol=1e-12)
    assert runs.attrs["conventions"]["loss_unit"] == "nats/token"
    assert "two_headers" in [note["code"] for note in runs.attrs["notes"]]


def test_the_unit_of_a_loss_in_the_second_line(tmp_path: Path) -> None:
    runs = ql.read_runs(written(tmp_path, "Params,Tokens,Loss\nM,B,bits/byte\n" + body(scale=(1e6, 1e9))))
    assert runs.attrs["conventions"]["loss_unit"] == "bits/byte"


def test_a_header_that_is_said_again(tmp_path: Path) -> None:
    path = written(tmp_path, "N,D,loss\n" + body() + "N,D,loss\n5e7,1e9,3.7\n")
    assert len(ql.read_runs(path)) == len(ROWS) + 1
    assert [remark["code"] for remark in read_table(path).attrs["remarks"]] == ["header_again"]
    with pytest.raises(ql.RunsError, match="line 5 names columns again"):
        ql.read_runs(written(tmp_path, "N,D,loss\n" + body() + "D,N,loss\n1e9,5e7,3.7\n"))


@pytest.mark.parametrize(
    "names", [("0", "1", "2"), ("1", "2", "3"), ('"1"', '"2"', '"3"'), ("tiny", "small-a", "small-b")]
)
def test_names_of_rows_without_a_name_of_their_own(tmp_path: Path, names: tuple[str, ...]) -> None:
    lines = body("  ").splitlines()
    text = '"N" "D" "loss"\n' + "".join(f"{name}  {line}\n" for name, line in zip(names, lines, strict=True))
    runs = ql.read_runs(written(tmp_path, text + "\n[3 rows x 3 columns]\n"))
    assert np.allclose(runs[["N", "D", "loss"]], ROWS, rtol=1e-12)
    with pytest.raises(ql.RunsError, match="4 cells"):  # numbers that count nothing are no names
        ql.read_runs(written(tmp_path, "N D loss\n" + "".join(f"7 {line}\n" for line in lines)))


def test_names_that_hold_blanks(tmp_path: Path) -> None:
    runs = ql.read_runs(written(tmp_path, "model size   train tokens   val loss\n" + body("     ")))
    assert np.allclose(runs[["N", "D", "loss"]], ROWS, rtol=1e-12)


def test_a_first_run_of_round_numbers_without_a_loss_is_no_line_of_units(tmp_path: Path) -> None:
    runs = ql.read_runs(written(tmp_path, "N,D,loss\n1e6,1e9,-\n" + body()))
    assert [record["reason"] for record in runs.attrs["excluded"]] == ["loss is empty"]


def test_names_of_the_levels_of_an_index_stand_in_a_line_of_their_own() -> None:
    remarks: list[dict[str, object]] = []
    table = text_table(",,loss,loss\n,,mean,std\nN,D,,\n1e8,1e9,3.5,0.01\n2e8,1e9,3.4,0.01\n", "a.csv", remarks)
    assert table.columns.tolist() == ["N", "D", "loss/mean", "loss/std"]
    assert len(table) == 2
    assert remarks[0]["lines"] == "1 to 3"
