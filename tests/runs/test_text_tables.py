"""Text tables: every dialect gives the same rows; what does not fit together is refused with its line."""

from pathlib import Path

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import RunsError
from quokka_laws.runs.files import read_table
from quokka_laws.runs.text_tables import text_table

ROWS = [["1e8", "2e9", "3.412"], ["2e8", "4e9", "3.1"], ["4e8", "8e9", "2.95"]]
PLAIN = "N,D,loss\n1e8,2e9,3.412\n2e8,4e9,3.1\n4e8,8e9,2.95\n"


def read(tmp_path: Path, data: str | bytes, name: str = "runs.csv") -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_table(path)


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (PLAIN, []),
        (PLAIN.replace("\n", "\r\n"), []),
        (PLAIN.replace("\n", "\r"), []),
        (PLAIN.replace(",", ";"), ["separator"]),
        (PLAIN.replace(",", "\t"), ["separator"]),
        (PLAIN.replace(",", " | "), ["separator"]),
        (PLAIN.replace(",", "   "), ["separator"]),
        (PLAIN.replace(".", "@").replace(",", ";").replace("@", ","), ["separator", "decimal_comma"]),
        ("| N | D | loss |\n|---|:-:|---:|\n" + "".join(f"| {' | '.join(r)} |\n" for r in ROWS), ["separator"]),
        ("\ufeff" + PLAIN, []),
        (PLAIN.encode("utf-16"), []),
        (PLAIN.encode("utf-16-le"), ["encoding"]),
        (PLAIN.encode("utf-32"), []),
        ("# written by sweep.py\n" + PLAIN + "# end\n", ["comments"]),
        (PLAIN.replace("\n2e8", "\n# a note, with commas\n2e8"), ["comments"]),
        ("# N D loss\n" + "".join(" ".join(r) + "\n" for r in ROWS), ["commented_header", "separator"]),
        ("#N,D,loss\n" + "".join(",".join(r) + "\n" for r in ROWS), ["commented_header"]),
        ("Sweep of May\nmade by: me\n\n" + PLAIN, ["preamble"]),
        ("Sweep of May,,\n" + PLAIN, ["preamble"]),
        (PLAIN + ",,\n,,\n", ["empty_rows"]),
        (PLAIN + "\n\n", []),
        (PLAIN.replace("\n2e8", "\n,,\n2e8"), ["empty_rows"]),
        (PLAIN.replace("\n", ",\n"), []),
        (PLAIN.replace("\n", ",,,\n"), []),
        (PLAIN.replace("D,", "D,,").replace("e9,", "e9,,"), ["empty_columns"]),
        (PLAIN.replace("N,D,loss", '"N","D","loss"'), []),
        (PLAIN.replace(",", " , "), []),
    ],
)
def test_dialects_give_the_same_rows(tmp_path: Path, data: str | bytes, codes: list[str]) -> None:
    table = read(tmp_path, data)
    assert list(table) == ["N", "D", "loss"]
    assert table.to_numpy().tolist() == ROWS
    assert sorted(r["code"] for r in table.attrs["remarks"]) == sorted(codes)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "N,C,loss\n1e8,2e9,1.2e18,3.4\n2e8,4e9,4.8e18,3.1\n",
            r"lines 2, 3 have 4 cells, and the header \(line 1\) has 3",
        ),
        (PLAIN + "4e8,8e9,2.95,x\n", "line 5 has 4 cells"),
        ('N,D,loss,note\n1e8,2e9,3.4,"ok\n2e8,4e9,3.1,ok\n4e8,8e9,2.9,"fine"\n', "a quotation mark in line 2"),
        ('N,D,loss,note\n1e8,2e9,3.4,ok\n2e8,4e9,3.1,"ok\n', "a quotation mark in line 3 is never closed"),
        ("N,D,loss,loss\n1e8,2e9,3.4,3.5\n", "'loss' heads more than one column"),
        ("1e8,2e9,3.4\n2e8,4e9,3.1\n", "line 1 holds numbers only"),
        ("N,D,loss\n", "no rows, only a header"),
        (b"N,D,loss\n1e8,2e9,\x00\x01\x02\n", "not a table of text: byte 0 in line 2"),
        ("N,D,loss\n1e8,2e9," + "x" * 200_000 + "\n", "not a CSV table"),
        ("", "is empty"),
        ("\n\n \n", "is empty"),
        (",,\n,,\n", "is empty"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, data: str | bytes, said: str) -> None:
    with pytest.raises(ql.RunsError, match=said) as caught:
        read(tmp_path, data)
    assert "runs.csv" in str(caught.value)


def test_rows_swallowed_by_two_quotation_marks_are_found(tmp_path: Path) -> None:
    rows = [f"r{i},{i + 1}e8,{i + 1}e9,3.{i}\n" for i in range(60)]
    rows[20], rows[40] = rows[20].replace("r20", '"r20'), rows[40].replace("r40", 'r40"')
    with pytest.raises(ql.RunsError, match="quotation mark in line 22 is not closed before line 42"):
        read(tmp_path, "run_id,N,D,loss\n" + "".join(rows))


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    table = read(tmp_path, 'N,D,loss,note\n1e8,2e9,3.4,"two\nlines"\n2e8,4e9,3.1,"a, b"\n')
    assert table["note"].tolist() == ["two\nlines", "a, b"]


def test_a_number_cut_off_at_the_end_is_noted(tmp_path: Path) -> None:
    whole = "N,D,loss\n1e8,2e9,3.4123\n2e8,4e9,3.1045\n4e8,8e9,2.9"
    assert [r["code"] for r in read(tmp_path, whole).attrs["remarks"]] == ["no_last_newline"]
    assert not read(tmp_path, whole + "512").attrs["remarks"]
    assert not read(tmp_path, whole + "\n").attrs["remarks"]


def test_rows_shorter_than_the_header_are_said(tmp_path: Path) -> None:
    table = read(tmp_path, "N,D,loss,note\n1e8,2e9,3.4,ok\n2e8,4e9,3.1\n")
    assert table.attrs["remarks"] == [{"code": "short_rows", "n": 1, "line": 3}]
    assert table["note"].tolist() == ["ok", ""]


def test_latin_letters(tmp_path: Path) -> None:
    table = read(tmp_path, "name,N,D,loss\nläufer,1e8,2e9,3.4\n".encode("latin-1"))
    assert table["name"].tolist() == ["läufer"]
    assert table.attrs["remarks"] == [{"code": "encoding", "encoding": "Windows-1252"}]


def test_the_index_counts_rows_that_were_skipped(tmp_path: Path) -> None:
    table = read(tmp_path, "N,D,loss\n1e8,2e9,3.4\n,,\n2e8,4e9,3.1\n")
    assert table.index.tolist() == [1, 3]


def test_numbers_as_people_write_them(tmp_path: Path) -> None:
    text = 'N;D;loss\n"125 000 000";1.2e9;3.4 ± 0.02\n350M;7 B;3.1±.01\n1.3×10^9;"20,000,000,000";2.9\n'
    runs = ql.read_runs(read(tmp_path, text))
    assert runs["N"].tolist() == [125e6, 350e6, 1.3e9]
    assert runs["D"].tolist() == [1.2e9, 7e9, 20e9]
    assert runs["loss"].tolist() == [3.4, 3.1, 2.9]


def test_a_bare_index_of_pandas_keeps_its_column(tmp_path: Path) -> None:
    table = read(tmp_path, ",N,D,loss\n0,1e8,2e9,3.4\n1,2e8,4e9,3.1\n")
    assert list(table) == ["Unnamed: 0", "N", "D", "loss"]


def test_points_that_group_thousands(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Parameter;Tokens;Verlust\n20.000.000;1.200.000.000;3,91\n640.000;800.000.000;3,52\n")
    table = read_table(path)
    assert table["Parameter"].tolist() == ["20000000", "640000"]
    assert table["Verlust"].tolist() == ["3.91", "3.52"]
    path.write_text("Parameter;Verlust\n640.000;3,91\n320.000;3,5\n")  # thousands, or three decimals?
    with pytest.raises(RunsError, match="cannot both be read"):
        read_table(path)


def test_a_header_of_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"r{k},{k}e7,{k}e9,{4 - k / 10}\n" for k in range(1, 6))
    path.write_text(",model,data,eval\nname,params,tokens,loss\n" + rows)
    assert list(read_table(path)) == ["name", "model/params", "data/tokens", "eval/loss"]
    path.write_text("name,params,tokens,loss\nr0,n/a,n/a,n/a\n" + rows)  # a run without values
    assert len(read_table(path)) == 6
    path.write_text("name,params,tokens,loss\nr0,failed,failed,failed\n" + rows)
    assert len(read_table(path)) == 6


def test_a_printed_data_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("        N        D  loss\n0  2.0e7  1.0e9  3.91\n1  6.0e7  1.0e9  3.52\n2  9.0e7  1.0e9  3.31\n")
    assert read_table(path)["loss"].tolist() == ["3.91", "3.52", "3.31"]
    path.write_text("N D loss\n2e7 1e9 3.91 9\n6e7 1e9 3.52 9\n")  # a column that has no name
    with pytest.raises(RunsError, match="have 4 cells"):
        read_table(path)


def test_decimal_commas_in_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('N,D,loss\n1e8,2e9,"3,4512"\n2e8,4e9,"3,1"\n')
    assert read_table(path)["loss"].tolist() == ["3.4512", "3.1"]
    path.write_text('N,D,loss\n1e8,2e9,"3,4512"\n2e8,4e9,3.1\n')  # a slip: its row is left out and named
    assert read_table(path)["loss"].tolist() == ["3,4512", "3.1"]
    path.write_text('N,D,loss\n"100,000",2e9,3.4\n"200,000",4e9,3.1\n')
    assert read_table(path)["N"].tolist() == ["100,000", "200,000"]


def test_sizes_that_are_written_once_for_several_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Model,Params,Tokens,Loss\ns,20M,1B,3.9\n,,4B,3.7\nb,90M,1B,3.6\n,,4B,3.3\n")
    runs = ql.read_runs(path)
    assert runs["N"].tolist() == [2e7, 2e7, 9e7, 9e7]
    assert [note["column"] for note in runs.attrs["notes"] if note["code"] == "filled_down"] == ["Model", "Params"]
    path.write_text("Params,Tokens,Loss\n20M,1B,3.9\n,4B,3.7\n90M,1B,3.6\n80M,4B,3.3\n")  # one gap is a gap
    assert [record["reason"] for record in ql.read_runs(path).attrs["excluded"]] == ["N is empty"]
    path.write_text("Notes,Params,Tokens,Loss\nfirst,20M,1B,3.9\n,20M,4B,3.7\n,90M,1B,3.6\n")
    assert read_table(path)["Notes"].tolist() == ["first", "", ""]


def test_tables_side_by_side_are_one_below_the_other() -> None:
    remarks: list[dict[str, object]] = []
    table = text_table("N,D,loss,,N,D,loss\n1e8,1e9,3.5,,2e8,1e9,3.4\n1e8,2e9,3.3,,,,\n", "a.csv", remarks)
    assert table.to_numpy().tolist() == [["1e8", "1e9", "3.5"], ["1e8", "2e9", "3.3"], ["2e8", "1e9", "3.4"]]
    assert remarks[-1] == {"code": "side_by_side", "n": 2}


def test_tags_and_lines_in_quotation_marks() -> None:
    tagged = text_table("Params<br>(M),<b>Tokens</b><br/>(B),loss\n70,2×10<sup>1</sup>,3.5\n90,3,3.4\n", "a.csv", [])
    assert tagged.columns.tolist() == ["Params (M)", "Tokens (B)", "loss"]
    assert tagged.iloc[0, 1] == "2×10^1"
    remarks: list[dict[str, object]] = []
    quoted = text_table('"N,D,loss"\n"1e8,1e9,3.5"\n"2e8,1e9,3.4"\n', "a.csv", remarks)
    assert quoted.shape == (2, 3)
    assert remarks[0] == {"code": "quoted_lines"}
