"""Fits of hyper-parameters read back exactly; a damaged file names its faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from swept import both, rates

import quokka_laws as ql


@pytest.fixture(scope="module")
def fit() -> ql.HyperparameterFit:
    return ql.fit_hyperparameters(both(0.001), ["lr", "batch"], bootstrap=100)


def test_a_fit_reads_back_exactly(fit: ql.HyperparameterFit, tmp_path: Path) -> None:
    path = tmp_path / "hyper.json"
    text = fit.to_json(path)
    again = ql.read_hyperparameters(path)
    assert again.to_json() == text
    assert again.report() == fit.report()
    pd.testing.assert_frame_equal(again.cells, fit.cells, check_dtype=False)
    pd.testing.assert_frame_equal(again.predict("7B", "140B"), fit.predict("7B", "140B"))
    assert again.frontier.attrs["notes"] == fit.frontier.attrs["notes"]
    assert ql.fit("chinchilla", again.frontier).values == pytest.approx(ql.fit("chinchilla", fit.frontier).values)


def test_intervals_without_an_end_and_no_law_read_back_too() -> None:
    noisy = rates(0.02, points=5).query("D == 3e9").reset_index(drop=True)
    for seed in range(4):
        noisy["loss"] *= np.exp(0.001 * np.random.default_rng(seed).standard_normal(len(noisy)))
        try:
            found = ql.fit_hyperparameters(noisy, "lr", bootstrap=100)
        except ql.RunsError:
            continue
        assert ql.read_hyperparameters(json.loads(found.to_json())).to_json() == found.to_json()


def _without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.pop(key)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda d: d.update(schema="x"), "no fit of hyper-parameters"),
        (lambda d: d.update(schema_version=99), "schema_version"),
        (_without("values"), "values"),
        (lambda d: d["cells"].pop("lr"), "cells: expected columns lr"),
        (lambda d: d["cells"]["lr"].pop(), "cells: expected columns of one length"),
        (lambda d: d["values"].pop("lr"), "values: expected"),
        (lambda d: d["draws"]["lr"][0].pop(), "draws: expected 3 numbers"),
        (lambda d: d["correlation"].pop(), "correlation"),
        (lambda d: d["points"].pop("weight"), "points"),
        (lambda d: d["kinds"].pop("lr"), "kinds"),
        (lambda d: d.update(noise="much"), "noise"),
        (lambda d: d.update(level=1.5), "level"),
    ],
)
def test_damaged_files_name_their_faults(
    fit: ql.HyperparameterFit, damage: Callable[[dict[str, Any]], None], says: str
) -> None:
    data = json.loads(fit.to_json())
    damage(data)
    with pytest.raises(ql.FitError, match=says):
        ql.read_hyperparameters(data)


def test_a_file_that_is_not_there_or_no_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1]", encoding="utf-8")
    for name in ("x.json", "y.json"):
        with pytest.raises(ql.FitError, match=name):
            ql.read_hyperparameters(tmp_path / name)
