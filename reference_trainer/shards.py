"""A tokenized corpus on disk: shards of plain uint16 or uint32, and an ``index.json`` that is written last.

A shard is nothing but tokens, as nanoGPT's ``.bin``. The index says what they are: type, vocabulary, tokenizer, and of each split
the tokens, documents, bytes of text, what of it is unique, and each shard's length and sha256. A folder is whole if it has
an index. Training maps shards into memory and touches only the rows it trains on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_trainer.errors import TrainerError
from reference_trainer.token_files import Mapped

INDEX, TOKENIZER, COUNTS = "index.json", "tokenizer.json", "token_counts.npy"
FORMAT = "reference_trainer shards 1"
FORGET_AFTER = 64  # rows read at once, each of which may load up to two mebibytes around it
SPLITS = ("train", "validation")


class Writer:
    """Appends tokens of one split to shards of equal length.

    Parameters
    ----------
    folder : Path
    split : str
    dtype : numpy dtype
    shard_tokens : int
        Length of a shard; the last is shorter.
    """

    def __init__(self, folder: Path, split: str, dtype: Any, shard_tokens: int) -> None:
        self.folder, self.split, self.dtype, self.shard_tokens = folder, split, np.dtype(dtype), shard_tokens
        self.shards: list[dict[str, Any]] = []
        self.tokens = 0
        self._file: Any = None
        self._hash = hashlib.sha256()
        self._length = 0

    def append(self, tokens: NDArray[np.integer]) -> None:
        """Write tokens, beginning new shards as they fill up."""
        while len(tokens):
            if self._file is None:
                self._file = (self.folder / f"{self.split}-{len(self.shards):05}.bin").open("wb")
            part, tokens = np.split(tokens, [self.shard_tokens - self._length])
            data = part.astype(self.dtype).tobytes()
            self._file.write(data)
            self._hash.update(data)
            self._length += len(part)
            self.tokens += len(part)
            if self._length == self.shard_tokens:
                self.close()

    def close(self) -> None:
        """End the present shard; its bytes are on the disk when this returns."""
        if self._file is None:
            return
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        name = Path(self._file.name).name
        self.shards.append({"file": name, "tokens": self._length, "sha256": self._hash.hexdigest()})
        self._file, self._hash, self._length = None, hashlib.sha256(), 0

    def abandon(self) -> None:
        """Close the present shard, whatever became of it."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk is full here as well
                self._file.close()
            self._file = None


def write_index(folder: Path, index: dict[str, Any]) -> None:
    """The index, on the disk when this returns."""
    with (folder / INDEX).open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **index}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


class Rows:
    """Training sequences in a given order, read from the shards when they are asked for.

    Behaves as the array ``(rows, context)`` that it stands for: ``len``, ``size``, and indexing with an integer, a slice or
    an array of integers, which returns arrays.
    """

    def __init__(self, shards: Shards, context: int, order: NDArray[np.integer]) -> None:
        self.shards, self.order = shards, order
        self.shape = len(order), context
        self._parts = [array[: len(array) // context * context].reshape(-1, context) for array in shards.arrays]
        self._starts = np.cumsum([0, *map(len, self._parts)])

    @property
    def size(self) -> int:
        """Tokens."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, pick: Any) -> NDArray[np.unsignedinteger]:
        wanted = np.asarray(self.order[pick])
        index = wanted.ravel()
        rows = np.empty((len(index), self.shape[1]), dtype=self._parts[0].dtype)
        for first in range(0, len(index), FORGET_AFTER):
            part = slice(first, first + FORGET_AFTER)
            self._read(index[part], rows[part])
            self.shards.forget()
        rows = rows.reshape(*wanted.shape, self.shape[1])
        return rows if self.shards.lookup is None else self.shards.lookup[rows]

    def _read(self, index: NDArray[np.integer], rows: NDArray[np.unsignedinteger]) -> None:
        shard = np.searchsorted(self._starts, index, side="right") - 1
        for i in np.unique(shard).tolist():
            here = shard == i
            rows[here] = self._parts[i][index[here] - self._starts[i]]


class Shards:
    """Tokens of a split in shards, mapped into memory.

    Parameters
    ----------
    maps : list of Mapped
    lookup : array, optional
        What each token becomes when it is read.
    """

    def __init__(self, maps: Sequence[Mapped], lookup: NDArray[np.unsignedinteger] | None = None) -> None:
        self._maps, self.lookup = maps, lookup
        self.arrays = [each.tokens for each in maps]

    def __len__(self) -> int:
        return sum(map(len, self.arrays))

    def count(self, context: int) -> int:
        """Sequences of a context; none spans two shards."""
        return sum(len(array) // context for array in self.arrays)

    def forget(self) -> None:
        """Give back the pages of what was read."""
        for each in self._maps:
            each.forget()


@dataclass(frozen=True)
class Index:
    """What ``index.json`` says."""

    folder: Path
    data: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Index:
        """Read and check against the files' lengths.

        Raises
        ------
        TrainerError
            When the folder is no whole corpus, or a shard is missing or cut short.
        """
        path = folder / INDEX
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainerError(f"{path} cannot be read: {error}") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise TrainerError(f"{path} is not an index of {FORMAT!r}; make the folder with `tokenize` again")
        index = cls(folder, data)
        for shard in index.shards():
            file, wanted = folder / shard["file"], shard["tokens"] * index.dtype.itemsize
            size = file.stat().st_size if file.is_file() else -1
            if size != wanted:
                said = "is missing" if size < 0 else f"has {size:,} bytes"
                raise TrainerError(f"{file} {said}, {wanted:,} were written; make the folder with `tokenize` again")
        return index

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a token."""
        return np.dtype(self.data["dtype"])

    def shards(self, *splits: str) -> Iterator[dict[str, Any]]:
        """Entries of shards, of all splits or some."""
        for split in splits or SPLITS:
            yield from self.data["splits"][split]["shards"]

    def mapped(self, split: str) -> list[Mapped]:
        """Shards of a split as memory maps."""
        return [Mapped(self.folder / shard["file"], self.dtype) for shard in self.shards(split)]

    def counts(self) -> NDArray[np.int64]:
        """How often each token occurs, (splits, tokens up to the largest)."""
        try:
            counted: NDArray[np.int64] = np.load(self.folder / COUNTS)
        except (OSError, ValueError) as error:
            raise TrainerError(f"{self.folder / COUNTS} cannot be read: {error}") from None
        return counted

    def digest(self, split: str) -> str:
        """One hash of a split's tokens, from those of its shards."""
        joined = "".join(shard["sha256"] for shard in self.shards(split))
        return hashlib.sha256(joined.encode()).hexdigest()[:16]

    def verify(self) -> None:
        """Hash every shard again.

        Raises
        ------
        TrainerError
            When a file is not what was written.
        """
        changed = []
        for shard in self.shards():
            with (self.folder / shard["file"]).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != shard["sha256"]:
                    changed.append(shard["file"])
        if changed:
            raise TrainerError(
                f"{self.folder}: {', '.join(changed)} changed since written; make the folder with `tokenize` again"
            )


def is_shards(name: str) -> bool:
    """Whether a corpus is a folder that ``tokenize`` made."""
    return (Path(name) / INDEX).is_file() and not (Path(name) / "state.json").exists()


def tokenizer_file(name: str) -> str | None:
    """The tokenizer kept with a corpus of shards, if it has one."""
    path = Path(name) / TOKENIZER
    return str(path) if is_shards(name) and path.is_file() else None
