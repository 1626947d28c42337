"""One transformer for diffusion and autoregression, written with a leading axis of models.

Notable choices: pre-RMSNorm, rotary positions, SwiGLU, RMS-normalised queries and keys with a learned gain, no biases,
tied embedding, no time conditioning. ``init="scaled"`` and a small ``rope_base`` are for models of width below a few
hundred on short contexts, which otherwise may stay on the plateau of letter frequencies for most of their training. Bidirectional for diffusion, causal for
autoregression: one flag, identical weights otherwise. Every parameter has shape ``(models, …)``: K models of one shape train as one, which
fills a GPU that a single tiny model would leave idle; one model is K = 1.

All parameters live in one flat buffer ``(models, size)`` and their gradients in another, so the optimiser, gradient
clipping, checkpoints and data parallelism each handle one tensor.

Counting (see :func:`counts`): N_total is every parameter; N_nonembedding leaves out the embedding; N_12Ld2 is the
nominal 12·depth·width² of the Quokka paper's Table 6, whose Figure 4 counts all parameters instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INITIALISATIONS = ("normal-0.02", "scaled")
SMALL_VOCABULARY = 1024


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
        Of queries, keys and values; 0 chooses 32 below width 512, else 64 below 1024, else 128.
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
        head = self.head_size or min(self.width, 32 if self.width < 512 else 64 if self.width < 1024 else 128)
        if head % 2:
            raise ValueError(f"head size {head} is odd; rotary positions need pairs: choose an even width or head_size")
        object.__setattr__(self, "head_size", head)
        object.__setattr__(self, "heads", self.heads or max(1, self.width // head))
        multiple = 64 if self.width >= 256 else 8
        object.__setattr__(self, "ffn", self.ffn or max(multiple, 8 * self.width // 3 // multiple * multiple))


def counts(shape: Shape) -> dict[str, int]:
    """Parameters by every convention in use, and FLOPs per trained token.

    Returns
    -------
    dict
        ``N_embedding`` (vocabulary rows, tied, without the mask row), ``N_nonembedding`` (matrices of the layers),
        ``N_total`` (both, as the labels of Figure 4 of arXiv 2510.03280), ``N_12Ld2`` (Table 6), ``N_allocated``
        (every number stored, norms and mask row included), ``flops_per_token`` (forward and backward:
        6·(N_nonembedding + head) + 12·depth·heads·head_size·context for attention scores, halved when causal).
    """
    d, attention = shape.width, shape.heads * shape.head_size
    layer = 4 * d * attention + 3 * d * shape.ffn
    embedding = shape.vocabulary * d
    scores = 12 * shape.depth * attention * shape.context * (0.5 if shape.causal else 1.0)
    return {
        "N_embedding": embedding,
        "N_nonembedding": shape.depth * layer,
        "N_total": shape.depth * layer + embedding,
        "N_12Ld2": 12 * shape.depth * d * d,
        "N_allocated": shape.depth * (layer + 2 * d + 2 * shape.head_size) + d + embedding + d,
        "flops_per_token": int(6 * (shape.depth * layer + embedding) + scores),
    }


class Transformer(nn.Module):
    """K transformers of one shape.

    Parameters
    ----------
    shape : Shape
    seeds : sequence of int
        One initialisation seed per model; K = len(seeds).
    init : {"normal-0.02", "scaled"}
        Initial matrices from N(0, 0.02²) and gains of one (GPT-2, Megatron, the Quokka paper); or from
        N(0, 1/inputs), divided by √(2·depth) where they write to the residual stream, and gains of queries and keys
        that let attention logits reach 8 whatever the head size, as they do for heads of 64.
    """

    cos: Tensor
    sin: Tensor

    def __init__(
        self, shape: Shape, seeds: list[int], device: torch.device | str = "cpu", *, init: str = INITIALISATIONS[0]
    ) -> None:
        super().__init__()
        self.shape = shape
        d, a, f, K = shape.width, shape.heads * shape.head_size, shape.ffn, len(seeds)
        sizes: dict[str, tuple[int, ...]] = {"embedding": (shape.vocabulary + 1, d), "final_norm": (d,)}
        for i in range(shape.depth):
            sizes |= {
                f"attention_norm_{i}": (d,),
                f"qkv_{i}": (d, 3 * a),
                f"q_norm_{i}": (shape.head_size,),
                f"k_norm_{i}": (shape.head_size,),
                f"out_{i}": (a, d),
                f"ffn_norm_{i}": (d,),
                f"gate_up_{i}": (d, 2 * f),
                f"down_{i}": (f, d),
            }
        total = sum(math.prod(s) for s in sizes.values())
        self.flat = torch.empty(K, total, device=device)
        self.flat_grad = torch.zeros(K, total, device=device)
        self.decayed = torch.zeros(total, device=device)  # 1 where weight decay applies: matrices, not norms
        self.weights = nn.ParameterDict()
        # Drawn on the CPU, one generator a model: the same bits on every device and in any pack.
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        at = 0
        for name, size in sizes.items():
            span = slice(at, at + math.prod(size))
            at = span.stop
            scale = _scale(name, size, shape) if init == "scaled" else 1.0 if "norm" in name else 0.02
            if "norm" in name:
                self.flat[:, span] = scale
            else:
                self.decayed[span] = 1.0
                for k, generator in enumerate(generators):
                    self.flat[k, span] = scale * torch.randn(math.prod(size), generator=generator).to(device)
            weight = nn.Parameter(self.flat[:, span].view(K, *size))
            weight.grad = self.flat_grad[:, span].view(K, *size)
            self.weights[name] = weight
        angle = torch.outer(
            torch.arange(shape.context), shape.rope_base ** (-torch.arange(0, shape.head_size, 2) / shape.head_size)
        )
        self.register_buffer("cos", angle.cos().to(device), persistent=False)
        self.register_buffer("sin", angle.sin().to(device), persistent=False)

    @property
    def mask_token(self) -> int:
        """Id of the extra row: masked position, or start of sequence."""
        return self.shape.vocabulary

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
        s, w = self.shape, self.weights
        K, B, T = tokens.shape
        x = _embed(w["embedding"], tokens.reshape(K, B * T))
        for i in range(s.depth):
            h = _norm(x, w[f"attention_norm_{i}"])
            qkv = torch.bmm(h, w[f"qkv_{i}"]).view(K * B, T, 3, s.heads, s.head_size)
            q, k, v = qkv.transpose(1, 3).unbind(2)  # each (K·B, heads, T, head)
            q, k = self._rotate(_norm(q, w[f"q_norm_{i}"])), self._rotate(_norm(k, w[f"k_norm_{i}"]))
            h = F.scaled_dot_product_attention(q, k, v, is_causal=s.causal)
            x = x + torch.bmm(h.transpose(1, 2).reshape(K, B * T, -1), w[f"out_{i}"])
            gate, up = torch.bmm(_norm(x, w[f"ffn_norm_{i}"]), w[f"gate_up_{i}"]).chunk(2, dim=-1)
            x = x + torch.bmm(F.silu(gate) * up, w[f"down_{i}"])
        x = _norm(x, w["final_norm"])
        logits = torch.bmm(x, w["embedding"][:, : s.vocabulary].transpose(1, 2))
        return logits.view(K, B, T, s.vocabulary)

    def _rotate(self, x: Tensor) -> Tensor:
        T = x.shape[-2]
        a, b = x.chunk(2, dim=-1)
        cos, sin = self.cos[:T], self.sin[:T]
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class _EmbedByProduct(torch.autograd.Function):
    """Rows of a small table, whose gradient is a matrix product.

    The gradient of indexing adds up the positions of one token one after another, and in masked diffusion half of all
    positions hold the mask: on a GPU that alone would take longer than the rest of a step.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, tokens: Tensor) -> Tensor:
        ctx.save_for_backward(tokens)
        ctx.rows = table.shape[1]
        return table.gather(1, tokens.unsqueeze(-1).expand(-1, -1, table.shape[2]))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (tokens,) = ctx.saved_tensors
        one_hot = tokens.unsqueeze(1) == torch.arange(ctx.rows, device=grad.device).unsqueeze(1)
        return torch.bmm(one_hot.to(grad.dtype), grad), None


def _embed(table: Tensor, tokens: Tensor) -> Tensor:
    """Rows (models, n, width) of each model's table (models, rows, width) at tokens (models, n)."""
    if table.device.type == "cuda" and table.shape[1] <= SMALL_VOCABULARY:
        return _EmbedByProduct.apply(table, tokens)  # type: ignore[no-untyped-call]
    return table[torch.arange(len(table), device=tokens.device).unsqueeze(1), tokens]


def _norm(x: Tensor, gain: Tensor) -> Tensor:
    """RMS norm, in float32, over the last axis of x (models·n, …, size) with each model's gain (models, size)."""
    x = x.float()
    models, size = gain.shape
    if models == 1:  # one fused kernel
        return F.rms_norm(x, (size,), gain[0], eps=1e-6)
    gain = gain.repeat_interleave(x.shape[0] // models, dim=0)
    return F.rms_norm(x, (size,), eps=1e-6) * gain.view(-1, *[1] * (x.dim() - 2), size)


def _scale(name: str, size: tuple[int, ...], shape: Shape) -> float:
    """Initial gain, or standard deviation that keeps activations near one."""
    if name.startswith(("q_norm", "k_norm")):
        return (64 / shape.head_size) ** 0.25
    if "norm" in name:
        return 1.0
    inputs = size[1] if name == "embedding" else size[0]
    return inputs**-0.5 / (math.sqrt(2 * shape.depth) if name.startswith(("out_", "down_")) else 1.0)
