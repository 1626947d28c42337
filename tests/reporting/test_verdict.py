"""What a table of several laws comes to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quokka_laws.reporting.verdict import verdict

ROWS = pd.DataFrame(
    {
        "law": ["a", "b", "c", "d"],
        "family": ["autoregressive", "autoregressive", "diffusion", "diffusion"],
        "N": [6e9, 8e9, 3e8, 1e10],
        "D": [2e11, 3e11, 5e12, 1e12],
        "epochs": [10.0, 15.0, 250.0, 50.0],
        "extrapolation": [1.0, 2.0, 144.0, np.nan],
        "note": ["", "", "", "repeats"],
    }
)


def test_rows_that_apply_are_an_answer_and_others_are_not() -> None:
    first, own, other = verdict(ROWS, 1e22, 2e10).splitlines()
    assert first == "At C = 1e+22 and 20B unique tokens:"
    assert "6B to 8B parameters on 10 to 15 epochs (a, b; up to ×2 outside)" in own
    assert "no answer" in other
    assert "c is asked ×144 outside its runs" in other
    assert "d would repeat data" in other


def test_without_limited_data_lengths_are_tokens() -> None:
    table = ROWS.drop(columns=["epochs", "note"]).iloc[:1]
    assert verdict(table, 1e22).splitlines()[1] == "  autoregressive: 6B parameters on 200B tokens (a; inside its runs)"


def test_a_law_that_is_asked_alone_answers() -> None:
    table = ROWS.drop(columns=["epochs", "note"]).iloc[[2]]
    assert (
        verdict(table, 1e22).splitlines()[1] == "  diffusion: 300M parameters on 5T tokens (c; ×144 outside its runs)"
    )
    assert "no answer" in verdict(ROWS.iloc[[3]], 1e22, 2e10)
