"""Conditions on rows and formulas of settings: what they select, and that nothing in them is ever run."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ExpressionError
from quokka_laws.runs.expressions import number_of, numbers_of, rows_where

TABLE = pd.DataFrame(
    {
        "N": [1e8, 1e9, 7e9, np.nan],
        "D": ["2B", "20B", "1.4T", "n/a"],
        "val/loss": [3.4, 3.0, 2.5, 2.9],
        "group": ["grid", "grid", "probe", None],
        "other": ["grid", "x", "probe", ""],
        "usable": [True, False, True, True],
        "done": ["yes", "no", "true", "false"],
        "number": [3, 4, 5, 6],
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("D / N < 21", [0, 1]),
        ("not D / N < 21", [2, 3]),
        ("1e8 < N <= 7B", [1, 2]),
        ("N > 500M and `val/loss` < 2.8", [2]),
        ("group == 'grid' or usable == true", [0, 1, 2, 3]),
        ("usable", [0, 2, 3]),
        ("done == true", [0, 2]),
        ("usable != True", [1]),
        ("not usable", [1]),
        ("group in ['probe', 'x']", [2]),
        ("group not in ('probe', 'y')", [0, 1, 3]),
        ("group == other", [0, 2]),
        ("(N > 1e8) & ~(group == 'probe')", [1]),
        ("N != N", [3]),
        ("D != D", [3]),
        ("number in [3, 6]", [0, 3]),
        ("number == '4'", [1]),
        ("'grid' == group", [0, 1]),
        ("log(N)/log(10) > 8.5", [1, 2]),
        ("max(number, 4) == 4", [0, 1]),
        ("2 > 1", [0, 1, 2, 3]),
    ],
)
def test_conditions_select_rows(condition: str, rows: list[int]) -> None:
    assert np.flatnonzero(rows_where(condition, TABLE)).tolist() == rows


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("NN > 1", r"no column 'NN'; did you mean N\?"),
        ("val_loss > 1", "did you mean `val/loss`"),
        ("group > 3", "column group holds no numbers but 'grid'"),
        ("N == 'x'", "column N holds numbers, and 'x' is none"),
        ("group < 'x'", "compared with == or != only"),
        ("N + 1", "is a number, not a condition"),
        ("group", "neither true nor false"),
        ("@pd.io.common.os.system('touch x') == 0", "cannot be read"),
        ("N.to_pickle('x') == 1", "attributes"),
        ("__import__('os') == 1", "no function '__import__'"),
        ("N.__class__ == 1", "attributes"),
        ("N > 1 if D else 2", "expected an operator"),
        ("(lambda: 1)() == 1", "cannot be read|expected an operator"),
        ("1 < " * 400 + "N", "more than|is not read"),
    ],
)
def test_mistakes_are_named(condition: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        rows_where(condition, TABLE)


def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.0, 2.9]})
    for attack in ("@pd.io.common.os.system('touch x') == 0", "N.to_pickle('x') == 1", "D.to_csv('x') == 1"):
        with pytest.raises(ql.RunsError):
            ql.read_runs(frame, drop=attack)
        with pytest.raises(ql.RunsError):
            ql.read_runs(frame, keep=attack)
    assert not list(tmp_path.iterdir())


def test_formulas_of_settings() -> None:
    facts = {"global_batch": "512", "seq len": 2048, "name": "x"}
    assert number_of("global_batch * `seq len`", facts) == 512 * 2048
    with pytest.raises(ExpressionError, match="did you mean global_batch"):
        number_of("global_batches * 2", facts)
    with pytest.raises(ExpressionError, match="name is 'x', which is not a number"):
        number_of("name * 2", facts)


def test_names_with_dots_are_one_name() -> None:
    table = pd.DataFrame({"model.n_layer": [8, 16], "width": [512, 1024], "note": ["v1.5", "v2"]})
    assert rows_where("model.n_layer > 8 and note == 'v2'", table).tolist() == [False, True]
    assert numbers_of("12 * model.n_layer * width^2", table).tolist() == [12 * 8 * 512**2, 12 * 16 * 1024**2]
    with pytest.raises(ExpressionError, match=r"did you mean `model.n_layer`"):
        rows_where("model.n_layers > 8", table)
