"""Tokens per second of the reference trainer beside eager loops as one writes them, and of two workers beside one.

    python benchmarks/train_speed.py [--seconds 4] [--rounds 3] [--workers] [--batches] [--compile] [--profile]

All sides train at one batch and context on one CPU thread, in alternating rounds in one process and by processor time,
so that a busy machine disturbs them alike; both keep the memory of a step for the next, as the trainer does.

* "same model": the trainer's autoregressive architecture as an nn.Module with one parameter per matrix,
  torch.optim.AdamW (fused), clip_grad_norm_, a random batch per step.
* "GPT-2": the architecture and loop of nanoGPT at its CPU recipe's shape (4 layers, width 128, 4 heads, context 64,
  batch 12, 65 characters): LayerNorm, GELU and learned positions instead of RMSNorm, normed queries and keys, rotary
  positions and SwiGLU, so it has the same products and less between them. "its oneDNN": with our products in it.
  With --compile also under torch.compile, ours or both.
* "packed": three models of batch 4 and heads of 8 as one, beside one after the other in that eager loop; "own packs":
  beside one after the other in ours.

The workers' line trains whole runs in one and in two processes; that of batches says how fast one core prepares them,
beside drawing them one step and one model at a time from float64 scores; --profile says where a step's time goes.
Figures of a busy machine are only good as ratios.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_trainer import corpus, kernels
from reference_trainer.batches import Batches
from reference_trainer.devices import prepare_cpu
from reference_trainer.execution import Execution
from reference_trainer.spec import RunSpec
from reference_trainer.train import Trainer

SHAPES = ((16, 1), (48, 2), (96, 3))
BATCH, CONTEXT = 16, 64


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int, head: int, ffn: int) -> None:
        super().__init__()
        self.heads, self.head = heads, head
        self.norm_1, self.norm_2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.norm_q, self.norm_k = nn.RMSNorm(head), nn.RMSNorm(head)
        self.qkv, self.out = nn.Linear(width, 3 * heads * head, bias=False), nn.Linear(heads * head, width, bias=False)
        self.gate_up, self.down = nn.Linear(width, 2 * ffn, bias=False), nn.Linear(ffn, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, _ = x.shape
        q, k, v = self.qkv(self.norm_1(x)).view(B, T, 3, self.heads, self.head).permute(2, 0, 3, 1, 4)
        q, k = _rotate(self.norm_q(q), cos, sin), _rotate(self.norm_k(k), cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, -1)
        x = x + self.out(y)
        gate, up = self.gate_up(self.norm_2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Plain(nn.Module):
    """The trainer's autoregressive model, the obvious way."""

    def __init__(self, shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary + 1, shape.width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        blocks = (PlainBlock(shape.width, shape.heads, shape.head_size, shape.ffn) for _ in range(shape.depth))
        self.blocks = nn.ModuleList(blocks)
        self.norm, self.vocabulary = nn.RMSNorm(shape.width), shape.vocabulary
        angle = torch.outer(
            torch.arange(shape.context), 10000.0 ** (-torch.arange(0, shape.head_size, 2) / shape.head_size)
        )
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = self.norm(x) @ self.embedding.weight[: self.vocabulary].T
        return F.cross_entropy(logits.view(-1, self.vocabulary), targets.reshape(-1))


class GPT2Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, d = x.shape
        q, k, v = (y.view(B, T, self.heads, -1).transpose(1, 2) for y in self.qkv(self.norm_1(x)).split(d, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, d)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class OurLinear(nn.Linear):
    """A linear layer whose product is ours."""

    def forward(self, x: Tensor) -> Tensor:
        return kernels.product(x.flatten(0, -2)[None], self.weight.T[None]).view(*x.shape[:-1], -1)


class GPT2(nn.Module):
    """What nanoGPT trains."""

    def __init__(self, shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(GPT2Block(shape.width, shape.heads) for _ in range(shape.depth))
        self.norm, self.vocabulary = nn.LayerNorm(shape.width, bias=False), shape.vocabulary
        for table in (self.embedding, self.positions):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.embedding.weight)
        return F.cross_entropy(logits.view(-1, self.vocabulary), targets.reshape(-1))


class GPT2OurProducts(GPT2):
    """The same, with our products."""

    def __init__(self, shape) -> None:
        super().__init__(shape)
        for each in self.blocks.modules():
            if type(each) is nn.Linear:
                each.__class__ = OurLinear


class PlainLoop:
    def __init__(self, spec: RunSpec, text: corpus.Corpus, kind: type[nn.Module] = Plain) -> None:
        shape = spec.shape(text.vocabulary)
        self.spec, self.model, self.data = spec, kind(shape), torch.from_numpy(text.train.astype(np.int64))
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=spec.lr, betas=(0.9, 0.95), fused=True)

    def step(self) -> None:
        context = self.spec.context
        at = torch.randint(len(self.data) - context - 1, (self.spec.batch,))
        rows = torch.stack([self.data[i : i + context + 1] for i in at])
        self.optimiser.zero_grad(set_to_none=True)
        self.model(rows[:, :-1], rows[:, 1:]).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()


class OurLoop:
    def __init__(self, spec: RunSpec | list[RunSpec], text: corpus.Corpus, folder: Path, **how: bool) -> None:
        specs = spec if isinstance(spec, list) else [spec]
        self.trainer, self.spec = Trainer(specs, folder, corpus=text, execution=Execution(**how)), specs[0]

    def step(self) -> None:
        self.trainer.train_step(self.trainer.state.step, 1.0)
        self.trainer.state.step += 1


def rate(loop, seconds: float) -> float:
    """Tokens per second of processor time, those of one model of a pack."""
    steps, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        loop.step()
        steps += 1
    return steps * loop.spec.tokens_per_step / (time.process_time() - began)


def paired(loops: list, seconds: float, rounds: int) -> np.ndarray:
    """Rates (rounds, loops) in alternating rounds."""
    for loop in loops:
        rate(loop, 0.3)
    return np.array([[rate(loop, seconds) for loop in loops] for _ in range(rounds)])


def spread(ratios: np.ndarray) -> str:
    return f"{np.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def worker(spec: dict, steps: int, folder: str) -> None:
    prepare_cpu()
    loop = OurLoop(RunSpec.from_dict(spec), corpus.synthetic(0, tokens=200_000, held_out=10_000), Path(folder))
    for _ in range(steps):
        loop.step()


def workers(spec: RunSpec, steps: int, count: int) -> float:
    """Seconds for ``count`` processes to do ``steps`` each, start-up included in both measurements."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        pool = [context.Process(target=worker, args=(spec.to_dict(), steps, folder)) for _ in range(count)]
        began = time.perf_counter()
        for process in pool:
            process.start()
        for process in pool:
            process.join()
    return time.perf_counter() - began


class OneByOne:
    """Batches drawn a step and a model at a time, as one writes it first."""

    def __init__(self, specs: list[RunSpec], text: corpus.Corpus) -> None:
        self.specs = specs
        self.rows = [text.unique(len(text.train) // s.context * s.context, s.context) for s in specs]

    def at(self, step: int) -> dict[str, Tensor]:
        made = [self.of(spec, rows, step) for spec, rows in zip(self.specs, self.rows, strict=True)]
        return {name: torch.from_numpy(np.stack([m[name] for m in made])) for name in made[0]}

    def of(self, spec: RunSpec, rows: np.ndarray, step: int) -> dict[str, np.ndarray]:
        rng = np.random.Generator(np.random.Philox(key=np.array([spec.seed, step], dtype=np.uint64)))
        clean = rows[(step * spec.batch + np.arange(spec.batch)) % len(rows)].astype(np.int64)
        k = np.ceil((1.0 - (rng.permutation(spec.batch) + rng.random()) / spec.batch) * spec.context).astype(int)
        score = rng.random(clean.shape)
        masked = score <= np.take_along_axis(np.sort(score, axis=1), k[:, None] - 1, axis=1)
        weight = (masked / k[:, None]).astype(np.float32)
        return {"inputs": np.where(masked, 256, clean), "targets": clean, "weight": weight}


def prepared(batch: int, context: int, models: int, text: corpus.Corpus, seconds: float, rounds: int) -> None:
    """Million tokens per second of processor time that one core makes batches of, two ways in alternating rounds."""
    specs = [RunSpec(seed=k, batch=batch, context=context, tokens=10**9) for k in range(models)]
    ours = Batches(specs, text, mask_token=256, share=slice(0, batch))

    def rate_of(source, first: int) -> float:
        steps, began = 0, time.process_time()
        while time.process_time() - began < seconds:
            source.at(first + steps)
            steps += 1
        return steps * batch * context * models / (time.process_time() - began) / 1e6

    rates = np.array([[rate_of(s, 10**4 * i) for s in (OneByOne(specs, text), ours)] for i in range(rounds)])
    one, all_ = np.median(rates, axis=0)
    ratio = spread(rates[:, 1] / rates[:, 0])
    print(
        f"masked batches of {models} × {batch}×{context}: {one:.1f} → {all_:.1f} M tokens/s, ratio {ratio}", flush=True
    )


KINDS = {"products": ("aten::mm", "aten::bmm", "mkldnn::_linear"), "attention": ("aten::_scaled_dot_product",)}


def profiled(loops: dict[str, PlainLoop | OurLoop], rounds: int = 4, steps: int = 5) -> None:
    """Milliseconds of a step by kind of operator: the 40 % quantile of each operator's times, which others disturb little."""
    times: dict[str, dict[tuple[str, str], list[float]]] = {name: defaultdict(list) for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            loop.step()
            with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as seen:
                for _ in range(steps):
                    loop.step()
            for event in seen.events():
                times[name][event.name, str(event.input_shapes)].append(event.self_cpu_time_total)
    for name, found in times.items():
        spent = dict.fromkeys((*KINDS, "all else"), 0.0)
        for (operator, _), each in found.items():
            kind = next((kind for kind, begins in KINDS.items() if operator.startswith(begins)), "all else")
            spent[kind] += float(np.quantile(each, 0.4)) * len(each) / (rounds * steps) / 1e3
        print(f"{name:>12}", ", ".join(f"{kind} {ms:.1f} ms" for kind, ms in spent.items()), "a step", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", action="store_true", help="also two workers against one")
    parser.add_argument("--batches", action="store_true", help="also how fast batches are prepared")
    parser.add_argument("--compile", action="store_true", help="also ours, and GPT-2, with torch.compile")
    parser.add_argument("--profile", action="store_true", help="also where a step's time goes, beside GPT-2's")
    options = parser.parse_args()
    prepare_cpu()
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 256, 1_100_000, dtype=np.uint8)
    text = corpus.Corpus(tokens[:1_000_000], tokens[1_000_000:], 256, 1.0, "bytes", "random")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, torch {torch.__version__}; tokens/s of one core")
    more = (options.seconds, options.rounds)
    if options.batches:
        for batch, context, models in ((512, 256, 1), (64, 256, 1), (16, 64, 8), (4, 64, 3)):
            prepared(batch, context, models, text, *more)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'beside':>12}{'width':>6}{'depth':>6}{'theirs':>10}{'ours':>10}{'ratio (range)':>18}{'masked':>10}")
        for width, depth in SHAPES:
            spec = RunSpec(objective="autoregressive", width=width, depth=depth, context=CONTEXT, batch=BATCH)
            loops = [PlainLoop(spec, text), OurLoop(spec, text, Path(folder))]
            loops.append(OurLoop(replace(spec, objective="masked"), text, Path(folder)))
            show("same model", spec, paired(loops, *more))
        few = corpus.Corpus(tokens[:1_000_000] % 65, tokens[1_000_000:] % 65, 65, 1.0, "bytes", "random")
        spec = RunSpec(objective="autoregressive", width=128, depth=4, head_size=32, context=64, batch=12)
        loops = [PlainLoop(spec, few, GPT2), OurLoop(spec, few, Path(folder))]
        loops.append(OurLoop(replace(spec, objective="masked"), few, Path(folder)))
        if options.compile:
            theirs = PlainLoop(spec, few, GPT2)
            theirs.model.compile()
            loops += [theirs, OurLoop(spec, few, Path(folder), compile=True)]
        rates = paired([*loops, PlainLoop(spec, few, GPT2OurProducts)], *more)
        show("GPT-2", spec, rates[:, :3])
        show("its oneDNN", spec, rates[:, [-1, 1]])
        if options.profile:
            profiled({"GPT-2": loops[0], "this trainer": loops[1]})
        if options.compile:
            show("ours comp.", spec, rates[:, [0, 4]])
            show("both comp.", spec, rates[:, [3, 4]])
        for width, depth in ((16, 2), (32, 2), (64, 3)):
            spec = RunSpec(objective="autoregressive", width=width, depth=depth, head_size=8, context=64, batch=4)
            specs = [replace(spec, seed=k) for k in range(3)]
            loops = [PlainLoop(spec, text), OurLoop(specs, text, Path(folder)), OurLoop(spec, text, Path(folder))]
            if options.compile:
                loops.append(OurLoop(specs, text, Path(folder), compile=True))
            rates = paired(loops, *more) * [1, 3, 1, 3][: len(loops)]
            show("packed", spec, rates[:, :2])
            show("own packs", spec, rates[:, [2, 1]])
            if options.compile:
                show("compiled", spec, rates[:, [1, 3]])
    if options.workers:
        spec = RunSpec(objective="autoregressive", width=48, depth=2, context=CONTEXT, batch=BATCH)
        one, two = workers(spec, 600, 1), workers(spec, 600, 2)
        print(json.dumps({"two workers do, of one worker's rate": round(2 * one / two, 2)}))


def show(beside: str, spec: RunSpec, rates: np.ndarray) -> None:
    theirs, ours, *masked = np.median(rates, axis=0)
    last = f"{masked[0]:>10,.0f}" if masked else ""
    ratio = spread(rates[:, 1] / rates[:, 0])
    print(f"{beside:>12}{spec.width:>6}{spec.depth:>6}{theirs:>10,.0f}{ours:>10,.0f}{ratio:>18}{last}", flush=True)


if __name__ == "__main__":
    main()
