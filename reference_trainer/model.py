"""One transformer for diffusion and autoregression, written with a leading axis of models.

Notable choices: pre-RMSNorm, rotary positions, SwiGLU, RMS-normalised queries and keys with a learned gain, no biases,
tied embedding, no time conditioning: the architecture of Qwen3. Bidirectional for diffusion, causal for autoregression:
one flag, identical weights otherwise. ``init="scaled"`` and a small ``rope_base`` are for models of width below a few
hundred on short contexts, which otherwise may stay on the plateau of letter frequencies for most of their training;
``init="mup"`` keeps one learning rate good at all widths.

Every parameter has shape ``(models, …)``: K models of one shape train as one, which fills a GPU that a single tiny
model would leave idle; one model is K = 1. All parameters live in one flat buffer ``(models, size)`` and their
gradients in another, so the optimiser, gradient clipping, checkpoints and data parallelism each handle one tensor.
What the optimiser treats alike lies side by side in it (:class:`Group`).

Counting (see :func:`counts`): N_total is every parameter; N_active leaves out embedding rows of tokens that never
occur; N_nonembedding leaves out the embedding; N_12Ld2 is the nominal 12·depth·width² of the Quokka paper's Table 6,
whose Figure 4 counts all parameters instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from reference_trainer import kernels

INITIALISATIONS = ("normal-0.02", "scaled", "mup")
LAYER = ("attention_norm", "qk_norm", "ffn_norm", "qkv", "out", "gate_up", "down")  # the weights of a layer
MUP_WIDTH = 32  # the width at which "mup" and "scaled" are the same


@dataclass(frozen=True)
class Shape:
    """Architecture.

    Parameters
    ----------
    width, depth : int
        Model dimension d and layers L.
    vocabulary : int
        Tokens; the model has one embedding row more, for the mask (diffusion) or start (autoregression).
    context : int
        Sequence length T.
    head_size : int
        Of queries, keys and values; 0 chooses the largest even divisor of the width up to 32 (below width 512), 64
        (below 1024) or 128.
    heads : int
        0 chooses width // head_size, at least 1.
    ffn : int
        Inner width of SwiGLU; 0 chooses 8·width/3 rounded down to a multiple of 8 (of 64 from width 256).
    causal : bool
    rope_base : float
        Base of the rotary wavelengths, which run from 2π to 2π·base positions.
    """

    width: int
    depth: int
    vocabulary: int = 256
    context: int = 64
    head_size: int = 0
    heads: int = 0
    ffn: int = 0
    causal: bool = False
    rope_base: float = 10000.0

    def __post_init__(self) -> None:
        for name in ("width", "depth", "vocabulary", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least 1")
        head = self.head_size or _head_size(self.width)
        if head % 2:
            raise ValueError(f"head size {head} is odd; rotary positions need pairs: choose an even width or head_size")
        object.__setattr__(self, "head_size", head)
        object.__setattr__(self, "heads", self.heads or max(1, self.width // head))
        multiple = 64 if self.width >= 256 else 8
        object.__setattr__(self, "ffn", self.ffn or max(multiple, 8 * self.width // 3 // multiple * multiple))


def _head_size(width: int) -> int:
    largest = min(width, 32 if width < 512 else 64 if width < 1024 else 128)
    return next((size for size in range(largest - largest % 2, 0, -2) if width % size == 0), largest)


def counts(shape: Shape, active: int | None = None) -> dict[str, int]:
    """Parameters by every convention in use, and FLOPs per trained token.

    Parameters
    ----------
    active : int, optional
        Tokens of the vocabulary that occur in the text; default: all.

    Returns
    -------
    dict
        ``N_embedding`` (vocabulary rows, tied, without the mask row), ``N_nonembedding`` (matrices of the layers),
        ``N_total`` (both, as the labels of Figure 4 of arXiv 2510.03280), ``N_active`` (the same without embedding
        rows of tokens that never occur), ``N_12Ld2`` (Table 6), ``N_allocated`` (every number stored, norms and mask
        row included), ``flops_per_token`` (forward and backward: 6·(N_nonembedding + head) +
        12·depth·heads·head_size·context for attention scores, halved when causal).
    """
    d, attention = shape.width, shape.heads * shape.head_size
    layer = 4 * d * attention + 3 * d * shape.ffn
    embedding = shape.vocabulary * d
    scores = 12 * shape.depth * attention * shape.context * (0.5 if shape.causal else 1.0)
    return {
        "N_embedding": embedding,
        "N_nonembedding": shape.depth * layer,
        "N_total": shape.depth * layer + embedding,
        "N_active": shape.depth * layer + d * (shape.vocabulary if active is None else active),
        "N_12Ld2": 12 * shape.depth * d * d,
        "N_allocated": shape.depth * (layer + 2 * d + 2 * shape.head_size) + d + embedding + d,
        "flops_per_token": int(6 * (shape.depth * layer + embedding) + scores),
    }


@dataclass(frozen=True)
class Group:
    """A stretch of the flat buffer that the optimiser treats alike.

    ``rate`` multiplies the learning rate; ``decayed`` says whether weight decay applies (matrices, not norms).
    """

    span: slice
    rate: float
    decayed: bool


class Transformer(nn.Module):
    """K transformers of one shape.

    Parameters
    ----------
    shape : Shape
    seeds : sequence of int
        One initialisation seed per model; K = len(seeds).
    init : {"normal-0.02", "scaled", "mup"}
        Initial matrices from N(0, 0.02²) and gains of one (GPT-2, Megatron, the Quokka paper); or from
        N(0, 1/inputs), divided by √(2·depth) where they write to the residual stream, and gains of queries and keys
        that let attention logits reach 8 whatever the head size, as they do for heads of 64. "mup" is "scaled" at width
        ``MUP_WIDTH``; at width d the embedding starts as it does there, the final gain starts at ``MUP_WIDTH``/d, and
        matrices and the final gain learn at ``MUP_WIDTH``/d times the rate (maximal update parametrisation for Adam,
        Table 8 of arXiv 2203.03466, the logit multiplier written into the final gain).
    """

    turn: Tensor

    def __init__(
        self, shape: Shape, seeds: list[int], device: torch.device | str = "cpu", *, init: str = INITIALISATIONS[0]
    ) -> None:
        super().__init__()
        self.shape, self.recompute = shape, False
        K, layout = len(seeds), _layout(shape)
        total = sum(math.prod(size) for size in layout.values())
        self.flat = torch.empty(K, total, device=device)
        self.flat_grad = torch.zeros(K, total, device=device)
        self.groups: list[Group] = []
        self.spans: dict[str, slice] = {}
        self.weights = nn.ParameterDict()
        # Drawn on the CPU, one generator a model: the same bits on every device and in any pack.
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        at = 0
        for name, size in layout.items():
            self.spans[name] = span = slice(at, at + math.prod(size))
            at = span.stop
            scale = _initial_scale(name, size, shape, init)
            if "norm" in name:
                self.flat[:, span] = scale
            else:
                for k, generator in enumerate(generators):
                    self.flat[k, span] = scale * torch.randn(math.prod(size), generator=generator).to(device)
            weight = nn.Parameter(self.flat[:, span].view(K, *size))
            weight.grad = self.flat_grad[:, span].view(K, *size)
            self.weights[name] = weight
            self._join(Group(span, _rate(name, shape, init), "norm" not in name))
        turn = kernels.turns(shape.rope_base, shape.context, shape.head_size).to(device)
        self.register_buffer("turn", turn, persistent=False)

    def _join(self, new: Group) -> None:
        """Add a stretch to the last group where both are treated alike."""
        last = self.groups[-1] if self.groups else None
        if last is not None and (last.rate, last.decayed) == (new.rate, new.decayed):
            self.groups[-1] = Group(slice(last.span.start, new.span.stop), new.rate, new.decayed)
        else:
            self.groups.append(new)

    @property
    def models(self) -> int:
        """K."""
        return len(self.flat)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.flat.device

    @property
    def mask_token(self) -> int:
        """Id of the extra row: masked position, or start of sequence."""
        return self.shape.vocabulary

    def single(self, k: int) -> Transformer:
        """Model k of the pack as one of its own (a copy)."""
        alone = Transformer(self.shape, [0], self.flat.device)
        with torch.no_grad():
            alone.flat.copy_(self.flat[k : k + 1])
        return alone

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits.

        Parameters
        ----------
        tokens : int tensor (models, sequences, length)

        Returns
        -------
        Tensor (models, sequences, length, vocabulary)
            The mask row has no logit: nothing can be predicted to be masked.
        """
        x = embedded(tokens, self.weights["embedding"])
        for i in range(self.shape.depth):
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(self._layer, x, i, use_reentrant=False)
            else:
                x = self._layer(x, i)
        return logits(x, self.weights["embedding"], self.weights["final_norm"])

    def _layer(self, x: Tensor, i: int) -> Tensor:
        return layer(x, {name: self.weights[f"{name}_{i}"] for name in LAYER}, self.shape, self.turn)


def embedded(tokens: Tensor, embedding: Tensor) -> Tensor:
    """Residual stream (models, sequences, length, width) at its beginning."""
    K, B, T = tokens.shape
    return kernels.embed(embedding, tokens.reshape(K, B * T)).view(K, B, T, -1)


def logits(x: Tensor, embedding: Tensor, final_norm: Tensor) -> Tensor:
    """(models, sequences, length, vocabulary) of the residual stream at its end."""
    K, B, T, width = x.shape
    x = kernels.norm(x.view(K, B * T, width), final_norm)
    return kernels.product(x, embedding[:, :-1].transpose(1, 2)).view(K, B, T, -1)


def layer(x: Tensor, w: dict[str, Tensor], shape: Shape, turn: Tensor) -> Tensor:
    """One layer on the residual stream (models, sequences, length, width), of the weights called ``LAYER``."""
    K, B, T, width = x.shape
    x = x.view(K, B * T, width)
    h = kernels.norm(x, w["attention_norm"])
    qkv = kernels.product(h, w["qkv"]).view(K, B, T, 3, shape.heads, shape.head_size)
    q, k, v = kernels.queries_keys_values(qkv, w["qk_norm"], turn[:T])
    h = kernels.attention(q, k, v, causal=shape.causal)
    x = x + kernels.product(h.transpose(1, 2).reshape(K, B * T, -1), w["out"])
    h = kernels.product(kernels.norm(x, w["ffn_norm"]), w["gate_up"])
    x = x + kernels.product(kernels.swiglu(h), w["down"])
    return x.view(K, B, T, width)


def _layout(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Names and sizes of the weights in their order in the flat buffer."""
    d, a, f, layers = shape.width, shape.heads * shape.head_size, shape.ffn, range(shape.depth)
    layout: dict[str, tuple[int, ...]] = {"embedding": (shape.vocabulary + 1, d)}
    for i in layers:
        layout |= {f"attention_norm_{i}": (d,), f"qk_norm_{i}": (2, shape.head_size), f"ffn_norm_{i}": (d,)}
    layout["final_norm"] = (d,)
    for i in layers:
        layout |= {f"qkv_{i}": (d, 3 * a), f"out_{i}": (a, d), f"gate_up_{i}": (d, 2 * f), f"down_{i}": (f, d)}
    return layout


def _initial_scale(name: str, size: tuple[int, ...], shape: Shape, init: str) -> float:
    """Initial gain, or standard deviation of an initial matrix."""
    if init == "normal-0.02":
        return 1.0 if "norm" in name else 0.02
    if name.startswith("qk_norm"):
        return float((64 / shape.head_size) ** 0.25)
    if name == "final_norm":
        return MUP_WIDTH / shape.width if init == "mup" else 1.0
    if "norm" in name:
        return 1.0
    if name == "embedding":
        return float((MUP_WIDTH if init == "mup" else shape.width) ** -0.5)
    return float(size[0] ** -0.5 / (math.sqrt(2 * shape.depth) if name.startswith(("out_", "down_")) else 1.0))


def _rate(name: str, shape: Shape, init: str) -> float:
    """Factor of the learning rate."""
    matrix_like = name == "final_norm" or ("norm" not in name and name != "embedding")
    return MUP_WIDTH / shape.width if init == "mup" and matrix_like else 1.0
