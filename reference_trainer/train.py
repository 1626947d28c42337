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
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from reference_trainer import schedule
from reference_trainer.batches import Batches
from reference_trainer.corpus import Corpus, load
from reference_trainer.devices import check_compiler, device_name, find_device, prepare_cpu
from reference_trainer.errors import TrainerError
from reference_trainer.evaluate import Score, Validation, validation_rows
from reference_trainer.execution import Execution
from reference_trainer.kept import save_model
from reference_trainer.model import Transformer, counts
from reference_trainer.records import save_atomically
from reference_trainer.spec import RunSpec
from reference_trainer.step import DEFAULT, Step

LOOK_EVERY = 50  # steps between looks at the training loss
PROBE = "probe"  # group, and phase, of runs that look for a learning rate: never points of a law
SAVED = ("flat", "first", "second", "smoothed")  # the tensors of a checkpoint
PATIENCE = 3  # evaluations above the early-stop margin


class Interrupted(Exception):
    """Training stopped at a clean point (time budget or signal); its checkpoint continues it."""


@dataclass
class State:
    """Where the trunk and its present branch are, and what they have produced.

    ``ended`` says of the runs that are through how: "ok", "nan" or "early". They are trained on as long as their pack
    is, for nothing.
    """

    step: int = 0
    branch_step: int = 0  # 0 outside branches
    done: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class Trainer:
    """Trains a pack of runs that share a shape and a plan (one run is a pack of one).

    Parameters
    ----------
    specs : list of RunSpec
        Of one :attr:`RunSpec.plan`. A run that diverges or stops early leaves the others of its pack alone.
    folder : Path
        For checkpoints.
    execution : Execution
    stop : callable
        Polled every step; True interrupts at the next clean point.
    on_progress : callable
        Given the tokens of each step and the latest of what :meth:`metrics` and evaluations give, a mean over models.
    on_metrics : callable
        Given the step and a dict of one list per quantity (an entry per model): training loss, learning rate and
        gradient norm every 50 steps, and each validation loss.
    keep : Path, optional
        Folder for the models that the rows' losses are of, one folder a row named by its ``row_id``.
    """

    def __init__(
        self,
        specs: list[RunSpec],
        folder: Path,
        *,
        execution: Execution = DEFAULT,
        corpus: Corpus | None = None,
        stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, dict[str, float]], None] = lambda tokens, seen: None,
        on_metrics: Callable[[int, dict[str, list[float]]], None] = lambda step, values: None,
        keep: Path | None = None,
    ) -> None:
        one = specs[0]
        if any(s.plan != one.plan for s in specs):
            raise TrainerError("packed runs may differ only in seed, lr, unique_tokens and the points asked for")
        self.execution, self.device = execution, find_device(execution.device)
        if execution.compile:
            check_compiler(self.device)
        self.specs, self.spec, self.folder = specs, one, folder
        self.stop, self.on_progress, self.on_metrics, self.keep = stop, on_progress, on_metrics, keep
        self.corpus = corpus or load(
            one.corpus, validation=one.validation or None, tokenizer=one.tokenizer or None, alphabet=one.alphabet
        )
        self.shape = one.shape(self.corpus.vocabulary)
        shared = torch.distributed.is_initialized()
        self.rank, self.world = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if shared else (0, 1)
        if one.batch % self.world:
            raise TrainerError(f"a batch of {one.batch} sequences cannot be shared by {self.world} processes")
        share = one.batch // self.world
        if execution.accumulate > share:
            raise TrainerError(f"accumulate = {execution.accumulate} parts of {share} sequences: at most {share}")
        self.step = self._make_step()
        self.model = self.step.model
        self.batches = Batches(
            specs,
            self.corpus,
            mask_token=self.model.mask_token,
            share=slice(self.rank * share, (self.rank + 1) * share),
            device=self.device,
        )
        rows, self.validation_hash = validation_rows(self.corpus, one.context, one.eval_sequences)
        self.validation = Validation(rows, one.objective, self.shape, passes=one.eval_passes)
        self.state, self._seen = State(), dict[str, float]()
        self._trunk: list[torch.Tensor] | None = None  # put aside while a branch cools down
        self._begun = self._saved_at = time.monotonic()

    def _make_step(self) -> Step:
        """Of a model on this device, or of one that is shared by all processes."""
        one, lr, seeds = self.spec, [s.lr for s in self.specs], [s.seed for s in self.specs]
        how: dict[str, Any] = {"world": self.world, "execution": self.execution}
        if not self.execution.shard:
            return Step(Transformer(self.shape, seeds, self.device, init=one.init), lr, one, **how)
        if self.world == 1 or len(seeds) > 1:
            raise TrainerError(
                "shard is for one run that several processes train: torchrun --nproc-per-node 2 -m reference_trainer train … --shard"
            )
        from reference_trainer.sharded import sharded

        return sharded(Transformer(self.shape, seeds, init=one.init), self.device, lr, one, **how)

    @property
    def total_tokens(self) -> int:
        """Tokens processed by trunk and branches together: the work of the run."""
        return schedule.total_tokens(self.specs)

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
        if self.device.type == "cpu":
            prepare_cpu()
        for step, kind, end in schedule.events(self.specs):
            if f"{kind}-{end}" in self.state.done:
                continue
            while self.state.step < step and self.running:
                self._checkpoint(self.state.step)
                self.train_step(self.state.step, schedule.trunk_factor(self.spec, self.state.step))
                self.state.step += 1
            asking = [k for k in self.running if end in schedule.ends(self.specs[k], kind)]
            if not asking:
                continue
            if kind == "cooled":
                self.cool_down(step, end)
            self._record(asking, kind, end)
            self._return_to_trunk()
        return self.state.rows

    @property
    def running(self) -> list[int]:
        """Models of the pack that are not through."""
        return [k for k, spec in enumerate(self.specs) if spec.run_id not in self.state.ended]

    def train_step(self, step: int, lr_factor: float) -> None:
        """One optimiser step of every model; runs whose loss is seen not to be finite end."""
        self.step(self.batches.at(step), lr_factor, step + 1)
        looked = step % LOOK_EVERY == 0
        if looked:
            self._show(step, self.metrics(lr_factor))
        # Reading a loss makes a GPU wait, so there it is rarely done; an evaluation finds what was missed.
        if looked or self.device.type == "cpu":
            self._end_diverged(torch.isfinite(self.step.losses).tolist())
        self.on_progress(self.spec.tokens_per_step, self._seen)

    def _show(self, step: int, values: dict[str, list[float]]) -> None:
        """Hand metrics to whoever watches."""
        self.on_metrics(step, values)
        self._seen |= {name: sum(each) / len(each) for name, each in values.items()}

    def _record(self, asking: list[int], kind: str, end: int) -> None:
        """Rows of the runs that asked for this point, and their models; ends the runs that are through."""
        if not self.running:
            return
        scores = self.score()
        self._end_diverged([math.isfinite(s.loss) for s in scores])
        model = None if self.keep is None else self.step.whole_model()
        for k in asking:
            if k in self.running:
                row = self.row(k, kind, end, scores[k])
                self.state.rows.append(row)
                if self.keep is not None and model is not None and self.rank == 0:
                    save_model(model, k, self.specs[k], row, self.corpus.alphabet, self.keep / row["row_id"])
        self._show(end, {f"{kind}_loss": [s.loss for s in scores]})
        self.state.done.append(f"{kind}-{end}")
        for k in self.running:
            wanted = {f"{name}-{at}" for name in ("trunk", "cooled") for at in schedule.ends(self.specs[k], name)}
            if self._overfitted(k):
                self._end(k, "early")
            elif wanted <= set(self.state.done):
                self._end(k, "ok")

    def _end_diverged(self, finite: list[bool]) -> None:
        """End the runs whose loss is not finite, each with a row that says so."""
        for k in self.running:
            if not finite[k]:
                self.state.rows.append(self.row(k, "nan", max(1, self.state.step), None))
                self._end(k, "nan")

    def _end(self, k: int, how: str) -> None:
        self.state.ended[self.specs[k].run_id] = how
        for row in self._rows_of(k) if how == "early" else []:
            row["stopped"] = how

    def _overfitted(self, k: int) -> bool:
        """Whether its last evaluations are all worse than its best by the early-stop margin."""
        losses = [row["loss"] for row in self._rows_of(k) if row["phase"] == "trunk"]
        margin = self.spec.early_stop
        return margin != 0 and len(losses) >= PATIENCE and min(losses[-PATIENCE:]) > min(losses) + margin

    def _rows_of(self, k: int) -> list[dict[str, Any]]:
        return [row for row in self.state.rows if row["run_id"] == self.specs[k].run_id]

    def metrics(self, lr_factor: float) -> dict[str, list[float]]:
        """Training loss, learning rate and gradient norm of each model, now."""
        return {
            "train_loss": self.step.losses.tolist(),
            "lr": (self.step.lr[:, 0] * lr_factor).tolist(),
            "grad_norm": self.step.norms[:, 0].tolist(),
        }

    def cool_down(self, start: int, end: int) -> None:
        """Leave the trunk for a branch that ends at a learning rate of zero."""
        if self._trunk is None:
            self._trunk = [tensor.clone() for tensor in self.step.tensors]
            self.state.branch_step = start
        for step in range(self.state.branch_step, end):
            self._checkpoint(step)
            self.train_step(step, schedule.branch_factor(self.spec, step, start, end))
            self.state.branch_step = step + 1
            if not self.running:
                return

    def _return_to_trunk(self) -> None:
        if self._trunk is not None:
            self._restore_tensors(self._trunk)
            self._trunk, self.state.branch_step = None, 0

    @torch.no_grad()
    def _restore_tensors(self, saved: list[torch.Tensor]) -> None:
        for tensor, value in zip(self.step.tensors, saved, strict=True):
            tensor.copy_(value)

    def score(self) -> list[Score]:
        """Validation losses now."""
        return self.validation.scores(self.model, bytes_per_token=self.corpus.bytes_per_token)

    # ---- rows -------------------------------------------------------------------------------------------------

    def row(self, k: int, phase: str, step: int, score: Score | None) -> dict[str, Any]:
        """One line of ``runs.jsonl``: canonical columns first; a failure has a status and no loss."""
        spec, c = self.specs[k], counts(self.shape, self.corpus.active)
        D = step * spec.tokens_per_step
        U = min(D, self.batches.streams[k].rows.size)
        ok = score is not None
        if ok and spec.group == PROBE:
            phase = PROBE
        measured: dict[str, Any] = {}
        if score is not None:
            measured = {
                "loss": score.loss,
                f"{phase}_loss": score.loss,
                "train_loss": self.step.train_losses(step)[k],
                "phase": phase,
                "val_se_mc": score.se_mc,
                "val_se_data": score.se_data,
                "bits_per_byte": score.bits_per_byte,
            }
        return {
            "run_id": spec.run_id,
            "row_id": f"{spec.run_id}-{phase}-{D}",
            "status": "ok" if ok else phase,
            "group": spec.group,
            "N": c["N_active"],
            "D": D,
            "U_D": U,
            "epochs": D / U,
            "C": 6 * c["N_active"] * D,
            **measured,
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

    def _checkpoint(self, step: int) -> None:
        """Save if it is time to, or if training is to stop here, and then stop."""
        stop = self._asked_to_stop(step)
        if not (stop or time.monotonic() - self._saved_at > self.execution.save_every):
            return
        self.save_now()
        self._saved_at = time.monotonic()
        if stop:
            raise Interrupted

    def _asked_to_stop(self, step: int) -> bool:
        """Processes that share a batch ask each other now and then, so that all stop at the same step."""
        if self.world == 1:
            return self.stop()
        if step % LOOK_EVERY:
            return False
        asked = torch.tensor(float(self.stop()), device=self.device)
        torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
        return bool(asked)

    def save_now(self) -> None:
        """Write the checkpoint; that of a branch holds the trunk as well."""
        self.state.seconds = time.monotonic() - self._begun
        tensors = dict(zip(SAVED, self.step.gathered(self.step.tensors), strict=True))
        trunk = self.step.gathered(self._trunk) if self._trunk is not None else None
        state = {k: getattr(self.state, k) for k in ("step", "branch_step", "done", "ended", "seconds")}
        state["rows"] = json.dumps(self.state.rows)  # plain text: a checkpoint loads without trusting any class
        head = {"specs": [s.to_dict() for s in self.specs], "corpus": self.corpus.digest, "trunk": trunk}
        if self.rank == 0:
            save_atomically({**head, "vocabulary": self.corpus.vocabulary, **tensors, **state}, self.checkpoint_path)

    def restore(self) -> None:
        """Continue from the checkpoint if there is one of exactly these specs and this corpus."""
        saved = self._read_checkpoint() if self.rank == 0 else None
        tensors = None if saved is None else [saved[name] for name in SAVED]
        trunk = None if saved is None else saved["trunk"]
        shared: list[Any] = [self.state, tensors is not None, trunk is not None]
        if self.world > 1:  # only the first process is sure to have the file
            torch.distributed.broadcast_object_list(shared, src=0)
        self.state, begun, in_branch = shared
        if begun:
            self._restore_tensors(self.step.scattered(tensors))
        if in_branch:
            self._trunk = self.step.scattered(trunk)

    def _read_checkpoint(self) -> dict[str, Any] | None:
        if not self.checkpoint_path.is_file():
            return None
        where = "cpu" if self.execution.shard else self.device
        saved: dict[str, Any] = torch.load(self.checkpoint_path, map_location=where, weights_only=True)
        if saved["specs"] != [s.to_dict() for s in self.specs] or saved["corpus"] != self.corpus.digest:
            raise TrainerError(
                f"{self.checkpoint_path} belongs to another spec or corpus; move it away, or use another --out folder"
            )
        counters = {k: saved[k] for k in ("step", "branch_step", "done", "ended", "seconds")}
        self.state = State(**counters, rows=json.loads(saved["rows"]))
        return saved


_NOT_COLUMNS = {"tokens", "unique_tokens", "cooled_at", "evaluated_at", "group", "tokenizer", "corpus", "validation"}
