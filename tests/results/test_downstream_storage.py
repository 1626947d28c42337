"""Task accuracy on disk reads back exactly; what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from simulated_tasks import scored, scored_runs

import quokka_laws as ql
from quokka_laws.exceptions import FitFileError
from quokka_laws.results.downstream_storage import is_downstream, to_json


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return scored().save(tmp_path / "downstream.json")


def test_it_reads_back_exactly(path: Path) -> None:
    back = ql.read_downstream(path)
    assert is_downstream(path)
    assert to_json(back) == path.read_text()
    assert back.diagnostics == scored().diagnostics
    at = {"N": 7e9, "D": 1.4e11}
    pd.testing.assert_frame_equal(back.predict(**at), scored().predict(**at))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(back.table, scored().table)


def test_held_out_runs_are_kept(tmp_path: Path) -> None:
    found = ql.hold_out_tasks(scored(), scored_runs(), [10.0])
    back = ql.read_downstream(found.save(tmp_path))
    assert found.held_out is not None
    assert back.held_out is not None
    pd.testing.assert_frame_equal(back.held_out, found.held_out)


def damaged(path: Path, *keys: Any, value: Any) -> Path:
    data = json.loads(path.read_text())
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("schema",), "quokka-laws/fit", "this is no task accuracy"),
        (("method",), "third", "method: expected one of"),
        (("level",), 90.0, "level: expected less than 1"),
        (("tasks", 0, "chance"), "a quarter", "chance: expected a number"),
        (("tasks", 0, "curves", 0, "theta"), [1.0, 2.0], "theta: expected 3 numbers, not 2"),
        (("tasks", 0, "curves", 0, "draws"), [], "expected 60, as many as the law has refits, not 0"),
        (("tasks", 0, "curves", 0, "scatter"), [], "scatter: expected numbers"),
        (("tasks", 0, "curves", 1, "of"), ["N"], "theta: expected 2 numbers, not 4"),
        (("tasks", 0, "runs", "loss"), [2.0], "columns of one length"),
        (("tasks", 0, "runs"), {"loss": [2.0]}, "missing: accuracy, questions"),
        (("fit", "law"), {"name": "nothing"}, "law"),
    ],
)
def test_what_is_damaged_is_named(path: Path, keys: tuple[Any, ...], value: Any, said: str) -> None:
    with pytest.raises(FitFileError, match=said):
        ql.read_downstream(damaged(path, *keys, value=value))


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(FitFileError, match="not JSON"):
        ql.read_downstream(tmp_path / "a.json")
    assert not is_downstream(tmp_path / "a.json")
    assert not is_downstream(tmp_path / "none.json")
