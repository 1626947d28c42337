"""Tokens per second of the reference trainer beside a plain eager loop of the same model, and of two workers beside one.

    python benchmarks/train_speed.py [--seconds 4] [--rounds 3] [--workers] [--batches]

Both sides train the same autoregressive architecture, batch and context on one CPU thread, in alternating rounds in
one process, so that a busy machine disturbs both alike. The plain side is what one writes first: an nn.Module with one
parameter per matrix, torch.optim.AdamW (fused), clip_grad_norm_, a random batch per step. The workers' line trains
whole runs in one and in two processes; that of batches says how fast one core prepares them, which is what a GPU waits
for. Figures of a busy machine are only good as ratios.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_trainer import corpus
from reference_trainer.batches import Batches
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


class PlainLoop:
    def __init__(self, spec: RunSpec, text: corpus.Corpus) -> None:
        shape = spec.shape(text.vocabulary)
        self.model, self.data = Plain(shape), torch.from_numpy(text.train)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=spec.lr, betas=(0.9, 0.95), fused=True)

    def step(self) -> None:
        at = torch.randint(len(self.data) - CONTEXT - 1, (BATCH,))
        rows = torch.stack([self.data[i : i + CONTEXT + 1] for i in at])
        self.optimiser.zero_grad(set_to_none=True)
        self.model(rows[:, :-1], rows[:, 1:]).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()


class OurLoop:
    def __init__(self, spec: RunSpec, text: corpus.Corpus, folder: Path) -> None:
        self.trainer = Trainer([spec], folder, corpus=text)

    def step(self) -> None:
        self.trainer.train_step(self.trainer.state.step, 1.0)
        self.trainer.state.step += 1


def rate(loop, seconds: float) -> float:
    """Tokens per second of processor time would hide waiting: this is wall time."""
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        loop.step()
        steps += 1
    return steps * BATCH * CONTEXT / (time.perf_counter() - began)


def worker(spec: dict, steps: int, folder: str) -> None:
    torch.set_num_threads(1)
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


def prepared(batch: int, context: int, models: int, text: corpus.Corpus) -> float:
    """Tokens per second of processor time that one thread makes batches of."""
    specs = [RunSpec(seed=k, batch=batch, context=context, tokens=10**9) for k in range(models)]
    batches = Batches(specs, text, mask_token=256, share=slice(0, batch), ahead=False)
    steps, began = 0, time.process_time()
    while time.process_time() - began < 2.0:
        batches.at(steps)
        steps += 1
    return steps * batch * context * models / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", action="store_true", help="also two workers against one")
    parser.add_argument("--batches", action="store_true", help="also how fast batches are prepared")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 256, 1_100_000)
    text = corpus.Corpus(tokens[:1_000_000], tokens[1_000_000:], 256, 1.0, "bytes", "random")
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, torch {torch.__version__}, {BATCH}×{CONTEXT} tokens a step"
    )
    print(
        f"{'width':>6}{'depth':>6}{'N':>9}{'plain tok/s':>13}{'ours tok/s':>12}{'ratio (range)':>18}{'ours masked':>13}"
    )
    for width, depth in SHAPES:
        spec = RunSpec(objective="autoregressive", width=width, depth=depth, context=CONTEXT, batch=BATCH)
        masked = RunSpec(objective="masked", width=width, depth=depth, context=CONTEXT, batch=BATCH)
        with tempfile.TemporaryDirectory() as folder:
            ours, plain = OurLoop(spec, text, Path(folder)), PlainLoop(spec, text)
            hidden = OurLoop(masked, text, Path(folder))
            n = sum(p.numel() for p in plain.model.parameters())
            assert n == sum(p.numel() for p in ours.trainer.model.parameters())
            for loop in (ours, plain, hidden):
                rate(loop, 0.3)
            rates = [(rate(plain, options.seconds), rate(ours, options.seconds), rate(hidden, options.seconds))
                     for _ in range(options.rounds)]  # fmt: skip
        a, b, c = np.median(rates, axis=0)
        ratios = [y / x for x, y, _ in rates]
        spread = f"{np.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"{width:>6}{depth:>6}{n:>9,}{a:>13,.0f}{b:>12,.0f}{spread:>18}{c:>13,.0f}", flush=True)
    if options.workers:
        spec = RunSpec(objective="autoregressive", width=48, depth=2, context=CONTEXT, batch=BATCH)
        one, two = workers(spec, 600, 1), workers(spec, 600, 2)
        print(json.dumps({"two workers do, of one worker's rate": round(2 * one / two, 2)}))
    if options.batches:
        for batch, context, models in ((512, 256, 1), (64, 256, 1), (16, 64, 8)):
            rate_M = prepared(batch, context, models, text) / 1e6
            print(f"masked batches of {models} × {batch}×{context}: {rate_M:.0f} M tokens/s")


if __name__ == "__main__":
    main()
