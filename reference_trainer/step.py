"""One optimiser step of a pack: fixed buffers in, updated weights out, and nothing in between that waits for the device.

Batches are copied into buffers that stay where they are, learning rate and bias corrections are tensors, losses are read
only when someone asks: on a GPU the whole step, forward to AdamW, is captured once as a CUDA graph and replayed. On a
CPU the same lines run one by one.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import Any

import torch
from torch import Tensor

from reference_trainer import objectives
from reference_trainer.execution import Execution
from reference_trainer.model import Transformer
from reference_trainer.spec import RunSpec

EPSILON = 1e-8  # of Adam
SMOOTHING = 50  # steps
EAGER_STEPS = 3  # before a CUDA graph is captured: kernels are chosen, workspaces allocated

DEFAULT = Execution()

log = logging.getLogger(__name__)


class Step:
    """Forward, backward, clipping and AdamW for K models, and the moments they need.

    Parameters
    ----------
    model : Transformer
    lr : list of float
        Peak learning rate of each model.
    spec : RunSpec
        Objective and optimiser.
    world : int
        Processes that share the batch; gradients and losses are summed over them.
    execution : Execution

    Attributes
    ----------
    losses : Tensor (models,)
        Training loss of the last step, on the device.
    smoothed : Tensor (models,)
        Exponential mean of the training loss over some ``SMOOTHING`` steps, to be read through :meth:`train_losses`.
    norms : Tensor (models, 1)
        Gradient norms of the last step before clipping.
    """

    def __init__(
        self,
        model: Transformer,
        lr: list[float],
        spec: RunSpec,
        *,
        world: int = 1,
        execution: Execution = DEFAULT,
    ) -> None:
        device = model.device
        self.model, self.spec, self.world, self.device, self.execution = model, spec, world, device, execution
        model.recompute = execution.recompute
        self.forward = torch.compile(model) if execution.compile else model
        self.lr = torch.tensor(lr, device=device)[:, None]
        # Scalars that change from step to step, as tensors: a graph would freeze numbers.
        self.factor, self.bias_1, self.bias_2 = (torch.ones((), dtype=torch.float64, device=device) for _ in range(3))
        self.count = torch.ones(())
        self._make_moments()
        self.losses, self.norms = torch.zeros(len(lr), device=device), torch.zeros(len(lr), 1, device=device)
        self.smoothed = torch.zeros(len(lr), device=device)
        self._inputs: dict[str, Tensor] = {}
        self._graph: Any = None
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" and world == 1 else None
        self._eager_left = EAGER_STEPS

    def __call__(self, batch: dict[str, Tensor], factor: float, count: int) -> None:
        """Take step number ``count`` (from 1) at ``factor`` times the peak learning rate."""
        if not self._inputs:
            self._inputs = {name: value.to(self.device, _computed(value)) for name, value in batch.items()}
        else:
            for name, value in batch.items():
                self._inputs[name].copy_(value, non_blocking=True)
        self.factor.fill_(factor)
        self.count.fill_(count)
        self.bias_1.fill_(1 - self.spec.beta1**count)
        self.bias_2.fill_(1 - self.spec.beta2**count)
        if self._stream is None:
            self._compute()
        else:
            self._captured()

    def _make_moments(self) -> None:
        flat = self.model.flat
        self.first, self.second = torch.zeros_like(flat), torch.zeros_like(flat)
        self._rates, self._decays = self._per_number(flat.shape[1])

    @property
    def tensors(self) -> list[Tensor]:
        """All that training changes: weights, moments, smoothed loss."""
        return [self.model.flat, self.first, self.second, self.smoothed]

    def gathered(self, tensors: list[Tensor]) -> list[Tensor]:
        """Of such as :attr:`tensors`, what a checkpoint keeps: weights, first and second moments, smoothed loss."""
        return tensors

    def scattered(self, whole: list[Tensor] | None) -> list[Tensor]:
        """The inverse of :meth:`gathered`; None where only the first process has it."""
        if self.world == 1:
            assert whole is not None
            return whole
        found = [torch.empty_like(tensor) for tensor in self.tensors] if whole is None else whole
        for tensor in found:
            torch.distributed.broadcast(tensor, src=0)
        return found

    def whole_model(self) -> Transformer:
        """The model as it can be kept."""
        return self.model

    def train_losses(self, count: int) -> list[float]:
        """Training loss of each model over the last steps, after ``count`` of them."""
        return (self.smoothed / (1.0 - (1.0 - 1.0 / SMOOTHING) ** count)).tolist()

    def _captured(self) -> None:
        """The step as a CUDA graph; a few eager ones first, on the stream that it will be captured on."""
        if self._eager_left == 0 and self._graph is None:
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, stream=self._stream):
                    self._compute()
            except RuntimeError as error:  # an operator that cannot be captured: slower, not wrong
                log.warning("no CUDA graph (%s); steps are launched kernel by kernel", error)
                torch.cuda.set_stream(torch.cuda.default_stream(self.device))  # a failed capture stays on its own
                torch.cuda.synchronize(self.device)
                self._stream = None
                self._compute()
                return
            self._graph = graph
        if self._graph is not None:
            self._graph.replay()
            return
        self._eager_left -= 1
        current = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            self._compute()
        current.wait_stream(self._stream)

    def _compute(self) -> None:
        self._forget_gradients()
        self.losses.zero_()
        for part in self._parts():
            with self._autocast():
                logits = self.forward(part["inputs"])
            losses = objectives.row_losses(
                logits, **part, objective=self.spec.objective, mask_token=self.model.mask_token
            )
            # The mean over the *global* batch: its parts, and processes that share it, add their losses and gradients.
            losses = losses.sum(dim=1) / self.spec.batch
            with warnings.catch_warnings():
                # The parameters of a pack are strided views of one buffer on purpose; torch remarks on it once.
                warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")
                losses.sum().backward()
            self.losses.add_(losses.detach())
        if self.world > 1:
            self._share_gradients()
        self.smoothed.lerp_(self.losses, 1.0 / SMOOTHING)
        self._adamw()

    def _forget_gradients(self) -> None:
        self.model.flat_grad.zero_()

    def _share_gradients(self) -> None:
        """Add them over processes, and the losses too: all must agree on whether one of them diverged."""
        torch.distributed.all_reduce(self.model.flat_grad)
        torch.distributed.all_reduce(self.losses)

    def _parts(self) -> list[dict[str, Tensor]]:
        """The batch in as many parts as it is to be accumulated over."""
        parts = self.execution.accumulate
        if parts == 1:
            return [self._inputs]
        pieces = {name: value.tensor_split(parts, dim=1) for name, value in self._inputs.items()}
        return [{name: each[i] for name, each in pieces.items()} for i in range(parts)]

    def _per_number(self, size: int) -> tuple[Tensor, Tensor]:
        """Learning-rate factor and weight decay of every number of the flat buffer, which has this size.

        The decay is that of the undivided rate: with "mup" a matrix keeps its decay per step at every width.
        """
        rates, decays = (torch.empty(size, device=self.device) for _ in range(2))
        for group in self.model.groups:
            rates[group.span] = group.rate
            decays[group.span] = self.spec.weight_decay if group.decayed else 0.0
        return rates, decays

    @torch.no_grad()
    def _adamw(self) -> None:
        """Clip each model's gradient, then AdamW with decoupled weight decay on matrices, on the flat buffers."""
        grad = self.model.flat_grad
        self.norms.copy_(torch.linalg.vector_norm(grad, dim=1, keepdim=True))
        grad.mul_(self.spec.clip / self.norms.clamp(min=self.spec.clip))
        if self.device.type == "cpu":
            self._adamw_in_one_pass()
        else:
            self._adamw_on_tensors()

    def _adamw_on_tensors(self) -> None:
        """With learning rate and corrections as tensors: what a CUDA graph can replay."""
        model = self.model
        self._update(model.flat, model.flat_grad, self.first, self.second, self._rates, self._decays)

    def _update(self, flat: Tensor, grad: Tensor, first: Tensor, second: Tensor, rates: Tensor, decays: Tensor) -> None:
        first.lerp_(grad, 1 - self.spec.beta1)
        second.mul_(self.spec.beta2).addcmul_(grad, grad, value=1 - self.spec.beta2)
        lr = self.lr * self.factor
        flat.mul_(1 - lr * decays)
        scale = (second / self.bias_2).sqrt_().add_(EPSILON)
        flat.sub_(lr / self.bias_1 * rates * first / scale)

    def _adamw_in_one_pass(self) -> None:
        """The same by torch's fused kernel, a stretch of like numbers at a time."""
        spec, model = self.spec, self.model
        for k, lr in enumerate((self.lr[:, 0].double() * self.factor).tolist()):
            for group in model.groups:
                stretches = [[x[k, group.span]] for x in (model.flat, model.flat_grad, self.first, self.second)]
                torch._fused_adamw_(
                    stretches[0], stretches[1], stretches[2], stretches[3], [], [self.count],
                    lr=lr * group.rate, beta1=spec.beta1, beta2=spec.beta2,
                    weight_decay=spec.weight_decay / group.rate if group.decayed else 0.0,
                    eps=EPSILON, amsgrad=False, maximize=False,
                )  # fmt: skip

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.execution.bf16:
            return torch.autocast(self.device.type, dtype=torch.bfloat16, cache_enabled=False)
        return contextlib.nullcontext()


def _computed(value: Tensor) -> torch.dtype:
    """Tokens travel in their smallest type; lookups want 64 bits."""
    return value.dtype if value.is_floating_point() else torch.int64
