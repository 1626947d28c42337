"""Documents one after another from whatever a corpus is kept in, however large it is.

=====================  ==================================================================================
ending                 a document is
=====================  ==================================================================================
jsonl, ndjson, json    the field ``text`` of a line
parquet, arrow         a row of the column ``text``; a folder that ``datasets`` saved is arrow files
bin                    a document of Megatron's (with ``.idx``), nanoGPT's or llm.c's tokens
anything else          plain text: what stands between separators, a small file of a folder, or, of larger
                       ones, pieces cut at line ends: some 256 of them, none larger than 16 KiB
=====================  ==================================================================================

Any of the first and last may be packed as gz, bz2, xz or zst. No more than one document and one block are in memory.
"""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from reference_trainer.errors import TrainerError
from reference_trainer.shards import is_shards
from reference_trainer.token_files import token_documents

Document = bytes | NDArray[np.unsignedinteger]

TEXT_ENDINGS = (".txt", ".md", ".py", ".text", ".rst")
LINES, COLUMNS = (".jsonl", ".ndjson", ".json"), (".parquet", ".arrow")
PACKED = (".gz", ".bz2", ".xz", ".zst")
PIECE, PIECES = 2**14, 256  # bytes of a piece of a long text; how many a shorter one is cut into
SMALL = 2**20  # bytes: a file of a folder up to this size is one document
LARGEST = 2**28  # bytes of one document; what is larger was not divided as was thought
BLOCK = 2**20
BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error)


@dataclass
class Source:
    """One file of a corpus.

    Parameters
    ----------
    path : Path
    field : str
        Field or column that holds the text.
    separator : str
        What stands between the documents of plain text.
    end_token : int or None
        What ends a document in a file of tokens.
    whole : bool
        One of many files: up to a mebibyte it is one document.
    empty : int
        Documents without text, which are passed over.
    """

    path: Path
    field: str = "text"
    separator: str = ""
    end_token: int | None = None
    whole: bool = False
    empty: int = dataclasses.field(default=0, init=False)
    _done: int = dataclasses.field(default=0, init=False)
    _raw: IO[bytes] | None = dataclasses.field(default=None, init=False)

    @property
    def position(self) -> int:
        """Bytes of the file that have been read."""
        return self._raw.tell() if self._raw is not None else self._done

    @property
    def kind(self) -> str:
        """Ending without that of its packing."""
        endings = [suffix.lower() for suffix in self.path.suffixes]
        return ([e for e in endings if e not in PACKED] or [""])[-1]

    @property
    def is_tokens(self) -> bool:
        """Whether it holds tokens already."""
        return self.kind == ".bin"

    def documents(self) -> Iterator[Document]:
        """Its documents, without those that are empty.

        Raises
        ------
        TrainerError
            When the file cannot be read, is damaged, or is not what its ending says.
        """
        read: dict[str, Callable[[], Iterator[Document]]] = {
            **dict.fromkeys(LINES, self._lines),
            ".parquet": self._parquet,
            ".arrow": self._arrow,
            ".bin": self._tokens,
        }
        try:
            for document in read.get(self.kind, self._text)():
                if isinstance(document, bytes) and not document.strip():
                    self.empty += 1
                else:
                    yield document
        except BROKEN as error:
            reason = getattr(error, "strerror", None) or error
            raise TrainerError(f"{self.path} cannot be read: {reason}") from None

    # ---- plain text -------------------------------------------------------------------------------------------

    def _text(self) -> Iterator[bytes]:
        with self._opened() as file:
            head = file.read(2**13)
            if b"\0" in head:
                raise TrainerError(
                    f"{self.path} is not plain text (a zero byte among the first {len(head):,}); give UTF-8 text, JSON "
                    "lines, Parquet, or files of tokens called .bin"
                )
            head = head.removeprefix(b"\xef\xbb\xbf")
            if self.separator:
                yield from self._separated(file, head)
            elif self.whole and self.path.stat().st_size <= SMALL:
                yield head + file.read()
            else:
                yield from _pieces(file, head, max(16, min(PIECE, self.path.stat().st_size // PIECES)))

    def _separated(self, file: IO[bytes], rest: bytes) -> Iterator[bytes]:
        mark, start = self.separator.encode(), 0
        while True:
            *complete, rest = rest.split(mark)
            yield from complete
            start += sum(map(len, complete)) + len(mark) * len(complete)
            if len(rest) > LARGEST:
                raise TrainerError(
                    f"{self.path}: no separator {self.separator!r} in {LARGEST // 2**20} MiB from byte {start:,} on; "
                    "name the one it has"
                )
            # A growing remainder is searched again: read as much as there is, so that the work stays linear.
            block = file.read(max(BLOCK, len(rest)))
            if not block:
                yield rest
                return
            rest += block

    # ---- rows -------------------------------------------------------------------------------------------------

    def _lines(self) -> Iterator[bytes]:
        with self._opened() as file:
            number = 0
            while line := file.readline(LARGEST):
                number += 1
                where = f"{self.path}, line {number:,}"
                if len(line) == LARGEST:
                    raise TrainerError(f"{where} is longer than {LARGEST // 2**20} MiB; is it JSON lines?")
                if not line.strip():
                    continue
                if number == 1 and line.lstrip()[:1] == b"[":
                    raise TrainerError(f"{self.path} is one JSON array; make it JSON lines: jq -c '.[]' IN > OUT.jsonl")
                try:
                    record = json.loads(line)
                except json.JSONDecodeError as error:
                    raise TrainerError(f"{where} is not JSON: {error.msg} at column {error.colno}") from None
                except UnicodeDecodeError as error:
                    raise TrainerError(f"{where} is not UTF-8 at its byte {error.start:,}") from None
                if not isinstance(record, dict):
                    raise TrainerError(f"{where} is {line[:40]!r}, not an object with a field {self.field!r}")
                yield self._value(record, where)

    def _parquet(self) -> Iterator[bytes]:
        pa = _pyarrow(self.path)
        from pyarrow import parquet as pq

        try:
            file = pq.ParquetFile(self.path)
        except pa.ArrowInvalid as error:
            raise TrainerError(f"{self.path} is not a Parquet file: {error}") from None
        self._need_column(file.schema_arrow.names)
        size, groups = self.path.stat().st_size, file.metadata.num_row_groups
        for group in range(groups):
            for batch in file.iter_batches(256, row_groups=[group], columns=[self.field]):
                yield from self._column(batch.column(0))
            self._done = size * (group + 1) // groups

    def _arrow(self) -> Iterator[bytes]:
        pa = _pyarrow(self.path)
        with pa.memory_map(str(self.path)) as file:
            try:
                batches, names = _record_batches(pa, file)
            except pa.ArrowInvalid as error:
                raise TrainerError(f"{self.path} is not an Arrow file: {error}") from None
            self._need_column(names)
            for batch in batches:
                yield from self._column(batch.column(self.field))
                self._done = min(file.tell(), file.size())

    def _need_column(self, names: list[str]) -> None:
        if self.field not in names:
            raise TrainerError(f"{self.path} has no column {self.field!r}; it has {', '.join(names)}: say --field NAME")

    def _column(self, values: Any) -> Iterator[bytes]:
        for i, value in enumerate(values.to_pylist()):
            yield self._value({self.field: value}, f"{self.path}, row {i} of a batch")

    def _value(self, record: dict[str, Any], where: str) -> bytes:
        if self.field not in record:
            raise TrainerError(f"{where} has no field {self.field!r}; it has {', '.join(record)}: say --field NAME")
        text = record[self.field]
        if isinstance(text, bytes) or text is None:
            return text or b""
        if not isinstance(text, str):
            raise TrainerError(f"{where}: {self.field!r} is {text!r:.40}, not text; say --field NAME")
        return text.encode("utf-8", errors="replace")

    # ---- tokens -----------------------------------------------------------------------------------------------

    def _tokens(self) -> Iterator[NDArray[np.unsignedinteger]]:
        for tokens in token_documents(self.path, self.end_token):
            self._done += tokens.nbytes
            yield tokens

    # ---- files ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The file, unpacked."""
        with self.path.open("rb") as raw:
            self._raw = raw
            try:
                yield _unpacked(raw, self.path)
                self._done = raw.tell()
            finally:
                self._raw = None


def _unpacked(raw: IO[bytes], path: Path) -> IO[bytes]:
    packing = path.suffix.lower()
    if packing == ".zst":
        # pyarrow reads frames on end, and says so when the last is cut short: zstandard's own reader does not.
        reader: Any = io.BufferedReader(_pyarrow(path).input_stream(raw, compression="zstd"), BLOCK)
        return reader
    unpack: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return unpack[packing](raw, "rb") if packing in unpack else raw


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise TrainerError(f'{path}: reading it needs pyarrow: pip install "quokka-laws[parquet]"') from None
    return pyarrow


def _record_batches(pa: Any, file: Any) -> tuple[Iterator[Any], list[str]]:
    """Batches and columns of either of Arrow's two formats, streams (``datasets`` writes these) and files."""
    try:
        stream = pa.ipc.open_stream(file)
        return iter(stream), stream.schema.names
    except pa.ArrowInvalid:
        stored = pa.ipc.open_file(file)
        return (stored.get_batch(i) for i in range(stored.num_record_batches)), stored.schema.names


def _pieces(file: IO[bytes], rest: bytes, size: int) -> Iterator[bytes]:
    """Text cut at line ends, or inside a line that is longer than a piece, but never inside a character."""
    ended = False
    while not ended:
        block = file.read(BLOCK)
        ended = not block
        rest += block
        start = 0
        while len(rest) - start > (0 if ended else size):
            end = min(start + size, len(rest))
            if end < len(rest):
                end = rest.rfind(b"\n", start, end) + 1 or _character_end(rest, end)
            yield rest[start:end]
            start = end
        rest = rest[start:]


def _character_end(text: bytes, end: int) -> int:
    """The last beginning of a UTF-8 character up to ``end``; of what is no UTF-8, ``end``."""
    return next((i for i in range(end, end - 4, -1) if text[i] & 0xC0 != 0x80), end)


# ---- what a corpus is made of ---------------------------------------------------------------------------------


def sources(
    names: Iterable[str | Path], *, field: str = "text", separator: str = "", end_token: int | None = None
) -> list[Source]:
    """Files of a corpus: those named, and those in named folders, in order of their paths.

    Raises
    ------
    TrainerError
        When a name is nothing, or a folder holds nothing that is read.
    """
    found = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = _folder(path)
        elif path.is_file():
            files = [path]
        else:
            raise TrainerError(f"{path}: no such file or folder")
        found += [Source(p, field, separator, end_token, whole=path.is_dir()) for p in files]
    if len({source.is_tokens for source in found}) > 1:
        raise TrainerError("files of tokens (.bin) and of text do not mix: tokenize one kind at a time")
    return found


def _folder(path: Path) -> list[Path]:
    if (path / "dataset_dict.json").is_file():
        splits = sorted(p.parent.name for p in path.glob("*/state.json"))
        raise TrainerError(
            f"{path} holds {len(splits)} data sets; name one: {', '.join(str(path / split) for split in splits)} "
            "(one to train on, and another with --validation)"
        )
    if is_shards(str(path)):
        raise TrainerError(f"{path} is tokenized already: --corpus {path} trains on it")
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        try:  # what datasets.save_to_disk wrote: the order of its files is that of its rows
            return [path / item["filename"] for item in json.loads((path / "state.json").read_text())["_data_files"]]
        except (ValueError, KeyError, TypeError) as error:
            raise TrainerError(f"{path / 'state.json'} is not what datasets.save_to_disk writes: {error!r}") from None
    known = (*TEXT_ENDINGS, *LINES, *COLUMNS, ".bin")
    files = sorted(
        p
        for p in path.rglob("*")
        if p.is_file() and Source(p).kind in known and not any(q.startswith(".") for q in p.relative_to(path).parts)
    )
    if not files:
        raise TrainerError(f"{path}: nothing in this folder ends in {', '.join(known)} (or these with .gz, .zst …)")
    return files
