"""Each recipe at its own best settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.evaluation.tuned_recipes import tuned


def swept() -> pd.DataFrame:
    rows = []
    for recipe, best in (("A", 1e-3), ("B", 2e-3)):
        for N in (1e8, 3e8, 1e9):
            for lr in 1e-3 * 2.0 ** np.arange(-2, 4):
                loss = (3.0 + 50.0 * N**-0.2) * (1 + 0.01 * np.log2(lr / best) ** 2) * (0.98 if recipe == "B" else 1.0)
                rows.append({"recipe": recipe, "N": N, "D": 20 * N, "lr": lr, "loss": loss})
    return ql.read_runs(pd.DataFrame(rows))


@pytest.mark.parametrize("how", ["frontier", "lowest"])
def test_one_row_for_each_recipe_and_size(how: str) -> None:
    found = tuned(swept(), "recipe", ["lr"], how)  # type: ignore[arg-type]
    assert found.groupby("recipe").size().to_dict() == {"A": 3, "B": 3}
    a, b = (found[found["recipe"] == r].sort_values("N")["loss"].to_numpy() for r in "AB")
    assert b / a == pytest.approx([0.98] * 3, rel=1e-3)
    assert a == pytest.approx([3.0 + 50.0 * N**-0.2 for N in (1e8, 3e8, 1e9)], rel=1e-3)


def test_mistakes() -> None:
    with pytest.raises(ql.ArgumentError, match="no such column"):
        tuned(swept(), "arm", ["lr"])
    with pytest.raises(ql.ArgumentError, match="column of recipes"):
        tuned(swept(), "recipe", ["recipe"])
