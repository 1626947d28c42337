"""What a source is."""

from __future__ import annotations

from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws.importers import detect, import_runs
from quokka_laws.importers.detect import KINDS


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["a/events.out.tfevents.1"], "tensorboard"),
        (["a/trainer_state.json", "a/runs/b/events.out.tfevents.1"], "huggingface"),
        (["a/checkpoint-10/trainer_state.json", "a/config.json"], "huggingface"),
        (["0/meta.yaml", "0/b/meta.yaml", "0/b/metrics/loss"], "mlflow"),
        (["log.csv"], "table"),
        (["a/log.jsonl", "a/config.json"], "table"),
    ],
)
def test_folders(tmp_path: Path, files: list[str], kind: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert detect(tmp_path) == kind


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("-", "table"),
        ("team/project", "wandb"),
        ("wandb:team/project", "wandb"),
        ("https://wandb.ai/team/project", "wandb"),
        ("http://127.0.0.1:5000", "mlflow"),
        ("sqlite:///mlflow.db", "mlflow"),
        ("sqlite:mlflow.db", "mlflow"),
    ],
)
def test_addresses(source: str, kind: str) -> None:
    assert detect(source) == kind


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("events.out.tfevents.1", "", "tensorboard"),
        ("state.json", '{"log_history": []}', "huggingface"),
        ("rows.json", "[]", "table"),
        ("mlflow.db", "", "mlflow"),
        ("log.TSV", "", "table"),
    ],
)
def test_files(tmp_path: Path, name: str, content: str, kind: str) -> None:
    (tmp_path / name).write_text(content)
    assert detect(tmp_path / name) == kind


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError, match=r"nothing to read in this folder; wanted event files of TensorBoard"):
        detect(tmp_path)
    with pytest.raises(ql.RunsError, match="no logs of tensorboard"):
        import_runs(tmp_path, kind="tensorboard")
    with pytest.raises(ql.RunsError, match="no such file or folder"):
        detect(tmp_path / "rums")
    with pytest.raises(ql.RunsError, match="no such file or folder"):
        import_runs(tmp_path / "rums", kind="huggingface")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(ql.RunsError, match=r"picture\.png: not a kind of log that is recognised"):
        detect(tmp_path / "picture.png")
    with pytest.raises(ValueError, match=f"none of {KINDS[0]}"):
        import_runs(tmp_path, kind="neptune")
