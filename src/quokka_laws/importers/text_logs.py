"""What readers of plain text logs share: which files are logs, and their lines without what terminals put into them."""

from __future__ import annotations

import gzip
import io
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from quokka_laws.exceptions import RunsError

ENDINGS = (".log", ".out", ".err", ".txt", ".stdout", ".stderr", "")
SNIFFED = 2**22  # bytes: a log begins with its settings, which may be long
COLOUR = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # and cursor movements, links
REDRAWN = re.compile(r"\x08+")  # a progress bar that goes back over what it wrote; most return to the line's start
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # as PowerShell writes what is redirected


def files(root: Path) -> list[Path]:
    """Text logs below ``root`` by their endings, or ``root`` itself."""
    if root.is_file():
        return [root]
    found = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
    return sorted(path for path in found if _plain(path).suffix.lower() in ENDINGS)


def _plain(path: Path) -> Path:
    return path.with_suffix("") if path.suffix == ".gz" else path


def head(path: Path) -> str:
    """The first four mebibytes of a file as text; empty where it does not begin as text."""
    try:
        with _opened(path) as file:
            data = file.read(SNIFFED)
    except (OSError, EOFError):
        return ""
    coding = MARKS.get(data[:2], "utf-8")
    return "" if coding == "utf-8" and b"\0" in data[:1024] else COLOUR.sub("", data.decode(coding, errors="replace"))


def holds(path: Path, mark: re.Pattern[str]) -> bool:
    """Whether a file begins as text and has a mark within its first four mebibytes."""
    return mark.search(head(path)) is not None


def lines(path: Path) -> Iterator[str]:
    """Lines of a log, without terminal colours; what a progress bar wrote over itself is a line each time.

    Raises
    ------
    RunsError
        When the file cannot be read.
    """
    try:
        with _opened(path) as binary:
            coding = MARKS.get(binary.peek(2)[:2], "utf-8-sig")
            with io.TextIOWrapper(binary, encoding=coding, errors="replace") as text:
                yield from _bare(text)
    except (OSError, EOFError) as error:
        raise RunsError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def lines_of(text: str) -> Iterator[str]:
    """The lines of a text as those of a file."""
    return _bare(io.StringIO(text, newline=None))


def _bare(text: Iterable[str]) -> Iterator[str]:
    for line in text:  # a lone \r ends a line, too
        yield from REDRAWN.split(COLOUR.sub("", line)) if "\x1b" in line or "\x08" in line else [line]


def _opened(path: Path) -> io.BufferedReader:
    return io.BufferedReader(gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def run_name(path: Path, root: Path) -> str:
    """Name of a run whose log this is."""
    return _plain(path.relative_to(root)).with_suffix("").as_posix() if root.is_dir() else _plain(path).stem
