"""Tokens as others keep them: Megatron's ``.bin`` with its ``.idx``, and the bare ``.bin`` of nanoGPT and llm.c.

All are read through memory maps, document by document. Facts on the formats:

* Megatron (``megatron/core/datasets/indexed_dataset.py``): the index begins with ``MMIDIDX\\0\\0``, version 1 (8 bytes), a
  code of the type of a token (1 byte) and the numbers of sequences and of document boundaries (8 bytes each); then the
  lengths of sequences (int32), where they begin in the ``.bin`` (int64, bytes), and where documents begin (int64, sequences).
* nanoGPT (``data/openwebtext/prepare.py``): uint16 and nothing else; every document *ends* with GPT-2's 50256.
* llm.c (``dev/data/data_common.py``): 256 int32 of header, of which the first three are 20240520, version 1 and the number of
  tokens; then uint16, every document *begins* with 50256. (20240801 and version 7 is Llama 3's, uint32.)
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_trainer.errors import TrainerError

Tokens = NDArray[np.unsignedinteger]

MEGATRON_MARK = b"MMIDIDX\x00\x00"
MEGATRON_TYPES: dict[int, Any] = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}
LLM_C: dict[tuple[int, int], Any] = {(20240520, 1): np.uint16, (20240801, 7): np.uint32}
LLM_C_HEADER = 1024  # bytes
GPT2_END = 50256
PIECE = 2**14  # tokens of a piece where nothing ends documents
LARGEST = 2**26  # tokens of one document
FORGET = 2**25  # tokens read before their pages are given back


class Mapped:
    """The numbers of a file as a memory map: pages are loaded when touched, and only these.

    Parameters
    ----------
    path : Path
    dtype : numpy dtype
    offset : int
        Bytes of a header to skip.

    Attributes
    ----------
    tokens : array

    Raises
    ------
    TrainerError
        When the file is empty, or does not hold a whole number of them.
    """

    def __init__(self, path: Path, dtype: Any, *, offset: int = 0) -> None:
        size = path.stat().st_size - offset
        if size <= 0 or size % np.dtype(dtype).itemsize:
            raise TrainerError(
                f"{path}: {size} bytes are no whole number of tokens of {np.dtype(dtype).itemsize} bytes"
            )
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.tokens: NDArray[Any] = np.frombuffer(self._map, dtype=dtype, offset=offset)

    def forget(self) -> None:
        """Give back the pages that were loaded; what is touched again is loaded again, from the system's cache if it can.

        A page fault maps its neighbours too, up to two mebibytes: rows picked at random would soon hold the whole file.
        """
        self._map.madvise(mmap.MADV_DONTNEED)


def token_documents(path: Path, end_token: int | None = None) -> Iterator[Tokens]:
    """Documents of a file of tokens.

    Parameters
    ----------
    end_token : int, optional
        What ends (or begins) a document where no index says it; by default 50256 if it occurs near the beginning, else
        documents are pieces of 16,384 tokens.

    Raises
    ------
    TrainerError
        When the file, or its index, is damaged.
    """
    index = path.with_suffix(".idx")
    if index.is_file():
        yield from _megatron(path, index)
        return
    with path.open("rb") as file:
        magic, version, promised = np.frombuffer(file.read(12).ljust(12, b"\0"), dtype=np.int32).tolist()
    kind = LLM_C.get((magic, version))
    mapped = Mapped(path, kind or np.uint16, offset=LLM_C_HEADER if kind else 0)
    if kind and len(mapped.tokens) != promised:
        raise TrainerError(f"{path}: its header promises {promised:,} tokens, it has {len(mapped.tokens):,}")
    yield from _forgetting(mapped, _divided(mapped.tokens, end_token, path, begins=kind is not None))


def _forgetting(mapped: Mapped, documents: Iterator[Tokens]) -> Iterator[Tokens]:
    """The documents; what was read long ago is not kept in memory."""
    read = 0
    for document in documents:
        yield document
        read += len(document)
        if read > FORGET:
            mapped.forget()
            read = 0


def _divided(tokens: Tokens, end_token: int | None, path: Path, *, begins: bool) -> Iterator[Tokens]:
    if end_token is None and (tokens[:LARGEST] == GPT2_END).any():
        end_token = GPT2_END
    if end_token is None:
        yield from (tokens[i : i + PIECE] for i in range(0, len(tokens), PIECE))
        return
    start = 0
    for block in range(0, len(tokens), PIECE):
        marks = np.flatnonzero(tokens[block : block + PIECE] == end_token) + block + (0 if begins else 1)
        for end in marks.tolist():
            if end > start:
                yield tokens[start:end]
                start = end
        if block - start > LARGEST:
            raise TrainerError(
                f"{path}: token {end_token} does not occur in {LARGEST:,} tokens from {start:,} on; --end-token names the "
                "one that ends documents"
            )
    if start < len(tokens):
        yield tokens[start:]


def _megatron(path: Path, index: Path) -> Iterator[Tokens]:
    raw = index.read_bytes()
    head = 9 + 8 + 1 + 8 + 8
    if not raw.startswith(MEGATRON_MARK) or len(raw) < head:
        raise TrainerError(f"{index} is not an index of Megatron (it does not begin with MMIDIDX)")
    version, sequences, boundaries = (int.from_bytes(raw[i : i + 8], "little") for i in (9, 18, 26))
    kind = MEGATRON_TYPES.get(raw[17])
    if version != 1 or kind is None:
        raise TrainerError(f"{index}: version {version} with tokens of type {raw[17]} is not known (1; 1–5 and 8 are)")
    if len(raw) < head + 12 * sequences + 8 * boundaries:
        raise TrainerError(f"{index} is cut short: {len(raw):,} bytes for {sequences:,} sequences")
    lengths = np.frombuffer(raw, np.int32, sequences, head)
    pointers = np.frombuffer(raw, np.int64, sequences, head + 4 * sequences)
    documents = np.frombuffer(raw, np.int64, boundaries, head + 12 * sequences)
    mapped = Mapped(path, kind)
    tokens = mapped.tokens
    if len(tokens) < int(lengths.sum()):
        raise TrainerError(f"{path} has {len(tokens):,} tokens, its index {int(lengths.sum()):,}: it is cut short")
    starts = pointers // tokens.itemsize
    spans = (  # sequences of a document follow one another
        tokens[starts[first] : starts[last - 1] + lengths[last - 1]]
        for first, last in zip(documents[:-1].tolist(), documents[1:].tolist(), strict=True)
        if last > first
    )
    yield from _forgetting(mapped, spans)
