"""The choice of a law: best first, and back from plain data."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from quokka_laws.results.law_choice import LawChoice

TABLE = pd.DataFrame(
    {
        "law": ["chinchilla", "skaling"],
        "coefficients": [5, 6],
        "BIC_difference": [0.0, 3.9],
        "p_value": [0.4, np.nan],
        "C": [1e22, 1e22],
        "N": [7e9, 8e9],
    }
)


def test_best_and_next() -> None:
    choice = LawChoice(TABLE, "criterion")
    assert (choice.chosen, choice.runner_up) == ("chinchilla", "skaling")
    assert LawChoice(TABLE.iloc[:1], "few runs").runner_up is None


def test_round_trip_through_json() -> None:
    choice = LawChoice(TABLE, "criterion")
    again = LawChoice.from_dict(json.loads(json.dumps(choice.to_dict())))
    assert again.reason == "criterion"
    pd.testing.assert_frame_equal(again.table, TABLE)
