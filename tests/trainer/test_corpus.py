"""Text in, tokens out; mistakes named."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

from reference_trainer import corpus
from reference_trainer.errors import TrainerError


def test_compressed_and_folders_read_as_plain(text_file: Path, tmp_path: Path) -> None:
    text = text_file.read_bytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(text))
    (tmp_path / "b.xz").write_bytes(lzma.compress(text))
    for name in ("a.gz", "b.xz"):
        np.testing.assert_array_equal(corpus.load(str(tmp_path / name)).train, corpus.load(str(text_file)).train)
    assert corpus.read_text(str(tmp_path)) == text + b"\n" + text


def test_tail_is_held_back(text_file: Path) -> None:
    text = corpus.load(str(text_file))
    whole = np.concatenate([text.train, text.validation])
    np.testing.assert_array_equal(whole, np.frombuffer(text_file.read_bytes(), dtype=np.uint8))
    assert text.tokenizer == "bytes"
    assert text.bytes_per_token == 1.0


def test_overlapping_validation_is_refused(text_file: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.txt"
    part.write_bytes(b"something else first " + text_file.read_bytes()[1000:9000])
    with pytest.raises(TrainerError, match="overlaps the training text"):
        corpus.load(str(text_file), validation=str(part))


def test_unique_subsets_are_nested_and_bounded(text_file: Path) -> None:
    text = corpus.load(str(text_file))
    small, large = text.unique(640, 32), text.unique(6400, 32)
    np.testing.assert_array_equal(small, large[: len(small)])
    with pytest.raises(TrainerError, match="unique tokens were asked for, the corpus has"):
        text.unique(10**9, 32)
    with pytest.raises(
        TrainerError, match="fewer than one batch of 64 sequences of 32 tokens, 2,048; ask for 2,048 or more"
    ):
        text.unique(320, 32, at_least=64)
    with pytest.raises(TrainerError, match="give more text, or lower"):
        text.unique(320, 32, at_least=10**6)


def test_entropy_rate_of_the_synthetic_source_is_right() -> None:
    """Against −log p of its own text under the table of its pairs, corrected for the table's own size."""
    source = corpus.synthetic(0, tokens=2_000_000, held_out=1_000)
    V = source.vocabulary
    x = source.train.astype(int)
    pairs = np.bincount(x[:-1] * V + x[1:], minlength=V**2).reshape(V, V)
    p = pairs / pairs.sum(axis=1, keepdims=True)
    measured = -(pairs * np.log(np.maximum(p, 1e-300))).sum() / pairs.sum()
    # Miller and Madow: the plug-in estimate is low by (cells − rows) / 2n.
    measured += ((pairs > 0).sum() - V) / (2 * pairs.sum())
    assert source.entropy_rate is not None
    assert measured == pytest.approx(source.entropy_rate, abs=0.004)


def test_bpe(text_file: Path, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="needs the bpe extra")
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, show_progress=False)
    model.train_from_iterator([text_file.read_text()[:20_000]], trainer)
    model.save(str(tmp_path / "bpe.json"))
    text = corpus.load(str(text_file), tokenizer=str(tmp_path / "bpe.json"))
    assert text.vocabulary <= 300
    assert text.bytes_per_token > 1.5
    assert text.tokenizer not in ("bytes", "")


@pytest.mark.parametrize(
    ("name", "message"), [("no/such/file.txt", "no such file or folder"), ("EMPTY", "is empty"), ("FOLDER", "no text")]
)
def test_unreadable_corpus_is_one_clear_error(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "EMPTY").touch()
    (tmp_path / "FOLDER").mkdir()
    with pytest.raises(TrainerError, match=message):
        corpus.load(name if "/" in name else str(tmp_path / name))
