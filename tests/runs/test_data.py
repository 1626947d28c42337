"""Data at hand as a table: what has names of columns is one, what has none is told how to get them."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

N, D = (v.ravel() for v in np.meshgrid([1e7, 3e7, 1e8], [2e8, 1e9, 5e9]))
LOSS = 1.7 + 400 / N**0.34 + 410 / D**0.28
TABLE = pd.DataFrame({"N": N, "D": D, "loss": LOSS})
Row = namedtuple("Row", "N D loss")


@dataclass
class Run:
    """A run as a program may hold it."""

    N: float
    D: float
    loss: float


HELD: dict[str, Callable[[], object]] = {
    "records": lambda: TABLE.to_records(index=False),
    "named tuples": lambda: [Row(*row) for row in TABLE.to_numpy()],
    "dataclasses": lambda: [Run(*row) for row in TABLE.to_numpy()],
    "a generator": lambda: (row for row in TABLE.to_dict("records")),
    "columns of one number a row": lambda: {k: v.to_numpy()[:, None] for k, v in TABLE.items()},
    "losses by an index": lambda: TABLE.set_index(["N", "D"])["loss"],
    "an index of N": lambda: TABLE.set_index("N"),
    "a pivot": lambda: TABLE.pivot(index="N", columns="D", values="loss"),
    "the other pivot": lambda: TABLE.pivot(index="D", columns="N", values="loss"),
    "whole numbers": lambda: TABLE.astype({"N": "int32", "D": "int64"}),
    "nullable numbers": lambda: TABLE.astype({"N": "Int64", "D": "Int64", "loss": "Float64"}),
    "categories of text": lambda: TABLE.assign(N=[f"{n / 1e6:g}M" for n in N]).astype({"N": "category"}),
    "an index that repeats": lambda: TABLE.set_axis([0] * len(TABLE)),
}


@pytest.mark.parametrize("held", HELD)
def test_tables_as_programs_hold_them(held: str) -> None:
    runs = ql.read_runs(HELD[held]()).sort_values(["N", "D"], ignore_index=True)
    for name in ("N", "D", "loss"):
        np.testing.assert_allclose(runs[name], TABLE.sort_values(["N", "D"])[name])


def test_masked_values_are_empty() -> None:
    runs = ql.read_runs({"N": N, "D": D, "loss": np.ma.masked_array(LOSS, mask=np.arange(9) == 4)})
    assert [record["row"] for record in runs.attrs["excluded"]] == [5]


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (TABLE.to_numpy(), "names; give a dict of columns"),
        (TABLE.to_numpy().tolist(), "names; give a dict of columns"),
        (TABLE.groupby("N"), "fit each"),
        ([], "give a path"),
        (7, "give a path"),
        ({}, "there are no rows"),
        (pd.DataFrame(), "there are no rows"),
        (TABLE.iloc[:0], "there are no rows"),
        ({"N": N, "D": D, "loss": LOSS[:-1]}, "9 of N, 9 of D, 8 of loss"),
        ({"N": N.reshape(3, 3), "D": D.reshape(3, 3), "loss": LOSS.reshape(3, 3)}, "one value per run"),
        (TABLE.assign(loss=True), "loss is True"),
    ],
)
def test_what_is_no_table_is_told_what_to_give(held: object, said: str) -> None:
    with pytest.raises(ql.RunsError, match=said):
        ql.read_runs(held)


def test_a_table_that_is_not_computed_yet() -> None:
    class Lazy:
        """Polars' LazyFrame."""

        def collect(self) -> pd.DataFrame:
            return TABLE

    with pytest.raises(ql.RunsError, match=r"runs\.collect\(\)"):
        ql.read_runs(Lazy())
