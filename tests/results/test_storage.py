"""Fits on disk: every field reads back exactly, whatever the law, ties, priors, names of rows and infinities."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql
from quokka_laws.exceptions import FitFileError
from quokka_laws.results.diagnostic import Diagnostic, Known
from quokka_laws.results.storage import facts, plain_json, read_fit, to_dict, to_json

LAW = ql.laws.Chinchilla()
RUNS = sweep(LAW, TRUE_CHINCHILLA, runs=15, noise=0.01)


def tied() -> ql.FitResult:
    named = RUNS.set_axis([f"run {i}" for i in range(15)])
    params = LAW.make_params(beta={"expr": "alpha"}, E={"value": 1.8, "vary": False})
    return ql.fit(LAW, named, params=params, bootstrap=5, seed=7)


@pytest.mark.parametrize(
    "make",
    [
        tied,
        lambda: ql.fit(ql.laws.PowerLaw("C"), RUNS, objective="l1"),
        lambda: ql.fit("E + A/N^a + B/D^b", RUNS, n_starts=8),
        lambda: ql.fit(LAW, RUNS, objective="auto", bootstrap=5),
    ],
    ids=["tied", "power", "formula", "auto"],
)
def test_everything_reads_back_exactly(make: object) -> None:
    fit = make()  # type: ignore[operator]
    again = read_fit(to_json(fit))
    assert again == fit
    assert to_json(again) == to_json(fit)
    assert (again.law, again.objective, again.status, again.seed) == (fit.law, fit.objective, fit.status, fit.seed)
    pd.testing.assert_frame_equal(again.runs, fit.runs)
    assert again.runs.index.tolist() == fit.runs.index.tolist()
    for name, par in fit.params.items():
        other = again.params[name]
        assert (other.value, other.min, other.max, other.expr) == (par.value, par.min, par.max, par.expr)
    at = {"N": 1e9, "D": 1e11}
    np.testing.assert_array_equal(again(**at), fit(**at))


def test_files_mappings_and_text(tmp_path: Path) -> None:
    fit = ql.fit(ql.laws.PowerLaw("C"), RUNS)
    to_json(fit, tmp_path / "fit.json")
    assert read_fit(tmp_path / "fit.json") == read_fit(to_json(fit)) == read_fit(to_dict(fit)) == fit


def test_diagnostics_are_stored_as_data() -> None:
    fit = replace(
        ql.fit(ql.laws.PowerLaw("C"), RUNS), diagnose=Known((Diagnostic("REFITS_FAILED", numbers={"text": "x"}),))
    )
    (again,) = read_fit(to_json(fit)).diagnostics
    assert (again.code, again.numbers["text"]) == ("REFITS_FAILED", "x")
    assert "diagnostics" not in facts(fit)


def test_numbers_that_json_has_not() -> None:
    text = plain_json({"a": [np.inf, -np.inf, np.nan, 0.1], "b": {"c": 1e-320}})
    assert json.loads(text) == {"a": ["float:inf", "float:-inf", "float:nan", 0.1], "b": {"c": 1e-320}}


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"schema": "quokka-laws/fit", "schema_version": 99}', "[1]", '{"a": 1, "a": 2}']
)
def test_what_is_no_fit(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(FitFileError):
        read_fit(tmp_path / "x.json")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes('{"name": "é"}'.encode("latin-1"))
    for path in (tmp_path / "absent.json", tmp_path, tmp_path / "latin.json"):
        with pytest.raises(FitFileError):
            read_fit(path)


@pytest.mark.parametrize("field", ["law", "values", "runs", "objective", "status"])
def test_a_fit_without_a_field(field: str) -> None:
    data = to_dict(ql.fit(ql.laws.PowerLaw("C"), RUNS))
    with pytest.raises(FitFileError, match=field):
        read_fit({k: v for k, v in data.items() if k != field})
