"""Training logs of a known law, written by the libraries people log with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql

TOKENS_PER_STEP = 2**18
LOGGED = 40


@dataclass(frozen=True)
class Run:
    """A run that follows the law at every step."""

    N: float
    steps: int

    @property
    def D(self) -> float:
        return float(self.steps * TOKENS_PER_STEP)

    @property
    def name(self) -> str:
        return f"{6 * self.N * self.D:.6e}_{self.N / 1e6:g}_{self.D:.0f}"

    @property
    def step(self) -> np.ndarray:
        return np.linspace(self.steps / LOGGED, self.steps, LOGGED).astype(int)

    @property
    def loss(self) -> np.ndarray:
        law = ql.FittedLaw(law=ql.laws.Chinchilla(), values=TRUE_CHINCHILLA)
        return law.predict(N=np.full(LOGGED, self.N), D=self.step * float(TOKENS_PER_STEP))["loss"].to_numpy()


RUNS = [Run(N * 1e6, steps) for N in (30, 90, 270, 810) for steps in (1000, 4000, 16000, 64000)]


def tensorboard(
    root: Path, runs: Iterable[Run] = RUNS, tag: str = "val/loss", tokens: str | None = None, spike: bool = False
) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for run in runs:
        writer = EventFileWriter(str(root / run.name))
        for step, loss in zip(run.step, run.loss, strict=True):
            diverged = spike and step > run.steps / 2
            values = [Summary.Value(tag=tag, simple_value=11.0 if diverged else loss)]
            if tokens:
                values.append(Summary.Value(tag=tokens, simple_value=step * float(TOKENS_PER_STEP)))
            writer.add_event(Event(step=int(step), wall_time=0.0, summary=Summary(value=values)))
        writer.close()


def huggingface(root: Path, runs: Iterable[Run] = RUNS, *, tokens: bool = True) -> None:
    from transformers import TrainerState

    for run in runs:
        history = [
            {
                "step": int(s),
                "eval_loss": float(v),
                **({"num_input_tokens_seen": int(s) * TOKENS_PER_STEP} if tokens else {}),
            }
            for s, v in zip(run.step, run.loss, strict=True)
        ]
        state = TrainerState(
            global_step=run.steps,
            max_steps=run.steps,
            log_history=history,
            num_input_tokens_seen=int(run.D) if tokens else 0,
            total_flos=6 * run.N * run.D,
        )
        folder = root / f"N{run.N / 1e6:g}M-D{run.D:.0f}" / f"checkpoint-{run.steps}"
        folder.mkdir(parents=True)
        state.save_to_json(str(folder / "trainer_state.json"))


def mlflow(root: Path, runs: Iterable[Run] = RUNS, uri: str | None = None) -> None:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri or (root / "mlruns").as_uri())
    experiment = client.create_experiment("sweep")
    for run in runs:
        made = client.create_run(experiment, run_name=run.name).info.run_id
        metrics = [Metric("val_loss", float(v), 0, int(s)) for s, v in zip(run.step, run.loss, strict=True)]
        params = [Param("n_params", str(int(run.N))), Param("tokens_per_step", str(TOKENS_PER_STEP))]
        client.log_batch(made, metrics=metrics, params=params)
        client.set_terminated(made)


def wide(path: Path, runs: Iterable[Run] = RUNS) -> None:
    """What W&B's web page exports from a chart: one column per run, with its extremes."""
    rows: dict[int, dict[str, str]] = {}
    columns = ["Step"]
    for run in runs:
        named = [f"{run.name} - val/loss", f"{run.name} - val/loss__MIN", f"{run.name} - val/loss__MAX"]
        columns += named
        for step, loss in zip(run.step, run.loss, strict=True):
            rows.setdefault(int(step), {}).update(dict.fromkeys(named, repr(float(loss))))
    lines = [",".join(f'"{c}"' for c in columns)]
    lines += [",".join(f'"{v}"' for v in (str(s), *(rows[s].get(c, "") for c in columns[1:]))) for s in sorted(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def jsonl(root: Path, runs: Iterable[Run] = RUNS) -> None:
    """One file per run, as trainers write them that log to JSON lines."""
    root.mkdir(parents=True, exist_ok=True)
    for run in runs:
        with (root / f"{run.N / 1e6:g}M-{run.steps}.jsonl").open("w") as file:
            for step, loss in zip(run.step, run.loss, strict=True):
                row = {
                    "iter": int(step),
                    "val/ce": float(loss),
                    "total_tokens": int(step) * TOKENS_PER_STEP,
                    "size": run.N,
                }
                file.write(json.dumps(row) + "\n")


def long(path: Path, runs: Iterable[Run] = RUNS) -> None:
    """All runs in one file, as a spreadsheet of another country saves it."""
    parts = [pd.DataFrame({"run": run.name, "it": run.step, "loss": run.loss, "params": run.N}) for run in runs]
    pd.concat(parts).to_csv(path, index=False, sep=";", decimal=",")


def recorded(run: Run, **changes: Any) -> dict[str, Any]:
    """A run as W&B's server has it; see :mod:`wandb_server`."""
    history = [
        {"_step": int(s), "_runtime": 1.0, "_timestamp": 1.0, "val/loss": float(v), "tokens": int(s) * TOKENS_PER_STEP}
        for s, v in zip(run.step, run.loss, strict=True)
    ]
    config = {"model": {"n_params": run.N}, "optimizer": "adamw"}
    return {
        "name": run.name,
        "state": "finished",
        "config": config,
        "history": history,
        "last_step": run.steps,
    } | changes
