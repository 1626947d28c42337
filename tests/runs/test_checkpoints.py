"""Trunk and cooled losses are never fitted together; stages themselves are tested on the paper's curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.runs.checkpoints import one_phase

TRUE = dict(E=1.8, A=400.0, B=2000.0, alpha=0.34, beta=0.36)


@pytest.fixture
def both_phases() -> pd.DataFrame:
    """A grid of cooled runs on the law, and the same runs at constant learning rate, a D/N-dependent gap above it."""
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e8, 1e10, 5)))
    cooled = pd.DataFrame({"N": N, "D": D, "loss": ql.laws.Chinchilla().loss(TRUE, N=N, D=D), "phase": "cooled"})
    trunk = cooled.assign(loss=cooled["loss"] * (1 + 0.02 * np.log10(D / N + 10)), phase="trunk")
    return pd.concat([trunk, cooled], ignore_index=True)


def test_a_law_of_n_and_d_is_fitted_to_the_cooled_rows(both_phases: pd.DataFrame) -> None:
    fit = ql.fit(ql.laws.Chinchilla(), both_phases)
    assert fit.values == pytest.approx(TRUE, rel=1e-5)
    assert (fit.runs["phase"] == "cooled").all()
    assert fit.excluded["reason"].unique().tolist() == ["phase trunk: never fitted together with cooled losses"]
    assert fit.excluded[["N", "D", "loss"]].equals(both_phases.loc[:24, ["N", "D", "loss"]])


def test_what_is_left_out_is_the_row_of_the_source(both_phases: pd.DataFrame) -> None:
    named = both_phases.assign(run_id=[f"run-{i}" for i in range(50)])
    fit = ql.fit(ql.laws.Chinchilla(), ql.read_runs(named, drop={"first": "run_id == 'run-0'"}))
    assert fit.excluded["run_id"].tolist() == [f"run-{i}" for i in range(25)]
    assert fit.excluded["row"].notna().tolist() == [True] + [False] * 24
    assert ql.read_fit(fit.to_json()).excluded.equals(fit.excluded)


def test_a_law_of_repeated_data_gets_the_trunk(both_phases: pd.DataFrame) -> None:
    assert (one_phase(ql.check_runs(both_phases), repeated=True)["phase"] == "trunk").all()


def test_one_phase_alone_is_left_as_it_is(both_phases: pd.DataFrame) -> None:
    trunk = both_phases[both_phases["phase"] == "trunk"]
    assert one_phase(trunk, repeated=False) is trunk
