"""Logs become curves: tokens, learning rates up to the end, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.fitting.curve_table import POINTS, SHARES, read_curves
from quokka_laws.laws.schedules import relative_rate


def log(
    run_id: str = "a", *, upto: float = 1.0, N: float = 1e8, lr: str | None = "cosine:0", rows: int = 300
) -> pd.DataFrame:
    share = np.arange(1, rows + 1) / rows
    share = share[share <= upto]
    table = pd.DataFrame(
        {"run_id": run_id, "N": N, "D": share * 20 * N, "loss": 3.0 + 1.0 / (1 + 10 * share), "D_final": 20 * N}
    )
    return table if lr is None else table.assign(lr=3e-4 * relative_rate(lr, share))


def read(table: pd.DataFrame, **more: object):  # type: ignore[no-untyped-def]
    return read_curves(table, **{"columns": None, "schedule": None, "D_final": None, **more})  # type: ignore[arg-type]


def test_a_curve_is_thinned_evenly_in_log_tokens_and_keeps_its_end() -> None:
    (curve,) = read(log(rows=5000))
    assert len(curve.D) <= POINTS
    assert curve.finished
    assert curve.count.sum() == 4501  # without the first tenth
    assert curve.rate[0] == 0.0  # it is warmed up, logged or not
    assert curve.rate[1:] == pytest.approx(relative_rate("cosine:0", SHARES[1:]), abs=0.02)


def test_the_rest_of_a_schedule_is_that_of_finished_runs() -> None:
    done, running = read(pd.concat([log("a", lr="wsd:0.2"), log("b", upto=0.3, N=3e8, lr="wsd:0.2")]))
    assert not running.finished
    assert running.seen == pytest.approx(0.3 * running.D_final, rel=0.01)
    assert running.rate[SHARES > 0.05] == pytest.approx(done.rate[SHARES > 0.05], abs=0.02)


def test_a_stated_schedule_needs_no_learning_rates() -> None:
    (curve,) = read(log(lr=None, upto=0.5), schedule="linear:0")
    assert curve.rate == pytest.approx(1.0 - SHARES)


@pytest.mark.parametrize(
    ("table", "more", "words"),
    [
        (log(upto=0.3), {}, "nothing says how its learning rate goes on"),
        (log(lr=None), {}, "has no learning rates"),
        (log(upto=0.5), {"schedule": "constant"}, "away from the schedule"),
        (log().drop(columns="N"), {}, "missing: N"),
        (log().assign(N=[1e8] * 299 + [2e8]), {}, "2 sizes N"),
        (log().iloc[:5], {"schedule": "constant"}, "a curve needs 6"),
        (log().drop(columns="run_id").assign(N=[1e8] * 150 + [2e8] * 150), {}, "run_id"),
        (log().assign(D_final=1e8), {}, "more than the 1e\\+08 planned"),
        (log(), {"columns": {"loss": "nope"}}, "no column 'nope'"),
    ],
)
def test_refusals_name_the_run_and_what_is_missing(table: pd.DataFrame, more: dict[str, object], words: str) -> None:
    with pytest.raises(ql.RunsError, match=words):
        read(table, **more)


def test_schedules_that_are_not_understood() -> None:
    for bad in ("sine", "wsd:0", "cosine:2", "constant:0.1", "wsd:x"):
        with pytest.raises(ql.ArgumentError, match="is not understood"):
            read(log(), schedule=bad)
