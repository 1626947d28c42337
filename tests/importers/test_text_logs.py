"""Plain text logs: which files they are, what begins as text, lines without colours, names of runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quokka_laws.exceptions import RunsError
from quokka_laws.importers.text_logs import SNIFFED, files, holds, lines, run_name

MARK = re.compile(r"iteration \d+")


def test_logs_by_their_endings(tmp_path: Path) -> None:
    for name in ("a.log", "sub/b.OUT", "sub/slurm", "c.csv", "d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in files(tmp_path)] == ["a.log", "sub/b.OUT", "sub/slurm"]
    assert files(tmp_path / "c.csv") == [tmp_path / "c.csv"]  # who names a file means it


def test_marks_of_text_files_only(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"settings\n" * 100 + b"iteration 12\n")
    assert holds(path, MARK)
    path.write_bytes(b"\0iteration 12\n")
    assert not holds(path, MARK)
    path.write_bytes(b" " * SNIFFED + b"iteration 12\n")
    assert not holds(path, MARK)
    assert not holds(tmp_path / "absent.log", MARK)


def test_lines_lose_their_colours_and_survive_odd_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"\x1b[31mloss\x1b[0m 2.5\nodd \xff byte\n")
    first, second = lines(path)
    assert first == "loss 2.5\n"
    assert second.startswith("odd ")
    with pytest.raises(RunsError):
        list(lines(tmp_path))


def test_names_of_runs(tmp_path: Path) -> None:
    path = tmp_path / "size" / "134M.log"
    assert run_name(path, tmp_path) == "size/134M"
    assert run_name(path, path) == "134M"
