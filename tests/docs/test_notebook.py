"""The notebook runs as it is, but for the line that installs the package; it uses shipped data only."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import quokka_laws as ql

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "first-hour.ipynb"


def code() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_first_cell_installs_and_no_output_is_stored() -> None:
    first, *others = code()
    assert first.startswith("%pip install")
    assert not [cell for cell in others if cell.startswith(("%", "!"))]
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs")]


def test_every_other_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("quokka_laws.reporting.page.figures", lambda *_: ())  # tests of the report draw them
    names: dict[str, object] = {}
    for cell in code()[1:]:
        exec(cell.replace("bootstrap=1000", "bootstrap=50").replace("bootstrap=100)", "bootstrap=10)"), names)
    plt.close("all")
    assert isinstance(names["fit"], ql.FitResult)
    assert len(names["together"].table) == 1  # type: ignore[attr-defined]
    assert (tmp_path / "report.html").stat().st_size > 1000
