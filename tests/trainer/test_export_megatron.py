"""Scripts for Megatron run, stop, go on, and their logs are read back; its data index holds our documents."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fake_megatron
import numpy as np
import pytest

from quokka_laws import import_runs
from reference_trainer.export import export, stages
from reference_trainer.export_megatron import options, write_idx
from reference_trainer.model import counts
from reference_trainer.shards import Index
from reference_trainer.spec import RunSpec
from reference_trainer.token_files import token_documents
from reference_trainer.tokenization import Request, tokenize


@pytest.fixture(scope="module")
def shards(text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "s"
    tokenize(Request([str(text_file)], shard_tokens=2**16), folder)
    return folder


def spec(corpus: Path, **changes: object) -> RunSpec:
    base = RunSpec(
        objective="autoregressive", width=32, depth=2, batch=8, context=32, tokens=512_000, cooled_at=(128_000, 512_000),
        evaluated_at=(256_000,), corpus=str(corpus), lr=0.01,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def run(script: Path, folder: Path, **environment: str) -> int:
    stub = f"{sys.executable} {Path(fake_megatron.__file__)}"
    return subprocess.run(
        ["bash", str(script)], env={**os.environ, "MEGATRON": str(folder), "LAUNCH": stub, **environment}, check=False,
        capture_output=True,
    ).returncode  # fmt: skip


def test_from_script_to_points(shards: Path, tmp_path: Path) -> None:
    runs = [spec(shards), spec(shards, seed=1, width=64), spec(shards, objective="masked")]
    out = tmp_path / "out"
    said = export(runs, "megatron", out)
    assert str(out / "facts.csv") in said
    scripts = {each.run_id: out / "runs" / f"{each.run_id}.sh" for each in runs}
    failing = scripts[runs[0].run_id]
    assert run(failing, tmp_path, FAIL_AT="700") != 0  # on the trunk
    assert run(failing, tmp_path, FAIL_AT="1900") != 0  # in a branch
    for script in scripts.values():
        assert run(script, tmp_path) == 0
        logs = {log.name: log.read_bytes() for log in (out / "logs").iterdir()}
        assert run(script, tmp_path) == 0  # all is done
        assert logs == {log.name: log.read_bytes() for log in (out / "logs").iterdir()}
    points = import_runs(out / "logs", facts=out / "facts.csv", final="cooldown").set_index("run_id")
    for each in runs:
        for stage in stages(each):
            row = points.loc[stage.name(each.run_id)]
            D = stage.end * each.tokens_per_step
            N = 12 * each.depth * each.width**2
            if stage.kind == "cooled":
                assert row["status"] == "ok"
                assert row["D"] == D
                assert row["loss"] == pytest.approx(1.8 + 300 / N**0.5 + 500 / D**0.5, abs=1e-5)
            assert row["N"] == counts(each.shape(257))["N_total"]
    assert set(points["status"]) == {"ok", "not cooled"}


def test_learning_rates_are_those_of_the_trainer(shards: Path) -> None:
    one = spec(shards)
    parser = fake_megatron.parser("pretrain_gpt.py")
    common = [word.strip('"') for word in options(one) if "MICRO_BATCH" not in word and word != "--micro-batch-size"]
    for stage in stages(one):
        own = ["--lr-decay-style", "constant"]
        if stage.kind == "cooled":
            own = ["--lr-decay-style", "WSD", "--lr-wsd-decay-style", "minus_sqrt", "--lr-decay-iters", str(stage.end)]
            own += ["--lr-wsd-decay-iters", str(stage.end - stage.begin)]
        given = parser.parse_args([*common, *own])
        for step in range(stage.begin, stage.end):
            ours = min(1.0, (step + 1) / one.warmup)
            if stage.kind == "cooled":
                ours *= 1.0 - np.sqrt((step - stage.begin) / (stage.end - stage.begin))
            # Megatron's rate after a step is that of the next: apart by no more than one step.
            around = [fake_megatron.rate(given, step), fake_megatron.rate(given, step + 1)]
            assert min(around) - 1e-12 <= ours * one.lr <= max(around) + 1e-12


def test_an_index_has_every_document(shards: Path, tmp_path: Path) -> None:
    index = Index.read(shards)
    path = tmp_path / "a.bin"
    path.write_bytes((shards / "train-00000.bin").read_bytes())
    assert write_idx(path, index.dtype, 256) == 2**16
    documents = list(token_documents(path))
    assert len(documents) > 50
    assert all(document[-1] == 256 for document in documents[:-1])
    np.testing.assert_array_equal(np.concatenate(documents), np.fromfile(path, dtype=np.uint16))
    assert write_idx(path, index.dtype, None) == 2**16
    assert [len(document) for document in token_documents(path)] == [2**16]
    assert write_idx(path, index.dtype, 256, limit=5_000) == 5_000
    assert sum(map(len, token_documents(path))) == 5_000


def test_unique_tokens_limit_the_data(shards: Path, tmp_path: Path) -> None:
    limited = spec(shards, unique_tokens=100_000, cooled_at=(), evaluated_at=(512_000,))
    export([limited], "megatron", tmp_path / "out")
    found = sorted((tmp_path / "out" / "data").glob("*train*.idx"))
    assert sum(len(d) for idx in found for d in token_documents(idx.with_suffix(".bin"))) == 100_000


def test_the_index_is_read_by_megatron_itself(shards: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("megatron.core.datasets.indexed_dataset", reason="needs megatron-core")
    path = tmp_path / "a.bin"
    path.write_bytes((shards / "train-00000.bin").read_bytes())
    write_idx(path, np.dtype(np.uint16), 256)
    read = datasets.IndexedDataset(str(tmp_path / "a"))
    ours = list(token_documents(path))
    assert len(read) == len(ours)
    for i, document in enumerate(ours):
        np.testing.assert_array_equal(read[i], document)
