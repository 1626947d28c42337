"""`count` and `architecture`: the answer first, one sentence for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from swept import both

import quokka_laws as ql
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


def test_gpt2_small_comes_back(tmp_path: Path) -> None:
    code, text = run("architecture", "-N", "124M", "-D", "3B", "--format", "nanogpt", "--context", "1024")
    assert code == 0
    words = dict(
        word.removeprefix("--").split("=")
        for word in text.splitlines()
        if word.startswith("--n_layer")
        for word in word.split()
    )
    assert [words[k] for k in ("n_layer", "n_head", "n_embd", "block_size")] == ["12", "12", "768", "1024"]
    batch = int(words["batch_size"]) * int(words["gradient_accumulation_steps"])
    assert batch * 1024 * int(words["max_iters"]) == pytest.approx(3e9, rel=0.001)
    _, shape_alone = run("architecture", "-N", "124M", "--format", "nanogpt", "--context", "1024")
    assert "--n_layer=12" in shape_alone
    assert "learning_rate" not in shape_alone


def test_learning_rate_and_batch_of_ones_own_law(tmp_path: Path) -> None:
    own = ql.fit_hyperparameters(both(), ["lr", "batch"], bootstrap=100)
    own.to_json(tmp_path / "hyper.json")
    best = own.predict(N=1e9, D=20e9, level=None).iloc[0]
    asked = ("architecture", "-N", "1B", "-D", "20B", "--rule", str(tmp_path / "hyper.json"), "--vocabulary", "32000")
    code, text = run(*asked, "--format", "megatron")
    assert code == 0, text
    assert f"--lr {best['lr']:.6g} " in text
    assert f"(by {tmp_path / 'hyper.json'})" in text
    code, text = run(*asked, "--format", "torchtitan", "-o", str(tmp_path / "launch"))
    assert code == 0, text
    facts = pd.read_csv(tmp_path / "launch" / "facts.csv").iloc[0]
    assert facts["lr"] == pytest.approx(best["lr"], rel=1e-5)
    assert facts["D"] == pytest.approx(20e9, rel=0.001)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["count"], 2, "--layers"),
        (["count", "--layers", "2", "--width", "100", "--heads", "3"], 2, "does not divide"),
        (["count", "nothing.json"], 2, "nothing.json"),
        (["count", "--layers", "-2", "--width", "64", "--heads", "4"], 2, "layers = -2"),
        (["architecture", "-N", "10k"], 2, "vocabulary"),
        (["architecture", "-N", "1B", "--format", "torchtitan"], 2, "give -D and -o FOLDER"),
        (["architecture", "-N", "1B", "--lr", "1e-3"], 2, "--lr: give the tokens too, -D"),
        (["architecture", "-N", "1B", "-D", "20B", "--rule", "nobody-1999"], 2, "--rule nobody-1999: there are"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], code: int, said: str) -> None:
    found, text = run(*arguments)
    assert (found, said in text, "Traceback" in text) == (code, True, False), text
