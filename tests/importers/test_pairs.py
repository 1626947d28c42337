"""Pairs of a name and a number in one printed line."""

from __future__ import annotations

import math

import pytest

from quokka_laws.importers.pairs import alone, counters, facts, losses, others, pairs, rank


def named(line: str) -> dict[str, float]:
    return {p.name: p.value for p in pairs(line) if p.name}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("step 250: train loss 1.9642, val loss 2.0423", {"step": 250, "train loss": 1.9642, "val loss": 2.0423}),
        ("step:125/1750 val_loss:4.2887 train_time:12345ms step_avg:98.76ms", {"step": 125, "val_loss": 4.2887}),
        ("[2025-01-01 12:00:00,123][INFO] step=10, loss=3.5, 42.6% mfu", {"step": 10, "loss": 3.5}),
        ("{'loss': 2.1, 'grad_norm': np.float64(1.5), 'learning_rate': 5e-05}", {"loss": 2.1, "learning_rate": 5e-5}),
        ('"num_updates": "1,300", "loss": "nan"', {"num_updates": 1300, "loss": math.inf}),
        ("consumed_tokens: 93.2K | lm_loss: tensor(9.2, device='cuda:0')", {"consumed_tokens": 93200, "lm_loss": 9.2}),
        ("saving checkpoint to out2", {}),
    ],
)
def test_names_and_numbers(line: str, said: dict[str, float]) -> None:
    assert said.items() <= named(line).items()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("step 00039/00040 (97.50%) | loss: 4.0", {"step": 39, "end": 40}),
        ("iteration: 91 / 100 | lm_loss: 9.2", {"iter": 91, "end": 100}),
        ("Step 5 of 20: loss = 3", {"step": 5, "end": 20}),
        ("Epoch 1 | iter 10 step 5 | loss train: 10.5", {"epoch": 1, "iter": 10, "step": 5}),
        ("10%|# | 100/1000 [00:10<01:30, 9.9it/s, loss=3.2]", {"step": 100, "end": 1000, "bar": True}),
        ("Validating: 50%|## | 5/10 [00:10<01:30, loss=3.2]", {}),
        ("eval metrics after step: 39, loss=4.733", {"step": 39}),
        ("[eval_step=3/16] loss=3", {}),
        ("micro step 3, warmup steps 100, loss 3", {}),
        ("at 2025/01/02, loss 3.2", {}),
    ],
)
def test_what_counts_the_steps(line: str, said: dict[str, float]) -> None:
    assert counters(line, list(pairs(line))) == said


def test_losses_of_a_line() -> None:
    def of(line: str) -> dict[str, float]:
        return losses(line, list(pairs(line)))

    assert of("step 1 | loss 3 | aux_loss: 0.1 | grad_norm 2 | best val loss 2.5") == {"loss": 3}
    assert of("eval metrics after step: 39, loss=4.5") == {"validation loss": 4.5}
    assert of("I01 src/eval.py:210] step: 39, loss=4.5") == {"loss": 4.5}
    assert of("| valid on 'valid' subset | train loss 4.5") == {"train loss": 4.5}


def test_the_rest_of_a_line() -> None:
    line = "step 1 | loss 3 | lr 6.00e-04 | tok/sec: 327,680 | total_tokens=4,194,304"
    assert others(list(pairs(line))) == {"lr": 6e-4, "total_tokens": 4194304}
    for text, whether in (("val loss 3.19", True), ("Final validation loss: 3.2\n", True), ("train_loss 3", False), ("the val loss is 3", False)):  # fmt: skip
        assert alone(text, list(pairs(text))) is whether
    assert [rank(text) for text in ("[rank3]: step", "2: {'loss'", "[Rank 1] a", "step 4: loss")] == [3, 2, 1, None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("number of parameters: 123.59M", [("number of parameters", 123.59e6)]),
        ("num. model params: 13,110,865,920 (num. trained: 13)", [("num. model params", 13110865920.0)]),
        ("num decayed parameter tensors: 50, with 124,354,560 parameters", []),
        ("tokens per iteration will be: 491,520", [("tokens_per_step", 491520.0)]),
        (
            "batch_size B=56 * seq_len T=1024 * num_processes=1 and total_batch_size=458752",
            [("tokens_per_step", 458752.0)],
        ),
        ("  Total train batch size (w. parallel, distributed & accumulation) = 64", [("examples_per_step", 64.0)]),
        ("Total batch size: 64", []),
        ("params: 12", []),
    ],
)
def test_facts_of_a_run(line: str, said: list[tuple[str, float]]) -> None:
    assert list(facts(line, list(pairs(line)))) == said
