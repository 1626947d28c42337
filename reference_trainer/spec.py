"""What one run is: a frozen spec, its canonical JSON, and the hash that names it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reference_trainer import objectives
from reference_trainer.corpus import ALPHABETS
from reference_trainer.errors import TrainerError
from reference_trainer.model import INITIALISATIONS, Shape

_COUNTS = ("width", "depth", "context", "tokens", "batch", "eval_sequences", "eval_passes")
_ABOVE_ZERO, _BELOW_ONE = 5e-324, math.nextafter(1.0, 0.0)


def _option(default: Any, text: str) -> Any:
    """A field with its help on the command line."""
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides the numbers a run produces: the options of ``train``, the columns of a sweep."""

    objective: str = _option("masked", "masked, uniform or autoregressive.")
    width: int = _option(64, "Model dimension d.")
    depth: int = _option(2, "Layers L.")
    head_size: int = _option(0, "Of queries, keys and values; 0 chooses 32, 64 or 128 by width.")
    context: int = _option(64, "Tokens of a sequence, T.")
    rope_base: float = _option(10000.0, "Base of the rotary wavelengths; 100 for contexts of tens of tokens.")
    tokens: int = _option(2_000_000, "D: tokens of the trunk's end.")
    unique_tokens: int = _option(0, "U_D: how much of the corpus is used, repeated as needed; 0 is all of it.")
    cooled_at: tuple[int, ...] = _option((), "Token counts at which a cool-down branch ends; default: at --tokens.")
    evaluated_at: tuple[int, ...] = _option((), "Token counts at which the trunk itself is evaluated.")
    batch: int = _option(16, "Sequences a step.")
    lr: float = _option(0.0, "Peak learning rate; 0 chooses by width.")
    weight_decay: float = _option(0.1, "Decoupled, on matrices.")
    beta1: float = _option(0.9, "Of AdamW.")
    beta2: float = _option(0.95, "Of AdamW.")
    clip: float = _option(1.0, "Largest gradient norm.")
    warmup: int = _option(100, "Steps of linear warm-up.")
    cooldown: float = _option(0.2, "Cool-down, as a share of a branch's tokens.")
    sampler: str = _option("exact-k", "Masks: exact-k, stratified-t or iid-t.")
    schedule: str = _option("linear", "Of masking by t: linear, poly2 or cosine.")
    weighting: str = _option("elbo", "elbo, or maskgit (no weight; not a bound).")
    curriculum: str = _option("none", "none, or moving-gaussian: from clean to noisy.")
    init: str = _option(
        "normal-0.02", "normal-0.02, scaled (by inputs; small models) or mup (one rate for all widths)."
    )
    seed: int = _option(0, "Of initialisation, data order and noise.")
    corpus: str = _option("synthetic", "Text file, folder, .xz or .gz; synthetic, or tiny-shakespeare (fetched).")
    validation: str = _option("", "Separate validation text; default: the last tenth of the corpus.")
    tokenizer: str = _option("", "A JSON file of the tokenizers library; default: bytes.")
    alphabet: str = _option("compact", "Vocabulary: compact (tokens that occur, and one for all others) or full.")
    eval_sequences: int = _option(1024, "Validation sequences.")
    eval_passes: int = _option(4, "Monte-Carlo passes over them (diffusion).")
    early_stop: float = _option(0.0, "Stop when three evaluations are this much above the best, in nats; 0: never.")
    group: str = _option("", "A label for the rows.")

    def __post_init__(self) -> None:
        if faults := [*self._unknown_names(), *self._out_of_range(), *self._too_few_tokens()]:
            raise TrainerError("; ".join(faults))
        for name in ("cooled_at", "evaluated_at"):
            object.__setattr__(self, name, tuple(sorted({int(v) for v in getattr(self, name)})))
        if not self.cooled_at and not self.evaluated_at:
            object.__setattr__(self, "cooled_at", (self.tokens,))
        if self.lr == 0:
            object.__setattr__(self, "lr", default_lr(self.width, self.init, self.objective))

    def _unknown_names(self) -> Iterator[str]:
        for name, known in (
            ("objective", objectives.OBJECTIVES),
            ("sampler", objectives.SAMPLERS),
            ("schedule", objectives.SCHEDULES),
            ("weighting", objectives.WEIGHTINGS),
            ("curriculum", objectives.CURRICULA),
            ("init", INITIALISATIONS),
            ("alphabet", ALPHABETS),
        ):
            if getattr(self, name) not in known:
                yield f"{name} {getattr(self, name)!r} is not one of {', '.join(known)}"

    def _out_of_range(self) -> Iterator[str]:
        for name, low, high, said in (
            *((name, 1, math.inf, "must be at least 1") for name in _COUNTS),
            *((name, 0, math.inf, "must be 0 or more") for name in ("unique_tokens", "warmup", "weight_decay")),
            ("seed", 0, 2**63 - 1, "must be from 0 to 2^63 − 1"),
            *((name, 0, _BELOW_ONE, "must be in [0, 1)") for name in ("beta1", "beta2")),
            *((name, _ABOVE_ZERO, math.inf, "must be above 0") for name in ("clip", "rope_base")),
            ("cooldown", _ABOVE_ZERO, 1, "must be in (0, 1]"),
            ("lr", 0, math.inf, "must be above 0, or 0 for the rate of the width"),
            ("early_stop", -math.inf, math.inf, "must be a number of nats"),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                yield f"{name} = {value} {said}"
            elif math.isinf(value):
                yield f"{name} = {value} must be finite"
        if self.head_size and (self.head_size < 0 or self.head_size % 2 or self.width % self.head_size):
            yield (
                f"head_size = {self.head_size} must be even and divide the width, {self.width}: "
                f"{', '.join(str(h) for h in range(2, min(self.width, 128) + 1, 2) if self.width % h == 0)}"
            )
        elif not self.head_size and self.width % 2:
            yield f"width = {self.width} must be even: rotary positions turn pairs"

    def _too_few_tokens(self) -> Iterator[str]:
        if self.batch < 1 or self.context < 1:
            return
        for name, points in (
            ("tokens", (self.tokens,)),
            ("cooled_at", self.cooled_at),
            ("evaluated_at", self.evaluated_at),
        ):
            if points and int(min(points)) < 2 * self.batch * self.context:
                yield (
                    f"{name} = {int(min(points)):,} is less than two batches ({self.batch} × {self.context} tokens each)"
                )

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
    def plan(self) -> RunSpec:
        """What runs must share to be trained as one pack: all but seed, rate, unique tokens and the points asked for."""
        free: dict[str, Any] = {"seed": 0, "lr": 1.0, "unique_tokens": 0, "cooled_at": (), "evaluated_at": ()}
        return dataclasses.replace(self, **free)

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

    @cached_property  # training asks at every step
    def run_id(self) -> str:
        """Hash of the canonical JSON: the same spec is the same run, wherever it is trained.

        Fields at their defaults are left out, so that an option added later does not rename earlier runs.
        """
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        chosen = {k: v for k, v in self.to_dict().items() if getattr(self, k) != defaults[k]}
        canonical = json.dumps(chosen, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def default_lr(width: int, init: str, objective: str) -> float:
    """Peak learning rate of models of width 16 to 96 and batches of 256 tokens; the curves are in docs/calibration.md.

    Diffusion takes half of what autoregression does, as the first seed said. By three seeds its best is nearer, and half costs
    .2 to .8 % of the loss at widths 24 to 96 (the table there).

    With "mup" most of the dependence on width is in the rates of the matrices; what is left (the ladders also grow in
    depth) was measured as the power −0.4. The best rate falls with the tokens, too, about as their power −0.3, which no
    trunk that is cooled down at many of them can follow: this is that of the middle of 2^18 to 2^22 tokens.
    """
    if init != "mup":
        return round(0.055 * width**-0.63, 6)
    return round((0.0052 if objective == "autoregressive" else 0.0026) * (32 / width) ** 0.4, 6)
