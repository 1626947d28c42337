"""From curves to points: values, windows and their lag, cool-downs, and runs that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.importers import fields
from quokka_laws.importers.curves import Curve, Final, metrics_agree, points

STEPS = np.arange(10, 2010, 10)


def curve(loss: Any = None, *, step: Any = STEPS, facts: dict[str, Any] | None = None, **columns: Any) -> Curve:
    loss = 3.0 + 2.0 * (np.asarray(step, float) + 1) ** -0.5 if loss is None else loss
    table = pd.DataFrame({"step": np.asarray(step, float), "loss": loss, **columns})
    return Curve("a", table, "val/loss", "folder/a", {"N": 1e8, **(facts or {})})


def row(made: Curve, final: str = "last:1", **options: Any) -> dict[str, Any]:
    return points(made, final=Final.parse(final), **{"tokens_per_step": 1000.0, **options})[-1]


def test_last_and_mean_of_last() -> None:
    made = curve()
    loss = made.table["loss"].to_numpy()
    assert row(made)["loss"] == loss[-1]
    assert row(made)["D"] == 2_000_000
    assert "lag_steps" not in row(made)
    averaged = row(made, "last:5")
    assert averaged["loss"] == pytest.approx(loss[-5:].mean())
    assert averaged["lag_steps"] == 20


def test_lag_of_the_quokka_window_is_forty_steps() -> None:
    steps = np.arange(1, 5001)
    straight = curve(5.0 - 1e-4 * steps, step=steps)
    made = row(straight, "smooth:301")
    assert made["lag_steps"] == pytest.approx(40, abs=1)
    assert made["loss"] - straight.table["loss"].iloc[-1] == pytest.approx(made["lag_loss"], rel=1e-9)
    inner = points(straight, final=Final.parse("smooth:301"), checkpoints=True, tokens_per_step=1.0)[2000]
    assert inner["lag_steps"] == pytest.approx(0, abs=1e-9)
    assert inner["loss"] == pytest.approx(straight.table["loss"].iloc[2000], rel=1e-12)


def test_smoothing_removes_noise() -> None:
    rng, steps = np.random.default_rng(0), np.arange(1, 5001)
    loss = 3.0 + 0.05 * rng.standard_normal(5000)
    assert abs(row(curve(loss, step=steps), "smooth:301")["loss"] - 3.0) < 0.02
    assert "noisy" in row(curve(loss, step=steps))["remark"]
    assert "noisy" not in row(curve())["remark"]


def test_cooldowns() -> None:
    lr = np.concatenate([np.linspace(0, 1, 20), np.ones(80), np.linspace(1, 0, 20), np.ones(60), np.linspace(1, 0, 20)])
    made = curve(lr=lr)
    assert row(made, "cooldown")["step"] == 2000
    ends = points(made, final=Final.parse("cooldown"), checkpoints=True, tokens_per_step=1.0)
    assert [r["step"] for r in ends] == [1200, 2000]
    flat = row(curve(lr=np.ones(200)), "cooldown")
    assert (flat["status"], flat["reason"]) == ("not cooled", "the learning rate never came down to 10% of its peak")
    with pytest.raises(ql.RunsError, match=r"run a has no learning rate.*lr=NAME"):
        row(curve(), "cooldown")


def test_checkpoints_keep_the_run() -> None:
    rows = points(curve(), final=Final.parse("last"), checkpoints=True, tokens_per_step=1000.0)
    assert len(rows) == 200
    assert {r["run_id"] for r in rows} == {"a"}
    assert [r["D"] for r in rows] == (1000.0 * STEPS).tolist()
    with pytest.raises(ql.RunsError, match=r"which checkpoints need; map a column.*tokens_per_step"):
        points(curve(facts={"D": 2e6}), final=Final.parse("last"), checkpoints=True)


def test_training_and_evaluation_of_one_step_are_one_row() -> None:
    step = np.repeat(STEPS, 2)
    lr = np.where(np.arange(400) % 2 == 0, np.repeat(np.linspace(1, 0, 200), 2), np.nan)
    loss = np.where(np.arange(400) % 2 == 1, np.repeat(np.linspace(5, 3, 200), 2), np.nan)
    rows = points(curve(loss, step=step, lr=lr), final=Final.parse("last:2"), checkpoints=True, tokens_per_step=1.0)
    assert len(rows) == 200
    assert rows[-1]["remark"] == ""
    assert row(curve(loss, step=step, lr=lr), "cooldown")["status"] == "ok"


def test_a_loss_before_the_first_step_is_no_point() -> None:
    rows = points(curve(step=np.arange(0, 2000, 10)), final=Final.parse("last"), checkpoints=True, tokens_per_step=1.0)
    assert len(rows) == 199
    assert rows[0]["D"] == 10


def test_tokens_come_from_the_curve_then_from_facts() -> None:
    assert row(curve(D=STEPS * 7.0), tokens_per_step=None)["D"] == 14_000
    assert row(curve(facts={"D": 5e6}), tokens_per_step=None)["D"] == 5e6
    with pytest.raises(ql.RunsError, match="nothing says how many tokens run a saw; map a column"):
        row(curve(), tokens_per_step=None)
    with pytest.raises(ql.RunsError, match="logged 0 tokens seen throughout; give tokens_per_step"):
        row(curve(D=np.zeros(200)), tokens_per_step=None)


@pytest.mark.parametrize(
    ("made", "status", "reason"),
    [
        (curve(np.where(STEPS > 1500, np.inf, 3.0)), "diverged", r"not a finite number at the end \(step 2000\)"),
        (curve(np.where(STEPS > 1500, 9.0, 5 - STEPS / 1000)), "diverged", "val/loss jumped from 3.5 to 9"),
        (curve(facts={"D": 4e6}), "stopped", r"stopped after 2e\+06 of 4e\+06 tokens"),
        (curve(facts={"max_steps": 9000}), "stopped", "stopped at step 2000 of 9000"),
        (curve(facts={"U_D": 1e6, "epochs": 4}), "stopped", r"2e\+06 of 4e\+06 tokens"),
        (curve(np.where(STEPS > 1500, np.nan, 3.0)), "stopped", "ends at step 1500, the run at 2000"),
        (curve([np.nan] * 200), "no loss", "never logged as a number"),
    ],
)
def test_unusable_runs_say_why(made: Curve, status: str, reason: str) -> None:
    result = row(made)
    assert result["status"] == status
    assert pd.Series([result["reason"]]).str.contains(reason).all(), result["reason"]


def test_a_size_is_needed() -> None:
    sizeless = Curve("a", curve().table, "loss", "x", {"D": 2e6})
    with pytest.raises(ql.RunsError, match="how many parameters run a has; read them from its name"):
        row(sizeless)
    assert row(Curve("a", curve().table, "loss", "x", {"D": 2e6, "C": 1e18}))["status"] == "ok"


def test_state_of_the_source_counts_unless_all_tokens_were_seen() -> None:
    crashed = Curve("a", curve().table, "loss", "x", {"N": 1e8}, ended="W&B calls the run crashed")
    assert row(crashed)["status"] == "stopped"
    complete = Curve("a", curve().table, "loss", "x", {"N": 1e8, "D": 2e6}, ended="W&B calls the run crashed")
    assert row(complete)["status"] == "ok"


def test_overfitting_is_not_divergence() -> None:
    rising = 3.0 + 3.0 * np.exp(-STEPS / 100) + (STEPS / 1000) ** 2
    assert row(curve(rising))["status"] == "ok"


def test_gaps_matter_where_the_value_is_read() -> None:
    early = np.r_[STEPS[:50], STEPS[100:]]
    assert row(curve(step=early))["status"] == "ok"
    assert "between steps 500 and 1010 (usually every 10)" in row(curve(step=early))["remark"]
    late = np.r_[STEPS[:150], STEPS[198:]]
    assert row(curve(step=late), "smooth:301")["status"] == "gap"
    assert row(curve(step=late), "last:5")["status"] == "gap"
    doubling = 2 ** np.arange(12)
    assert "usually" not in row(curve(step=doubling))["remark"] + row(curve(step=doubling))["reason"]


def test_a_resumed_run_replaces_what_it_repeats() -> None:
    step = np.r_[STEPS[:120], STEPS[80:]]
    loss = np.r_[np.full(120, 9.0), np.full(120, 3.0)]
    made = row(curve(loss, step=step), "last:100")
    assert made["loss"] == 3.0
    assert "go back from 1200 to 810: 40 losses from before were replaced" in made["remark"]
    backwards = curve(step=STEPS[::-1])
    assert row(backwards)["step"] == 2000
    assert "not in the order of steps" in row(backwards)["remark"]


@pytest.mark.parametrize("text", ["mean", "smooth", "last:0", "last:x", "smooth:-3", ""])
def test_unknown_ways_to_read_a_value(text: str) -> None:
    with pytest.raises(ValueError, match="last:K"):
        Final.parse(text)


def test_two_kinds_of_loss_do_not_mix() -> None:
    with pytest.raises(ql.RunsError, match="'train/loss' in 1 runs, 'val/loss' in 2 runs"):
        metrics_agree(["val/loss", "train/loss", "val/loss"])


def logged(**columns: Any) -> Curve:
    return fields.curve("a", pd.DataFrame(columns), "file", columns={}, facts={"n_params": 1e8, "max_steps": None})


def test_a_validation_at_step_0_or_without_a_step_is_that_of_the_end() -> None:
    steps = [*range(0, 1000, 100), 0]
    losses = [np.nan] * 10 + [3.9]
    for last in (0, np.nan):
        made = row(logged(step=[*steps[:-1], last], train_loss=[5.0] * 10 + [np.nan], val_loss=losses))
        assert (made["loss"], made["step"], made["status"]) == (3.9, 900, "ok")
    assert "without a step" in made["remark"]


def test_a_validation_by_epoch_beside_a_training_loss_by_step() -> None:
    epochs = pd.DataFrame({"step": range(1, 6), "val_loss": np.linspace(4, 3, 5)})
    steps = pd.DataFrame({"step": range(100, 5001, 100), "train_loss": 3.5})
    both = pd.concat([steps, epochs]).sort_values("step", ignore_index=True)
    made = row(logged(**both))
    assert (made["loss"], made["step"], made["status"]) == (3.0, 5000, "ok")
    assert "by epoch" in made["remark"]


def test_steps_counted_from_0() -> None:
    made = fields.curve(
        "a",
        pd.DataFrame({"step": range(1000), "loss": 3.0}),
        "f",
        columns={},
        facts={"n_params": 1e8, "max_steps": 1000},
    )
    assert row(made)["D"] == 1_000_000
    assert "counted from 0" in row(made)["remark"]


def test_a_perplexity_is_averaged_as_nats() -> None:
    made = logged(step=STEPS, val_ppl=np.tile([10.0, 1000.0], 100))
    assert row(made, "last:2")["loss"] == pytest.approx((np.log(10) + np.log(1000)) / 2)


def test_a_window_of_steps_needs_steps() -> None:
    made = logged(tokens_seen=STEPS * 1e6, loss=np.linspace(5, 3, 200))
    assert row(made, tokens_per_step=None)["D"] == 2e9
    with pytest.raises(ql.RunsError, match="no column of steps"):
        row(made, "smooth:31")


def test_points_along_a_curve_carry_what_a_fit_of_curves_needs() -> None:
    made = curve(lr=np.linspace(1e-3, 5.5e-4, len(STEPS)), facts={"max_steps": 4000})
    rows = points(made, final=Final.parse("last"), checkpoints=True, tokens_per_step=1000.0)
    assert [r["lr"] for r in rows[:2]] == made.table["lr"].tolist()[:2]
    assert {r["D_final"] for r in rows} == {4_000_000.0}
    assert "D_final" not in row(made)
    found = ql.fit_curves(pd.DataFrame(rows), schedule="linear:0.1").forecast()
    assert found["share"].item() == pytest.approx(0.5, abs=0.01)
