"""Jobs of an export are those of the trainer itself."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from reference_trainer import schedule
from reference_trainer.cli import main
from reference_trainer.errors import TrainerError
from reference_trainer.export import Stage, export, refuse, stages, write_facts
from reference_trainer.spec import RunSpec

BASE = RunSpec(
    objective="autoregressive", width=16, depth=1, batch=8, context=32, tokens=51_200, cooled_at=(12_800, 51_200),
    evaluated_at=(25_600, 40_960),
)  # fmt: skip


def test_jobs_are_the_events_of_the_trainer() -> None:
    for spec in (
        BASE,
        replace(BASE, evaluated_at=()),
        replace(BASE, cooled_at=(), evaluated_at=(25_600,)),
        replace(BASE, cooldown=0.9, cooled_at=(8_000, 9_000)),
    ):
        events, made = schedule.events([spec]), stages(spec)
        assert {(s.begin, s.end) for s in made if s.kind == "cooled"} == {
            (b, e) for b, kind, e in events if kind == "cooled"
        }
        trunk = [s for s in made if s.kind == "trunk"]
        assert {s.end for s in trunk if s.evaluated} == {e for _, kind, e in events if kind == "trunk"}
        assert {s.end for s in trunk} == {b for b, _, _ in events}
        assert [s.begin for s in trunk] == [0, *(s.end for s in trunk[:-1])]


def test_a_branch_comes_after_the_segment_it_departs_from() -> None:
    done = {0}
    for stage in stages(BASE):
        assert stage.begin in done
        if stage.kind == "trunk":
            done.add(stage.end)
    assert Stage("cooled", 160, 200, True).name("abc") == "abc-cooled-200"


def test_facts_have_every_job(tmp_path: Path) -> None:
    spec = replace(BASE, unique_tokens=20_000)
    write_facts([spec], tmp_path)
    with (tmp_path / "facts.csv").open() as file:
        rows = {row["run_id"].removeprefix(spec.run_id): row for row in csv.DictReader(file)}
    assert {name: int(row["D"]) for name, row in rows.items()} == {
        "-trunk": 40_960,
        "-cooled-50": 12_800,
        "-cooled-200": 51_200,
    }
    assert {row["U_D"] for row in rows.values()} == {"20000", "12800"}


def test_what_has_no_counterpart_is_refused_at_once() -> None:
    runs = [BASE, replace(BASE, objective="uniform"), replace(BASE, init="scaled"), replace(BASE, weighting="maskgit")]
    with pytest.raises(TrainerError, match=r"objective uniform .*weighting maskgit .*init scaled") as caught:
        refuse(runs, ("autoregressive",), "Megatron")
    assert "autoregressive can be exported" in str(caught.value)


@pytest.mark.parametrize("trainer", ["torchtitan", "megatron", "slurm"])
def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, trainer: str) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(TrainerError, match="not empty"):
        export([BASE], trainer, tmp_path)
    with pytest.raises(TrainerError, match="no runs"):
        export([], trainer, tmp_path / "new")


def test_the_option_of_sweep(tmp_path: Path) -> None:
    table = tmp_path / "sweep.csv"
    table.write_text("objective,width,depth,tokens\nuniform,16,1,100000\nautoregressive,16,1,100000\n")
    command = ["sweep", str(table), "--corpus", "synthetic", "--out", str(tmp_path / "out"), "--export"]
    assert CliRunner().invoke(main, [*command, "slurm"]).exit_code == 0
    refused = CliRunner().invoke(main, ["sweep", str(table), "--out", str(tmp_path / "b"), "--export", "megatron"])
    assert refused.exit_code == 1
    assert "objective uniform" in refused.stderr
