"""Corpora on disk: nothing lost, nothing on both sides, nothing half-written taken for whole; and they train."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from reference_trainer import tokenization
from reference_trainer.cli import main
from reference_trainer.corpus import load
from reference_trainer.errors import TrainerError
from reference_trainer.records import read_rows
from reference_trainer.shards import Index
from reference_trainer.tokenization import Request, tokenize

COPIES = 50


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """800 documents, of which 50 are copies of one."""
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 99, 40)) for _ in range(751)]
    return [*texts[:400], *[texts[7]] * (COPIES - 1), *texts[400:]]


@pytest.fixture(scope="module")
def lines(documents: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    return path


def texts_of(folder: Path, split: str) -> list[str]:
    """Documents of a split of bytes, read back."""
    tokens = np.concatenate([m.tokens for m in Index.read(folder).mapped(split)])
    assert tokens[-1] == 256
    return [bytes(part[part < 256].tolist()).decode() for part in np.split(tokens, np.flatnonzero(tokens == 256) + 1)][
        :-1
    ]


def test_every_document_is_on_one_side(lines: Path, documents: list[str], tmp_path: Path) -> None:
    index = tokenize(Request([str(lines)], validation_share=0.2, shard_tokens=2**14), tmp_path / "s")
    train, validation = texts_of(tmp_path / "s", "train"), texts_of(tmp_path / "s", "validation")
    assert sorted(train + validation) == sorted(documents)
    assert not set(train) & set(validation)
    share = len(set(validation)) / len(set(documents))
    assert share == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 751))
    splits = index["splits"]
    assert len(splits["train"]["shards"]) > 3
    assert sum(s["documents"] for s in splits.values()) == len(documents)
    assert sum(s["unique_documents"] for s in splits.values()) == len(set(documents)) == 751
    assert sum(s["unique_tokens"] for s in splits.values()) == sum(len(d) + 1 for d in set(documents))
    assert sum(s["bytes"] for s in splits.values()) == sum(map(len, documents))
    counts = np.load(tmp_path / "s" / "token_counts.npy")
    assert counts.sum(axis=1).tolist() == [splits["train"]["tokens"], splits["validation"]["tokens"]]
    assert index["occurring"] == len({*"".join(documents)}) + 1


def test_the_split_depends_on_nothing_but_the_text(lines: Path, documents: list[str], tmp_path: Path) -> None:
    tokenize(Request([str(lines)]), tmp_path / "a")
    other = tmp_path / "folder"
    other.mkdir()
    for i, text in enumerate(reversed(documents)):
        (other / f"{i}.txt").write_text(text)
    tokenize(Request([str(other)]), tmp_path / "b")
    assert sorted(texts_of(tmp_path / "a", "validation")) == sorted(texts_of(tmp_path / "b", "validation"))
    tokenize(Request([str(lines)]), tmp_path / "c")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "c" / file.name).read_bytes()


def test_repeated_documents_may_be_left_out(lines: Path, documents: list[str], tmp_path: Path) -> None:
    index = tokenize(Request([str(lines)], deduplicate=True), tmp_path / "s")
    assert index["left_out_as_repeated"] == COPIES - 1
    kept = texts_of(tmp_path / "s", "train") + texts_of(tmp_path / "s", "validation")
    assert sorted(kept) == sorted(set(documents))


def test_a_validation_source_is_kept_out_of_training(lines: Path, documents: list[str], tmp_path: Path) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text("".join(json.dumps({"text": text}) + "\n" for text in (documents[7], "new", documents[0])))
    index = tokenize(Request([str(lines)], validation=[str(held)]), tmp_path / "s")
    assert texts_of(tmp_path / "s", "validation") == [documents[7], "new", documents[0]]
    assert index["left_out_as_in_validation"] == COPIES + 1
    assert not {documents[7], documents[0]} & set(texts_of(tmp_path / "s", "train"))


def test_a_tokenizer_file(lines: Path, documents: list[str], tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="needs the bpe extra")
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, show_progress=False, special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    model.train_from_iterator(documents, trainer)
    path = tmp_path / "bpe.json"
    model.save(str(path))
    index = tokenize(Request([str(lines)], tokenizer=str(path)), tmp_path / "s")
    assert index["end_token"] == 0
    assert index["vocabulary"] == model.get_vocab_size()
    stored = np.concatenate([m.tokens for m in Index.read(tmp_path / "s").mapped("train")])
    found = [model.decode(part.tolist()[:-1]) for part in np.split(stored, np.flatnonzero(stored == 0) + 1)[:-1]]
    assert set(found) <= set(documents)
    corpus = load(str(tmp_path / "s"))
    assert corpus.bytes_per_token > 1.5
    assert corpus.tokenizer == load(str(lines), tokenizer=str(path)).tokenizer
    with pytest.raises(TrainerError, match="no token '<nothing>'"):
        tokenize(Request([str(lines)], tokenizer=str(path), end="<nothing>"), tmp_path / "t")
    (tmp_path / "latin.txt").write_bytes("Känguru ".encode("latin-1") * 99)
    with pytest.raises(TrainerError, match="not UTF-8 at its byte 1; convert it"):
        tokenize(Request([str(tmp_path / "latin.txt")], tokenizer=str(path)), tmp_path / "t")


def test_token_files_pass_through(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = [np.append(rng.integers(0, 5000, 50), 50256) for _ in range(300)]
    np.concatenate(given).astype(np.uint16).tofile(tmp_path / "train.bin")
    index = tokenize(Request([str(tmp_path / "train.bin")], validation_share=0.2), tmp_path / "s")
    assert index["vocabulary"] == 50257
    stored = np.concatenate([m.tokens for s in ("train", "validation") for m in Index.read(tmp_path / "s").mapped(s)])
    back = np.split(stored, np.flatnonzero(stored == 50256) + 1)[:-1]
    assert sorted(map(tuple, back)) == sorted(map(tuple, given))
    assert load(str(tmp_path / "s")).bytes_per_token == 0  # of text that nobody has
    with pytest.raises(TrainerError, match="leave out --tokenizer"):
        tokenize(Request([str(tmp_path / "train.bin")], tokenizer="x.json"), tmp_path / "t")
    with pytest.raises(TrainerError, match="token 50,256 occurs, which a vocabulary of 50,000 does not have"):
        tokenize(Request([str(tmp_path / "train.bin")], vocabulary=50_000), tmp_path / "t")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sources": ["none.txt"]}, "none.txt: no such file or folder"),
        ({"validation_share": 0.0}, "validation share 0.0 is not between"),
        ({"validation_share": 1e-9}, "none of 800 documents is for validation: .*--validation"),
        ({"shard_tokens": 5}, "5 tokens a shard are too few"),
        ({"tokenizer": "none.json"}, "'none.json': no such file"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(lines: Path, tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainerError, match=said):
        tokenize(Request(**{"sources": [str(lines)], **options}), tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(lines: Path, tmp_path: Path) -> None:
    tokenize(Request([str(lines)]), tmp_path / "s")
    before = (tmp_path / "s" / "index.json").read_bytes()
    with pytest.raises(TrainerError, match="is there already"):
        tokenize(Request([str(lines)]), tmp_path / "s")
    assert (tmp_path / "s" / "index.json").read_bytes() == before
    with pytest.raises(TrainerError, match="tokenized already: --corpus"):
        tokenize(Request([str(tmp_path / "s")]), tmp_path / "t")


def test_a_full_disk_keeps_nothing(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tokenization.Writer.append

    def full(self: Any, tokens: Any) -> None:
        if self.tokens > 20_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, tokens)

    monkeypatch.setattr(tokenization, "BATCH", 4096)
    monkeypatch.setattr(tokenization.Writer, "append", full)
    with pytest.raises(TrainerError, match=r"full after .* bytes; nothing was kept"):
        tokenize(Request([str(lines)]), tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_a_real_limit_on_files(lines: Path, tmp_path: Path) -> None:
    """The system itself refuses to write on, in the middle of a shard."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = command("tokenize", str(lines), "--out", str(tmp_path / "s"), preexec_fn=limit)
    assert done.communicate()[1].decode().count("Error: ") == 1
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


def command(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "reference_trainer", *arguments], stderr=subprocess.PIPE, **options)


def test_killed_on_the_way(tmp_path: Path, documents: list[str]) -> None:
    """After kill -9 the folder is not there, the next call succeeds, and two at once do not mix."""
    long = tmp_path / "long.jsonl"
    long.write_text("".join(json.dumps({"text": f"{i} {text}"}) + "\n" for i in range(100) for text in documents))
    out = tmp_path / "s"
    first = command("tokenize", str(long), "--out", str(out), "--shard-tokens", "65536")
    partial = tmp_path / ".s.partial"
    limit = time.monotonic() + 60
    while not list(partial.glob("train-00001.bin")) and time.monotonic() < limit:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    with pytest.raises(TrainerError, match="another process is writing"):
        tokenize(Request([str(long)]), out)
    first.kill()
    first.communicate()
    assert partial.exists()
    assert not out.exists()
    with pytest.raises(TrainerError, match="tokens without an index"):
        load(str(partial))
    tokenize(Request([str(long)]), out)
    Index.read(out).verify()
    assert {path.name for path in tmp_path.iterdir()} == {"long.jsonl", "s"}


def test_the_command_and_a_sweep_on_its_folder(lines: Path, tmp_path: Path) -> None:
    made = CliRunner().invoke(main, ["tokenize", str(lines), "--out", str(tmp_path / "s")])
    assert made.exit_code == 0, made.output
    assert "800" not in made.stdout  # what is said goes to stderr
    assert CliRunner().invoke(main, ["tokenize", "--check", str(tmp_path / "s")]).exit_code == 0
    table = tmp_path / "sweep.csv"
    table.write_text(
        "objective,width,depth,tokens,batch,eval_sequences\nmasked,8,1,8192,8,32\nautoregressive,8,1,8192,8,32\n"
    )
    swept = CliRunner().invoke(
        main, ["sweep", str(table), "--corpus", str(tmp_path / "s"), "--out", str(tmp_path / "runs"), "--workers", "1"]
    )
    assert swept.exit_code == 0, swept.output
    rows = [row for path in (tmp_path / "runs").glob("*/runs.jsonl") for row in read_rows(path)]
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert {row["vocabulary"] for row in rows} == {Index.read(tmp_path / "s").data["occurring"] + 1}
    assert {row["corpus_hash"] for row in rows} == {Index.read(tmp_path / "s").digest("train")}
    refused = CliRunner().invoke(main, ["train", "--corpus", str(tmp_path / "s"), "--validation", str(lines)])
    assert refused.exit_code == 1
    assert "leave out --validation" in refused.stderr


def test_shards_train_as_the_text_does(tmp_path: Path, text_file: Path) -> None:
    """The same rows in the same order, from memory or from the map."""
    tokenize(Request([str(text_file)], shard_tokens=2**14), tmp_path / "s")
    corpus = load(str(tmp_path / "s"))
    rows = corpus.unique(64 * 700, 64)
    parts = [m.tokens for m in Index.read(tmp_path / "s").mapped("train")]
    array = np.concatenate([p[: len(p) // 64 * 64].reshape(-1, 64) for p in parts])
    small = corpus.unique(64 * 50, 64)
    np.testing.assert_array_equal(rows[np.arange(50)], small[np.arange(50)])
    assert len({row.tobytes() for row in rows[np.arange(700)]} - {row.tobytes() for row in array}) == 0
    with pytest.raises(TrainerError, match="unique tokens were asked for, the corpus has"):
        corpus.unique(10**9, 64)
