"""Dialects of logs as plain lines."""

from __future__ import annotations

import pytest

from quokka_laws.importers import dialects


@pytest.mark.parametrize(
    ("text", "name", "plain"),
    [
        ("s:250 tel:3.2800\n", "llm.c's main.log", "step 250 val loss 3.2800"),
        ("s:250 trl:3.1 lr:0.0006\n", "llm.c's main.log", "step 250 train loss 3.1 lr:0.0006"),
        ("250 val 3.9000\n", "build-nanogpt's log.txt", "step 250 val loss 3.9000"),
        ("[batch=1/100]:\n", "Composer", "[step=1/100]:"),
        ("[epoch=2][batch=1/100]:\n", "Composer", "[epoch=2,step=1/100]:"),
        ('{"valid_loss": "8.7", "valid_nll_loss": "8.1", "wpb": "1", "num_updates": "4"}', "fairseq",
         '{"valid_smoothed": "8.7", "valid_bits_loss": "8.1", "wpb": "1", "num_updates": "4"}'),
        ("{'train_runtime': 9.1, 'train_loss': 5.5, 'epoch': 2.0}", "Hugging Face's Trainer", ""),
        ("Train on 100 samples, validate on 10\n", "Keras", "Train on 100 samples, validate on 10"),
    ],
)  # fmt: skip
def test_lines_as_plain_ones(text: str, name: str, plain: str) -> None:
    dialect = dialects.of(text)
    assert dialect is not None
    assert dialect.name == name
    assert dialect.rewritten(text.strip()) == plain


def test_plain_logs_have_no_dialect() -> None:
    assert dialects.of("step 250: train loss 3.2, val loss 3.3\n" * 3) is None


def test_bars_of_samples_are_no_steps() -> None:
    dialect = dialects.of("Train on 23642 samples, validate on 10133 samples\n")
    assert dialect is not None
    assert dialect.rewritten("23642/23642 [====] - 24s - loss: 0.6").startswith("[====]")
