"""One step, whichever way it is computed: in parts, with activations computed twice, by other kernels, replayed."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from reference_trainer import kernels
from reference_trainer.batches import Batches
from reference_trainer.corpus import Corpus
from reference_trainer.execution import Execution
from reference_trainer.model import Transformer
from reference_trainer.spec import RunSpec
from reference_trainer.step import Step

TOKENS = np.random.default_rng(0).integers(0, 30, 8 * 200).astype(np.uint8)
TEXT = Corpus(TOKENS, TOKENS, 30, 1.0, "bytes", "digest")
SPEC = RunSpec(objective="masked", width=16, depth=2, context=8, batch=8, init="mup", clip=0.5, tokens=10_000)


def trained(spec: RunSpec = SPEC, *, steps: int = 5, tensors: bool = False, **how: object) -> Step:
    """Two packed models after some steps."""
    model = Transformer(spec.shape(30), [0, 1], init=spec.init)
    step = Step(model, [0.01, 0.003], spec, execution=Execution(**how))  # type: ignore[arg-type]
    if tensors:
        step._adamw_in_one_pass = step._adamw_on_tensors  # type: ignore[method-assign]
    batches = Batches([spec, replace(spec, seed=1)], TEXT, mask_token=30, share=slice(0, spec.batch))
    for i in range(steps):
        step(batches.at(i), min(1.0, (i + 1) / 3), i + 1)
    return step


@pytest.mark.parametrize("objective", ["masked", "uniform", "autoregressive"])
@pytest.mark.parametrize("how", [{"accumulate": 4}, {"accumulate": 3}, {"recompute": True}])
def test_less_memory_is_the_same_step(objective: str, how: dict[str, object]) -> None:
    """Accumulation over parts, also unequal ones, is the big batch to 1e-6; activations computed again are the same."""
    spec = replace(SPEC, objective=objective)
    plain, other = trained(spec), trained(spec, **how)
    torch.testing.assert_close(other.losses, plain.losses, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(other.norms, plain.norms, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other.model.flat_grad, plain.model.flat_grad, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="needs a C++ compiler")
@pytest.mark.parametrize("large", [0, kernels.LARGE_PRODUCT])
def test_compiled_is_the_same_step(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With products by oneDNN, and with the library's."""
    monkeypatch.setattr(kernels, "LARGE_PRODUCT", large)
    plain, compiled = trained(), trained(compile=True)
    torch.testing.assert_close(compiled.losses, plain.losses, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(compiled.model.flat_grad, plain.model.flat_grad, rtol=1e-3, atol=1e-5)


def test_optimiser_on_tensors_is_the_fused_one() -> None:
    """What a GPU runs, beside what a CPU does."""
    torch.testing.assert_close(trained(tensors=True).model.flat, trained().model.flat, rtol=1e-4, atol=1e-5)


def test_optimiser_is_torchs_adamw() -> None:
    """Against torch.optim.AdamW with a group for each stretch, one model, clipping by the library."""
    spec = replace(SPEC, objective="autoregressive")
    model = Transformer(spec.shape(30), [0], init=spec.init)
    step = Step(model, [0.01], spec)
    theirs = [model.flat[:, g.span].clone().requires_grad_() for g in model.groups]
    groups = [
        {"params": [p], "lr": 0.01 * g.rate, "weight_decay": spec.weight_decay / g.rate if g.decayed else 0.0}
        for p, g in zip(theirs, model.groups, strict=True)
    ]
    optimiser = torch.optim.AdamW(groups, betas=(spec.beta1, spec.beta2))
    batches = Batches([spec], TEXT, mask_token=30, share=slice(0, spec.batch))
    for i in range(4):
        step(batches.at(i), 1.0, i + 1)
        # flat_grad was clipped in place by the step: the gradient that its optimiser saw
        for p, g in zip(theirs, model.groups, strict=True):
            p.grad = model.flat_grad[:, g.span].clone()
        optimiser.step()
    for p, g in zip(theirs, model.groups, strict=True):
        torch.testing.assert_close(model.flat[:, g.span], p.detach(), rtol=1e-5, atol=1e-6)


def test_bf16_keeps_weights_and_moments_in_fp32_and_the_loss_near() -> None:
    plain, rounded = trained(steps=20), trained(steps=20, precision="bf16")
    assert {x.dtype for x in (rounded.model.flat, rounded.model.flat_grad, rounded.first, rounded.second)} == {
        torch.float32
    }
    assert not torch.equal(plain.losses, rounded.losses)
    torch.testing.assert_close(rounded.losses, plain.losses, rtol=0.02, atol=0.0)


def test_small_updates_are_not_lost_to_bf16() -> None:
    """A rate at which no weight moves by half a bf16 digit in a step still trains."""
    spec = replace(SPEC, weight_decay=0.0)
    model = Transformer(spec.shape(30), [0], init=spec.init)
    before = model.flat.clone()
    step = Step(model, [1e-5], spec, execution=Execution(precision="bf16"))
    batches = Batches([spec], TEXT, mask_token=30, share=slice(0, spec.batch))
    for i in range(3):
        step(batches.at(i), 1.0, i + 1)
    moved = (model.flat - before).abs()
    assert float((moved > 0).float().mean()) > 0.9
    assert float(moved.max()) < 1e-4


def record(step: Step) -> torch.fx.GraphModule:
    """The operators of a step, which is taken meanwhile."""
    compute = step._compute

    def take(_: torch.Tensor) -> torch.Tensor:
        compute()
        return step.losses

    return make_fx(take)(torch.zeros(()))


@torch.no_grad()
def replay(graph: torch.fx.GraphModule) -> None:
    graph(torch.zeros(()))


@pytest.mark.parametrize("objective", ["masked", "uniform", "autoregressive"])
def test_a_captured_step_replays_bit_for_bit(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a CUDA graph does, as far as a CPU can tell: the operators of one step, recorded, redo the others exactly.

    Recorded with the operators that a GPU runs (no kernels by hand, optimiser on tensors). A number that Python computed
    between them, such as a learning rate or a bias correction, would be frozen, and every step after the first differ.
    """
    monkeypatch.setattr(kernels, "_on_cpu", lambda x: False)
    spec = replace(SPEC, objective=objective, width=8, depth=1)
    pair = []
    for recorded in (False, True):
        model = Transformer(spec.shape(30), [0, 1], init=spec.init)
        step = Step(model, [0.01, 0.003], spec)
        step._adamw_in_one_pass = step._adamw_on_tensors  # type: ignore[method-assign]
        batches = Batches([spec, replace(spec, seed=1)], TEXT, mask_token=30, share=slice(0, spec.batch))
        step(batches.at(0), 0.3, 1)
        if recorded:
            kept = [x.clone() for x in (model.flat, step.first, step.second)]
            graph = record(step)
            for x, value in zip((model.flat, step.first, step.second), kept, strict=True):
                x.copy_(value)
            step._compute = lambda graph=graph: replay(graph)  # type: ignore[method-assign]
        pair.append((step, batches))
    for i in range(1, 5):
        for step, batches in pair:
            step(batches.at(i), 0.3 + 0.1 * i, i + 1)
    (eager, _), (replayed, _) = pair
    assert torch.equal(eager.model.flat, replayed.model.flat)
