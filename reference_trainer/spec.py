"""What one run is: a frozen spec, its canonical JSON, and the hash that names it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from reference_trainer import objectives
from reference_trainer.errors import TrainerError
from reference_trainer.model import INITIALISATIONS, Shape

MINIMUM_WARMUP = 20  # steps


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides the numbers a run produces.

    Parameters
    ----------
    objective : {"masked", "uniform", "autoregressive"}
    width, depth, head_size, context, rope_base
        As for :class:`reference_trainer.model.Shape`.
    tokens : int
        D: tokens of the trunk's end.
    unique_tokens : int
        U_D: how much of the corpus is used, repeated as needed; 0 uses all of it, seen once if it is enough.
    cooled_at : tuple of int
        Token counts at which a cool-down branch *ends*: each leaves the trunk at 1 − ``cooldown`` of it.
    evaluated_at : tuple of int
        Token counts at which the trunk itself is evaluated.
    batch : int
        Sequences a step.
    lr : float
        Peak learning rate; 0 chooses by width (:func:`default_lr`).
    warmup, cooldown : float
        Shares of tokens: warm-up of the first ``cooled_at`` or ``evaluated_at``, cool-down of each branch.
    init : {"normal-0.02", "scaled"}
        See :class:`reference_trainer.model.Transformer`.
    seed : int
        Of initialisation, data order and noise.
    corpus, validation, tokenizer : str
        As for :func:`reference_trainer.corpus.load`.
    """

    objective: str = "masked"
    width: int = 64
    depth: int = 2
    head_size: int = 0
    context: int = 64
    rope_base: float = 10000.0
    tokens: int = 2_000_000
    unique_tokens: int = 0
    cooled_at: tuple[int, ...] = ()
    evaluated_at: tuple[int, ...] = ()
    batch: int = 16
    lr: float = 0.0
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    clip: float = 1.0
    warmup: float = 0.05
    cooldown: float = 0.2
    sampler: str = "exact-k"
    schedule: str = "linear"
    weighting: str = "elbo"
    curriculum: str = "none"
    init: str = "normal-0.02"
    seed: int = 0
    corpus: str = "synthetic"
    validation: str = ""
    tokenizer: str = ""
    eval_sequences: int = 1024
    eval_passes: int = 4
    early_stop: float = 0.0
    group: str = ""

    def __post_init__(self) -> None:
        faults = []
        for name, known in (
            ("objective", objectives.OBJECTIVES),
            ("sampler", objectives.SAMPLERS),
            ("schedule", objectives.SCHEDULES),
            ("weighting", objectives.WEIGHTINGS),
            ("curriculum", objectives.CURRICULA),
            ("init", INITIALISATIONS),
        ):
            if getattr(self, name) not in known:
                faults.append(f"{name} {getattr(self, name)!r} is not one of {', '.join(known)}")
        for name in ("tokens", "batch", "eval_sequences", "eval_passes"):
            if getattr(self, name) < 1:
                faults.append(f"{name} = {getattr(self, name)} must be at least 1")
        for name, points in (
            ("tokens", (self.tokens,)),
            ("cooled_at", self.cooled_at),
            ("evaluated_at", self.evaluated_at),
        ):
            if points and int(min(points)) < 2 * self.batch * self.context:
                faults.append(
                    f"{name} = {int(min(points)):,} is less than two batches ({self.batch} × {self.context} tokens each)"
                )
        if not 0 < self.cooldown < 1:
            faults.append(f"cooldown = {self.cooldown} is not between 0 and 1")
        if faults:
            raise TrainerError("; ".join(faults))
        for name in ("cooled_at", "evaluated_at"):
            object.__setattr__(self, name, tuple(sorted({int(v) for v in getattr(self, name)})))
        if not self.cooled_at and not self.evaluated_at:
            object.__setattr__(self, "cooled_at", (self.tokens,))
        if self.lr == 0:
            object.__setattr__(self, "lr", default_lr(self.width))

    @property
    def tokens_per_step(self) -> int:
        """Tokens of a global batch."""
        return self.batch * self.context

    def shape(self, vocabulary: int) -> Shape:
        """Architecture for a vocabulary."""
        return Shape(
            self.width,
            self.depth,
            vocabulary,
            self.context,
            self.head_size,
            causal=self.objective == "autoregressive",
            rope_base=self.rope_base,
        )

    @property
    def warmup_steps(self) -> int:
        """Steps of linear warm-up, sized by the first point that is asked for."""
        first = min((*self.cooled_at, *self.evaluated_at))
        return max(MINIMUM_WARMUP, int(self.warmup * first / self.tokens_per_step))

    @property
    def plan(self) -> tuple[RunSpec, int]:
        """What runs must share to be trained as one pack: all but seed, learning rate, unique tokens and the points asked for."""
        free: dict[str, Any] = {"seed": 0, "lr": 1.0, "unique_tokens": 0, "cooled_at": (), "evaluated_at": ()}
        return dataclasses.replace(self, **free), self.warmup_steps

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunSpec:
        """From plain data; unknown keys are an error that names them."""
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(data) - known):
            raise TrainerError(f"unknown options {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**plain)

    @property
    def run_id(self) -> str:
        """Hash of the canonical JSON: the same spec is the same run, wherever it is trained.

        Fields at their defaults are left out, so that an option added later does not rename earlier runs.
        """
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        chosen = {k: v for k, v in self.to_dict().items() if getattr(self, k) != defaults[k]}
        canonical = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def default_lr(width: int) -> float:
    """Peak learning rate by width, tuned for byte-level models of width 8 to 96 and batches of a thousand tokens."""
    return round(0.055 * width**-0.63, 6)
