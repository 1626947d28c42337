"""Shards hold what was written, in order, and say when they do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reference_trainer.errors import TrainerError
from reference_trainer.shards import Index, Rows, Shards, Writer, is_shards, tokenizer_file, write_index
from reference_trainer.token_files import Mapped

TOKENS = np.random.default_rng(0).integers(0, 60_000, 1_000).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of three shards of 400, 400 and 200 tokens, and a validation shard."""
    entries = {}
    for split, tokens in (("train", TOKENS), ("validation", TOKENS[:100])):
        writer = Writer(tmp_path, split, np.uint16, 400)
        for part in np.array_split(tokens, 7):
            writer.append(part)
        writer.close()
        entries[split] = {"tokens": writer.tokens, "shards": writer.shards}
    write_index(tmp_path, {"dtype": "uint16", "splits": entries})
    return tmp_path


def test_what_was_written_is_read(folder: Path) -> None:
    index = Index.read(folder)
    assert [shard["tokens"] for shard in index.shards("train")] == [400, 400, 200]
    np.testing.assert_array_equal(np.concatenate([m.tokens for m in index.mapped("train")]), TOKENS)
    np.testing.assert_array_equal(np.fromfile(folder / "train-00001.bin", dtype=np.uint16), TOKENS[400:800])
    index.verify()
    assert index.digest("train") != index.digest("validation")
    assert is_shards(str(folder))
    assert tokenizer_file(str(folder)) is None


def test_rows_are_the_array_they_stand_for(folder: Path) -> None:
    shards = Shards(Index.read(folder).mapped("train"))
    assert len(shards) == 1000
    context = 48
    whole = np.concatenate([TOKENS[a : a + n // context * context] for a, n in ((0, 400), (400, 400), (800, 200))])
    array = whole.reshape(-1, context)
    assert shards.count(context) == len(array) == 8 + 8 + 4
    order = np.random.default_rng(1).permutation(len(array))
    rows, expected = Rows(shards, context, order), array[order]
    assert (rows.shape, len(rows), rows.size) == (expected.shape, len(expected), expected.size)
    for pick in (3, slice(2, 9), np.array([5, 5, 0]), np.arange(20).reshape(4, 5)):
        np.testing.assert_array_equal(rows[pick], expected[pick])


def test_damage_is_named(folder: Path) -> None:
    shard = folder / "train-00001.bin"
    data = shard.read_bytes()
    shard.write_bytes(data[:100] + b"!" + data[101:])
    Index.read(folder)  # its length is right
    with pytest.raises(TrainerError, match=r"train-00001\.bin changed"):
        Index.read(folder).verify()
    shard.write_bytes(data[:-2])
    with pytest.raises(TrainerError, match=r"train-00001\.bin has 798 bytes, 800 were written"):
        Index.read(folder)
    shard.unlink()
    with pytest.raises(TrainerError, match=r"train-00001\.bin is missing"):
        Index.read(folder)
    for text, said in (("{", "cannot be read"), (json.dumps({"format": "other"}), "is not an index"), ("[]", "not an")):
        (folder / "index.json").write_text(text)
        with pytest.raises(TrainerError, match=said):
            Index.read(folder)


def test_an_empty_shard_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").touch()
    with pytest.raises(TrainerError, match="0 bytes"):
        Mapped(tmp_path / "a.bin", np.uint16)
