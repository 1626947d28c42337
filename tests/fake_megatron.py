"""Stands in for Megatron's ``pretrain_gpt.py``: takes its options as it does, and "trains" by a formula.

The options, their types and choices are those of ``megatron/training/arguments.py``; the learning rate is that of
``megatron/core/optimizer_param_scheduler.py`` (0.16); the log lines are those of its training loop.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path

INTEGERS = [
    "num-layers",
    "hidden-size",
    "num-attention-heads",
    "kv-channels",
    "ffn-hidden-size",
    "rotary-base",
    "seq-length",
    "vocab-size",
    "max-position-embeddings",
    "micro-batch-size",
    "global-batch-size",
    "train-iters",
    "lr-warmup-iters",
    "seed",
    "log-interval",
    "eval-iters",
    "save-interval",
    "exit-interval",
    "eval-interval",
    "lr-decay-iters",
    "lr-wsd-decay-iters",
    "ckpt-step",
    "mask-token",
]
FLOATS = [
    "norm-epsilon",
    "attention-dropout",
    "hidden-dropout",
    "init-method-std",
    "lr",
    "min-lr",
    "weight-decay",
    "adam-beta1",
    "adam-beta2",
    "clip-grad",
]
FLAGS = [
    "swiglu",
    "qk-layernorm",
    "disable-bias-linear",
    "override-opt_param-scheduler",
    "bf16",
    "use-distributed-optimizer",
]
CHOICES = {
    "normalization": ("LayerNorm", "RMSNorm"),
    "position-embedding-type": ("learned_absolute", "rope", "mrope", "relative", "none"),
    "lr-decay-style": ("constant", "linear", "cosine", "inverse-square-root", "WSD"),
    "tokenizer-type": ("NullTokenizer", "HuggingFaceTokenizer", "GPT2BPETokenizer"),
}


def parser(script: str) -> argparse.ArgumentParser:
    """Of Megatron-LM, or of MegaDLMs, which has options of its own and one style less."""
    masked = script == "pretrain_difflm.py"
    made = argparse.ArgumentParser(allow_abbrev=False)
    for name in INTEGERS:
        made.add_argument(f"--{name}", type=int)
    for name in FLOATS:
        made.add_argument(f"--{name}", type=float)
    for name in FLAGS:
        made.add_argument(f"--{name}", action="store_true")
    for name, choices in CHOICES.items():
        made.add_argument(f"--{name}", choices=choices)
    styles = ("exponential", "linear", "cosine", *(() if masked else ("minus_sqrt",)))
    made.add_argument("--lr-wsd-decay-style", choices=styles)
    for name in ("train-data-path", "valid-data-path"):
        made.add_argument(f"--{name}", nargs="*")
    for name in ("save", "load", *(("model-running-mode", "base-model", "attention-mask-type") if masked else ())):
        made.add_argument(f"--{name}")
    return made


def rate(given: argparse.Namespace, step: int) -> float:
    """Learning rate after a step."""
    if given.lr_warmup_iters and step <= given.lr_warmup_iters:
        return given.lr * step / given.lr_warmup_iters
    if given.lr_decay_style == "constant":
        return given.lr
    progress = max(0.0, step - given.lr_decay_iters + given.lr_wsd_decay_iters) / given.lr_wsd_decay_iters
    return given.lr * (1 - (math.sqrt(progress) if given.lr_wsd_decay_style == "minus_sqrt" else progress))


def main(script: str, words: list[str]) -> int:
    given = parser(script).parse_args(words)
    assert given.global_batch_size % given.micro_batch_size == 0
    for prefix in (*given.train_data_path, *given.valid_data_path):
        assert Path(f"{prefix}.bin").exists()
        assert Path(f"{prefix}.idx").exists()
    load, save = Path(given.load), Path(given.save)
    latest = load / "latest_checkpointed_iteration.txt"
    begin = given.ckpt_step or (int(latest.read_text()) if latest.exists() else 0)
    assert begin == 0 or (load / f"iter_{begin:07d}").exists(), f"no checkpoint {begin} in {load}"
    for name, value in vars(given).items():
        print(f"  {name} {'.' * (48 - len(name))} {value}")
    N = 12 * given.num_layers * given.hidden_size**2
    print(f" > number of parameters on (tensor, pipeline) model parallel rank (0, 0): {N}")
    for step in range(begin + 1, given.train_iters + 1):
        D, lr = step * given.global_batch_size * given.seq_length, rate(given, step)
        loss = 1.8 + 300 / N**0.5 + 500 / D**0.5 + 0.2 * lr / given.lr
        if step % given.log_interval == 0:
            print(
                f" iteration {step:8d}/{given.train_iters:8d} | consumed samples: {step * given.global_batch_size:12d} | "
                f"learning rate: {lr:.6E} | global batch size: {given.global_batch_size:5d} | lm loss: {loss:.6E} | "
            )
        if step % given.eval_interval == 0:
            print(f" validation loss at iteration {step} | lm loss value: {loss:.6E} | lm loss PPL: 1.0E+01 | ")
        if os.environ.get("FAIL_AT") == str(step):
            print("node failure")
            return 1
        if step % given.exit_interval == 0:
            (save / f"iter_{step:07d}").mkdir(parents=True)
            (save / "latest_checkpointed_iteration.txt").write_text(str(step))
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
