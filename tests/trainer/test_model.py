"""The model: its groups, its counts, its start."""

from __future__ import annotations

import pytest
import torch

from reference_trainer.errors import TrainerError
from reference_trainer.model import MUP_WIDTH, Shape, Transformer, counts
from reference_trainer.spec import RunSpec


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
@pytest.mark.filterwarnings("error")
def test_bfloat16_changes_little_and_warns_of_nothing(seeds: list[int]) -> None:
    """The autocast that a GPU trains under, here on the CPU."""
    model = Transformer(Shape(32, 2, vocabulary=20, context=16), seeds)
    tokens = torch.randint(20, (len(seeds), 4, 16), generator=torch.Generator().manual_seed(1))
    exact = model(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(tokens)
    assert (rounded - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("init", ["normal-0.02", "scaled", "mup"])
def test_groups_cover_every_number_once_and_decay_matrices_only(init: str) -> None:
    model = Transformer(Shape(64, 2, vocabulary=20, context=16), [0], init=init)
    ends = [0, *(g.span.stop for g in model.groups)]
    assert [g.span.start for g in model.groups] == ends[:-1]
    assert ends[-1] == model.flat.shape[1]
    decayed = sum(g.span.stop - g.span.start for g in model.groups if g.decayed)
    assert decayed == sum(w.numel() for name, w in model.weights.items() if "norm" not in name)
    assert {g.rate for g in model.groups} == ({1.0, MUP_WIDTH / 64} if init == "mup" else {1.0})


def test_mup_is_scaled_at_its_base_width() -> None:
    both = [Transformer(Shape(MUP_WIDTH, 2, 20, 16), [3], init=init) for init in ("scaled", "mup")]
    torch.testing.assert_close(both[0].flat, both[1].flat, rtol=0, atol=0)


def test_mup_keeps_the_first_step_of_the_logits_the_same_at_all_widths() -> None:
    """What the rule is for: one step of Adam at one rate moves the function as much in a wide model as in a narrow one."""
    moved = {}
    for init in ("scaled", "mup"):
        for width in (32, 512):
            shape = Shape(width, 1, 20, 16, head_size=8)
            model = Transformer(shape, [0], init=init)
            tokens = torch.randint(20, (1, 8, 16), generator=torch.Generator().manual_seed(1))
            before = model(tokens)
            torch.nn.functional.cross_entropy(before.flatten(0, -2), tokens.flatten()).backward()
            with torch.no_grad():
                for group in model.groups:
                    model.flat[:, group.span] -= 0.001 * group.rate * model.flat_grad[:, group.span].sign()
                moved[init, width] = float((model(tokens) - before).std())
    assert moved["scaled", 512] > 3 * moved["scaled", 32]
    assert moved["mup", 512] == pytest.approx(moved["mup", 32], rel=0.5)


def test_active_rows_are_what_the_embedding_counts() -> None:
    found = counts(Shape(16, 1, vocabulary=256), active=84)
    assert found["N_total"] - found["N_active"] == (256 - 84) * 16
    assert found["N_active"] - found["N_nonembedding"] == 84 * 16


@pytest.mark.parametrize(("width", "size"), [(48, 24), (40, 20), (64, 32), (96, 32), (512, 64), (1024, 128), (10, 10)])
def test_heads_divide_the_width_by_themselves(width: int, size: int) -> None:
    shape = Shape(width, 1)
    assert (shape.head_size, shape.heads * shape.head_size) == (size, width)


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(
        TrainerError, match=r"head_size = 20 must be even and divide the width, 64: 2, 4, 8, 16, 32, 64"
    ):
        RunSpec(width=64, head_size=20)
