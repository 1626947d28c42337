"""Results of lm-evaluation-harness, in the shape its versions 0.4 write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.importers import detect, import_runs


def result(path: Path, name: str, size: int, bits: float, **tasks: dict[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wiki = {"alias": "wikitext", "word_perplexity,none": 2 ** (bits * 5.3), "word_perplexity_stderr,none": "N/A"}
    wiki |= {"byte_perplexity,none": 2**bits, "bits_per_byte,none": bits}
    data = {
        "results": {"wikitext": wiki, **tasks},
        "versions": {"wikitext": 2},
        "config": {
            "model": "hf",
            "model_args": f"pretrained=lab/{name},revision=step143000",
            "model_num_parameters": size,
        },
        "model_name": f"lab/{name}",
    }
    path.write_text(json.dumps(data, indent=2))


def test_bits_per_byte_with_the_harness_own_count_of_parameters(tmp_path: Path) -> None:
    accuracy = {"lambada": {"acc,none": 0.4, "perplexity,none": 12.0}}
    for name, size, bits in (("pythia-70m", 70_426_624, 1.1), ("pythia-160m", 162_322_944, 1.0)):
        result(tmp_path / name / "results_2026-01-01.json", name, size, bits, **accuracy)
    assert detect(tmp_path) == "lm-eval"
    runs = import_runs(tmp_path)
    assert runs["run_id"].tolist() == ["lab/pythia-160m@step143000", "lab/pythia-70m@step143000"]
    assert runs["N"].tolist() == [162_322_944, 70_426_624]
    read = ql.read_runs(runs.assign(D=3e11))
    assert read["loss"].tolist() == [1.0, 1.1]
    assert read.attrs["conventions"]["loss_unit"] == "bits/byte"
    nats = ql.read_runs(runs.assign(D=3e11), bytes_per_token=4.0)
    assert nats["loss"].tolist() == pytest.approx([4 * np.log(2), 4.4 * np.log(2)])
    assert nats.attrs["conventions"]["loss_unit"] == "nats/token"


def test_another_metric_is_asked_for_by_name(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    result(path, "m", 10**7, 1.1, pile={"bits_per_byte,none": 0.9})
    with pytest.raises(ql.RunsError, match=r"several losses \(wikitext/bits_per_byte, pile/bits_per_byte\)"):
        import_runs(path)
    assert import_runs(path, columns={"loss": "pile/bits_per_byte"})["loss"].tolist() == [0.9]
    with pytest.raises(ql.RunsError, match="no loss mmlu/acc among"):
        import_runs(path, columns={"loss": "mmlu/acc"})
