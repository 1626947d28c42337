"""Every question of ``plan`` takes what people have: a fit, a name, a file, or a list of them; and says its level."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

FRESH: dict[str, tuple[Any, ...]] = {
    "compute_optimal": (1e22,),
    "compute_to_loss": (2.5,),
    "tokens_to_loss": (2.5, 1e10),
    "overtraining": (1e22, 4.0),
}
REPEATED: dict[str, tuple[Any, ...]] = {
    "max_epochs": (4e8, 1e8),
    "data_optimal": (1e8,),
    "compute_and_data_optimal": (1e20, 1e8),
}


def ask(name: str, law: Any, *arguments: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table: pd.DataFrame = getattr(ql.plan, name)(law, *arguments)
    return table


@pytest.mark.parametrize(("name", "arguments"), FRESH.items(), ids=FRESH)
def test_a_law_its_name_its_file_and_a_list(
    name: str, arguments: tuple[Any, ...], noisy_fit: ql.FitResult, tmp_path: Path
) -> None:
    published = "besiroglu-2024"
    by_name = ask(name, published, *arguments)
    pd.testing.assert_frame_equal(by_name, ask(name, ql.published[published], *arguments))
    assert "level" not in by_name  # no draws, no interval
    path = noisy_fit.save(tmp_path / "fit.json")
    own = ask(name, str(path), *arguments)
    pd.testing.assert_frame_equal(own, ask(name, noisy_fit, *arguments))
    assert (own["level"] == 0.95).all()
    both = ask(name, [published, noisy_fit], *arguments)
    assert list(both["law"]) == [published, noisy_fit.label]


@pytest.mark.parametrize(("name", "arguments"), REPEATED.items(), ids=REPEATED)
def test_a_paper_stands_for_its_law_of_repeated_data(name: str, arguments: tuple[Any, ...]) -> None:
    pd.testing.assert_frame_equal(
        ask(name, "quokka-2025", *arguments), ask(name, ql.published["quokka-2025/repeated"], *arguments)
    )


def test_levels(noisy_fit: ql.FitResult) -> None:
    usual = ql.plan.compute_optimal(noisy_fit, 1e22)
    narrow = ql.plan.compute_optimal(noisy_fit, 1e22, level=0.5)
    assert usual["N_lower"].iloc[0] < narrow["N_lower"].iloc[0]
    none = ql.plan.compute_optimal(noisy_fit, 1e22, level=None)
    assert not {"N_lower", "level"} & set(none)
    with pytest.raises(ql.ArgumentError, match="level = 95"):
        ql.plan.compute_optimal(noisy_fit, 1e22, level=95)


@pytest.mark.parametrize(
    ("C", "numbers"),
    [("1e22 FLOPs", [1e22]), ("100 PF-days", [8.64e21]), ("1e22,1e23", [1e22, 1e23]), (["1e22", 1e23], [1e22, 1e23])],
)
def test_budgets_as_people_write_them(C: Any, numbers: list[float]) -> None:
    assert ql.plan.compute_optimal("besiroglu-2024", C)["C"].tolist() == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("law", "said"),
    [
        ("besiroglo-2024", "did you mean"),
        (ql.laws.Chinchilla(), "a law without numbers: fit it first"),
        (ql.laws.Chinchilla, "a law without numbers"),
        (np.zeros(3), "ndarray is no law with numbers"),
        ([], "no law was given"),
    ],
    ids=str,
)
def test_what_is_no_law_with_numbers_is_said(law: Any, said: str) -> None:
    with pytest.raises(ql.ArgumentError, match=said):
        ql.plan.compute_optimal(law, 1e22)
