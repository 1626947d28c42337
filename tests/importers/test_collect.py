"""Many sources as one table: a row a run, names kept apart, what cannot be used kept with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.importers.collect import import_runs


def log(path: Path, final: float = 3.0, steps: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    step = np.arange(10, steps + 1, 10)
    pd.DataFrame({"step": step, "loss": final + 2.0 / step}).to_csv(path, index=False)
    return path


def test_one_row_a_run_with_tokens_from_steps(tmp_path: Path) -> None:
    for name in ("7M_a", "20M_b"):
        log(tmp_path / f"{name}.csv")
    table = import_runs(tmp_path, name="{N:M}M_{x}", tokens_per_step=1000)
    assert sorted(table["N"]) == [7e6, 2e7]
    assert table["D"].tolist() == [1e5, 1e5]


def test_runs_of_one_name_are_numbered_and_said(tmp_path: Path) -> None:
    sources = [log(tmp_path / part / "7M.csv", final) for part, final in (("one", 3.0), ("two", 3.1))]
    table = import_runs(sources, name="{N:M}M", tokens_per_step=1000)
    assert table["run_id"].nunique() == 2
    assert "another" in [note["code"] for note in table.attrs["notes"]]


def test_a_formula_of_tokens_per_step(tmp_path: Path) -> None:
    log(tmp_path / "7M.csv")
    table = import_runs(tmp_path, name="{N:M}M", tokens_per_step="N / 1000")
    assert table["D"].tolist() == [7e5]


def test_one_bad_file_is_listed_and_the_rest_read(tmp_path: Path) -> None:
    log(tmp_path / "7M.csv")
    (tmp_path / "20M.csv").write_bytes(b"\x00\x01\x02,\n\x00")
    table = import_runs(tmp_path, name="{N:M}M", tokens_per_step=1000)
    assert table.loc[table["N"] == 7e6, "loss"].notna().all()
    assert len(table.attrs["unread"]) + (table.get("status", pd.Series(dtype=str)) == "no loss").sum() == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"final": "best"}, ql.ArgumentError),
        ({"accept": ["everything"]}, ql.ArgumentError),
        ({"tokens_per_step": "nothing * 2"}, ql.QuokkaError),
    ],
)
def test_arguments_that_mean_nothing(tmp_path: Path, arguments: dict[str, object], error: type[Exception]) -> None:
    log(tmp_path / "7M.csv")
    with pytest.raises(error):
        import_runs(tmp_path, name="{N:M}M", **{"tokens_per_step": 1000, **arguments})


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError):
        import_runs(tmp_path)
