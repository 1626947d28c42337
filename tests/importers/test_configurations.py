"""N and C of a table counted from its configurations, in one convention."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import architectures
from quokka_laws.cli.app import main
from quokka_laws.importers import counted

SHAPE = architectures.propose(3e7, vocabulary=32000)
MIXTURE = {
    "model_type": "mixtral", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 128, "vocab_size": 1000, "num_local_experts": 8, "num_experts_per_tok": 2,
}  # fmt: skip


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "dense.json").write_text(architectures.write(SHAPE))
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").write_text(json.dumps(MIXTURE))
    table = pd.DataFrame(
        {
            "run": ["a", "b", "c"],
            "config": ["dense.json", "checkpoint", json.dumps(MIXTURE)],
            "tokens": ["600M", "1B", "2B"],
            "n_params": ["25M", "1M", "1M"],  # counted by others in another way
            "seq_len": [1024, 512, 512],
            "loss": [4.0, 3.8, 3.6],
        }
    )
    table.to_csv(tmp_path / "sweep.csv", index=False)
    return tmp_path / "sweep.csv"


@pytest.mark.parametrize("counts", ["total", "active", "non-embedding"])
def test_every_run_is_counted_alike(sweep: Path, counts: str) -> None:
    read = ql.read_runs(counted(sweep, counts=counts), flops="as given")
    made = [architectures.count(SHAPE, 1024), *[architectures.count(architectures.read(MIXTURE), 512)] * 2]
    name = {"total": "total", "active": "total_active", "non-embedding": "non_embedding"}[counts]
    assert read["N"].tolist() == [getattr(m, name) for m in made]
    assert read["D"].tolist() == [6e8, 1e9, 2e9]
    assert read["C"].tolist() == pytest.approx(
        [m.training_flops_per_token * d for m, d in zip(made, read["D"], strict=True)]
    )


def test_one_context_for_all(sweep: Path) -> None:
    longer = counted(sweep, context=4096)["C"] / counted(sweep, context=512)["C"]
    assert (longer > 1.0).all()


def test_rows_without_a_configuration_are_named(sweep: Path) -> None:
    table = pd.read_csv(sweep)
    table["config"] = ["nowhere.json", None, "{]"]
    table.to_csv(sweep, index=False)
    with pytest.raises(ql.RunsError, match=r"row 1: .*nowhere.json.*row 2: has no configuration; row 3: not JSON"):
        counted(sweep)
    with pytest.raises(ql.RunsError, match="no column 'shape' of configurations"):
        counted(sweep, "shape")
    with pytest.raises(ql.RunsError, match="no column holds the tokens"):
        counted(table.drop(columns="tokens").assign(config=json.dumps(MIXTURE)))


def test_on_the_command_line(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["check", str(sweep), "--config-column", "config", "--config-counts", "active"])
    assert end.value.code == 0
    assert "N counts active" in capsys.readouterr().out
    for wrong in (["--config-counts", "total"], ["--config-column", "config", "--flops", "6ND"]):
        with pytest.raises(SystemExit) as end:
            main(["check", str(sweep), *wrong])
        assert end.value.code == 2
