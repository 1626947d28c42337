"""A run's logged table and its configuration become a curve; what could mean two things is refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.importers.fields import curve, unreadable

STEPS = np.arange(1.0, 6.0)
LOSS = 4.0 - 0.3 * STEPS


def made(logged: dict[str, object], columns: dict[str, str] | None = None, **facts: object):
    return curve("r", pd.DataFrame(logged), "log.csv", columns=columns or {}, facts=facts)


def test_usual_names_are_recognised_and_facts_are_quantities() -> None:
    found = made({"_step": STEPS, "val/loss": LOSS}, model={"n_params": "70M"}, lr=3e-4)
    assert found.table["step"].tolist() == STEPS.tolist()
    assert found.table["loss"].tolist() == LOSS.tolist()
    assert found.facts["N"] == 7e7
    assert found.metric == "val/loss"


def test_validation_comes_before_training() -> None:
    assert made({"step": STEPS, "train/loss": LOSS - 1, "eval/loss": LOSS}, n_params=1e7).metric == "eval/loss"


def test_a_name_that_was_given_counts() -> None:
    found = made({"step": STEPS, "train/loss": LOSS - 1, "eval/loss": LOSS}, {"loss": "train/loss"}, n_params=1e7)
    assert found.table["loss"].tolist() == (LOSS - 1).tolist()
    lost = made({"step": STEPS, "loss": LOSS}, {"loss": "other"})
    assert len(lost.table) == 0
    assert "other" in str(lost.ended)


def test_perplexities_and_bits_become_nats() -> None:
    assert made({"step": STEPS, "eval/perplexity": np.exp(LOSS)}).table["loss"].tolist() == pytest.approx(LOSS.tolist())


def test_two_losses_that_are_alike_are_refused_by_name() -> None:
    with pytest.raises(ql.RunsError, match="r") as caught:
        made({"step": STEPS, "eval_c4_loss": LOSS, "eval_wiki_loss": LOSS + 1})
    assert "eval_c4_loss" in str(caught.value)
    assert "eval_wiki_loss" in str(caught.value)


def test_text_in_a_column_of_numbers_is_named() -> None:
    with pytest.raises(ql.RunsError, match="loss"):
        made({"step": STEPS, "loss": ["a", "b", "c", "d", "e"]})


def test_a_run_that_cannot_be_read_keeps_its_reason() -> None:
    assert len(unreadable("r", "log.csv", ["it has no loss"]).table) == 0
