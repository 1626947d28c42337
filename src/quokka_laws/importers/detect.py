"""What a source is, and who reads it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from quokka_laws._spelling import either
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.importers import (
    beside,
    huggingface,
    lm_eval,
    logs,
    megatron,
    mlflow,
    printed,
    tensorboard,
    text_logs,
    torchtitan,
    wandb,
    wandb_offline,
)
from quokka_laws.importers.options import Options
from quokka_laws.runs.files import NAMED, SUFFIXES, is_table_name, read_table
from quokka_laws.runs.printed_logs import names_a_loss
from quokka_laws.runs.remarks import Remark

KINDS = ("tensorboard", "wandb", "huggingface", "mlflow", "megatron", "torchtitan", "log", "lm-eval", "table")
TEXT_LOGS: dict[str, Any] = {"megatron": megatron, "torchtitan": torchtitan}
WANTED = (
    "event files of TensorBoard, offline runs of W&B, trainer_state.json of Hugging Face, a store of MLflow, logs that "
    "training programs print, results of lm-evaluation-harness, or tables "
    f"({', '.join(SUFFIXES)})"
)


def detect(source: str | Path) -> str:
    """The kind of a source by its name and what is in it.

    Raises
    ------
    RunsError
        When it is nothing that can be read.
    """
    text = str(source)
    path = Path(text)
    if text == "-":
        return "table"
    if re.match(r"(https?|sqlite|postgresql|mysql|databricks)\b.*:", text):
        return "wandb" if "wandb" in urlsplit(text).netloc else "mlflow"
    if text.startswith("wandb:"):
        return "wandb"
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        return _file(path)
    if wandb.PROJECT.fullmatch(text) and not path.parent.exists() and not path.suffix:
        return "wandb"
    raise RunsError(f"{text}: no such file or folder (a W&B project is written wandb:ENTITY/PROJECT)")


def _file(path: Path) -> str:
    if tensorboard.MARK in path.name:
        return "tensorboard"
    if path.suffix == wandb_offline.MARK:
        return "wandb"
    if path.suffix in (".db", ".sqlite", ".sqlite3"):
        return "mlflow"
    if path.name == huggingface.FILE or (path.suffix == ".json" and _is_state(path)):
        return "huggingface"
    if path.suffix == ".json" and lm_eval.is_result(path):
        return "lm-eval"
    if path.suffix.lower() in text_logs.ENDINGS and (kind := _text_log(path) or _printed(path)):
        return kind
    if is_table_name(path.name) or path.suffix.lower() in NAMED:
        return "table"
    if kind := _text_log(path) or _printed(path):
        return kind
    why = printed.why_not(path)
    raise RunsError(f"{path}: not a kind of log that is recognised{f': {why}' if why else ''}; wanted {WANTED}")


def _folder(root: Path) -> str:
    offline = events = False
    tables: list[Path] = []
    store = (root / "meta.yaml").exists() or any(root.glob("*/meta.yaml"))
    for folder, _, files in os.walk(root, onerror=_refuse):
        if huggingface.FILE in files:  # beside it the Trainer keeps event files of the same run
            return "huggingface"
        events = events or any(tensorboard.MARK in name for name in files)
        offline = offline or any(name.endswith(wandb_offline.MARK) for name in files)
        tables += [Path(folder) / name for name in files if is_table_name(name) and Path(name).stem not in beside.SIDE]
        if "mlflow.db" in files and Path(folder) == root:
            raise RunsError(f"{root} holds an MLflow database; name it: {root / 'mlflow.db'}")
    if store:
        return "mlflow"
    if events:
        return "tensorboard"
    if offline:
        return "wandb"
    if kind := next(filter(None, map(_text_log, text_logs.files(root))), ""):
        return kind
    if any(path.suffix != ".txt" or _is_text_table(path) for path in tables):
        return "lm-eval" if lm_eval.find(root) else "table"
    if any(map(_printed, text_logs.files(root))):
        return "log"
    if tables:
        return "table"  # whose text says why it is none
    raise RunsError(f"{root}: nothing to read in this folder; wanted {WANTED}")


def _tables(root: Path, options: Options) -> Iterator[Any]:
    """Tables of a folder; printed logs beside them are named, for they were not read."""
    beside_ = [path for path in text_logs.files(root) if path.suffix.lower() in (".log", ".out", ".err")]
    if beside_ and printed.holds(beside_[0]):
        names = [path.relative_to(root).as_posix() for path in beside_[:3]]
        options.note(
            Remark("not_imported", {"n": len(beside_), "names": names, "how": either("kind='log'", "--from log")})
        )
    yield from logs.read(root, options)


def _refuse(error: OSError) -> None:
    raise RunsError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _text_log(path: Path) -> str:
    """Whose text log a file is; empty if nobody's."""
    return next((kind for kind, module in TEXT_LOGS.items() if text_logs.holds(path, module.MARK)), "")


def _printed(path: Path) -> str:
    """``log`` for what a training program printed; empty for anything else."""
    return "log" if printed.holds(path) else ""


def _is_text_table(path: Path) -> bool:
    """Whether a ``.txt`` is a table: notes and printed logs are called so, too."""
    try:
        return not _printed(path) and names_a_loss(read_table(path))
    except RunsError:
        return False


def _is_state(path: Path) -> bool:
    try:
        return "log_history" in json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False


def reader(source: str | Path, kind: str | None = None) -> Callable[[Options], Iterator[Any]]:
    """What yields the curves of a source.

    Raises
    ------
    RunsError
        When the source is missing, empty, or of no kind that is known.
    """
    found = kind or detect(source)
    if found not in KINDS:
        raise ArgumentError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    text, path = str(source), Path(source)
    if found == "wandb" and not path.exists():
        return partial(wandb.read, text)
    if found == "mlflow":
        if "://" not in text and not path.exists():
            raise RunsError(f"{text}: no such file or folder")
        return partial(mlflow.read, text)
    if text != "-" and not path.exists():
        raise RunsError(f"{text}: no such file or folder")
    modules = {
        "tensorboard": tensorboard,
        "huggingface": huggingface,
        "wandb": wandb_offline if text != "-" and wandb_offline.find(path) else logs,
        "lm-eval": lm_eval,
        "table": logs,
        "log": printed,
        **TEXT_LOGS,
    }
    module = modules[found]
    if module is logs and kind is None and path.is_dir():
        return partial(_tables, path)
    if text != "-" and not module.find(path):
        raise RunsError(f"{text}: no logs of {found} in this folder")
    return partial(module.read, path)
