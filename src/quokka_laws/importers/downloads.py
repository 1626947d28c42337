"""Series that TensorBoard's page downloads one by one: ``run-NAME-tag-TAG.csv`` with Wall time, Step and Value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from quokka_laws.runs.files import read_table

HEADER = re.compile(rb'(?:\xef\xbb\xbf)?"?wall.time"?\s*,\s*"?step"?\s*,\s*"?value"?\s*$', re.IGNORECASE)
NAME = re.compile(r"(?:run-)?(?P<run>.+?)[-_.]tag-(?P<tag>.+)")


def is_download(path: Path) -> bool:
    """Whether a file is a series of this kind, by its header."""
    if path.suffix.lower() != ".csv":
        return False
    try:
        with path.open("rb") as file:
            return bool(HEADER.match(file.readline(200).strip()))
    except OSError:
        return False


def by_run(paths: Iterable[Path], root: Path) -> dict[str, dict[str, Path]]:
    """Files as run → tag → file: by their names, else a folder is a run and a file its series."""
    found: dict[str, dict[str, Path]] = {}
    for path in paths:
        inside = path.relative_to(root).parent.as_posix() if root.is_dir() else "."
        folder = "" if inside == "." else inside
        if match := NAME.fullmatch(path.stem):
            run, tag = f"{folder}/{match['run']}" if folder else match["run"], match["tag"]
        else:
            run, tag = (folder, path.stem) if folder else (path.stem, "Value")
        found.setdefault(run, {})[tag] = path
    return found


def series(files: dict[str, Path]) -> pd.DataFrame:
    """The series of one run side by side, a row per step."""
    columns = []
    for tag, path in files.items():
        table = read_table(path)
        names = {str(c).lower(): c for c in table}
        step = pd.to_numeric(table[names["step"]], errors="coerce")
        column = table[names["value"]].rename(tag).set_axis(step.to_numpy())
        columns.append(column[column.index.notna() & ~column.index.duplicated(keep="last")])
    return pd.concat(columns, axis=1).sort_index().rename_axis("step").reset_index()
