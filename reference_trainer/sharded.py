"""A model in parts, one a process, for what does not fit on one device: FSDP2 (``fully_shard``) and a step on it.

The weights of a layer are one flat parameter of a module of its own, gathered for as long as the layer is computed;
embedding and final gain are another. Between, each process has a part of every parameter, of its gradient and of its
moments, and AdamW works on that, number by number as on one device. What is saved is the whole, in the order of
:class:`~reference_trainer.model.Transformer`: a run may go on with more processes, or with one.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.utils.checkpoint import checkpoint

from reference_trainer.model import LAYER, Shape, Transformer, embedded, layer, logits
from reference_trainer.step import Step

# Nothing here changes what a module returned.
warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")

ENDS = ("embedding", "final_norm")


class Flat(nn.Module):
    """Weights side by side in one parameter."""

    def __init__(self, flat: Tensor, sizes: dict[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.flat, self.sizes = nn.Parameter(flat), sizes

    def weights(self) -> dict[str, Tensor]:
        """Each with its leading axis of one model; only while they are gathered."""
        pieces = self.flat.split([math.prod(size) for size in self.sizes.values()])
        return {name: piece.view(1, *size) for piece, (name, size) in zip(pieces, self.sizes.items(), strict=True)}


class Layer(Flat):
    """One layer of one model."""

    def __init__(self, flat: Tensor, sizes: dict[str, tuple[int, ...]], shape: Shape) -> None:
        super().__init__(flat, sizes)
        self.shape = shape

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """The residual stream after it."""
        return layer(x, self.weights(), self.shape, turn)


class ShardedTransformer(Flat):
    """One transformer, shared by the processes of the default group.

    Parameters
    ----------
    whole : Transformer
        Of one model, in the memory of the host; it is copied from.
    device : torch.device
    """

    turn: Tensor

    def __init__(self, whole: Transformer, device: torch.device) -> None:
        s = whole.shape
        self.names = [ENDS, *(tuple(f"{name}_{i}" for name in LAYER) for i in range(s.depth))]
        self.spans, self.groups, self.total = whole.spans, whole.groups, whole.flat.shape[1]
        sizes = [[tuple(whole.weights[name].shape[1:]) for name in names] for names in self.names]
        ends, *layers = self.pieces(whole.flat)
        super().__init__(ends, dict(zip(ENDS, sizes[0], strict=True)))
        self.shape, self.recompute, self.models, self.device = s, False, 1, device
        self.layers = nn.ModuleList(
            Layer(flat, dict(zip(LAYER, each, strict=True)), s) for flat, each in zip(layers, sizes[1:], strict=True)
        )
        self.register_buffer("turn", whole.turn.to(device), persistent=False)
        self.mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
        # Root and layers let go of what they gathered: weights may be put back between two passes.
        for module in (*self.layers, self):
            unit = fully_shard(module, mesh=self.mesh, reshard_after_forward=True)
            unit.set_gradient_divide_factor(1.0)  # the loss is of the whole batch already
            unit.set_force_sum_reduction_for_comms(True)

    @property
    def mask_token(self) -> int:
        """As of a :class:`Transformer`."""
        return self.shape.vocabulary

    def parts(self) -> list[Any]:
        """The parameters, each a DTensor: that of the ends, then one a layer."""
        return [module.flat for module in (self, *self.layers)]

    def pieces(self, whole: Tensor) -> list[Tensor]:
        """What belongs to each parameter of a buffer (1, size) in the order of a :class:`Transformer`."""
        return [torch.cat([whole[0, self.spans[name]] for name in names]) for names in self.names]

    def joined(self, pieces: list[Tensor]) -> Tensor:
        """The inverse of :meth:`pieces`, in the memory of the host."""
        whole = torch.empty(1, self.total)
        for piece, names in zip(pieces, self.names, strict=True):
            lengths = [self.spans[name].stop - self.spans[name].start for name in names]
            for name, values in zip(names, piece.cpu().split(lengths), strict=True):
                whole[0, self.spans[name]] = values
        return whole

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, as of a :class:`Transformer`."""
        w = self.weights()
        x = embedded(tokens, w["embedding"])
        for each in self.layers:
            if self.recompute and torch.is_grad_enabled():
                x = checkpoint(each, x, self.turn, use_reentrant=False)
            else:
                x = each(x, self.turn)
        return logits(x, w["embedding"], w["final_norm"])


class ShardedStep(Step):
    """A :class:`Step` whose weights, gradients and moments are parts."""

    model: ShardedTransformer  # type: ignore[assignment]

    def _make_moments(self) -> None:
        model = self.model
        rates, decays = self._per_number(model.total)
        self._weights = [part.detach().to_local() for part in model.parts()]
        self._firsts, self._seconds = ([torch.zeros_like(w) for w in self._weights] for _ in range(2))
        self._rates_of, self._decays_of = (self._own(model.pieces(each[None]), None) for each in (rates, decays))

    def _own(self, pieces: list[Tensor], source: int | None) -> list[Tensor]:
        """This process's parts of pieces that the process ``source`` has, or that all have."""
        return [distribute_tensor(p, self.model.mesh, [Shard(0)], src_data_rank=source).to_local() for p in pieces]

    def _forget_gradients(self) -> None:
        for part in self.model.parts():
            part.grad = None

    def _share_gradients(self) -> None:
        torch.distributed.all_reduce(self.losses)  # FSDP has added the gradients

    @torch.no_grad()
    def _adamw(self) -> None:
        gradients = [part.grad.to_local() for part in self.model.parts()]
        squares = torch.stack([each.square().sum() for each in gradients]).sum()
        torch.distributed.all_reduce(squares)
        self.norms.copy_(squares.sqrt())
        for each in zip(
            self._weights, gradients, self._firsts, self._seconds, self._rates_of, self._decays_of, strict=True
        ):
            each[1].mul_(self.spec.clip / self.norms.clamp(min=self.spec.clip)[0])
            self._update(*(tensor[None] for tensor in each))

    @property
    def tensors(self) -> list[Tensor]:
        """Parts of weights and moments, and what is the same in all processes."""
        return [*self._weights, *self._firsts, *self._seconds, self.smoothed]

    def gathered(self, tensors: list[Tensor]) -> list[Tensor]:
        """Whole ones of such as :attr:`tensors`, a parameter at a time; all processes must ask."""
        like = self.model.parts()
        whole = []
        for first in range(0, 3 * len(like), len(like)):
            pieces = [
                DTensor.from_local(
                    own, self.model.mesh, [Shard(0)], run_check=False, shape=part.shape, stride=part.stride()
                )
                .full_tensor()
                .cpu()
                for own, part in zip(tensors[first : first + len(like)], like, strict=True)
            ]
            whole.append(self.model.joined(pieces))
        return [*whole, tensors[-1]]

    def scattered(self, whole: list[Tensor] | None) -> list[Tensor]:
        """The inverse of :meth:`gathered`, of what the first process has."""
        if whole is None:
            whole = [*torch.empty(3, 1, self.model.total), torch.empty_like(self.smoothed)]
        smoothed = whole[3].to(self.device)
        torch.distributed.broadcast(smoothed, src=0)
        own = [p for each in whole[:3] for p in self._own([x.to(self.device) for x in self.model.pieces(each)], 0)]
        return [*own, smoothed]

    def whole_model(self) -> Transformer:
        """The model in one piece, in the memory of the host; all processes must ask."""
        found = Transformer(self.model.shape, [0])
        with torch.no_grad():
            found.flat.copy_(self.gathered(self.tensors)[0])
        return found


def sharded(whole: Transformer, device: torch.device, *arguments: Any, **options: Any) -> ShardedStep:
    """A step on a model that is shared by all processes; the other arguments are those of :class:`Step`."""
    return ShardedStep(ShardedTransformer(whole, device), *arguments, **options)  # type: ignore[arg-type]
