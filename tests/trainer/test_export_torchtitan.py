"""Configurations for torchtitan say what the runs say; torchtitan itself reads them, where it is installed."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from reference_trainer.errors import TrainerError
from reference_trainer.export import export, stages
from reference_trainer.spec import RunSpec
from reference_trainer.tokenization import Request, tokenize


@pytest.fixture(scope="module")
def corpus(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards that keep a tokenizer."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the bpe extra")
    folder = tmp_path_factory.mktemp("bpe")
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, show_progress=False, special_tokens=["<|endoftext|>"])
    model.train_from_iterator([text_file.read_text()], trainer)
    model.save(str(folder / "bpe.json"))
    tokenize(Request([str(text_file)], tokenizer=str(folder / "bpe.json")), folder / "s")
    return folder / "s"


@pytest.fixture
def spec(corpus: Path) -> RunSpec:
    return RunSpec(
        objective="autoregressive", width=32, depth=2, batch=8, context=32, tokens=512_000, cooled_at=(128_000, 512_000),
        evaluated_at=(256_000,), corpus=str(corpus), lr=0.01,
    )  # fmt: skip


def test_jobs(spec: RunSpec, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export([spec, replace(spec, seed=1)], "torchtitan", out)
    jobs = {job["name"]: job for job in json.loads((out / "sweep_runs" / "jobs.json").read_text())}
    assert len(jobs) == 2 * len(stages(spec))
    branch, segment = jobs[f"run_{spec.run_id}_cooled_2000"], jobs[f"run_{spec.run_id}_trunk_1000"]
    assert branch["begin_from"] == f"{spec.run_id}-trunk/checkpoint/step-1600"
    assert branch["decay_ratio"] == 0.2
    assert (segment["decay_ratio"], segment["evaluated"], segment["begin_from"]) == (0.0, True, "")
    assert {job["seed"] for job in jobs.values()} == {0, 1}
    for script in (out / "runs").iterdir():
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
        text = script.read_text()
        assert [name for name in jobs if f"job {name} " in text] == [n for n in jobs if script.stem in n]
    assert (Path(branch["tokenizer"]) / "tokenizer.json").is_file()


def test_what_torchtitan_cannot_do_is_said(spec: RunSpec, text_file: Path, tmp_path: Path) -> None:
    for changed, said in (
        (replace(spec, objective="masked"), "objective masked"),
        (replace(spec, corpus=str(text_file)), "--tokenizer"),
        (replace(spec, unique_tokens=100_000), "unique_tokens"),
    ):
        with pytest.raises(TrainerError, match=said):
            export([changed], "torchtitan", tmp_path / "out")


def test_torchtitan_reads_them(spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchtitan", reason="needs torchtitan 0.3 and a torch with triton")
    import torch

    from reference_trainer.model import counts

    manager = importlib.import_module("torchtitan.config").ConfigManager()
    out = tmp_path / "out"
    export([spec], "torchtitan", out)
    monkeypatch.syspath_prepend(str(out))
    for stage in stages(spec):
        name = f"run_{spec.run_id}_{stage.kind}_{stage.end}"
        read = manager.parse_args(["--module", "sweep_runs", "--config", name])
        assert (read.training.steps, read.training.global_batch_size) == (stage.end, spec.batch)
        assert read.validator.enable == stage.evaluated
        with torch.device("meta"):
            model = read.model_spec.model.build()
        norms = 32 * (2 * 2 + 1) + 2 * 2 * model.config.layers[0].attention.head_dim
        shape = spec.shape(model.config.vocab_size)
        assert sum(p.numel() for p in model.parameters()) == counts(shape)["N_total"] + norms
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=spec.lr)
        schedule = read.lr_scheduler.build(optimizers=[optimizer], training_steps=stage.end).schedulers[0].lr_lambdas[0]
        for step in range(stage.begin, stage.end):
            ours = min(1.0, (step + 1) / spec.warmup)
            if stage.kind == "cooled":  # theirs reaches zero one step later
                length = stage.end - stage.begin
                ours *= 1 - math.sqrt((step - stage.begin) / length)
                assert abs(schedule(step) - ours) <= math.sqrt(1 / length) + 1e-9
            else:
                assert schedule(step) == pytest.approx(ours)
