"""What stands beside a log: the settings of its run, ``config.json`` or ``hparams.yaml``, which are facts and no log.

Settings belong to a log of the same name (``m70.json`` beside ``m70.csv``), or to the one log of a folder that is named for what it
is, such as ``metrics.csv`` (Lightning's ``hparams.yaml``, Ray Tune's ``params.json``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIDE = (
    *("config", "summary", "metadata", "args", "hparams", "params", "hyperparameters", "hyperparams", "settings"),
    *("wandb-metadata", "wandb-summary", "hparams_config", "run_config", "train_config", "experiment_state", "searcher-state"),
)  # fmt: skip
SETTINGS = (
    "config",
    "params",
    "hparams",
    "hyperparameters",
    "hyperparams",
    "settings",
    "args",
    "run_config",
    "train_config",
)
LARGEST = 1_000_000  # bytes; settings are a few hundred


def is_side(path: Path) -> bool:
    """Whether a file is no log: by its name, or because it holds settings of the log that has its name."""
    if path.stem in SIDE:
        return True
    if path.suffix != ".json" or not any(path.with_suffix(s).is_file() for s in (".csv", ".tsv", ".jsonl", ".parquet")):
        return False
    return bool(_read(path))


def settings(log: Path, *, alone: bool) -> dict[str, Any]:
    """Settings of the run of a log; ``alone``: also those of its folder, whose name stands for the run."""
    names = [log.stem, *(SETTINGS if alone else ())]
    found: dict[str, Any] = {}
    for name in reversed(names):
        for suffix in (".json", ".yaml", ".yml"):
            path = log.with_name(name + suffix)
            if path != log and path.is_file():
                found |= _read(path)
    return found


def _read(path: Path) -> Mapping[str, Any]:
    """An object of settings; empty if the file holds none, or a log."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        text = path.read_text(encoding="utf-8-sig")
        data = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(data, dict) or any(
        isinstance(v, list) and len(v) > 1 and isinstance(v[0], dict) for v in data.values()
    ):
        return {}
    return {str(k): v for k, v in data.items()}


def _yaml(text: str) -> Any:
    """Needs PyYAML, which the trainers that write YAML bring; what it cannot read is left."""
    try:
        import yaml
    except ImportError:
        return None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
