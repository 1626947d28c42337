"""Training: one trunk at constant learning rate, short cool-down branches, evaluations, checkpoints, rows.

A trunk gives one loss per cool-down branch (columns ``cooled_loss``, ``phase = "cooled"``) and one per evaluation of
the trunk itself (``trunk_loss``, ``phase = "trunk"``). The two differ by the annealing gain, which grows with
D/N at small sizes: they must never share a fit.

Everything random is keyed by (seed, step) or (seed, epoch), so a checkpoint is weights, moments and counters, and a
run that was killed and resumed gives the same bits (on one machine, CPU).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
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
from reference_trainer.spec import RunSpec

MINIMUM_WARMUP = 20  # steps
SAVE_EVERY = 60.0  # seconds between checkpoints
PROBE_FACTORS = (0.125, 0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 4.0)
PATIENCE = 3  # evaluations above the early-stop margin


class Interrupted(Exception):
    """Training stopped at a clean point (time budget or signal); its checkpoint continues it."""


@dataclass
class State:
    """All that changes while training: K models, their moments, and where the trunk is."""

    flat: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    step: int = 0
    done: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
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
        if epoch not in self._orders:
            rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, epoch + (1 << 40)], dtype=np.uint64)))
            self._orders = {k: v for k, v in self._orders.items() if k >= epoch - 1}
            self._orders[epoch] = rng.permutation(len(self.rows))
        return self._orders[epoch]


class Trainer:
    """Trains a pack of runs that share a shape and a plan (one run is a pack of one).

    Parameters
    ----------
    specs : list of RunSpec
        May differ in seed, learning rate and unique tokens only.
    folder : Path
        For checkpoints.
    device : str
    stop : callable
        Polled every step; True interrupts at the next clean point.
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
        compile_model: bool = False,
    ) -> None:
        one = specs[0]
        if any(replace(s, seed=one.seed, lr=one.lr, unique_tokens=one.unique_tokens) != one for s in specs):
            raise TrainerError("packed runs may differ only in seed, lr and unique_tokens")
        check_device(device)
        self.specs, self.spec, self.folder, self.stop, self.on_progress = specs, one, folder, stop, on_progress
        self.corpus = corpus or load(one.corpus, validation=one.validation or None, tokenizer=one.tokenizer or None)
        self.device = torch.device(device)
        self.shape = one.shape(self.corpus.vocabulary)
        self.model = Transformer(self.shape, [s.seed for s in specs], self.device, init=one.init)
        self.forward = torch.compile(self.model) if compile_model else self.model
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if one.batch % self.world:
            raise TrainerError(f"a batch of {one.batch} sequences cannot be shared by {self.world} processes")
        data = [self.corpus.unique(self._unique(s), one.context, at_least=one.batch) for s in specs]
        self.streams = [Stream(rows, s.seed, one.batch) for rows, s in zip(data, specs, strict=True)]
        self.validation, self.validation_hash = validation_rows(self.corpus, one.context, one.eval_sequences)
        self.lr = torch.tensor([[s.lr] for s in specs], device=self.device)
        self.state = State(self.model.flat, torch.zeros_like(self.model.flat), torch.zeros_like(self.model.flat))
        self._saved_at = time.monotonic()

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
        begun = time.monotonic() - self.state.seconds
        self._warn_threads()
        for step, kind, D in self.events():
            name = f"{kind}-{D}"
            if name in self.state.done:
                continue
            while self.state.step < step:
                self._checkpoint(begun)
                if not self.train_step(self.state, self.trunk_lr(self.state.step)):
                    return self._failed("nan", begun)
                self.state.step += 1
            self._checkpoint(begun)
            if kind == "cooled":
                scores = self.branch(step, round(D / self.spec.tokens_per_step), begun)
                end = max(2, round(D / self.spec.tokens_per_step))
            else:
                scores, end = self.score(), step
            if not all(math.isfinite(s.loss) for s in scores):
                return self._failed("nan", begun)
            self.state.seconds = time.monotonic() - begun
            self.state.rows += [self.row(k, kind, end, s) for k, s in enumerate(scores)]
            self.state.done.append(name)
            if self._overfitted():
                for row in self.state.rows:
                    row["stopped"] = "early"
                break
        return self.state.rows

    def train_step(self, state: State, lr_factor: float) -> bool:
        """One optimiser step of every model; False if a loss is not finite."""
        spec, step = self.spec, state.step
        share = slice(self.rank * spec.batch // self.world, (self.rank + 1) * spec.batch // self.world)
        batches = [self.batch(k, step).rows(share) for k in range(len(self.specs))]
        to = lambda name: torch.from_numpy(np.stack([getattr(b, name) for b in batches])).to(self.device)  # noqa: E731
        inputs, targets, weight, t = (to(name) for name in ("inputs", "targets", "weight", "t"))
        self.model.flat_grad.zero_()
        with self._autocast():
            logits = self.forward(inputs)
        losses = objectives.batch_losses(logits, targets, weight, inputs, t, spec.objective)
        with warnings.catch_warnings():
            # The parameters of a pack are strided views of one buffer on purpose; torch remarks on it once.
            warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")
            losses.sum().backward()
        losses = losses.detach()
        if self.world > 1:  # the losses too: all processes must agree on whether one of them diverged
            torch.distributed.all_reduce(self.model.flat_grad)
            torch.distributed.all_reduce(losses)
        if self.device.type == "cpu" and not torch.isfinite(losses).all():
            return False
        self.adamw(state, lr_factor)
        self.on_progress(spec.tokens_per_step)
        return True

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

    @torch.no_grad()
    def adamw(self, state: State, lr_factor: float) -> None:
        """Clip each model's gradient, then AdamW with decoupled weight decay on matrices, on the flat buffers."""
        spec, grad, t = self.spec, self.model.flat_grad, state.step + 1
        norm = grad.norm(dim=1, keepdim=True)
        grad.mul_(spec.clip / norm.clamp(min=spec.clip))
        state.first.lerp_(grad, 1 - spec.beta1)
        state.second.mul_(spec.beta2).addcmul_(grad, grad, value=1 - spec.beta2)
        lr = self.lr * lr_factor
        self.model.flat.mul_(1 - lr * spec.weight_decay * self.model.decayed)
        scale = (state.second / (1 - spec.beta2**t)).sqrt_().add_(1e-8)
        self.model.flat.sub_(lr / (1 - spec.beta1**t) * state.first / scale)

    def trunk_lr(self, step: int) -> float:
        """Warm-up, then constant."""
        return min(1.0, (step + 1) / self.warmup_steps)

    def branch(self, start: int, end: int, begun: float) -> list[Score]:
        """Cool down from the trunk's present state to zero learning rate as 1 − √progress, evaluate, and go back."""
        trunk = State(self.model.flat.clone(), self.state.first.clone(), self.state.second.clone(), self.state.step)
        side = State(self.model.flat, self.state.first.clone(), self.state.second.clone(), start)
        try:
            for step in range(start, max(end, start + 1)):
                if self.stop():
                    self.model.flat.copy_(trunk.flat)
                    self._checkpoint(begun, force=True)
                    raise Interrupted
                side.step = step
                factor = self.trunk_lr(step) * (1.0 - math.sqrt((step - start) / (end - start)))
                if not self.train_step(side, factor):
                    return [Score(math.nan, math.nan, math.nan, math.nan)] * len(self.specs)
            return self.score()
        finally:
            with torch.no_grad():
                self.model.flat.copy_(trunk.flat)

    def score(self) -> list[Score]:
        """Validation losses now."""
        return evaluate(
            self.model,
            self.spec.objective,
            self.validation,
            passes=self.spec.eval_passes,
            bytes_per_token=self.corpus.bytes_per_token,
        )

    def _overfitted(self) -> bool:
        if not self.spec.early_stop:
            return False
        losses = np.array([r["loss"] for r in self.state.rows if r["phase"] == "trunk"]).reshape(-1, len(self.specs))
        late = losses[-PATIENCE:] > np.minimum.accumulate(losses)[-1] + self.spec.early_stop
        return len(late) == PATIENCE and bool(late.all())

    def _failed(self, status: str, begun: float) -> list[dict[str, Any]]:
        self.state.seconds = time.monotonic() - begun
        row = [self.row(k, status, max(1, self.state.step), None) for k in range(len(self.specs))]
        return self.state.rows + row

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()

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
            "seconds": round(self.state.seconds, 2),
        }

    # ---- checkpoints ------------------------------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> Path:
        """Named by the runs it holds."""
        names = "-".join(s.run_id for s in self.specs)
        return self.folder / f"{names if len(self.specs) == 1 else hashlib.sha256(names.encode()).hexdigest()[:12]}.pt"

    def _checkpoint(self, begun: float, *, force: bool = False) -> None:
        stop = self.stop()
        if not (force or stop or time.monotonic() - self._saved_at > SAVE_EVERY):
            return
        self.state.seconds = time.monotonic() - begun
        if self.rank == 0:
            self.save_now()
        self._saved_at = time.monotonic()
        if stop and not force:
            raise Interrupted

    def save_now(self) -> None:
        """Write the checkpoint."""
        state = {k: getattr(self.state, k) for k in ("flat", "first", "second", "step", "done", "seconds")}
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
        with torch.no_grad():
            for name in ("flat", "first", "second"):
                getattr(self.state, name).copy_(saved[name])
        self.state.step, self.state.done = saved["step"], saved["done"]
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


def save_atomically(data: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a kill at any moment leaves the old or the new one, never half of one."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        torch.save(data, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def append_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Append rows in one write; a line torn by an earlier crash is closed first."""
    import fcntl

    text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = "\n" + text
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a ``runs.jsonl``; torn lines are passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            row = json.loads(line)
            if isinstance(row, dict) and "run_id" in row:
                yield row


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
