"""Sweeps: skip, resume, survive; one clear error for every mistake; every launcher gives the same rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from reference_trainer import jobs, locks, presets, sweep, sweep_table
from reference_trainer.cli import main
from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, counts
from reference_trainer.records import append_rows, read_rows
from reference_trainer.spec import RunSpec

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def spec(text_file: Path) -> RunSpec:
    return RunSpec(
        corpus=str(text_file), width=8, depth=1, context=32, batch=8, tokens=8 * 32 * 20, eval_sequences=16,
        eval_passes=2,
    )  # fmt: skip


def train_one(spec: RunSpec, out: Path, **options: object) -> str:
    """How a job of one run ended."""
    ended = jobs.train_job(jobs.Job([spec.to_dict()], str(out), **options))  # type: ignore[arg-type]
    return ended[spec.run_id]


def test_same_spec_is_the_same_run_and_any_change_another(spec: RunSpec) -> None:
    assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))).run_id == spec.run_id
    changes = [{"seed": 1}, {"lr": 0.5}, {"tokens": spec.tokens + 1}, {"corpus": "other"}, {"objective": "uniform"}]
    assert len({spec.run_id, *(replace(spec, **c).run_id for c in changes)}) == 1 + len(changes)


def test_finished_runs_are_skipped(spec: RunSpec, tmp_path: Path) -> None:
    for expected in ("ok", "ok"):
        assert train_one(spec, tmp_path) == expected
    assert len(list(read_rows(tmp_path / "runs.jsonl"))) == 1
    assert sweep.sweep([spec, spec], tmp_path, progress=False) == {"skipped": 1}


def test_torn_last_line_is_closed_and_passed_over(spec: RunSpec, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    append_rows([{"run_id": "a", "status": "ok"}], path)
    with path.open("a") as file:
        file.write('{"run_id": "b", "sta')
    append_rows([{"run_id": "c", "status": "ok"}], path)
    assert [row["run_id"] for row in read_rows(path)] == ["a", "c"]


def test_time_budget_stops_and_the_next_sweep_continues(spec: RunSpec, tmp_path: Path) -> None:
    assert train_one(spec, tmp_path, deadline=time.time() - 1) == "stopped"
    assert (tmp_path / "checkpoints" / f"{spec.run_id}.pt").is_file()
    assert train_one(spec, tmp_path) == "ok"
    assert not list((tmp_path / "checkpoints").iterdir())  # neither checkpoint nor lock is left


def test_a_run_someone_else_trains_is_left_to_them(spec: RunSpec, tmp_path: Path) -> None:
    with locks.claim(tmp_path, spec.run_id):
        assert train_one(spec, tmp_path) == "taken"


def test_lock_of_a_dead_process_is_taken_over(spec: RunSpec, tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / f"{spec.run_id}.lock").write_text(f"{os.uname().nodename} {child.pid}")
    assert train_one(spec, tmp_path) == "ok"


def test_crash_is_a_row(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.Trainer, "run", lambda self: 1 / 0)
    assert train_one(spec, tmp_path) == "crash"
    (row,) = read_rows(tmp_path / "runs.jsonl")
    assert row["status"] == "crash"
    assert "ZeroDivisionError" in row["error"]
    assert "loss" not in row
    monkeypatch.undo()
    assert sweep.sweep([spec], tmp_path, workers=1, progress=False) == {"skipped": 0, "ok": 1}  # tried again


def test_terminated_sweep_saves_and_continues(spec: RunSpec, tmp_path: Path) -> None:
    spec = replace(spec, tokens=8 * 32 * 2500, cooled_at=())
    fields = {k: v for k, v in spec.to_dict().items() if k not in ("cooled_at", "evaluated_at")}
    pd.DataFrame([fields]).to_csv(tmp_path / "sweep.csv", index=False)
    command = [sys.executable, "-m", "reference_trainer", "sweep", str(tmp_path / "sweep.csv"), "--out", str(tmp_path)]
    command += ["--corpus", spec.corpus, "--workers", "1"]
    child = subprocess.Popen(command, env=environment(), start_new_session=True, stderr=subprocess.PIPE)
    lock = tmp_path / "checkpoints" / f"{spec.run_id}.lock"
    deadline = time.monotonic() + 60
    while not lock.exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.05)
    time.sleep(1.0)
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
    _, said = child.communicate(timeout=60)
    saved = tmp_path / "checkpoints" / f"{spec.run_id}.pt"
    while lock.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert saved.is_file(), said.decode()
    assert not list(read_rows(tmp_path / "runs.jsonl"))
    assert train_one(spec, tmp_path) == "ok"


def test_packs_hold_runs_of_one_plan() -> None:
    a, b = RunSpec(width=8), RunSpec(width=16)
    specs = [a, b, replace(a, seed=1), replace(a, lr=0.5), replace(b, tokens=100_000), replace(a, unique_tokens=5_000)]
    packed = sweep.packs(specs, 3)
    assert packed == [[a, specs[2], specs[3]], [specs[5]], [b], [specs[4]]]


def test_runs_over_different_unique_tokens_share_packs() -> None:
    """The repeated-data runs of the calibration preset: one pack per size and objective, whatever points they want."""
    repeated = [spec for spec in presets.calibration("text.txt") if spec.group == "repeated"]
    packed = sweep.packs(repeated, 8)
    assert [len(pack) for pack in packed] == [3] * 8
    assert all(len({spec.unique_tokens for spec in pack}) == 3 for pack in packed)


def test_packed_sweep_gives_the_rows_of_separate_runs(spec: RunSpec, tmp_path: Path) -> None:
    """One of three is finished before and one diverges: neither changes what the third becomes."""
    specs = [spec, replace(spec, seed=1), replace(spec, seed=2, lr=1e30)]
    train_one(specs[0], tmp_path / "packed")
    ended = sweep.sweep(specs, tmp_path / "packed", pack=3, workers=1, progress=False)
    assert ended == {"skipped": 1, "ok": 1, "nan": 1}
    for one in specs:
        train_one(one, tmp_path / "separate")
    packed, separate = (
        {row["run_id"]: row for row in read_rows(tmp_path / n / "runs.jsonl")} for n in ("packed", "separate")
    )
    assert {i: row["status"] for i, row in packed.items()} == {i: row["status"] for i, row in separate.items()}
    assert packed[specs[1].run_id]["loss"] == pytest.approx(separate[specs[1].run_id]["loss"], rel=1e-5)
    assert not list((tmp_path / "packed" / "checkpoints").iterdir())


def test_pack_of_which_another_trains_a_run_trains_the_rest(spec: RunSpec, tmp_path: Path) -> None:
    other = replace(spec, seed=1)
    with locks.claim(tmp_path, spec.run_id):
        ended = jobs.train_job(jobs.Job([spec.to_dict(), other.to_dict()], str(tmp_path)))
    assert ended == {spec.run_id: "taken", other.run_id: "ok"}


def test_bar_moves_while_a_run_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two runs, one three times the other's work and two thirds done: half of the sweep, read from its lock."""
    monkeypatch.setattr(locks, "HEARTBEAT", 0.02)
    with sweep._progress({"a": (3.0, 300), "b": (1.0, 100)}, tmp_path, show=True) as end:
        with locks.claim(tmp_path, "a") as beat:
            assert beat is not None
            time.sleep(0.05)
            beat(200)
            time.sleep(0.5)
        end("a", "ok")
    shown = capsys.readouterr().err
    assert " 50%" in shown
    assert shown.index(" 50%") < shown.index("1 ok")


# ---- tables ---------------------------------------------------------------------------------------------------


def test_table_of_specs(text_file: Path) -> None:
    table = pd.DataFrame({"width": [8, 16], "tokens": [1e5, 2e5], "cooled_at": ["5e4;1e5", None], "seed": [None, 3.0]})
    a, b = sweep_table.frame_to_specs(table, corpus=str(text_file))
    assert (a.cooled_at, a.seed, b.cooled_at, b.seed) == ((50_000, 100_000), 0, (200_000,), 3)
    assert isinstance(b.tokens, int)


def test_table_planned_by_the_library_is_a_sweep() -> None:
    plan = pd.DataFrame({"C": [6e11, 6e12], "N": [2e4, 1e5], "D": [5e6, 1e7], "U_D": [1e6, 1e7], "epochs": [5, 1]})
    specs = sweep_table.frame_to_specs(plan, objective="masked")
    for spec, N in zip(specs, plan["N"], strict=True):
        assert counts(Shape(spec.width, spec.depth))["N_total"] == pytest.approx(N, rel=0.35)
    assert [s.unique_tokens for s in specs] == [1_000_000, 10_000_000]
    assert [s.tokens for s in specs] == [5_000_000, 10_000_000]


def test_planned_slices_keep_their_compute() -> None:
    """N is the nearest shape's, so D makes up for it: the runs of an IsoFLOP slice still share one C."""
    N = np.geomspace(3e3, 3e5, 7)
    for spec in sweep_table.frame_to_specs(pd.DataFrame({"N": N, "D": 1e12 / (6 * N)})):
        assert 6 * counts(spec.shape(256))["N_total"] * spec.tokens == pytest.approx(1e12, rel=1e-4)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("objective", "diffusion", "row 1: objective 'diffusion' is not one of masked, uniform, autoregressive"),
        ("wdith", 8, "row 1: unknown options wdith; known: batch"),
        ("tokens", 5, "row 1: tokens = 5 is less than two batches"),
        ("cooled_at", 1024, r"row 1: cooled_at = 1,024 is less than two batches \(16 × 64 tokens each\)"),
        ("cooldown", 2.0, "row 1: cooldown = 2.0 is not between 0 and 1"),
    ],
)
def test_faults_of_a_table_name_the_row(column: str, value: object, message: str) -> None:
    with pytest.raises(TrainerError, match=message):
        sweep_table.frame_to_specs(pd.DataFrame({column: [value]}))


# ---- command line ---------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "nowhere.txt"], "no such file or folder"),
        (["--unique-tokens", "1e12"], "unique tokens were asked for"),
        (["--unique-tokens", "512", "--batch", "64"], "fewer than one batch of 64 sequences"),
        (["--objective", "gan"], "objective 'gan' is not one of"),
        (["--wdith", "8"], "No such option"),
        (["--device", "cuda:77"], "device"),
        (["--out", "/dev/null/runs"], "/dev/null"),
        (["--tokens", "many"], "many"),
    ],
)
def test_mistakes_are_one_clear_error(text_file: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    base = ["train", "--corpus", str(text_file), "--out", str(tmp_path), "--tokens", "20k", "--width", "8"]
    code, output = run(*base, *arguments)
    assert code != 0
    assert message in output
    assert "Traceback" not in output
    assert not list(read_rows(tmp_path / "runs.jsonl"))


def test_finished_run_is_not_trained_twice(text_file: Path, tmp_path: Path) -> None:
    base = [
        "train",
        "--corpus",
        str(text_file),
        "--out",
        str(tmp_path),
        "--tokens",
        "20k",
        "--width",
        "8",
        "--depth",
        "1",
    ]
    assert run(*base)[0] == 0
    code, output = run(*base)
    assert (code, "has the rows of this run" in output) == (0, True)
    assert run(*base, "--keep")[0] == 0  # for its checkpoint
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    assert len(list(read_rows(tmp_path / "runs.jsonl"))) == 1


def test_sweep_into_an_unwritable_folder_and_onto_a_missing_device(text_file: Path, tmp_path: Path) -> None:
    base = ["sweep", "--preset", "smoke", "--corpus", str(text_file)]
    code, output = run(*base, "--out", "/dev/null/runs")
    assert (code, "cannot write to /dev/null/runs" in output) == (1, True)
    code, output = run(*base, "--out", str(tmp_path), "--device", "cuda:77")
    assert (code, "torch sees" in output) == (1, True)


def test_train_keep_eval_and_sample(text_file: Path, tmp_path: Path) -> None:
    base = ["--corpus", str(text_file), "--out", str(tmp_path), "--tokens", "20k", "--width", "8", "--depth", "1"]
    for objective in ("masked", "uniform", "autoregressive"):
        code, output = run("train", "--keep", "--objective", objective, *base)
        row = json.loads(output[output.index('{"run_id"') :].splitlines()[0])
        assert code == 0
        checkpoint = str(tmp_path / "checkpoints" / f"{row['run_id']}.pt")
        code, output = run("sample", checkpoint, "--prompt", "quokka ", "--seed", "3")
        assert code == 0
        assert output.startswith("quokka ")
        code, output = run("eval", checkpoint, "--sequences", "64")
        assert 0 < json.loads(output)["loss"] < np.log(256)
    code, output = run("sample", str(text_file))
    assert (code, "is not a checkpoint of this trainer" in output) == (1, True)


def test_smoke_preset(text_file: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    code, output = run("sweep", "--preset", "smoke", "--corpus", str(text_file), "--out", str(tmp_path))
    assert code == 0, output
    assert time.monotonic() - began < 60  # twenty seconds on two idle cores, which a test machine need not have
    rows = pd.DataFrame(read_rows(tmp_path / "runs.jsonl"))
    assert len(rows) == 8
    assert set(rows["status"]) == {"ok"}
    text = np.frombuffer(text_file.read_bytes(), dtype=np.uint8)
    p = np.bincount(text)[np.bincount(text) > 0] / len(text)
    unigram = -(p * np.log(p)).sum()
    assert (rows.groupby("objective")["loss"].min() < [unigram, unigram + 0.3]).all()
    runs = pytest.importorskip("quokka_laws").read_runs(tmp_path / "runs.jsonl")
    assert len(runs) == 8
    assert {"N", "D", "U_D", "epochs", "C", "loss", "run_id"} <= set(runs)


def test_presets_are_distinct_runs() -> None:
    for preset in presets.PRESETS.values():
        specs = preset("text.txt", "")
        assert len({s.run_id for s in specs}) == len(specs)


# ---- launchers ------------------------------------------------------------------------------------------------


def losses(out: Path) -> dict[str, float]:
    return {row["row_id"]: row["loss"] for row in read_rows(out / "runs.jsonl")}


@pytest.fixture
def pair(spec: RunSpec) -> list[RunSpec]:
    return [replace(spec, seed=s) for s in (1, 2)]


def test_submitit_local_executor_gives_the_same_rows(
    pair: list[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit", reason="needs the submitit extra")
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    for one in pair:
        train_one(one, tmp_path / "here")
    ended = sweep.sweep(pair, tmp_path / "there", launcher="submitit", progress=False)
    assert ended == {"skipped": 0, "ok": 2}
    assert losses(tmp_path / "there") == losses(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # ray warns about its own dependencies while it starts
def test_ray_cluster_survives_a_killed_worker(pair: list[RunSpec], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the ray extra")
    script = Path(__file__).with_name("ray_kill.py")
    specs = [replace(one, tokens=8 * 32 * 1500, cooled_at=()).to_dict() for one in pair]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), json.dumps(specs)],
        env=environment(), capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["killed"] == 1
    assert report["ended"] == {"skipped": 0, "ok": 2}
    assert len(report["pids"]) == 2
    for one in specs:
        train_one(RunSpec.from_dict(one), tmp_path / "here")
    assert losses(tmp_path) == losses(tmp_path / "here")


def test_unknown_launcher_is_named(spec: RunSpec, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="launcher 'kubernetes' is not one of local, ray, submitit"):
        sweep.sweep([spec], tmp_path, launcher="kubernetes")
