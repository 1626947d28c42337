"""Training: one trunk at constant learning rate, short cool-down branches, evaluations, checkpoints, rows.

A trunk gives one loss per cool-down branch (columns ``cooled_loss``, ``phase = "cooled"``) and one per evaluation of
the trunk itself (``trunk_loss``, ``phase = "trunk"``). The two differ by the annealing gain, which grows with
D/N at small sizes: they must never share a fit.

Everything random is keyed by (seed, step) or (seed, epoch), so a checkpoint is weights, moments and counters, and a
run that was killed and resumed gives the same bits (on one machine, CPU).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from reference_trainer import objectives
from reference_trainer.corpus import Corpus, load
from reference_trainer.errors import TrainerError
from reference_trainer.evaluate import Score, evaluate, validation_rows
from reference_trainer.model import Transformer, counts
from reference_trainer.records import save_atomically
from reference_trainer.spec import RunSpec
from reference_trainer.step import Ahead, Step, stack

MINIMUM_WARMUP = 20  # steps
LOOK_EVERY = 50  # steps between looks at the training loss
SAVE_EVERY = 60.0  # seconds between checkpoints
PROBE_FACTORS = (0.125, 0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 4.0)
PATIENCE = 3  # evaluations above the early-stop margin


class Interrupted(Exception):
    """Training stopped at a clean point (time budget or signal); its checkpoint continues it."""


@dataclass
class State:
    """Where the trunk is, and what it has produced."""

    step: int = 0
    done: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    ended: dict[str, str] = field(
        default_factory=dict
    )  # run_id → "nan" or "early": trained on in its pack, for nothing
    seconds: float = 0.0


class Stream:
    """Batches of one model: sequences in an order reshuffled every epoch."""

    def __init__(self, rows: np.ndarray, seed: int, batch: int) -> None:
        self.rows, self.seed, self.batch = rows, seed, batch
        self._orders: dict[int, np.ndarray] = {}

    def at(self, step: int) -> np.ndarray:
        """The global batch of a step, (batch, T)."""
        index = np.arange(step * self.batch, (step + 1) * self.batch)
        epochs = index // len(self.rows)
        pick = [self._order(int(e))[i % len(self.rows)] for e, i in zip(epochs, index, strict=True)]
        return self.rows[pick].astype(np.int64)

    def _order(self, epoch: int) -> np.ndarray:
        order = self._orders.get(epoch)
        if order is None:
            rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, epoch + (1 << 40)], dtype=np.uint64)))
            order = rng.permutation(len(self.rows))
            self._orders = {**{k: v for k, v in self._orders.items() if k >= epoch - 1}, epoch: order}
        return order


class Trainer:
    """Trains a pack of runs that share a shape and a plan (one run is a pack of one).

    Parameters
    ----------
    specs : list of RunSpec
        Of one :attr:`RunSpec.plan`. A run that diverges or stops early leaves the others of its pack alone.
    folder : Path
        For checkpoints.
    device : str
    stop : callable
        Polled every step; True interrupts at the next clean point.
    on_progress : callable
        Given the tokens of each step.
    on_metrics : callable
        Given the step and a dict of one list per quantity (an entry per model): training loss, learning rate and
        gradient norm every 50 steps, and each validation loss.
    compile_model : bool
        Run the model through ``torch.compile``.
    """

    def __init__(
        self,
        specs: list[RunSpec],
        folder: Path,
        *,
        device: str = "cpu",
        corpus: Corpus | None = None,
        stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int], None] = lambda tokens: None,
        on_metrics: Callable[[int, dict[str, list[float]]], None] = lambda step, values: None,
        compile_model: bool = False,
    ) -> None:
        one = specs[0]
        if any(s.plan != one.plan for s in specs):
            raise TrainerError("packed runs may differ only in seed, lr and unique_tokens")
        check_device(device)
        self.specs, self.spec, self.folder = specs, one, folder
        self.stop, self.on_progress, self.on_metrics = stop, on_progress, on_metrics
        self.corpus = corpus or load(one.corpus, validation=one.validation or None, tokenizer=one.tokenizer or None)
        self.device = torch.device(device)
        self.shape = one.shape(self.corpus.vocabulary)
        self.model = Transformer(self.shape, [s.seed for s in specs], self.device, init=one.init)
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if one.batch % self.world:
            raise TrainerError(f"a batch of {one.batch} sequences cannot be shared by {self.world} processes")
        data = [self.corpus.unique(self._unique(s), one.context, at_least=one.batch) for s in specs]
        self.streams = [Stream(rows, s.seed, one.batch) for rows, s in zip(data, specs, strict=True)]
        self.validation, self.validation_hash = validation_rows(self.corpus, one.context, one.eval_sequences)
        self.step = Step(self.model, [s.lr for s in specs], one, world=self.world, compile_model=compile_model)
        self.batches = Ahead(self._make_batches, threads=4 if self.device.type == "cuda" else 0)
        self.state = State()
        self._begun = self._saved_at = time.monotonic()

    def _unique(self, spec: RunSpec) -> int:
        return (spec.unique_tokens or len(self.corpus.train)) // spec.context * spec.context

    # ---- the plan ---------------------------------------------------------------------------------------------

    @property
    def warmup_steps(self) -> int:
        """Linear warm-up, sized by the first point that is asked for."""
        first = min((*self.spec.cooled_at, *self.spec.evaluated_at))
        return max(MINIMUM_WARMUP, int(self.spec.warmup * first / self.spec.tokens_per_step))

    def events(self) -> list[tuple[int, str, int]]:
        """(step, kind, tokens) in order: evaluations of the trunk and departures of cool-down branches."""
        per_step = self.spec.tokens_per_step
        found = [(max(1, round(D / per_step)), "trunk", D) for D in self.spec.evaluated_at]
        for D in self.spec.cooled_at:
            end = max(2, round(D / per_step))
            found.append((end - max(1, round(end * self.spec.cooldown)), "cooled", D))
        return sorted(found)

    @property
    def total_tokens(self) -> int:
        """Tokens processed by trunk and branches together: the work of the run."""
        events = self.events()
        trunk = max(step for step, _, _ in events)
        branches = sum(round(D / self.spec.tokens_per_step) - step for step, kind, D in events if kind == "cooled")
        return (trunk + branches) * self.spec.tokens_per_step

    # ---- running ----------------------------------------------------------------------------------------------

    def run(self) -> list[dict[str, Any]]:
        """Train to the end, resuming from a checkpoint if there is one; returns one row per point and model.

        Raises
        ------
        Interrupted
            If ``stop`` said so; a checkpoint was written.
        """
        self.restore()
        self._begun = time.monotonic() - self.state.seconds
        self._warn_threads()
        for step, kind, D in self.events():
            name = f"{kind}-{D}"
            if name in self.state.done:
                continue
            while self.state.step < step and self.running:
                self._checkpoint()
                self.train_step(self.state.step, self.trunk_lr(self.state.step))
                self.state.step += 1
            if not self.running:
                break
            self._checkpoint()
            if kind == "cooled":
                scores = self.branch(step, round(D / self.spec.tokens_per_step))
                end = max(2, round(D / self.spec.tokens_per_step))
            else:
                scores, end = self.score(), step
            self._end_diverged([math.isfinite(s.loss) for s in scores])
            self.state.rows += [self.row(k, kind, end, scores[k]) for k in self.running]
            self.on_metrics(end, {f"{kind}_loss": [s.loss for s in scores]})
            self.state.done.append(name)
            self._end_overfitted()
        return self.state.rows

    @property
    def running(self) -> list[int]:
        """Models of the pack that have neither diverged nor stopped early."""
        return [k for k, spec in enumerate(self.specs) if spec.run_id not in self.state.ended]

    def train_step(self, step: int, lr_factor: float) -> None:
        """One optimiser step of every model; runs whose loss is seen not to be finite end."""
        self.step(self.batches(step), lr_factor, step + 1)
        looked = step % LOOK_EVERY == 0
        if looked:
            self.on_metrics(step, self.metrics(lr_factor))
        # Reading a loss makes a GPU wait, so there it is rarely done; an evaluation finds what was missed.
        if looked or self.device.type == "cpu":
            self._end_diverged(torch.isfinite(self.step.losses).tolist())
        self.on_progress(self.spec.tokens_per_step)

    def _end_diverged(self, finite: list[bool]) -> None:
        """End the runs whose loss is not finite, each with a row that says so."""
        for k in self.running:
            if not finite[k]:
                self.state.rows.append(self.row(k, "nan", max(1, self.state.step), None))
                self.state.ended[self.specs[k].run_id] = "nan"

    def _end_overfitted(self) -> None:
        """End the runs whose last evaluations are all worse than their best by the early-stop margin."""
        for k in self.running if self.spec.early_stop else []:
            rows = [row for row in self.state.rows if row["run_id"] == self.specs[k].run_id]
            losses = [row["loss"] for row in rows if row["phase"] == "trunk"]
            if len(losses) >= PATIENCE and min(losses[-PATIENCE:]) > min(losses) + self.spec.early_stop:
                self.state.ended[self.specs[k].run_id] = "early"
                for row in rows:
                    row["stopped"] = "early"

    def metrics(self, lr_factor: float) -> dict[str, list[float]]:
        """Training loss, learning rate and gradient norm of each model, now."""
        return {
            "train_loss": self.step.losses.tolist(),
            "lr": (self.step.lr[:, 0] * lr_factor).tolist(),
            "grad_norm": self.step.norms[:, 0].tolist(),
        }

    def _make_batches(self, step: int) -> dict[str, torch.Tensor]:
        share = slice(self.rank * self.spec.batch // self.world, (self.rank + 1) * self.spec.batch // self.world)
        mine = [self.batch(k, step).rows(share) for k in range(len(self.specs))]
        return stack(mine, pin=self.device.type == "cuda")

    def batch(self, k: int, step: int) -> objectives.Batch:
        """The global batch of model k at a step, with its noise."""
        spec = self.specs[k]
        trained = min(1.0, step * spec.tokens_per_step / spec.tokens)
        noise = objectives.draw_noise(
            spec.batch,
            spec.context,
            key=(spec.seed, step),
            stratified=spec.sampler != "iid-t",
            vocabulary=self.corpus.vocabulary if spec.objective == "uniform" else 0,
            window=trained if spec.curriculum == "moving-gaussian" else None,
        )
        return objectives.prepare(
            self.streams[k].at(step),
            noise,
            objective=spec.objective,
            mask_token=self.model.mask_token,
            sampler=spec.sampler,
            schedule=spec.schedule,
            weighting=spec.weighting,
        )

    def trunk_lr(self, step: int) -> float:
        """Warm-up, then constant."""
        return min(1.0, (step + 1) / self.warmup_steps)

    def branch(self, start: int, end: int) -> list[Score]:
        """Cool down from the trunk's present state to zero learning rate as 1 − √progress, evaluate, and go back."""
        trunk = [tensor.clone() for tensor in self.tensors.values()]
        try:
            for step in range(start, max(end, start + 1)):
                if self.stop():
                    self._restore_tensors(trunk)
                    self._checkpoint(force=True)
                    raise Interrupted
                factor = self.trunk_lr(step) * (1.0 - math.sqrt((step - start) / (end - start)))
                self.train_step(step, factor)
                if not self.running:
                    break
            return self.score()
        finally:
            self._restore_tensors(trunk)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """All that training changes, by its name in a checkpoint."""
        return {"flat": self.model.flat, "first": self.step.first, "second": self.step.second}

    @torch.no_grad()
    def _restore_tensors(self, saved: list[torch.Tensor]) -> None:
        for tensor, value in zip(self.tensors.values(), saved, strict=True):
            tensor.copy_(value)

    def score(self) -> list[Score]:
        """Validation losses now."""
        return evaluate(
            self.model,
            self.spec.objective,
            self.validation,
            passes=self.spec.eval_passes,
            bytes_per_token=self.corpus.bytes_per_token,
        )

    def _warn_threads(self) -> None:
        if self.device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(1)  # shared cores: more threads are slower at these sizes, and not repeatable

    # ---- rows -------------------------------------------------------------------------------------------------

    def row(self, k: int, phase: str, step: int, score: Score | None) -> dict[str, Any]:
        """One line of ``runs.jsonl``: canonical columns first; a failure has a status and no loss."""
        spec, c = self.specs[k], counts(self.shape)
        D = step * spec.tokens_per_step
        U = min(D, self.streams[k].rows.size)
        ok = score is not None
        losses = {"loss": score.loss, f"{phase}_loss": score.loss} if score is not None else {}
        errors = (
            {}
            if score is None
            else {"val_se_mc": score.se_mc, "val_se_data": score.se_data, "bits_per_byte": score.bits_per_byte}
        )
        return {
            "run_id": spec.run_id,
            "row_id": f"{spec.run_id}-{phase}-{D}",
            "status": "ok" if ok else phase,
            "group": spec.group,
            "N": c["N_total"],
            "D": D,
            "U_D": U,
            "epochs": D / U,
            "C": 6 * c["N_total"] * D,
            **losses,
            "phase": phase if ok else "",
            **errors,
            **{name: value for name, value in c.items() if name != "flops_per_token"},
            "flops_exact": c["flops_per_token"] * D,
            "N_counts": "total",
            "loss_split": "validation",
            "loss_kind": "exact NLL" if spec.objective == "autoregressive" else "ELBO bound",
            **{name: value for name, value in spec.to_dict().items() if name not in _NOT_COLUMNS},
            "heads": self.shape.heads,
            "head_size": self.shape.head_size,
            "ffn": self.shape.ffn,
            "vocabulary": self.shape.vocabulary,
            "tokenizer": self.corpus.tokenizer,
            "corpus_hash": self.corpus.digest,
            "val_hash": self.validation_hash,
            "entropy_rate": self.corpus.entropy_rate,
            "torch": str(torch.__version__),
            "device": device_name(self.device),
            "seconds": round(time.monotonic() - self._begun, 2),
        }

    # ---- checkpoints ------------------------------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> Path:
        """Named by the runs it holds."""
        names = "-".join(s.run_id for s in self.specs)
        return self.folder / f"{names if len(self.specs) == 1 else hashlib.sha256(names.encode()).hexdigest()[:12]}.pt"

    def _checkpoint(self, *, force: bool = False) -> None:
        stop = self.stop()
        if not (force or stop or time.monotonic() - self._saved_at > SAVE_EVERY):
            return
        if self.rank == 0:
            self.save_now()
        self._saved_at = time.monotonic()
        if stop and not force:
            raise Interrupted

    def save_now(self) -> None:
        """Write the checkpoint."""
        self.state.seconds = time.monotonic() - self._begun
        state = {**self.tensors, **{k: getattr(self.state, k) for k in ("step", "done", "ended", "seconds")}}
        state["rows"] = json.dumps(self.state.rows)  # plain text: a checkpoint loads without trusting any class
        head = {"specs": [s.to_dict() for s in self.specs], "corpus": self.corpus.digest}
        save_atomically({**head, "vocabulary": self.corpus.vocabulary, **state}, self.checkpoint_path)

    def restore(self) -> bool:
        """Continue from the checkpoint if there is one of exactly these specs and this corpus."""
        if not self.checkpoint_path.is_file():
            return False
        saved = torch.load(self.checkpoint_path, map_location=self.device, weights_only=True)
        if saved["specs"] != [s.to_dict() for s in self.specs] or saved["corpus"] != self.corpus.digest:
            raise TrainerError(
                f"{self.checkpoint_path} belongs to another spec or corpus; move it away, or use another --out folder"
            )
        self._restore_tensors([saved[name] for name in self.tensors])
        self.state.step, self.state.done, self.state.ended = saved["step"], saved["done"], saved["ended"]
        self.state.rows, self.state.seconds = json.loads(saved["rows"]), saved["seconds"]
        return True


_NOT_COLUMNS = {"tokens", "unique_tokens", "cooled_at", "evaluated_at", "group", "tokenizer", "corpus", "validation"}


def probe_lr(spec: RunSpec, *, device: str = "cpu", factors: tuple[float, ...] = PROBE_FACTORS) -> pd.DataFrame:
    """Cooled validation loss at multiples of a learning rate, all trained at once as one pack.

    Nothing is written: a probe chooses an ``--lr``, it makes no calibration point.
    """
    with tempfile.TemporaryDirectory() as folder:
        pack = [replace(spec, lr=spec.lr * f) for f in factors]
        rows = Trainer(pack, Path(folder), device=device).run()
    return pd.DataFrame(rows).reindex(columns=["lr", "loss", "val_se_mc", "status"])


def check_device(device: str) -> None:
    """Raise a TrainerError for a device that is not here, before any work is lost to it."""
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or not (number.isdigit() or not number):
        raise TrainerError(f"device {device!r} is not one of cpu, cuda, cuda:0, cuda:1 …")
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainerError(f"device {device!r} was asked for, but torch sees no CUDA device; use --device cpu")
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise TrainerError(
            f"device {device!r} was asked for, but torch sees {torch.cuda.device_count()} CUDA device(s)"
        )


def device_name(device: torch.device) -> str:
    """What it ran on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu {platform.machine()}"
