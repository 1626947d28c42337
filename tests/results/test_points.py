"""Predictions at what pandas holds: a table instead of numbers, and an index that the answer keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

LAW = ql.FittedLaw(ql.laws.Chinchilla(), {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28})
TABLE = pd.DataFrame({"N": [1e9, 2e9, 3e9], "D": [2e10, 3e10, 4e10], "loss": 3.0}, index=[7, 8, 9])


def test_a_table_is_asked_at_its_columns() -> None:
    for table in (TABLE, TABLE.rename(columns={"N": "n_params", "D": "tokens"}), TABLE.to_dict("list")):
        found = LAW.predict(table)
        np.testing.assert_array_equal(found["loss"], LAW(N=TABLE["N"], D=TABLE["D"]))


def test_the_answer_stands_beside_what_was_asked() -> None:
    some = TABLE[TABLE["N"] > 1e9]
    for found in (LAW.predict(some), LAW.predict(N=some["N"], D=some["D"]), LAW.predict(N=some["N"], D=2e10)):
        assert found.index.tolist() == [8, 9]
    assert some.assign(predicted=LAW.predict(some)["loss"])["predicted"].notna().all()
    assert LAW.predict(N=[1e9, 2e9], D=2e10).index.tolist() == [0, 1]


def test_series_that_pair_otherwise_by_index_are_refused() -> None:
    with pytest.raises(ql.ArgumentError, match=r"give D\.to_numpy\(\)"):
        LAW.predict(N=TABLE["N"], D=TABLE["D"].sort_index(ascending=False))


def test_numbers_without_names_are_refused() -> None:
    for given in ((7e9, 1.4e12), (7e9,), ("7B", "1.4T")):
        with pytest.raises(ql.ArgumentError, match=r"predict\(N=…, D=…\)"):
            LAW.predict(*given)


def test_nothing_asked_is_nothing_answered() -> None:
    draws = pd.DataFrame([LAW.values] * 3)
    for law in (LAW, ql.FittedLaw(LAW.law, LAW.values, draws=draws)):
        assert len(law.predict(N=[], D=[])) == 0
