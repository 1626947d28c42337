"""From documents to shards: encode, split by hash, count what is unique, write.

A document belongs to validation if its hash says so (blake2b of its bytes, so the same text is always on the same side, and
no copy of a validation document is trained on), or if it comes from a validation source of its own; then training documents
that occur there as well are left out. Memory holds one batch, and some seventy bytes a document
for its hash.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from reference_trainer.corpus import load_tokenizer
from reference_trainer.documents import Document, Source, sources
from reference_trainer.errors import TrainerError
from reference_trainer.shards import COUNTS, SPLITS, TOKENIZER, Writer, write_index

Tokens = NDArray[Any]

BATCH = 2**22  # bytes of documents encoded at once
SHARD_TOKENS = 2**27
LARGEST = 2**24  # no vocabulary is larger
END_NAMES = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[SEP]")


class Bytes:
    """Bytes are tokens, and 256 ends a document."""

    vocabulary, end, name = 257, 256, "bytes"

    def __call__(self, documents: Sequence[Any]) -> list[Tokens]:
        """Tokens of each document."""
        made: list[Tokens] = []
        for document in documents:
            tokens = np.empty(len(document) + 1, dtype=np.uint16)
            tokens[:-1] = np.frombuffer(document, dtype=np.uint8)
            tokens[-1] = self.end
            made.append(tokens)
        return made


class FromFile:
    """A JSON file of the ``tokenizers`` library; the token called ``end`` ends a document, if there is one."""

    def __init__(self, path: str, end: str = "") -> None:
        self.model, self.path = load_tokenizer(path), Path(path)
        self.model.no_truncation()
        self.model.no_padding()
        self.vocabulary = self.model.get_vocab_size()
        found = [self.model.token_to_id(name) for name in ([end] if end else END_NAMES)]
        self.end = next((token for token in found if token is not None), None)
        if end and self.end is None:
            raise TrainerError(f"tokenizer {path}: it has no token {end!r} to end documents with")
        self.name = hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]

    def __call__(self, documents: Sequence[Any]) -> list[Tokens]:
        """Tokens of each document."""
        try:
            texts = [document.decode("utf-8") for document in documents]
        except UnicodeDecodeError as error:
            raise TrainerError(
                f"a document that begins {error.object[:40]!r} is not UTF-8 at its byte {error.start:,}; convert it, "
                "for example iconv -f latin1 -t utf-8 IN > OUT, or leave out --tokenizer to train on bytes"
            ) from None
        ended = [] if self.end is None else [self.end]
        encoded = self.model.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(each.ids + ended, dtype=np.uint32) for each in encoded]


class AsTheyAre:
    """Documents that are tokens already; the vocabulary is up to the largest that occurs."""

    vocabulary, end, name = 0, None, "tokens"

    def __call__(self, documents: Sequence[Any]) -> list[Tokens]:
        """The documents themselves, when they can be tokens."""
        for tokens in documents:
            if (
                tokens.itemsize > 2
                and not 0 <= (lowest := int(tokens.min())) <= (highest := int(tokens.max())) < LARGEST
            ):
                raise TrainerError(
                    f"a .bin has tokens from {lowest:,} to {highest:,}: it is of another type than its index or header says"
                )
        return list(documents)


Encoder = Bytes | FromFile | AsTheyAre


class _Dealt(NamedTuple):
    """Documents of a batch that fell to one split, their tokens, and whether each was not seen before."""

    documents: list[Document]
    tokens: list[Tokens]
    new: list[bool]


class Split:
    """One side of the corpus while it is written, and what is counted of it."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.documents = self.bytes = self.unique_documents = self.unique_tokens = 0
        self.counts = np.zeros(0, dtype=np.int64)

    def append(self, batch: _Dealt) -> None:
        """Write a batch."""
        if not batch.tokens:
            return
        joined = np.concatenate(batch.tokens)
        self.writer.append(joined)
        self.documents += len(batch.tokens)
        self.bytes += sum(len(d) for d in batch.documents if isinstance(d, bytes))
        self.unique_documents += sum(batch.new)
        self.unique_tokens += sum(len(t) for t, first in zip(batch.tokens, batch.new, strict=True) if first)
        counted = np.bincount(joined, minlength=len(self.counts))
        counted[: len(self.counts)] += self.counts
        self.counts = counted

    def entry(self) -> dict[str, Any]:
        """For the index."""
        return {
            "tokens": self.writer.tokens,
            "documents": self.documents,
            "bytes": self.bytes,
            "unique_tokens": self.unique_tokens,
            "unique_documents": self.unique_documents,
            "shards": self.writer.shards,
        }


@dataclass(frozen=True)
class Request:
    """What to make of which sources; the options of the command."""

    sources: Sequence[str]
    validation: Sequence[str] = ()
    field: str = "text"
    separator: str = ""
    tokenizer: str = ""
    end: str = ""
    end_token: int | None = None
    vocabulary: int = 0
    validation_share: float = 0.05
    deduplicate: bool = False
    shard_tokens: int = SHARD_TOKENS

    def __post_init__(self) -> None:
        if not 0 < self.validation_share < 1:
            raise TrainerError(f"the validation share {self.validation_share} is not between 0 and 1")
        if self.shard_tokens < 2**12:
            raise TrainerError(f"{self.shard_tokens} tokens a shard are too few; at least 4,096")

    def files(self, names: Iterable[str]) -> list[Source]:
        """Files of some sources."""
        return sources(names, field=self.field, separator=self.separator, end_token=self.end_token)


def tokenize(
    request: Request, out: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """Make a folder of shards; returns its index.

    The folder appears when it is whole. Until then everything is in a hidden one beside it, which is removed if this fails,
    and by the next call if it was killed.

    Parameters
    ----------
    progress : callable
        Given bytes of the sources read, and of all.

    Raises
    ------
    TrainerError
        When a source cannot be read, the disk is full, a split would be empty, or ``out`` is there already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainerError(f"{out} is there already; remove it, or name another folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    lock = FileLock(out.with_name(f".{out.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise TrainerError(f"another process is writing {out}") from None
    try:
        shutil.rmtree(partial, ignore_errors=True)  # of one that was killed
        partial.mkdir()
        index = _fill(partial, request, progress)
        if out.exists():
            out.rmdir()
        partial.rename(out)
        return index
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            written = sum(file.stat().st_size for file in partial.glob("*"))
            raise TrainerError(
                f"the disk of {out} is full after {written:,} bytes; nothing was kept. Tokens take about two bytes "
                "for a byte of text, or half a byte with a tokenizer"
            ) from None
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _fill(folder: Path, request: Request, progress: Callable[[int, int], None]) -> dict[str, Any]:
    held_out, files = request.files(request.validation), request.files(request.sources)
    if len({source.is_tokens for source in held_out + files}) > 1:
        raise TrainerError("tokens (.bin) and text do not mix: training and validation must be of one kind")
    encoder = _encoder(request, files)
    dtype = _dtype(encoder, files + held_out)
    splits = {split: Split(Writer(folder, split, dtype, request.shard_tokens)) for split in SPLITS}
    deal = _Deal(request, splits)
    total = sum(source.path.stat().st_size for source in held_out + files)
    try:
        for own_split, group in (("validation", held_out), ("train", files)):
            for batch in _batches(group, lambda: progress(sum(s.position for s in held_out + files), total)):
                deal(batch, encoder(batch), own_split if held_out else "")
        for split in splits.values():
            split.writer.close()
    finally:
        for split in splits.values():
            split.writer.abandon()
    _refuse_empty(splits, request)
    if isinstance(encoder, FromFile):
        shutil.copyfile(encoder.path, folder / TOKENIZER)
    width = max(len(split.counts) for split in splits.values())
    counts = np.stack([np.pad(split.counts, (0, width - len(split.counts))) for split in splits.values()])
    np.save(folder / COUNTS, counts)
    vocabulary = request.vocabulary or encoder.vocabulary or width
    if width > vocabulary:
        raise TrainerError(f"token {width - 1:,} occurs, which a vocabulary of {vocabulary:,} does not have")
    index = {
        "dtype": np.dtype(dtype).name,
        "vocabulary": vocabulary,
        "occurring": int((counts.sum(axis=0) > 0).sum()),
        "end_token": encoder.end,
        "tokenizer": encoder.name,
        "sources": [str(name) for name in request.sources],
        "validation_sources": [str(name) for name in request.validation],
        "validation_share": None if held_out else request.validation_share,
        "empty_documents": sum(source.empty for source in held_out + files),
        "left_out_as_repeated": deal.repeated,
        "left_out_as_in_validation": deal.crossing,
        "splits": {name: split.entry() for name, split in splits.items()},
    }
    write_index(folder, index)
    return index


class _Deal:
    """Deals documents to their splits and remembers which were seen."""

    def __init__(self, request: Request, splits: dict[str, Split]) -> None:
        self.splits, self.deduplicate = splits, request.deduplicate
        self.limit = int(request.validation_share * 2**64)
        self.seen: dict[str, set[int]] = {split: set() for split in SPLITS}
        self.repeated = self.crossing = 0

    def __call__(self, documents: list[Document], tokens: list[Tokens], own_split: str) -> None:
        dealt = {split: _Dealt([], [], []) for split in SPLITS}
        for document, encoded in zip(documents, tokens, strict=True):
            raw = document.tobytes() if isinstance(document, np.ndarray) else document
            digest = int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little")
            split = own_split or ("validation" if digest < self.limit else "train")
            if split == "train" and digest in self.seen["validation"]:
                self.crossing += 1
                continue
            new = digest not in self.seen[split]
            if not new and self.deduplicate:
                self.repeated += 1
                continue
            self.seen[split].add(digest)
            dealt[split].documents.append(document)
            dealt[split].tokens.append(encoded)
            dealt[split].new.append(new)
        for split, batch in dealt.items():
            self.splits[split].append(batch)


def _batches(files: list[Source], show: Callable[[], None]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for source in files:
        with contextlib.closing(source.documents()) as documents:  # type: ignore[type-var]
            for document in documents:
                batch.append(document)
                size += document.nbytes if isinstance(document, np.ndarray) else len(document)
                if size >= BATCH:
                    yield batch
                    show()
                    batch, size = [], 0
    if batch:
        yield batch
    show()


def _encoder(request: Request, files: list[Source]) -> Encoder:
    if files[0].is_tokens:
        if request.tokenizer:
            raise TrainerError(f"{files[0].path} holds tokens already: leave out --tokenizer")
        return AsTheyAre()
    return FromFile(request.tokenizer, request.end) if request.tokenizer else Bytes()


def _dtype(encoder: Encoder, files: list[Source]) -> Any:
    if isinstance(encoder, AsTheyAre):  # known when all is read; the type of the source will do
        first = [next(source.documents(), None) for source in files]
        return (
            np.uint32 if any(d is not None and d.itemsize > 2 for d in first if not isinstance(d, bytes)) else np.uint16
        )
    return np.uint16 if encoder.vocabulary <= 2**16 else np.uint32


def _refuse_empty(splits: dict[str, Split], request: Request) -> None:
    documents = sum(split.documents for split in splits.values())
    for name, split in splits.items():
        if not split.documents:
            finer = "" if request.separator else ", divide plain text more finely (--separator '\\n\\n')"
            raise TrainerError(
                f"none of {documents:,} documents is for {name}: give more text{finer}, another --validation-share than "
                f"{request.validation_share:g}, or a validation source of its own (--validation)"
            )
