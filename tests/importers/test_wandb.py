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


@pytest.mark.parametrize("axis", ["epoch", "Relative Time (Process)", "Wall Time", "trainer/samples"])
def test_step_beside_the_metric_wins_over_the_axis_of_a_chart(tmp_path: Path, axis: str) -> None:
    path = tmp_path / "chart.csv"
    rows = [f"{s / 1000},{s},{5 - s / 1000},,\n{s / 1000 + 0.01},,,{s},{4 - s / 1000}" for s in range(500, 2001, 500)]
    header = f"{axis},10M - _step,10M - eval/loss,40M - _step,40M - eval/loss"
    path.write_text(header + "\n" + "\n".join(rows) + "\n")
    runs = import_runs(path, name="{N}", tokens_per_step=1000)
    assert runs["D"].tolist() == [2e6, 2e6]
    assert runs["loss"].tolist() == [3.0, 2.0]
    assert [note["code"] for note in runs.attrs["notes"]] == ["axis"]
    bare = path.read_text().replace("_step", "grad_norm")
    path.write_text(bare)
    with pytest.raises(ql.RunsError, match="neither steps nor tokens, and no column _step"):
        import_runs(path, name="{N}", tokens_per_step=1000)


def test_a_chart_against_tokens_needs_no_tokens_per_step(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    rows = [f"{d:.0f},{5 - d / 1e9}" for d in np.arange(1, 9) * 1e8]
    path.write_text("throughput/total_tokens,190M-1xC - eval/c4_en-validation/CrossEntropyLoss\n" + "\n".join(rows))
    made = import_runs(path, name="{N}-{}").iloc[0]
    assert made[["N", "D", "loss_split"]].tolist() == [1.9e8, 8e8, "validation"]
    assert made["loss"] == pytest.approx(4.2)
    assert "step" not in made


def test_a_chart_against_billions_of_tokens(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    path.write_text("tokens (B),190M - val/loss\n" + "\n".join(f"{d / 10},{5 - d / 10}" for d in range(1, 9)))
    assert import_runs(path, name="{N}").iloc[0]["D"] == 8e8


def test_a_table_of_runs_tells_seeds_apart_by_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [f"small,id{i},finished,1e7,2e8,{i},400,{5 + i / 100}" for i in range(3)] + ["big,idb,crashed,4e7,2e8,0,50,"]
    path.write_text("Name,ID,State,n_params,tokens,seed,_step,val/loss\n" + "\n".join(rows) + "\n")
    imported = import_runs(path)
    assert imported["run_id"].tolist() == ["small (id0)", "small (id1)", "small (id2)", "big"]
    for runs in (ql.read_runs(imported), ql.read_runs(path)):
        assert runs["run_id"].nunique() == 3
        assert [(e["name"].split()[0], e["code"]) for e in runs.attrs["excluded"]] == [("big", "state")]


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


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ql.MissingDependencyError, match=r'pip install "quokka-laws\[wandb\]"'):
        import_runs("wandb:team/scaling")
