"""Each command of the trainer's README does what it says, in the order in which it stands there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from reference_trainer.cli import main
from reference_trainer.records import read_rows

README = Path(__file__).parents[2] / "reference_trainer" / "README.md"


def commands() -> list[list[str]]:
    """Those of the first block of shell, but for the installation."""
    block = README.read_text(encoding="utf-8").partition("```bash\n")[2].partition("```")[0]
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    return [words for words in lines if words and words[0] != "pip"]


def test_commands(text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_bytes(text_file.read_bytes())
    said = {}
    for words in commands():
        words = [found for word in words for found in (map(str, tmp_path.glob(word)) if "*" in word else [word])]
        assert words[:3] == ["python", "-m", "reference_trainer"]
        done = CliRunner().invoke(main, words[3:])
        assert done.exit_code == 0, (words, done.output)
        said[words[3]] = done.stdout
    assert set(said) == {"sweep", "train", "eval", "sample", "probe", "tokenize"}
    assert Path("shards/index.json").exists()
    (row,) = read_rows(Path("runs/runs.jsonl"))
    assert json.loads(said["eval"])["loss"] == row["loss"]
    assert said["sample"].count("---") == 1
    assert said["probe"].count("\n") == 9

    rows = pd.DataFrame([r for o in ("autoregressive", "masked") for r in read_rows(Path(f"runs/{o}/runs.jsonl"))])
    assert (len(rows), set(rows["status"])) == (8, {"ok"})
    assert len(list(Path("runs").glob("*/models/*/model.safetensors"))) == 8
    text = np.frombuffer(text_file.read_bytes(), dtype=np.uint8)
    p = np.bincount(text)[np.bincount(text) > 0] / len(text)
    unigram = -(p * np.log(p)).sum()
    assert (rows.groupby("objective")["loss"].min() < [unigram, unigram + 0.3]).all()
