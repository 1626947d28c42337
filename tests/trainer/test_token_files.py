"""Token files of other projects, written here byte by byte as their formats say."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_trainer import token_files
from reference_trainer.errors import TrainerError
from reference_trainer.token_files import GPT2_END, Mapped, token_documents

DOCUMENTS = [np.arange(1, 6), np.array([9, 7, 9]), np.arange(300, 340)]


def read(path: Path, end_token: int | None = None) -> list[list[int]]:
    return [document.tolist() for document in token_documents(path, end_token)]


def megatron(path: Path, documents: list[list[np.ndarray]], dtype: Any, code: int) -> None:
    """Documents of sequences, as ``tools/preprocess_data.py`` writes them."""
    sequences = [sequence.astype(dtype) for document in documents for sequence in document]
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
    starts = (np.cumsum([0, *lengths[:-1]]) * np.dtype(dtype).itemsize).astype(np.int64)
    ends = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    path.with_suffix(".bin").write_bytes(b"".join(sequence.tobytes() for sequence in sequences))
    head = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, len(sequences), len(ends))
    path.with_suffix(".idx").write_bytes(head + lengths.tobytes() + starts.tobytes() + ends.tobytes())


@pytest.mark.parametrize(("dtype", "code"), [(np.uint16, 8), (np.int32, 4), (np.uint8, 1)])
def test_megatron(tmp_path: Path, dtype: Any, code: int) -> None:
    documents = [d % 251 for d in DOCUMENTS]
    megatron(tmp_path / "a", [[documents[0]], [documents[1], documents[2]], []], dtype, code)
    joined = np.concatenate(documents[1:]).tolist()
    assert read(tmp_path / "a.bin") == [documents[0].tolist(), joined]


def test_nanogpt(tmp_path: Path) -> None:
    path = tmp_path / "train.bin"
    stream = np.concatenate([np.append(d, GPT2_END) for d in DOCUMENTS] + [np.array([4, 5])]).astype(np.uint16)
    stream.tofile(path)
    assert read(path) == [*(np.append(d, GPT2_END).tolist() for d in DOCUMENTS), [4, 5]]
    assert read(path, end_token=9)[0][-1] == 9
    np.arange(40_000).astype(np.uint16).tofile(path)  # characters, say: nothing ends a document
    assert [len(document) for document in read(path)] == [16_384, 16_384, 7_232]


@pytest.mark.parametrize(("magic", "version", "dtype"), [(20240520, 1, np.uint16), (20240801, 7, np.uint32)])
def test_llm_c(tmp_path: Path, magic: int, version: int, dtype: Any) -> None:
    path = tmp_path / "shard.bin"
    stream = np.concatenate([np.insert(d, 0, GPT2_END) for d in DOCUMENTS]).astype(dtype)
    header = np.zeros(256, dtype=np.int32)
    header[:3] = magic, version, len(stream)
    path.write_bytes(header.tobytes() + stream.tobytes())
    assert read(path) == [np.insert(d, 0, GPT2_END).tolist() for d in DOCUMENTS]
    path.write_bytes(header.tobytes() + stream.tobytes()[:-8])
    with pytest.raises(TrainerError, match=rf"promises {len(stream)} tokens, it has"):
        read(path)


def test_damage_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    with pytest.raises(TrainerError, match="3 bytes are no whole number"):
        read(tmp_path / "a.bin")
    (tmp_path / "a.bin").write_bytes(b"")
    with pytest.raises(TrainerError, match="0 bytes are no whole number"):
        read(tmp_path / "a.bin")
    megatron(tmp_path / "b", [[d] for d in DOCUMENTS], np.uint16, 8)
    whole, index = (tmp_path / "b.bin").read_bytes(), (tmp_path / "b.idx").read_bytes()
    (tmp_path / "b.bin").write_bytes(whole[:-10])
    with pytest.raises(TrainerError, match=r"b\.bin has 43 tokens, its index 48"):
        read(tmp_path / "b.bin")
    for damaged, said in (
        (index[:-4], "cut short"),
        (b"ABCDEFG" + index[7:], "does not begin with MMIDIDX"),
        (index[:17] + b"\x07" + index[18:], "tokens of type 7"),
    ):
        (tmp_path / "b.idx").write_bytes(damaged)
        with pytest.raises(TrainerError, match=said):
            read(tmp_path / "b.bin")


def test_a_stream_without_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_files, "LARGEST", 40_000)
    np.ones(100_000, dtype=np.uint16).tofile(tmp_path / "a.bin")
    with pytest.raises(TrainerError, match="token 7 does not occur in 40,000 tokens"):
        read(tmp_path / "a.bin", end_token=7)


def test_pages_given_back_read_the_same_again(tmp_path: Path) -> None:
    np.arange(50_000).astype(np.uint16).tofile(tmp_path / "a.bin")
    mapped = Mapped(tmp_path / "a.bin", np.uint16)
    before = mapped.tokens.sum()
    mapped.forget()
    assert mapped.tokens.sum() == before
