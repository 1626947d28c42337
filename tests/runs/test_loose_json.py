"""JSON as hands and Python write it."""

from __future__ import annotations

import json

import pytest

import quokka_laws as ql
from quokka_laws.runs.loose_json import LARGEST, loose

ROWS = [{"N": 1e8 * i, "D": 1e9 * i, "loss": 4 - 0.1 * i} for i in range(1, 5)]


@pytest.mark.parametrize(
    "text",
    [
        repr(ROWS),
        "[" + ",\n".join(map(json.dumps, ROWS)) + ",\n]",
        "// sweep of May\n" + json.dumps(ROWS, indent=1),
        "# made by hand\n" + repr(tuple(ROWS)),
        repr(ROWS).replace("3.9", "np.float64(3.9)").replace("3.8", "tensor(3.8)"),
    ],
    ids=["repr", "last comma", "comment", "tuple", "numpy"],
)
def test_rows_however_they_are_written(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert loose(text) == ROWS
    path = tmp_path_factory.mktemp("rows") / "runs.json"
    path.write_text(text)
    runs = ql.read_runs(path)
    assert runs["loss"].tolist() == [row["loss"] for row in ROWS]
    assert any("not JSON as it stands" in note for note in map(str, ql.runs.read.notes_of(runs)))


@pytest.mark.parametrize(
    "text", ["[1,", "__import__('os').system('touch x')", "[x for x in (1, 2)]", "{1, 2}", "b'x'", "[" * 5000]
)
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"no value|holds|malformed"):
        loose(text)
    with pytest.raises(ValueError, match="too long"):
        loose("[" + " " * LARGEST)
