"""The model's operations between matrix products, for K models at once.

On a CPU they are written with few passes over memory: eager torch makes a pass, and a node of the graph, of every
multiplication, which together cost more than the products themselves at these sizes. Elsewhere they are the library's
own operators, which a CUDA graph replays without cost; ``torch.compile`` is given those, too, but for large products and
attention of small heads on a CPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-6
LARGE_PRODUCT = 1_500_000  # multiplications from which a call of oneDNN costs less than it saves
SMALL_HEAD, SHORT = 8, 256  # size and length of heads that attention by hand is for
WIDE_VECTORS = (  # of a CPU with AVX-512 whose torch has oneDNN
    torch.backends.cpu.get_cpu_capability() == "AVX512"
    and torch.backends.mkldnn.is_available()
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """(models, n, a) · (models, a, b)."""
    if _by_onednn(x, weight):
        return _Product.apply(x, weight)  # type: ignore[no-untyped-call]
    if len(x) == 1:  # a plain product is faster than a batch of one
        return (x.squeeze(0) @ weight.squeeze(0)).unsqueeze(0)
    return torch.bmm(x, weight)


def embed(table: Tensor, tokens: Tensor) -> Tensor:
    """Rows (models, n, width) of each model's table (models, rows, width) at tokens (models, n)."""
    models, rows, width = table.shape
    if table.device.type == "cuda" and rows <= SMALL_VOCABULARY:
        return _EmbedByProduct.apply(table, tokens)  # type: ignore[no-untyped-call]
    if models > 1:
        tokens = tokens + rows * torch.arange(models, device=tokens.device)[:, None]
    return F.embedding(tokens, table.reshape(-1, width))


def norm(x: Tensor, gain: Tensor) -> Tensor:
    """RMS norm, in float32, over the last axis of x (models, n, size) with each model's gain (models, size)."""
    if _by_hand(x):
        return _Norm.apply(x, gain)  # type: ignore[no-untyped-call]
    return F.rms_norm(x.float(), x.shape[-1:], eps=EPSILON) * gain[:, None]


def turns(base: float, context: int, size: int) -> Tensor:
    """Cosine and sine of the rotary angle of each position and pair of numbers, (context, size / 2, 2)."""
    angle = torch.outer(torch.arange(context), base ** (-torch.arange(0, size, 2) / size))
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def queries_keys_values(qkv: Tensor, gain: Tensor, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys normed and rotated, and values, each (models·B, heads, T, size).

    Parameters
    ----------
    qkv : Tensor (models, B, T, 3, heads, size)
    gain : Tensor (models, 2, size)
    turn : Tensor (T, size / 2, 2)
        Of :func:`turns`; each pair of neighbours in the last axis is turned as one complex number.
    """
    if _by_hand(qkv):
        return _QueriesKeysValues.apply(qkv, gain, turn)  # type: ignore[no-untyped-call]
    K, B, T, _, heads, size = qkv.shape
    both = F.rms_norm(qkv[:, :, :, :2].float(), (size,), eps=EPSILON) * gain[:, None, None, :, None]
    a, b = both[..., 0::2], both[..., 1::2]
    c, s = turn[:, None, None].unbind(-1)
    both = torch.stack([a * c - b * s, a * s + b * c], dim=-1).flatten(-2).to(qkv.dtype)
    q, k, v = (x.reshape(K * B, T, heads, size).transpose(1, 2) for x in (*both.unbind(3), qkv[:, :, :, 2]))
    return q, k, v


def attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
    """Values averaged by the softmax of q·k / √size, all (n, heads, T, size)."""
    if q.shape[3] <= SMALL_HEAD and q.shape[2] <= SHORT and _on_cpu(q):
        return _Attention.apply(q, k, v, causal)  # type: ignore[no-untyped-call]
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)


def swiglu(x: Tensor) -> Tensor:
    """silu(first half of the last axis) · second half."""
    if _by_hand(x):
        return _SwiGLU.apply(x)  # type: ignore[no-untyped-call]
    gate, up = x.chunk(2, dim=-1)
    return F.silu(gate) * up


def _on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _by_hand(x: Tensor) -> bool:
    return _on_cpu(x) and not torch.compiler.is_compiling()


def _by_onednn(x: Tensor, weight: Tensor) -> bool:
    large = math.prod(x.shape[1:]) * weight.shape[2] >= LARGE_PRODUCT
    return large and WIDE_VECTORS and _on_cpu(x) and not torch.is_autocast_enabled("cpu")


class _Product(torch.autograd.Function):
    """Products by oneDNN, which torch has beside MKL: on an AMD processor MKL computes in vectors of half the width."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _products(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return _products(dy, weight.transpose(1, 2)), _products(x.transpose(1, 2), dy)


def _products(x: Tensor, weight: Tensor) -> Tensor:
    found: Tensor = (_compiled_onednn if torch.compiler.is_compiling() else _onednn)(x, weight)
    return found


def _onednn(x: Tensor, weight: Tensor) -> Tensor:
    linear = torch.ops.mkldnn._linear_pointwise
    each = [linear(a, b.T, None, "none", [], "") for a, b in zip(x, weight, strict=True)]
    return torch.stack(each) if len(each) > 1 else each[0].unsqueeze(0)


# What the compiler does not look into; it costs a call too much where nothing is compiled.
_compiled_onednn = torch.library.custom_op(
    "reference_trainer::products", _onednn, mutates_args=(), schema="(Tensor x, Tensor weight) -> Tensor"
)
_compiled_onednn.register_fake(lambda x, weight: x.new_empty(*x.shape[:2], weight.shape[2]))


class _Norm(torch.autograd.Function):
    """y = g·n with n = x·r and r = (mean x² + ε)^−½; dx = r·(h − n·mean(h·n)) with h = g·dy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor) -> Tensor:
        r = _inverse_rms(x)
        normed = x * r
        ctx.save_for_backward(normed, r, gain)
        return normed * gain.unsqueeze(1)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        normed, r, gain = ctx.saved_tensors
        both = dy * normed
        d_gain, gain = both.sum(dim=1), gain.unsqueeze(1)
        along = both.mul_(gain).sum(dim=-1, keepdim=True).mul_(-1.0 / normed.shape[-1])
        return (dy * gain).addcmul_(normed, along).mul_(r), d_gain


class _QueriesKeysValues(torch.autograd.Function):
    """Norm and rotation of queries and keys side by side; see :func:`queries_keys_values`."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, gain: Tensor, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        K, B, T, _, heads, size = qkv.shape
        normed = qkv[:, :, :, :2].contiguous()
        r = _inverse_rms(normed)
        normed.mul_(r)
        gains, turned = _spread(gain, heads), torch.view_as_complex(turn)[:, None, None]
        out = torch.view_as_real(_pairs(normed * gains).mul_(turned)).view(normed.shape)
        ctx.save_for_backward(normed, r, gains, turn)
        q, k, v = (y.view(K * B, T, heads, size).transpose(1, 2) for y in (*out.unbind(3), qkv[:, :, :, 2]))
        return q, k, v

    @staticmethod
    def backward(ctx: Any, dq: Tensor, dk: Tensor, dv: Tensor) -> tuple[Tensor, Tensor, None]:
        normed, r, gains, turn = ctx.saved_tensors
        K, B, T, _, heads, size = normed.shape
        dy = torch.stack([d.transpose(1, 2).view(K, B, T, heads, size) for d in (dq, dk)], dim=3)
        _pairs(dy).mul_(torch.view_as_complex(turn).conj()[:, None, None])
        both = dy * normed
        d_gain = both.view(K, B * T, -1).sum(dim=1).view(K, 2, heads, size).sum(dim=2)
        along = both.mul_(gains).sum(dim=-1, keepdim=True).mul_(-1.0 / size)
        out = torch.empty(K, B, T, 3, heads, size)
        out[:, :, :, :2] = dy.mul_(gains).addcmul_(normed, along).mul_(r)
        out[:, :, :, 2] = dv.transpose(1, 2).view(K, B, T, heads, size)
        return out, d_gain, None


class _Attention(torch.autograd.Function):
    """Softmax attention that keeps the probabilities.

    A product whose result has rows of eight numbers takes three times as long as its transpose: so heads that small are
    computed transposed, and twice as fast as by the library.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        size, (T, width) = q.shape, q.shape[2:]
        q, k, v = (x.reshape(-1, T, width) for x in (q, k, v))
        future = torch.full((T, T), -torch.inf).triu(1) if causal else q.new_zeros(())
        p = torch.baddbmm(future, q, k.transpose(1, 2), alpha=width**-0.5).softmax(dim=-1)
        ctx.save_for_backward(q, k, v, p)
        return _narrow(p, v).view(size)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, p = ctx.saved_tensors
        size, dy = dy.shape, dy.reshape(q.shape)
        dp = torch.bmm(dy, v.transpose(1, 2))
        ds = torch._softmax_backward_data(dp, p, -1, p.dtype).mul_(q.shape[-1] ** -0.5)
        found = _narrow(ds, k), _narrow(ds.transpose(1, 2), q), _narrow(p.transpose(1, 2), dy)
        dq, dk, dv = (d.view(size) for d in found)
        return dq, dk, dv, None


def _narrow(a: Tensor, b: Tensor) -> Tensor:
    """a·b, where b has few columns."""
    return torch.bmm(b.transpose(1, 2), a.transpose(1, 2)).transpose(1, 2)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gate, up = x.chunk(2, dim=-1)
        active = F.silu(gate)
        ctx.save_for_backward(x, active)
        return active * up

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        x, active = ctx.saved_tensors
        gate, up = x.chunk(2, dim=-1)
        out = torch.empty_like(x)
        d_gate, d_up = out.chunk(2, dim=-1)
        torch.mul(dy, active, out=d_up)
        torch.ops.aten.silu_backward.grad_input(torch.mul(dy, up, out=active), gate, grad_input=d_gate)
        return out


def _inverse_rms(x: Tensor) -> Tensor:
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return size.square_().mul_(1.0 / x.shape[-1]).add_(EPSILON).rsqrt_()


def _pairs(x: Tensor) -> Tensor:
    """Neighbouring numbers of the last axis as complex ones."""
    return torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))


def _spread(gain: Tensor, heads: int) -> Tensor:
    """Gain (models, 2, size) for queries and keys (models, B, T, 2, heads, size)."""
    return gain[:, None, None, :, None].expand(-1, 1, 1, -1, heads, -1).contiguous()


SMALL_VOCABULARY = 1024


class _EmbedByProduct(torch.autograd.Function):
    """Rows of a small table, whose gradient is a matrix product.

    The gradient of a lookup adds up the positions of one token one after another, and in masked diffusion half of all
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
