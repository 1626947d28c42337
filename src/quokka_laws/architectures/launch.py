"""From N and D to what a cluster launches: shapes, steps and learning rates of runs, written for torchtitan or Megatron-LM.

Learning rates warm up, stay, and fall over the last fifth as 1 − √progress (Hägele et al., arXiv 2405.18392), so that one rate
serves every length. Steps are whole, so D is that of the table to within one batch.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.architectures.architecture import Architecture
from quokka_laws.architectures.count import count
from quokka_laws.architectures.propose import propose
from quokka_laws.architectures.torchtitan import write_package
from quokka_laws.architectures.write import write
from quokka_laws.exceptions import ArgumentError
from quokka_laws.writing import csv_text, make_folder, write_atomically

LAUNCHED = ("torchtitan", "megatron")
WARMUP_SHARE, LONGEST_WARMUP = 0.02, 2000
COOLDOWN = 0.2
BETAS, WEIGHT_DECAY, CLIP = (0.9, 0.95), 0.1, 1.0
ROPE_BASE = 10000.0
LOGGED = 100
VALIDATION_SEQUENCES = 2048

MEGATRON = """\
#!/usr/bin/env bash
# Run {run_id}: {said}. DATA, VALIDATION and TOKENIZER are prefixes of Megatron's indexed data and a tokenizer of Hugging
# Face; MEGATRON is its checkout, LAUNCH and OPTIONS are yours to set.
set -euo pipefail
cd "$(dirname "$0")/.."
LAUNCH=${{LAUNCH:-torchrun --standalone --nproc-per-node gpu}}
mkdir -p logs
$LAUNCH "$MEGATRON/pretrain_gpt.py" \\
{options} \\
--tokenizer-type HuggingFaceTokenizer --tokenizer-model "$TOKENIZER" \\
--train-data-path "$DATA" --valid-data-path "$VALIDATION" \\
--save outputs/{run_id} --load outputs/{run_id} ${{OPTIONS:-}} 2>&1 | tee -a logs/{run_id}.log
"""


@dataclass(frozen=True)
class Launch:
    """A run to be trained.

    Parameters
    ----------
    run_id : str
    shape : Architecture
    steps, batch, context : int
        Optimiser steps, sequences of a step, tokens of a sequence.
    lr : float
        Highest learning rate.
    seed : int
    """

    run_id: str
    shape: Architecture
    steps: int
    batch: int
    context: int
    lr: float
    seed: int = 0

    @property
    def tokens(self) -> int:
        """D."""
        return self.steps * self.batch * self.context

    @property
    def warmup(self) -> int:
        """Steps."""
        return max(1, min(LONGEST_WARMUP, round(WARMUP_SHARE * self.steps)))

    @property
    def facts(self) -> dict[str, Any]:
        """A row of ``facts.csv``: N in total, D, and C counted with attention."""
        counted = count(self.shape, self.context)
        return {
            "run_id": self.run_id,
            "N": counted.total,
            "D": self.tokens,
            "C": counted.training_flops_per_token * self.tokens,
            "lr": self.lr,
            "batch_tokens": self.batch * self.context,
            "steps": self.steps,
            "layers": self.shape.layers,
            "width": self.shape.width,
        }


def runs_of(
    table: pd.DataFrame,
    *,
    vocabulary: int = 50304,
    counts: str = "total",
    context: int = 2048,
    kv_heads: int | None = None,
) -> list[Launch]:
    """Runs of a table of N, D, lr and batch_tokens.

    Parameters
    ----------
    table : DataFrame
        ``N``, ``D``, ``lr``, ``batch_tokens``; ``run_id`` and ``seed`` where there are any.
    vocabulary, context : int
    counts : {'total', 'non-embedding'}
        What N holds.
    kv_heads : int, optional

    Raises
    ------
    ArgumentError
        If a size has no shape, or D is less than a batch.
    """
    found = []
    for i, row in enumerate(table.to_dict("records")):
        shape = propose(float(row["N"]), vocabulary=vocabulary, counts=counts, kv_heads=kv_heads)
        name = str(row["run_id"]) if row.get("run_id") is not None else f"run{i + 1:02d}"
        asked = (float(row["D"]), float(row["lr"]), float(row["batch_tokens"]))
        found.append(run_of(shape, *asked, context=context, run_id=name, seed=int(row.get("seed") or 0)))
    return found


def run_of(
    shape: Architecture,
    D: float,
    lr: float,
    batch_tokens: float,
    *,
    context: int = 2048,
    run_id: str = "run01",
    seed: int = 0,
) -> Launch:
    """A run of a shape: whole steps of whole sequences, closest to D tokens.

    Parameters
    ----------
    shape : Architecture
    D, lr, batch_tokens : float
        Tokens, the highest learning rate, tokens of a step.
    context : int
    run_id : str
    seed : int

    Raises
    ------
    ArgumentError
        If D is less than ten batches.
    """
    batch = max(1, round(batch_tokens / context))
    steps = round(D / (batch * context))
    if steps < 10:
        raise ArgumentError(
            f"D = {D:.3g} is {steps} steps of {batch * context:,} tokens: give a smaller batch, "
            f"{either('batch_tokens=', '--batch')}"
        )
    return Launch(run_id, shape, steps, batch, context, lr, seed)


def launch(runs: Sequence[Launch], form: str, out: str | Path) -> list[Path]:
    """Write a folder that trains the runs: a script for each, and ``facts.csv`` for ``quokka-laws import logs --facts facts.csv``.

    Parameters
    ----------
    runs : sequence of Launch
    form : {'torchtitan', 'megatron'}
    out : path

    Returns
    -------
    list of Path
        The scripts.

    Raises
    ------
    ArgumentError
        For another format, or names that are given twice.
    """
    if form not in LAUNCHED:
        raise ArgumentError(f"form = {form!r}: one of {', '.join(LAUNCHED)}")
    names = [run.run_id for run in runs]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise ArgumentError(f"run_id {', '.join(twice)} is given more than once")
    folder = make_folder(Path(out))
    write_atomically(folder / "facts.csv", csv_text(pd.DataFrame([run.facts for run in runs])))
    if form == "torchtitan":
        return write_package(folder, {run.run_id: [_job(run)] for run in runs})
    make_folder(folder / "runs")
    scripts = []
    for run in runs:
        script = folder / "runs" / f"{run.run_id}.sh"
        write_atomically(script, _megatron(run))
        script.chmod(0o755)
        scripts.append(script)
    return scripts


def _job(run: Launch) -> dict[str, Any]:
    a = run.shape
    shape = {
        "width": a.width,
        "depth": a.layers,
        "heads": a.heads,
        "kv_heads": a.kv_heads,
        "head_size": a.head_size,
        "ffn": a.feed_forward,
        "vocabulary": a.vocabulary,
        "context": run.context,
        "rope_base": ROPE_BASE,
        "tied": a.tied,
        "query_key_norm": a.query_key_norm == "head",
    }
    return {
        "name": f"run_{run.run_id}",
        "run_id": run.run_id,
        "folder": run.run_id,
        "begin_from": "",
        "shape": shape,
        "tokenizer": "",
        "steps": run.steps,
        "evaluated": True,
        "schedule_steps": run.steps,
        "decay_ratio": COOLDOWN,
        "warmup_steps": run.warmup,
        "validation_steps": max(1, VALIDATION_SEQUENCES // run.batch),
        "log_every": max(1, run.steps // LOGGED),
        "batch": run.batch,
        "lr": run.lr,
        "beta1": BETAS[0],
        "beta2": BETAS[1],
        "weight_decay": WEIGHT_DECAY,
        "clip": CLIP,
        "seed": run.seed,
    }


def options(run: Launch, form: str) -> str:
    """Options of a trainer's command line that train a run: its shape, steps, batch and learning rate.

    Parameters
    ----------
    run : Launch
    form : {'megatron', 'nanogpt'}
        Of Megatron-LM's ``pretrain_gpt.py`` (``megatron/training/arguments.py``), or nanoGPT's ``train.py``, whose learning rate falls as a
        cosine to a tenth.

    Raises
    ------
    ArgumentError
        If the trainer has no words for the shape.
    """
    shape = write(run.shape, form, context=run.context).strip()
    if form == "nanogpt":
        return " ".join([shape, *(f"--{k}={v}" for k, v in _nanogpt_training(run).items())]) + "\n"
    training = [f"--{k} {shlex.quote(str(v))}" for k, v in _megatron_training(run).items()]
    return " \\\n".join([shape, *training, "--bf16"]) + "\n"


def _nanogpt_training(run: Launch) -> dict[str, Any]:
    together = max(n for n in range(1, 17) if run.batch % n == 0)  # sequences of one forward pass
    return {
        "batch_size": together,
        "gradient_accumulation_steps": run.batch // together,
        "max_iters": run.steps,
        "lr_decay_iters": run.steps,
        "warmup_iters": run.warmup,
        "learning_rate": f"{run.lr:.6g}",
        "min_lr": f"{run.lr / 10:.6g}",
        "beta1": BETAS[0],
        "beta2": BETAS[1],
        "weight_decay": WEIGHT_DECAY,
        "grad_clip": CLIP,
    }


def _megatron_training(run: Launch) -> dict[str, Any]:
    return {
        "micro-batch-size": 1,
        "global-batch-size": run.batch,
        "train-iters": run.steps,
        "lr": f"{run.lr:.6g}",
        "lr-decay-style": "WSD",
        "lr-wsd-decay-style": "minus_sqrt",
        "lr-decay-iters": run.steps,
        "lr-wsd-decay-iters": round(COOLDOWN * run.steps),
        "lr-warmup-iters": run.warmup,
        "min-lr": 0,
        "adam-beta1": BETAS[0],
        "adam-beta2": BETAS[1],
        "weight-decay": WEIGHT_DECAY,
        "clip-grad": CLIP,
        "eval-interval": run.steps,
        "eval-iters": max(1, VALIDATION_SEQUENCES // run.batch),
        "save-interval": max(1, run.steps // 5),
        "log-interval": max(1, run.steps // LOGGED),
        "seed": run.seed,
    }


def _megatron(run: Launch) -> str:
    said = f"{count(run.shape, run.context).total:,} parameters, {run.tokens:,} tokens"
    return MEGATRON.format(run_id=run.run_id, said=said, options=options(run, "megatron").strip())
