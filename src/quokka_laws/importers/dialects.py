"""Dialects of training logs: what a program prints, said in plain lines; and what it prints once, about the whole run.

A plain line says a step and its losses by name, ``step 250: train loss 3.21, val loss 3.19`` or ``{'step': 250, 'loss':
3.21}``, and most programs print such lines: nanoGPT, modded-nanogpt, nanochat, llm.c's console, LitGPT, MaxText, nanotron,
torchtune, mlx-lm, Lightning and tqdm bars, and Keras. The table below holds those that do not, as rewritings of their lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """A way of printing logs.

    Parameters
    ----------
    name : str
        The program.
    mark : Pattern
        What its logs hold and no others.
    plain : tuple of (Pattern, str)
        Replacements that make plain lines of its lines, one after the other.
    """

    name: str
    mark: re.Pattern[str]
    plain: tuple[tuple[re.Pattern[str], str], ...]

    def rewritten(self, line: str) -> str:
        """A line as a plain one."""
        for pattern, text in self.plain:
            line = pattern.sub(text, line)
        return line


DIALECTS = (
    Dialect(
        "llm.c's main.log",
        re.compile(r"(?m)^s:\d+ t[er]l:"),
        (
            (re.compile(r"^s:(\d+) tel:"), r"step \1 val loss "),
            (re.compile(r"^s:(\d+) trl:"), r"step \1 train loss "),
        ),
    ),
    Dialect(
        "build-nanogpt's log.txt",
        re.compile(r"(?m)^\d+ (?:train|val) \d+\.\d+\s*$"),
        ((re.compile(r"^(\d+) (train|val) "), r"step \1 \2 loss "),),
    ),
    # Composer calls a step a batch, and counts batches within an epoch where it trains for epochs.
    Dialect(
        "Composer",
        re.compile(r"(?m)^\[(?:epoch=\d+\]\[)?batch=\d+"),
        (
            (re.compile(r"^\[epoch=(\d+)\]\[batch="), r"[epoch=\1,step="),
            (re.compile(r"^\[batch="), "[step="),
        ),
    ),
    # fairseq's losses are in bits; with label smoothing the cross-entropy is nll_loss.
    Dialect(
        "fairseq",
        re.compile(r"(?m)\bwpb\b.*\bnum_updates\b"),
        (
            (re.compile(r'(?<![a-z_])(valid_)?loss(?=.*nll_loss)'), r"\1smoothed"),
            (re.compile(r'(?<![a-z])(valid_)?(nll_)?loss(?="?[\s:=])'), r"\1bits_loss"),
            (re.compile(r'(?<![a-z])(?:valid_)?ppl(?="?[\s:=])'), "exponential"),
        ),
    ),
    # The last line of Hugging Face's Trainer holds the mean loss of the whole run.
    Dialect("Hugging Face's Trainer", re.compile(r"'train_runtime':|\{'(?:eval_)?loss': "), ((re.compile(r"^.*'train_runtime'.*$"), ""),)),
    # Keras before 2.2 counts samples, not steps, in its bars.
    Dialect("Keras", re.compile(r"(?m)^Train on \d+ samples"), ((re.compile(r"^\s*(\d+)/\d+ \["), "["),)),
)  # fmt: skip

ONCE: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("tokens_per_step", re.compile(r"tokens per iteration will be:\s*([\d,]+)")),  # nanoGPT
    ("tokens_per_step", re.compile(r"seq_len T=\d+.*\btotal_batch_size=(\d+)")),  # llm.c
    ("tokens_per_step", re.compile(r"total desired batch size:\s*([\d,]+)")),  # build-nanogpt, llm.c's train_gpt2.py
    ("tokens_per_step", re.compile(r"Total batch size ([\d,]+) => gradient accumulation")),  # nanochat
    ("N", re.compile(r"^total\s+: ([\d,]+)$")),  # nanochat's table of parts
    ("max_steps", re.compile(r"Total optimization steps = ([\d,]+)")),  # Hugging Face
    ("examples", re.compile(r"Num examples = ([\d,]+)")),
    ("examples_per_step", re.compile(r"Total train batch size \(.*\) = ([\d,]+)")),
)
"""Facts of a run that are no pairs of a name and a number, as the programs in the comments print them."""


def of(text: str) -> Dialect | None:
    """The dialect of a log by how it begins; None if its lines are plain."""
    return next((dialect for dialect in DIALECTS if dialect.mark.search(text)), None)
