"""What can only be seen on a GPU, in about five minutes: ``python -m reference_trainer.gpu_check``.

Equality with the CPU, CUDA graph against eager steps, validation under autocast, memory, tokens per second and
utilisation at five shapes: Markdown for docs/trainer.md. The goals are estimates for one H200, anchored on published
logs of other trainers; nobody has measured them with this one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from reference_trainer import corpus
from reference_trainer.batches import Batches
from reference_trainer.evaluate import Validation, validation_rows
from reference_trainer.execution import Execution
from reference_trainer.model import Transformer, counts
from reference_trainer.spec import RunSpec
from reference_trainer.step import Step
from reference_trainer.train import Trainer

# width, depth, goal in million tokens a second
SHAPES = ((64, 2, 25.0), (128, 4, 9.5), (256, 6, 3.5), (512, 8, 1.25), (640, 10, 0.7))
TOKENS_AT_ONCE, CONTEXT, PACK = 2**15, 256, 8
# Dense bf16 FLOPs a second, by a part of the device's name; NVIDIA's data sheets.
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "B200": 2250e12, "L40S": 362e12, "4090": 165e12}
SMALL = RunSpec(objective="masked", width=64, depth=2, context=64, batch=16, tokens=10**6, init="mup")


def losses_after(
    text: corpus.Corpus, execution: Execution, steps: int = 20, *, graph: bool = True
) -> tuple[list[float], torch.Tensor]:
    """Losses and weights of two packed models after some steps."""
    model = Transformer(SMALL.shape(text.vocabulary), [0, 1], execution.device, init=SMALL.init)
    step = Step(model, [0.004, 0.002], SMALL, execution=execution)
    if not graph:
        step._stream = None
    specs = [SMALL, replace(SMALL, seed=1)]
    share = slice(0, SMALL.batch)
    batches = Batches(specs, text, mask_token=model.mask_token, share=share, device=execution.device)
    for i in range(steps):
        step(batches.at(i), min(1.0, (i + 1) / 5), i + 1)
    return step.losses.tolist(), model.flat.cpu()


def autocast_error(text: corpus.Corpus, device: str) -> tuple[float, float]:
    """Validation loss in fp32, and what bf16 products add to it."""
    model = Transformer(SMALL.shape(text.vocabulary), [0], device, init=SMALL.init)
    rows, _ = validation_rows(text, SMALL.context, 256)
    recipe = Validation(rows, SMALL.objective, model.shape, passes=2)
    exact = recipe.scores(model, bytes_per_token=1.0)[0].loss
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        rounded = recipe.scores(model, bytes_per_token=1.0)[0].loss
    return exact, rounded - exact


def rate(text: corpus.Corpus, width: int, depth: int, execution: Execution, *, seconds: float) -> dict[str, float]:
    """Tokens per second of a pack at one shape, its share of the device's peak, and memory."""
    batch = max(1, TOKENS_AT_ONCE // CONTEXT // PACK) if execution.on_cuda else 1
    spec = RunSpec(objective="masked", width=width, depth=depth, context=CONTEXT, batch=batch, tokens=10**9)
    with tempfile.TemporaryDirectory() as folder:
        specs = [replace(spec, seed=k) for k in range(PACK)]
        trainer = Trainer(specs, Path(folder), execution=execution, corpus=text)
        for i in range(6):
            trainer.train_step(i, 1.0)
        wait(execution)
        steps, began = 6, time.perf_counter()
        while time.perf_counter() - began < seconds:
            trainer.train_step(steps, 1.0)
            steps += 1
        wait(execution)
    tokens = (steps - 6) * spec.tokens_per_step * PACK / (time.perf_counter() - began)
    found = counts(trainer.shape)
    memory = torch.cuda.max_memory_allocated() / 2**30 if execution.on_cuda else float("nan")
    share = tokens * found["flops_per_token"] / peak() if execution.on_cuda else float("nan")
    return {"N": found["N_total"], "tokens": tokens, "mfu": share, "GiB": memory}


def wait(execution: Execution) -> None:
    """For the device to have done what it was given."""
    if execution.on_cuda:
        torch.cuda.synchronize()


def peak() -> float:
    """FLOPs a second that the device could do; nan for one that the list does not have."""
    name = torch.cuda.get_device_name()
    return next((flops for part, flops in PEAKS.items() if part in name), float("nan"))


def check(device: str, *, seconds: float = 10.0, shapes: tuple[tuple[int, int, float], ...] = SHAPES) -> bool:
    """Print the checks and the table; whether all checks hold."""
    text = corpus.synthetic(0, tokens=2_000_000, held_out=50_000)
    fp32 = Execution(device=device, precision="fp32")
    here, there = losses_after(text, Execution())[0], losses_after(text, fp32)[0]
    apart = max(abs(a / b - 1) for a, b in zip(there, here, strict=True))
    graph, eager = (losses_after(text, fp32, graph=g)[1] for g in (True, False))
    same = torch.equal(graph, eager)
    exact, added = autocast_error(text, device)
    print(f"equality with the CPU, fp32, 20 steps: losses differ by {apart:.1e} (at most 1e-3)")
    print(f"CUDA graph against eager steps: {'bit for bit equal' if same else 'NOT EQUAL'}")
    print(f"validation under bf16: {added:+.5f} nats of {exact:.4f}\n")
    print("| width, depth | N | tokens/s | goal on an H200 | share of peak | GiB |\n|---|---|---|---|---|---|")
    for width, depth, goal in shapes:
        found = rate(text, width, depth, Execution(device=device), seconds=seconds)
        print(
            f"| {width}, {depth} | {found['N']:,.0f} | {found['tokens'] / 1e6:.3g} M | {goal:g} M "
            f"| {100 * found['mfu']:.1f} % | {found['GiB']:.1f} |",
            flush=True,
        )
    return apart < 1e-3 and same


def main() -> None:
    """Of ``python -m reference_trainer.gpu_check``."""
    if not torch.cuda.is_available():
        sys.exit("Error: torch sees no CUDA device; this check is for a machine that has one")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, context {CONTEXT}, packs of {PACK}\n")
    sys.exit(0 if check("cuda") else 1)


if __name__ == "__main__":
    main()
