"""What follows from other columns: the missing one of N, D and C, by several FLOP rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

GOOD = {"N": [1e8, 2e8, 4e8], "D": [2e9, 8e9, 3e9], "loss": [3.4, 3.1, 3.2]}


def frame(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({**GOOD, **changes})


def test_flops_of_integer_columns_do_not_overflow() -> None:
    table = pd.DataFrame(
        {"N": np.array([7_000_000_000] * 2), "D": np.array([2_000_000_000_000, 10**12]), "loss": [2.0, 2.1]}
    )
    assert table.dtypes["N"] == np.int64
    assert (6 * table["N"] * table["D"] < 8.4e22).all()  # what int64 makes of it
    assert ql.read_runs(table)["C"].tolist() == [8.4e22, 4.2e22]


@pytest.mark.parametrize("missing", ["N", "D", "C"])
def test_the_missing_one_of_three_is_derived(missing: str) -> None:
    whole = ql.read_runs(frame())
    runs = ql.read_runs(whole[[k for k in ("N", "D", "C", "loss") if k != missing]])
    assert runs[missing].to_numpy() == pytest.approx(whole[missing].to_numpy(), rel=1e-14)


def test_other_flop_rules() -> None:
    runs = ql.read_runs(frame(), flops="2ND")
    assert runs["C"].tolist() == [4e17, 3.2e18, 2.4e18]
    assert ql.fit(ql.laws.PowerLaw("C", floor=False), runs).conventions.flops == "2ND"
    with pytest.raises(ql.RunsError, match="FLOP rule 'six' is not understood"):
        ql.read_runs(frame(), flops="six")
