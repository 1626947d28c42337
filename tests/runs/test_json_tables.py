"""JSON in the shapes people write: the same runs from each; what is malformed is refused with its line."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.runs.files import flatten, read_table

RUNS = [{"N": 1e8, "D": 2e9, "loss": 3.4}, {"N": 2e8, "D": 4e9, "loss": 3.1}, {"N": 4e8, "D": 8e9, "loss": 2.9}]
FRAME = pd.DataFrame(RUNS)
NAMED = FRAME.set_axis(["a", "b", "c"])


def read(tmp_path: Path, text: str, name: str = "runs.json") -> pd.DataFrame:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_table(path)


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns", "values", "table"])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("indent", [None, 4])
def test_every_orient_of_pandas(tmp_path: Path, orient: Any, named: bool, indent: int | None) -> None:
    text = (NAMED if named else FRAME).to_json(orient=orient, indent=indent)
    if orient == "values":
        assert list(read(tmp_path, text)) == ["0", "1", "2"]
        with pytest.raises(ql.RunsError, match="names no columns"):
            ql.read_runs(tmp_path / "runs.json")
        runs = ql.read_runs(tmp_path / "runs.json", columns={"N": "0", "D": "1", "loss": "2"})
        assert runs[["N", "D", "loss"]].to_numpy().tolist() == FRAME.to_numpy().tolist()
        return
    table = read(tmp_path, text)
    assert table[["N", "D", "loss"]].to_numpy(dtype=float).tolist() == FRAME.to_numpy().tolist()
    if named and orient in ("split", "index", "columns"):
        assert table["run_id"].tolist() == ["a", "b", "c"]
    elif orient != "table":
        assert list(table) == ["N", "D", "loss"]


@pytest.mark.parametrize(
    "text",
    [
        "".join(json.dumps(r) + "\n" for r in RUNS),
        "".join(json.dumps(r) + "\r\n" for r in RUNS),
        "\n\n".join(json.dumps(r) for r in RUNS),
        "\n".join(json.dumps(r, indent=4) for r in RUNS),
        json.dumps({"runs": RUNS}),
        json.dumps({"results": RUNS, "date": "May"}, indent=2),
        json.dumps({k: [r[k] for r in RUNS] for k in RUNS[0]}),
        json.dumps([list(RUNS[0]), *([*r.values()] for r in RUNS)]),
        json.dumps({"first": RUNS[0], "second": RUNS[1], "third": RUNS[2]}),
        json.dumps({"data": {k: [r[k] for r in RUNS] for k in RUNS[0]}}),
        json.dumps({"sweep": {"a": RUNS[0], "b": RUNS[1], "c": RUNS[2]}, "date": "May"}),
        "\ufeff" + json.dumps(RUNS),
    ],
)
def test_shapes_that_people_write(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, text)
    assert table[["N", "D", "loss"]].to_numpy().tolist() == FRAME.to_numpy().tolist()


def test_what_stands_beside_the_runs_is_given_to_all(tmp_path: Path) -> None:
    table = read(tmp_path, json.dumps({"tokenizer": "gpt2", "runs": RUNS, "config": {"a": 1}}))
    assert table["tokenizer"].tolist() == ["gpt2"] * 3
    assert table.attrs["remarks"] == [{"code": "shared", "names": ["tokenizer"]}]


def test_one_run_with_its_log_inside_is_one_row(tmp_path: Path) -> None:
    run = {"N": 1e8, "config": {"opt": {"lr": 1e-3}}, "history": [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.9}]}
    table = read(tmp_path, json.dumps(run, indent=2))
    assert len(table) == 1
    assert table.loc[0, "history"] == run["history"]
    assert flatten(table).loc[0, "config/opt/lr"] == 1e-3
    assert json.loads(flatten(table).loc[0, "history"]) == run["history"]


def test_settings_in_groups_are_one_run(tmp_path: Path) -> None:
    table = read(tmp_path, json.dumps({"model": {"n_params": 1e8, "width": 64}, "train": {"tokens": 2e9, "loss": 3.0}}))
    assert len(table) == 1
    assert flatten(table).loc[0, "train/loss"] == 3.0


def test_columns_beside_single_values(tmp_path: Path) -> None:
    table = read(tmp_path, json.dumps({"N": 1e8, "step": [1, 2], "loss": [3.0, 2.9]}))
    assert table["N"].tolist() == [1e8, 1e8]
    one = read(tmp_path, json.dumps({"N": 1e8, "D": 2e9, "loss": 3.0, "betas": [0.9, 0.95]}))
    assert len(one) == 1


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    text = "".join(json.dumps({**r, "note": "a\u2028b\x85c"}, ensure_ascii=False) + "\n" for r in RUNS)
    assert read(tmp_path, text, "runs.jsonl")["note"].tolist() == ["a\u2028b\x85c"] * 3


def test_a_line_being_written_is_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, json.dumps(RUNS[0]) + "\n" + json.dumps(RUNS[1])[:-5], "runs.jsonl")
    assert len(table) == 1
    assert table.attrs["remarks"] == [{"code": "incomplete_line", "line": 2}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"N": 1\n{"N": 2}\n', "line 1 is not JSON"),
        ('{"N": 1}\n3\n', "line 2 holds a number"),
        ("[" * 5000 + "]" * 5000, "nested"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested more than 60 deep"),
        ('[{"N": 1, "loss": 3, "loss": 4}]', "'loss' more than once"),
        ('{"N": 1, "loss": 3, "loss": 4}\n{"N": 1}\n', "line 1: an object holds 'loss' more than once|not JSON"),
        ("[]", "is empty; there are no rows"),
        ('[{"N": 1}, 2]', "entry 2 of an array is a number"),
        ('{"N": [1, 2], "loss": [3]}', "columns of different lengths"),
        ('{"columns": ["N", "loss"], "data": [[1, 2], [3]]}', "row 2 holds 1 values, the header has 2"),
        ('{"columns": ["N", "N"], "data": [[1, 2]]}', "one name more than once"),
        ("{", "line 1 is not JSON"),
        ("[{'N': 1}, {'N': 2", "double quotes"),
        ("[[1, 2], [3]]", "lists without names"),
        ('"text"', "holds a text"),
    ],
)
def test_what_is_malformed_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ql.RunsError, match=said):
        read(tmp_path, text)


def test_a_number_too_long_for_a_float_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError):
        ql.read_runs(read(tmp_path, '[{"N": ' + "9" * 5000 + ', "D": 1e9, "loss": 3}]'))


def test_one_number_for_each_name(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    path.write_text(json.dumps({f"{n}M_{d}B": 4 - n / 1000 - d / 100 for n in (70, 160) for d in (2, 8)}))
    with pytest.raises(ql.RunsError, match="the table has run_id, value"):
        ql.read_runs(path)
    runs = ql.import_runs(path, columns={"loss": "value"}, name="{N}_{D}")
    assert runs[["N", "D", "loss"]].iloc[1].tolist() == [70e6, 8e9, pytest.approx(3.85)]
    path.write_text(json.dumps({"params": 1e8, "tokens": 1e9, "loss": 3.5, "seed": 1}))
    assert len(read_table(path)) == 1
