"""Files are written whole or not at all: beside the old one first, then put in its place."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from quokka_laws.exceptions import OutputError

if TYPE_CHECKING:
    import pandas as pd

RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def write_atomically(path: str | Path, content: str | bytes) -> Path:
    """Write a file so that a full disk, a crash or a kill leaves what was there before whole.

    Parameters
    ----------
    path : path
        A link is followed; a pipe or device is written as it is.
    content : str or bytes
        Text is UTF-8, with line ends as they are.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        With the file and the reason.
    """
    data = content.encode("utf-8", errors="replace") if isinstance(content, str) else content
    beside: str | None = None
    try:
        target = Path(os.path.realpath(path))
        if _is_special(target):
            target.write_bytes(data)
            return Path(path)
        handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, _mode(target))
        os.replace(beside, target)
        beside = None
        _sync_folder(target.parent)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise OutputError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from None
    finally:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)
    return Path(path)


def check_writable(path: str | Path) -> None:
    """Raise before the work that fills a file when it could not be written.

    Raises
    ------
    OutputError
        With the file and the reason: no such folder, no permission, a folder of that name, no space.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it")
        if _is_special(target):
            return
        if not target.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {target.parent}")
        _try(target.parent)
    except (OSError, ValueError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from None


def make_folder(path: str | Path) -> Path:
    """A folder that files can be written to, made if need be.

    Raises
    ------
    OutputError
        With the folder and the reason.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try(folder)
    except FileExistsError:
        raise OutputError(f"{path} is a file; name a folder") from None
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be written to ({getattr(error, 'strerror', None) or error})") from None
    return folder


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV whose texts no spreadsheet takes for formulas: those that begin like one get an apostrophe."""
    guarded = table.rename(columns=_guarded)
    for name in range(guarded.shape[1]):
        column = guarded.iloc[:, name]
        if column.dtype == object or str(column.dtype) in ("str", "string"):
            guarded.isetitem(name, column.map(_guarded))
    return guarded.to_csv(index=False, lineterminator="\n")


def _guarded(cell: object) -> object:
    if not isinstance(cell, str) or not cell.startswith(RUN_BY_SPREADSHEETS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _is_special(target: Path) -> bool:
    """Whether it is a pipe, a terminal or another device, in whose place no file can be put."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced; those of a new file otherwise."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _try(folder: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part") as file:
        file.write(b"x")
        file.flush()


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a loss of power, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
