"""Every kind of file yields the documents that were put into it; every kind of damage is one sentence."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reference_trainer.documents import PIECE, SMALL, Source, sources
from reference_trainer.errors import TrainerError

TEXTS = ["The quokka smiles.", "ein Känguru 🦘\nin zwei Zeilen", "x" * 70_000, "y"]


def read(path: Path, **options: object) -> list[str]:
    return [
        bytes(document).decode()
        for source in sources([path], **options)  # type: ignore[arg-type]
        for document in source.documents()
    ]


def zstd(data: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="needs the parquet extra")
    return pyarrow.compress(data, codec="zstd", asbytes=True)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_json_lines_in_every_packing(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.jsonl{packing}"
    lines = [json.dumps({"text": text, "n": 1}) for text in (TEXTS[0], "", *TEXTS[1:])]
    data = ("\n".join(lines[:2]) + "\n").encode(), ("\n\n".join(lines[2:])).encode()
    path.write_bytes(b"".join(PACKINGS[packing](part) for part in data))  # packed parts may follow one another
    (source,) = sources([path])
    assert [bytes(document).decode() for document in source.documents()] == TEXTS
    assert source.empty == 1
    assert source.position == path.stat().st_size


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz", ".zst"])
def test_what_is_cut_short_is_refused(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.txt{packing}"
    noise = np.random.default_rng(0).integers(33, 120, 200_000, dtype=np.uint8).tobytes()
    path.write_bytes(PACKINGS[packing](noise)[:-5000])
    with pytest.raises(TrainerError, match=r"a\.txt.* cannot be read"):
        read(path)


@pytest.mark.parametrize("kind", ["a.parquet", "stream.arrow", "file.arrow"])
def test_columns(tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the parquet extra")
    from pyarrow import parquet

    table = pa.table({"id": range(5), "content": [*TEXTS[:2], None, *TEXTS[2:]]})
    path = tmp_path / kind
    if kind == "a.parquet":
        parquet.write_table(table, path, row_group_size=2)
    else:
        opener = pa.ipc.new_stream if kind.startswith("stream") else pa.ipc.new_file
        with opener(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    assert read(path, field="content") == TEXTS
    with pytest.raises(TrainerError, match=r"no column 'text'; it has id, content: say --field"):
        read(path)


def saved_dataset(folder: Path, texts: list[str]) -> None:
    """The files that ``save_to_disk`` of datasets 5.2.0 writes, as far as they matter."""
    pa = pytest.importorskip("pyarrow", reason="needs the parquet extra")
    folder.mkdir(parents=True)
    names = [f"data-{i:05}-of-00002.arrow" for i in range(2)]
    for name, part in zip(names, (texts[:2], texts[2:]), strict=True):
        table = pa.table({"text": part})
        with pa.ipc.new_stream(str(folder / name), table.schema) as writer:
            writer.write_table(table)
    (folder / "dataset_info.json").write_text("{}")
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))


def test_a_dataset_on_disk(tmp_path: Path) -> None:
    saved_dataset(tmp_path / "d", TEXTS)
    assert read(tmp_path / "d") == TEXTS
    saved_dataset(tmp_path / "dict" / "train", TEXTS)
    saved_dataset(tmp_path / "dict" / "test", TEXTS)
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(TrainerError, match=r"2 data sets; name one: .*test, .*train"):
        read(tmp_path / "dict")


def test_plain_text(tmp_path: Path) -> None:
    text = "".join(f"Zeile {i} äöü\n" for i in range(9000)) + "ü" * (3 * PIECE)
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    pieces = read(path)  # a character cut in two would not decode
    assert "".join(pieces) == text
    assert max(len(piece.encode()) for piece in pieces) <= PIECE
    assert all(piece.endswith("\n") for piece in pieces[:9])
    path.write_text("eins<|end|>zwei<|end|><|end|>" + "drei" * 2**19)
    assert read(path, separator="<|end|>") == ["eins", "zwei", "drei" * 2**19]


def test_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "small.md").write_text("line\n" * 20_000)  # several pieces long, and yet one document
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"first"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "c.txt").write_text("hidden")
    assert read(tmp_path) == ["first", "line\n" * 20_000]
    (tmp_path / "b" / "large.txt").write_text("line\n" * SMALL)
    assert len(read(tmp_path)) > 100


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": "b"\n', r"line 2 is not JSON"),
        ("a.jsonl", b'{"text": "a"}\n["b"]\n', r"line 2 is .* not an object"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xe4"}\n', r"line 2 is not UTF-8 at its byte 10"),
        ("a.jsonl", b'[\n{"text": "a"}]\n', r"one JSON array; make it JSON lines: jq"),
        ("a.json", b'{"body": "a"}\n', r"line 1 has no field 'text'; it has body: say --field"),
        ("a.jsonl", b'{"text": ["a"]}\n', r"line 1: 'text' is \['a'\], not text"),
        ("a.parquet", b"PAR2" * 9, r"not a Parquet file"),
        ("a.arrow", b"what is this", r"not an Arrow file"),
        ("a.gz", b"not packed", r"a\.gz cannot be read"),
        ("a.txt", "utf-16".encode("utf-16"), r"not plain text .a zero byte"),
        ("a.pdf", b"%PDF\0\1", r"not plain text"),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrainerError, match=said) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="no such file or folder"):
        sources([tmp_path / "none"])
    (tmp_path / "a.png").touch()
    with pytest.raises(TrainerError, match="nothing in this folder ends in"):
        sources([tmp_path])
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "a.bin").write_bytes(b"ab")
    with pytest.raises(TrainerError, match="do not mix"):
        sources([tmp_path])


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.jsonl.zst"])
def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(TrainerError, match=r"quokka-laws\[parquet\]"):
        list(Source(tmp_path / name).documents())
