"""W&B: the real client against recorded answers, and exports of its web page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from logs import RUNS, recorded, wide
from synthetic import TRUE_CHINCHILLA
from wandb_server import serving

import quokka_laws as ql
from quokka_laws.importers import import_runs

RECORDED = [
    *(recorded(run) for run in RUNS),
    recorded(RUNS[0], name="twin", state="crashed"),
    recorded(RUNS[0], name="twin", last_step=2000),
    recorded(RUNS[0], name="diverged", history=[{"_step": s, "val/loss": "NaN", "tokens": s} for s in range(1, 9)]),
    recorded(RUNS[0], name="empty", history=[], last_step=-1),
]


@pytest.fixture(scope="module")
def project() -> Iterator[str]:
    """A project on a server of this machine, and a key for it."""
    with serving(RECORDED) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_BASE_URL", address)
        patch.setenv("WANDB_API_KEY", "0" * 40)
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        yield "team/scaling"


def test_the_law_comes_back_through_the_api(project: str) -> None:
    runs = import_runs(project, columns={"N": "model.n_params"})
    assert len(runs) == len(RECORDED)
    by_name = runs.set_index("run_id")
    assert by_name.loc["twin (r16)", "reason"] == "W&B calls the run crashed"
    assert "the history ends at step 1000, W&B says 2000" in by_name.loc["twin (r17)", "remark"]
    assert by_name.loc["diverged", "status"] == "diverged"
    assert by_name.loc["empty", "reason"] == "nothing was logged (state finished)"
    assert by_name.loc[RUNS[0].name, "optimizer"] == "adamw"
    used = ql.read_runs(runs[runs["run_id"] != "twin (r17)"])
    assert ql.fit(ql.laws.Chinchilla(), used).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


@pytest.mark.usefixtures("project")
def test_a_project_that_is_not_there() -> None:
    with pytest.raises(ql.RunsError, match=r"W&B project team/other cannot be read.*Is the key set"):
        import_runs("wandb:team/other")
    with pytest.raises(ql.RunsError, match="not a project of W&B; write ENTITY/PROJECT"):
        import_runs("sweep", kind="wandb")


def test_export_of_a_chart(tmp_path: Path) -> None:
    path = tmp_path / "wandb_export.csv"
    wide(path)
    runs = import_runs(path, name="quokka")
    assert runs.attrs["notes"] == []
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


def test_averaged_points_of_a_chart_are_said(tmp_path: Path) -> None:
    path = tmp_path / "wandb_export.csv"
    path.write_text(
        '"Step","a - loss","a - loss__MIN","a - loss__MAX","a - _step","a - _step__MIN","a - _step__MAX"\n'
        + "".join(
            f'"{s}","{5 - s / 100}","{4.9 - s / 100}","{5.1 - s / 100}","{s}","{s}","{s}"\n' for s in range(1, 99)
        )
    )
    facts = tmp_path / "runs.csv"
    facts.write_text("Name,State,n_params,tokens\na,finished,1.3B,10B\n")
    runs = import_runs(path, facts=facts)
    assert runs.loc[0, ["run_id", "N", "D"]].tolist() == ["a", 1.3e9, 1e10]
    assert [note["code"] for note in runs.attrs["notes"]] == ["averaged"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_sampled_history_is_said(tmp_path: Path, suffix: str) -> None:
    steps = np.sort(np.random.default_rng(0).choice(20_000, 500, replace=False))
    table = pd.DataFrame({"_step": steps, "_runtime": 1.0, "loss": 3 + 2 / (steps + 1), "tokens": steps * 1e6})
    path = tmp_path / f"1.3B.{suffix}"
    table.to_csv(path) if suffix == "csv" else table.to_parquet(path)
    made = import_runs(path, name="{N}").iloc[0]
    assert "500 rows at irregular steps: a sample of the history" in made["remark"]
    assert made["N"] == 1.3e9
    table.assign(_step=np.arange(500)).to_csv(tmp_path / "1B.csv")
    assert "sample" not in import_runs(tmp_path / "1B.csv", name="{N}").iloc[0]["remark"]


def test_two_runs_of_one_name_in_a_chart(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text('"Step","a - loss","a - loss"\n1,3,4\n')
    with pytest.raises(ql.RunsError, match=r"export\.csv: 'a - loss' heads more than one column; give each"):
        import_runs(path)


def test_offline_runs_are_explained(tmp_path: Path) -> None:
    folder = tmp_path / "wandb" / "offline-run-1"
    folder.mkdir(parents=True)
    (folder / "run-1.wandb").write_bytes(b":W&B")
    for source in (tmp_path / "wandb", folder / "run-1.wandb"):
        with pytest.raises(ql.RunsError, match="upload them"):
            import_runs(source)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ql.MissingDependencyError, match=r'pip install "quokka-laws\[wandb\]"'):
        import_runs("wandb:team/scaling")
