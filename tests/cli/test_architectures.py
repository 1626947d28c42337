"""`count` and `architecture`: the answer first, one sentence for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from quokka_laws.architectures import count, read
from quokka_laws.cli.app import main


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(arguments))
    return done.exit_code, done.output


def test_count_a_file_and_sizes(tmp_path: Path) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 704,
        "vocab_size": 1000,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    total = f"{count(read(config)).total:,} parameters"
    code, text = run("count", str(path))
    assert (code, text.startswith(total)) == (0, True)
    code, text = run(
        "count", "--layers", "4", "--width", "256", "--heads", "4", "--feed-forward", "704", "--vocabulary", "1000"
    )
    assert (code, text.startswith(total)) == (0, True)


def test_what_is_written_is_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    code, text = run("architecture", "-N", "125M", "-D", "2.5B", "--format", "huggingface", "-o", str(path))
    assert code == 0, text
    assert "learning rate" in text
    assert count(read(path)).total == pytest.approx(125e6, rel=0.015)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["count"], 2, "--layers"),
        (["count", "--layers", "2", "--width", "100", "--heads", "3"], 2, "does not divide"),
        (["count", "nothing.json"], 2, "nothing.json"),
        (["count", "--layers", "-2", "--width", "64", "--heads", "4"], 2, "layers = -2"),
        (["architecture", "-N", "10k"], 2, "vocabulary"),
        (["architecture", "-N", "1B", "--format", "nanogpt"], 2, "nanoGPT"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], code: int, said: str) -> None:
    found, text = run(*arguments)
    assert (found, said in text, "Traceback" in text) == (code, True, False), text
