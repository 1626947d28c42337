"""Numbers behind a page: their digits survive, no text of theirs is a formula, too many are left out."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from quokka_laws.reporting.tables import MOST_ROWS, Table, as_csv


def test_numbers_come_back() -> None:
    numbers = pd.DataFrame({"N": [7.0412345678e9, np.nan], "rows": [3, 4], "by": ["=1+1", "a,b"]})
    back = pd.read_csv(io.StringIO(Table("x", [], numbers).csv))
    np.testing.assert_allclose(back["N"], numbers["N"], rtol=1e-7)
    assert back["rows"].tolist() == [3, 4]
    assert back["by"].tolist() == ["'=1+1", "a,b"]


def test_what_is_too_much_for_a_page_is_left_out() -> None:
    assert as_csv(pd.DataFrame({"N": np.ones(MOST_ROWS)}))
    assert as_csv(pd.DataFrame({"N": np.ones(MOST_ROWS + 1)})) == ""
    assert as_csv(None) == as_csv(pd.DataFrame()) == ""
