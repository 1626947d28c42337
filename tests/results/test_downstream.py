"""Task accuracy as a result: what it predicts, and how it shows."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_tasks import scored

import quokka_laws as ql


def test_predictions_broadcast_and_say_how_far_they_go() -> None:
    told = scored().predict(metric="hellaswag", N=[1e9, "7B"], D="140B")
    assert told["N"].tolist() == [1e9, 7e9]
    assert told["extrapolation"].tolist() == pytest.approx([1.0, 3.5])
    assert (told["accuracy_lower"] < told["accuracy"]).all()
    assert (told["accuracy"] < told["accuracy_upper"]).all()
    assert told["loss"].tolist() == pytest.approx(scored().fit(N=np.array([1e9, 7e9]), D=1.4e11).tolist())


def test_a_higher_level_is_a_wider_interval() -> None:
    narrow, wide = (scored().predict(metric="hellaswag", level=v, N=7e9, D=1.4e11).iloc[0] for v in (0.5, 0.95))
    assert wide["accuracy_lower"] < narrow["accuracy_lower"] < narrow["accuracy_upper"] < wide["accuracy_upper"]
    assert (narrow["level"], wide["level"]) == (0.5, 0.95)


def test_an_unpredictable_task_is_blank_with_a_code() -> None:
    told = scored().predict(N=7e9, D=1.4e11).set_index("task")
    assert told.loc["piqa", "why"] == "TASK_AT_CHANCE"
    assert np.isnan(told.loc["piqa", ["accuracy", "accuracy_lower", "beside"]].astype(float)).all()
    assert "mean" not in told.index  # of one task


def test_no_mean_of_nothing() -> None:
    found = ql.downstream(scored().fit.runs, scored().fit, "piqa")
    with pytest.raises(ql.FitError, match="no mean"):
        found.predict(metric="mean", N=7e9, D=1.4e11)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"metric": "boolq"}, "fitted are hellaswag, piqa"),
        ({"kind": "both"}, "kind = 'both'"),
        ({"method": "both"}, "method = 'both'"),
        ({"level": 95}, "level = 95"),
        ({"N": None}, "missing: N"),
    ],
)
def test_questions_that_cannot_be_answered(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ql.ArgumentError, match=said):
        scored().predict(**{"N": 7e9, "D": 1.4e11, **asked})  # type: ignore[arg-type]


def test_views() -> None:
    assert scored().table["predictable"].tolist() == [True, False]
    assert "piqa (not predictable)" in repr(scored())
    assert "TASK_AT_CHANCE" in str(scored())
    assert scored()._repr_html_().count("<tr>") == 2
