"""What readers of plain text logs share: which files are logs, and their lines without colours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from quokka_laws.exceptions import RunsError

ENDINGS = (".log", ".out", ".err", ".txt", "")
SNIFFED = 2**22  # bytes: a log begins with its settings, which may be long
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def files(root: Path) -> list[Path]:
    """Text logs below ``root`` by their endings, or ``root`` itself."""
    if root.is_file():
        return [root]
    found = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
    return sorted(path for path in found if path.suffix.lower() in ENDINGS)


def holds(path: Path, mark: re.Pattern[bytes]) -> bool:
    """Whether a file begins as text and has a mark within its first four mebibytes."""
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED)
    except OSError:
        return False
    return b"\0" not in head[:1024] and mark.search(head) is not None


def lines(path: Path) -> Iterator[str]:
    """Lines of a log, without terminal colours; what is no UTF-8 does not matter.

    Raises
    ------
    RunsError
        When the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                yield COLOUR.sub("", line)
    except OSError as error:
        raise RunsError(f"{path}: cannot be read ({error.strerror or error})") from None


def run_name(path: Path, root: Path) -> str:
    """Name of a run whose log this is."""
    return path.relative_to(root).with_suffix("").as_posix() if root.is_dir() else path.stem
