"""Curves of runs for people who watch: TensorBoard or Weights & Biases. ``runs.jsonl`` stays the source of truth."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from reference_trainer.errors import TrainerError
from reference_trainer.spec import RunSpec

Log = Callable[[int, dict[str, float]], None]
"""Given the step and the quantities of one run."""


@contextlib.contextmanager
def open_log(kind: str, specs: list[RunSpec], out: Path) -> Iterator[Callable[[int, dict[str, list[float]]], None]]:
    """What logs the metrics of a pack's runs while the context lasts: given the step and a list per quantity.

    Parameters
    ----------
    kind : {"", "tensorboard", "wandb"}
        Empty logs nothing.
    out : Path
        TensorBoard writes to ``out/tensorboard/<run_id>``, W&B to ``out/wandb`` (its mode and project come from its own
        environment variables). The run's name is its ``run_id``: a resumed run continues its curve.

    Raises
    ------
    TrainerError
        For an unknown kind, or one that is not installed.
    """
    if kind and kind not in LOGGERS:
        raise TrainerError(f"log {kind!r} is not one of {', '.join(LOGGERS)}")
    if not kind:
        yield lambda step, values: None
        return
    logs = [LOGGERS[kind](spec, out) for spec in specs]

    def log_all(step: int, values: dict[str, list[float]]) -> None:
        for k, (log, _) in enumerate(logs):
            log(step, {name: each[k] for name, each in values.items()})

    try:
        yield log_all
    finally:
        for _, close in logs:
            close()


def _tensorboard(spec: RunSpec, out: Path) -> tuple[Log, Callable[[], None]]:
    """Event files, one folder a run; the horizontal axis is tokens."""
    _need("tensorboard")
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(out / "tensorboard" / spec.run_id)

    def log(step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step * spec.tokens_per_step)

    return log, writer.close


def _wandb(spec: RunSpec, out: Path) -> tuple[Log, Callable[[], None]]:
    """A W&B run named by the spec's hash, with the spec as its configuration."""
    engine = _need("wandb")
    logging.getLogger("wandb").setLevel(logging.ERROR)
    run = engine.init(
        id=spec.run_id, name=spec.run_id, config=spec.to_dict(), dir=str(out), resume="allow",
        reinit="create_new",
    )  # fmt: skip

    def log(step: int, values: dict[str, float]) -> None:
        run.log({"tokens": step * spec.tokens_per_step, **values})

    return log, run.finish


def _need(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise TrainerError(f'--log {module} needs {module}: pip install "quokka-laws[{module}]"') from None


LOGGERS = {"tensorboard": _tensorboard, "wandb": _wandb}
