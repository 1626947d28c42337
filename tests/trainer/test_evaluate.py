"""Validation: the same number however it is computed, with errors that are those of repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference_trainer import corpus as corpora
from reference_trainer.evaluate import Validation, validation_rows
from reference_trainer.model import Shape, Transformer


@pytest.mark.parametrize("objective", ["masked", "uniform"])
def test_standard_error_is_the_spread_of_repeats(objective: str) -> None:
    """200 choices of masks for one model: the mean reported variance is the variance of the losses, within 10 % in sd."""
    shape = Shape(8, 1, vocabulary=9, context=8)
    model = Transformer(shape, [0], init="scaled")
    rows = np.random.default_rng(1).choice(9, (24, 8), p=np.arange(1, 10) / 45)
    scores = [
        Validation(rows, objective, shape, passes=24, seed=seed).scores(model, bytes_per_token=1.0)[0]
        for seed in range(200)
    ]
    spread = np.std([s.loss for s in scores], ddof=1)
    claimed = np.sqrt(np.mean([s.se_mc**2 for s in scores]))
    assert claimed == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("objective", ["masked", "uniform", "autoregressive"])
def test_does_not_depend_on_the_evaluation_batch_or_the_pack(text_file: Path, objective: str) -> None:
    text = corpora.load(str(text_file))
    shape = Shape(16, 1, text.vocabulary, 32, causal=objective == "autoregressive")
    rows, _ = validation_rows(text, 32, 64)
    recipe = Validation(rows, objective, shape, passes=4)
    alone = recipe.scores(Transformer(shape, [1]), bytes_per_token=1.0)
    losses = [recipe.scores(Transformer(shape, [1]), bytes_per_token=1.0, batch=b)[0].loss for b in (1, 7, 64)]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)
    assert recipe.scores(Transformer(shape, [0, 1]), bytes_per_token=1.0)[1] == alone[0]
