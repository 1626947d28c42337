"""The command line: what is kept is what was scored; one clear error for every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from reference_trainer.cli import main
from reference_trainer.records import read_rows


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
        (["--unique-tokens", "10"], "10 unique tokens (the corpus has"),
        (["--objective", "gan"], "objective 'gan' is not one of"),
        (["--lr", "-1"], "lr = -1.0 must be above 0"),
        (["--beta2", "1"], "beta2 = 1.0 must be in [0, 1)"),
        (["--clip", "0"], "clip = 0.0 must be above 0"),
        (["--head-size", "6"], "head_size = 6 must be even and divide the width, 8: 2, 4, 8"),
        (["--context", "0"], "context = 0 must be at least 1"),
        (["--batch", "0"], "batch = 0 must be at least 1"),
        (["--cooldown", "0"], "cooldown = 0.0 must be in (0, 1]"),
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


def test_probe_of_rates_that_all_diverge_says_so(text_file: Path) -> None:
    base = ["probe", "--corpus", str(text_file), "--tokens", "20k", "--width", "8", "--depth", "1"]
    code, output = run(*base, "--lr", "1e30", "--clip", "1e30")
    assert code == 1
    assert "all rates from 1.25e+29 to 4e+30 diverged: lower --lr" in output


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
    assert len(list((tmp_path / "models").iterdir())) == 1
    assert len(list(read_rows(tmp_path / "runs.jsonl"))) == 1


def test_sweep_into_an_unwritable_folder_and_onto_a_missing_device(text_file: Path, tmp_path: Path) -> None:
    base = ["sweep", "--preset", "smoke", "--corpus", str(text_file)]
    code, output = run(*base, "--out", "/dev/null/runs")
    assert (code, "cannot write to /dev/null/runs" in output) == (1, True)
    code, output = run(*base, "--out", str(tmp_path), "--device", "cuda:77")
    assert (code, "torch sees" in output) == (1, True)


@pytest.mark.parametrize("objective", ["masked", "uniform", "autoregressive"])
def test_what_is_kept_is_what_was_scored(text_file: Path, tmp_path: Path, objective: str) -> None:
    """`eval` of each kept model gives the loss of the row it is named by, to the last digit."""
    base = ["--corpus", str(text_file), "--out", str(tmp_path), "--tokens", "20k", "--width", "8", "--depth", "1"]
    base += ["--cooldown", "0.5", "--cooled-at", "10k,20k", "--evaluated-at", "15k", "--eval-sequences", "64"]
    code, _ = run("train", "--keep", "--objective", objective, *base)
    assert code == 0
    rows = list(read_rows(tmp_path / "runs.jsonl"))
    assert len(rows) == 3
    for row in rows:
        code, output = run("eval", str(tmp_path / "models" / row["row_id"] / "model.safetensors"))
        found = json.loads(output)
        assert (found["loss"], found["val_hash"]) == (row["loss"], row["val_hash"])
    model = str(tmp_path / "models" / rows[-1]["row_id"])
    code, output = run("sample", model, "--prompt", "quokka ", "--seed", "3", "-n", "3", "--device", "cpu")
    texts = output.split("\n---\n")
    assert code == 0
    assert len(set(texts)) == 3
    assert all(text.startswith("quokka ") for text in texts)


def test_what_is_no_kept_model_is_named(text_file: Path, tmp_path: Path) -> None:
    for path in (text_file, tmp_path / "nowhere"):
        code, output = run("sample", str(path))
        assert (code, "is not a kept model" in output) == (1, True)


@pytest.mark.parametrize("command", ["eval", "sample"])
def test_device_that_is_not_here_is_named(command: str, tmp_path: Path) -> None:
    code, output = run(command, str(tmp_path), "--device", "cuda:77")
    assert (code, "torch sees no CUDA device" in output) == (1, True)


def test_full_disk_is_one_sentence(text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reference_trainer.records._write", no_room)
    base = ["--corpus", str(text_file), "--out", str(tmp_path), "--tokens", "20k", "--width", "8", "--depth", "1"]
    code, output = run("train", *base)
    assert code == 1
    assert output.splitlines()[-1].startswith("Error: no room to write")
