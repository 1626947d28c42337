"""Several losses of the same runs: which columns are meant, shared rows and resamples, and that each is fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting.losses import loss_columns

TRUTH = {"E": 1.8, "A": 400.0, "alpha": 0.34, "B": 2000.0, "beta": 0.36}


def table(shared: float = 0.005, own: float = 0.0005, rows: int = 24, seed: int = 0) -> pd.DataFrame:
    """Runs whose noise is nearly all shared by three losses with floors .3 apart."""
    rng = np.random.default_rng(seed)
    N = np.exp(rng.uniform(np.log(1e7), np.log(1e10), rows))
    D = N * np.exp(rng.uniform(np.log(3), np.log(500), rows))
    runs = pd.DataFrame({"params": N, "tokens": D})
    common = shared * rng.standard_normal(rows)
    clean = ql.laws.Chinchilla().loss(TRUTH, N=N, D=D)
    for i, name in enumerate(("eval/c4", "eval/code", "eval/math")):
        runs[name] = (clean - 0.3 * i) * np.exp(common + own * rng.standard_normal(rows))
    return runs


def test_names_and_patterns_mean_columns() -> None:
    columns = ["N", "eval/c4", "eval/code", "loss"]
    assert loss_columns(["eval/*"], columns) == ["eval/c4", "eval/code"]
    assert loss_columns(["loss", "eval/*", "eval/c4"], columns) == ["loss", "eval/c4", "eval/code"]
    with pytest.raises(ArgumentError, match=r"'eval/cod'.*did you mean 'eval/code'"):
        loss_columns(["eval/cod"], columns)
    with pytest.raises(ArgumentError, match=r"'a\*'.*'b'"):  # all faults at once
        loss_columns(["a*", "b"], columns)


def test_each_loss_is_its_own_fit_and_shared_noise_cancels() -> None:
    runs = table()
    fits = ql.fit("chinchilla", runs, loss=["eval/*"], bootstrap=200)
    assert list(fits) == ["eval/c4", "eval/code", "eval/math"]
    alone = ql.fit("chinchilla", runs, columns={"loss": "eval/code"}, bootstrap=200)
    assert fits["eval/code"].values == alone.values
    assert fits["eval/code"].draws.equals(alone.draws)
    point = {"N": 1e9, "D": 2e10}
    gap = fits.differences(**point).set_index("loss").loc["eval/code"]
    each = [fits[k].samples(kind="mean", **point).std() for k in ("eval/c4", "eval/code")]
    assert gap["difference"] == pytest.approx(-0.3, abs=0.003)
    assert gap["lower"] < -0.3 < gap["upper"]
    assert gap["stderr"] < 0.5 * np.hypot(*each)  # independent fits would add up


def test_rows_without_a_loss_are_left_out_of_all() -> None:
    runs = table()
    runs.loc[[3, 7], "eval/math"] = np.nan
    runs.loc[5, "eval/code"] = np.nan
    fits = ql.fit("chinchilla", runs, loss=["eval/*"])
    assert fits.incomplete == {"eval/code": 1, "eval/math": 2}
    N = [tuple(fit.runs["N"]) for fit in fits.values()]
    assert len(N[0]) == 21
    assert N[0] == N[1] == N[2]


def test_a_loss_that_cannot_be_fitted_is_said_and_the_others_go_on() -> None:
    runs = table().assign(**{"eval/name": "x", "eval/few": np.nan})
    runs.loc[0, "eval/few"] = 2.0
    fits = ql.fit("chinchilla", runs, loss=["eval/*"])
    assert list(fits) == ["eval/c4", "eval/code", "eval/math"]
    assert set(fits.left_out) == {"eval/name", "eval/few"}
    assert not fits.incomplete
    with pytest.raises(RunsError, match="eval/name"):
        ql.fit("chinchilla", runs, loss=["eval/name"])
    with pytest.raises(ArgumentError, match="list"):
        ql.fit("chinchilla", runs, loss="eval/*")
    with pytest.raises(ArgumentError, match="outliers"):
        ql.fit("chinchilla", runs, loss=["eval/*"], drop="outliers")


def test_runs_that_were_read_and_one_loss_by_name() -> None:
    runs = table()
    read = ql.read_runs(runs, columns={"loss": "eval/c4"})
    fits = ql.fit("chinchilla", read, loss=["loss", "eval/code"])
    direct = ql.fit("chinchilla", runs, loss=["eval/c4", "eval/code"])
    for a, b in zip(fits.values(), direct.values(), strict=True):
        assert a.values == pytest.approx(b.values, rel=1e-9)
    assert ql.fit("chinchilla", runs, loss="eval/code").values == direct["eval/code"].values


def test_without_a_law_one_is_chosen_for_all() -> None:
    fits = ql.fit(table(), loss=["eval/c4", "eval/code"])
    assert {fit.law.name for fit in fits.values()} == {"chinchilla"}
    assert all(fit.objective.auto for fit in fits.values())
