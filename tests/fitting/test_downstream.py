"""Task accuracy: known worlds come back, errors are kept apart, refits are the law's own, mistakes get a sentence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.fitting.downstream import _Pairing
from quokka_laws.results.downstream import Downstream
from quokka_laws.results.fit_result import FitResult

QUESTIONS, SEEDS = 10042, 0.005
AT = {"N": 6e9, "D": 3e11}


def law(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    return 1.7 + 400.0 / N**0.34 + 410.0 / D**0.28


def sigmoid(loss: np.ndarray, chance: float = 0.25, ceiling: float = 0.9, middle: float = 2.5) -> np.ndarray:
    return chance + (ceiling - chance) / (1.0 + np.exp((loss - middle) / 0.3))


@cache
def runs() -> pd.DataFrame:
    """24 runs: six sizes at four D/N, noise of the loss .4 %; tasks of every kind."""
    rng = np.random.default_rng(3)
    N, ratio = (v.ravel() for v in np.meshgrid(np.geomspace(5e7, 2e9, 6), [5.0, 20.0, 80.0, 160.0]))
    loss = law(N, N * ratio) * np.exp(0.004 * rng.standard_normal(N.size))
    steady = sigmoid(loss) + SEEDS * rng.standard_normal(N.size)
    direct = 0.25 + 0.75 * np.exp(-(0.6 * (N / 1e9) ** -0.4 + 0.6 * (N * ratio / 2e10) ** -0.35))
    table = {
        "N": N,
        "D": N * ratio,
        "loss": loss,
        "steady": rng.binomial(QUESTIONS, steady) / QUESTIONS,
        "direct": rng.binomial(QUESTIONS, direct) / QUESTIONS,
        "chance": rng.binomial(1000, 0.25, N.size) / 1000,
        "inverse": 0.9 - 0.5 * sigmoid(loss) + 0.005 * rng.standard_normal(N.size),
        "turning": 0.6 - 0.08 * (loss - 2.6) ** 2 + 0.005 * rng.standard_normal(N.size),
        "noise": rng.uniform(0.3, 0.6, N.size),
        "late": np.where(loss < np.sort(loss)[2], 0.4, 0.25) + 0.002 * rng.standard_normal(N.size),
    }
    return ql.read_runs(pd.DataFrame(table))


@cache
def fit(objective: str = "auto") -> FitResult:
    return ql.fit("chinchilla", runs(), objective=objective, bootstrap=150)


@cache
def one(metric: str = "steady", **arguments: object) -> Downstream:
    settings: dict[str, object] = {"chance": 0.25, "questions": QUESTIONS, **arguments}
    return ql.downstream(runs(), fit(), metric, **settings)  # type: ignore[arg-type]


def test_two_stages_extrapolate_a_sigmoid_of_the_loss() -> None:
    row = one().predict(**AT).iloc[0]
    truth = sigmoid(law(np.array(6e9), np.array(3e11)))
    assert row["accuracy_lower"] <= truth <= row["accuracy_upper"]
    assert row["accuracy"] == pytest.approx(truth, abs=0.02)
    assert row["accuracy_upper"] - row["accuracy_lower"] < 0.08
    assert row["extrapolation"] == pytest.approx(3.0)


def test_the_direct_law_extrapolates_its_own_world() -> None:
    found = one("direct", method="direct")
    row = found.predict(**AT).iloc[0]
    truth = 0.25 + 0.75 * np.exp(-(0.6 * 6.0**-0.4 + 0.6 * 15.0**-0.35))
    assert row["accuracy"] == pytest.approx(truth, abs=2.0 * (row["accuracy_upper"] - row["accuracy_lower"]) / 3.3)
    curve = found.tasks[0].curve("direct")
    assert curve is not None
    assert curve.values["alpha"] == pytest.approx(0.4, abs=0.05)
    assert curve.values["beta"] == pytest.approx(0.35, abs=0.05)


def test_runs_of_one_ratio_are_a_law_of_compute() -> None:
    table = runs()[np.isclose(runs()["D"] / runs()["N"], 20.0)].reset_index(drop=True)
    direct = ql.downstream(table, fit(), "steady", 0.25, QUESTIONS).tasks[0].curve("direct")
    assert direct is not None
    assert set(direct.values) == {"A", "alpha"}


def test_errors_of_questions_and_of_seeds_are_apart() -> None:
    task = one().tasks[0]
    assert task.error_of_questions(np.array(0.5)) == pytest.approx(np.sqrt(0.25 / QUESTIONS))
    assert task.seeds == pytest.approx(SEEDS, abs=0.003)
    assert task.seeds_from == "scatter"
    few = one(questions=500).tasks[0]  # as few would explain all of the scatter
    assert few.seeds == 0.0
    unknown = one(questions=None).tasks[0]
    assert unknown.seeds == pytest.approx(np.hypot(SEEDS, np.sqrt(0.25 / QUESTIONS)), rel=0.4)
    assert "QUESTIONS_UNKNOWN" in {d.code for d in unknown.diagnostics}


def test_seeds_come_from_repeats_where_there_are_any() -> None:
    rng = np.random.default_rng(5)
    N = np.repeat(np.geomspace(5e7, 2e9, 8), 3)
    loss = law(N, 20.0 * N) * np.exp(0.004 * rng.standard_normal(N.size))
    score = rng.binomial(QUESTIONS, sigmoid(law(N, 20.0 * N)) + 0.01 * rng.standard_normal(N.size)) / QUESTIONS
    table = ql.read_runs(
        pd.DataFrame({"N": N, "D": 20 * N, "loss": loss, "quiz": score, "seed": np.tile([0, 1, 2], 8)})
    )
    task = ql.downstream(table, fit(), "quiz", 0.25, QUESTIONS).tasks[0]
    assert task.seeds_from == "repeats"
    assert task.seeds == pytest.approx(0.01, rel=0.5)


def test_the_score_of_a_run_is_less_certain_than_the_curve() -> None:
    found = one()
    mean, run = (found.predict(kind=kind, **AT).iloc[0] for kind in ("mean", "run"))  # type: ignore[arg-type]
    assert run["accuracy"] == mean["accuracy"]
    assert run["accuracy_upper"] - run["accuracy_lower"] > mean["accuracy_upper"] - mean["accuracy_lower"]


@pytest.mark.parametrize(
    ("metric", "code"),
    [
        ("chance", "TASK_AT_CHANCE"),
        ("inverse", "TASK_FALLS"),
        ("turning", "TASK_NOT_MONOTONE"),
        ("noise", "TASK_WITHOUT_TREND"),
        ("late", "TASK_JUST_ABOVE_CHANCE"),
    ],
)
def test_tasks_that_these_runs_do_not_predict(metric: str, code: str) -> None:
    found = one(metric, questions=1000)
    assert found.tasks[0].why == code
    row = found.predict(**AT).iloc[0]
    assert row["why"] == code
    assert np.isnan(row["accuracy"])


def test_several_tasks_and_their_mean() -> None:
    names = ["steady", "direct", "chance"]
    found = ql.downstream(runs(), fit(), names, 0.25, {"steady": QUESTIONS, "direct": QUESTIONS, "chance": 1000})
    told = found.predict(**AT).set_index("task")
    assert list(told.index) == [*names, "mean"]
    assert told.loc["mean", "accuracy"] == pytest.approx(told.loc[["steady", "direct"], "accuracy"].mean())
    width = told["accuracy_upper"] - told["accuracy_lower"]
    assert 0.4 * width[["steady", "direct"]].mean() < width["mean"] <= width[["steady", "direct"]].max()
    (lost,) = (d for d in found.diagnostics if d.code == "TASKS_NOT_PREDICTED")
    assert lost.numbers == {"names": ["chance"], "of": 3}
    assert found.predict(metric="mean", **AT)["task"].tolist() == ["mean"]


@pytest.mark.parametrize("objective", ["auto", "huber"])
def test_refits_take_the_runs_that_the_laws_refits_took(objective: str) -> None:
    law_fit = fit(objective)
    found = ql.downstream(runs(), law_fit, "steady", 0.25, QUESTIONS)
    assert found.paired
    # A score that is a straight function of the loss' own noise follows the law's refits draw by draw.
    told = law_fit.residuals.assign(
        tied=lambda t: 0.5 - 2.0 * (np.log(t["loss"]) - np.log(t["predicted"])) - 0.08 * t["predicted"]
    )
    tied = ql.downstream(told[["N", "D", "loss", "tied"]], law_fit, "tied", 0.0, QUESTIONS)
    pairing = _Pairing(law_fit, told, 0)
    assert tied.paired
    assert pairing.paired
    assert law_fit.draws is not None
    at_a_run = {k: float(told[k].iloc[-1]) for k in ("N", "D")}
    losses, curve = law_fit.samples(kind="mean", **at_a_run)[:, 0], tied.tasks[0].curves[0]
    scores = curve.drawn({"loss": np.full(1, law_fit(**at_a_run))})[:, 0]
    assert np.corrcoef(losses, scores)[0, 1] < -0.3


def test_other_runs_are_not_paired() -> None:
    other = runs().iloc[::2].reset_index(drop=True)
    other = other.assign(loss=other["loss"] * 1.0001)
    found = ql.downstream(ql.read_runs(other), fit(), "steady", 0.25, QUESTIONS)
    assert "STAGES_NOT_PAIRED" in {d.code for d in found.diagnostics}


def test_per_cent_is_recognised() -> None:
    percent = runs().assign(steady=100.0 * runs()["steady"])
    found = ql.downstream(percent, fit(), "steady", 25, QUESTIONS)
    assert found.predict(**AT)["accuracy"].tolist() == pytest.approx(one().predict(**AT)["accuracy"].tolist())
    assert "ACCURACY_IN_PERCENT" in {d.code for d in found.diagnostics}


def test_a_ceiling_that_is_held() -> None:
    found = one(ceiling=0.9)
    assert found.table["ceiling"].tolist() == [0.9]
    width = found.predict(**AT).eval("accuracy_upper - accuracy_lower").iloc[0]
    assert width < one().predict(**AT).eval("accuracy_upper - accuracy_lower").iloc[0]


@pytest.mark.parametrize(
    ("change", "arguments", "error", "said"),
    [
        ({}, {"metric": "hellaswg"}, ql.ArgumentError, "no such column; the table has N, D"),
        ({}, {"chance": None}, ql.ArgumentError, "what does a guesser score"),
        ({}, {"chance": 1.0}, ql.ArgumentError, "expected a share from 0 to below 1"),
        ({}, {"chance": {"other": 0.5}}, ql.ArgumentError, "other is not among the tasks"),
        ({}, {"questions": 0}, ql.ArgumentError, "there is at least 1"),
        ({}, {"questions": "many"}, ql.ArgumentError, "expected how many there are"),
        ({}, {"ceiling": 0.2}, ql.ArgumentError, "expected a share above chance"),
        ({}, {"method": "third"}, ql.ArgumentError, "one of two-stage, direct"),
        ({2: 7.0}, {}, ql.RunsError, r"from 0 to 1, or from 0 to 100 in every row; row 3 has 7"),
        ({2: 700.0}, {}, ql.RunsError, "row 3 has 700.*more than 100 %"),
        ({4: -0.2}, {}, ql.RunsError, "an accuracy is from 0 to 1, and row 5 has -0.2"),
        ("under", {}, ql.RunsError, "every row lies under chance"),
        ("few", {}, ql.RunsError, "5 runs have an accuracy; a curve of it needs at least 6"),
        ("text", {}, ql.RunsError, "an accuracy is a number, and row 1 has good"),
        (
            "uncounted",
            {"questions": "asked"},
            ql.RunsError,
            "column asked: a number of questions is at least 1, and row 2 has none",
        ),
    ],
)
def test_mistakes_get_a_sentence(
    change: dict[int, float] | str, arguments: dict[str, object], error: type[Exception], said: str
) -> None:
    table = runs().copy()
    if isinstance(change, dict):
        table["steady"] = [change.get(i, v) for i, v in enumerate(table["steady"])]
    elif change == "under":
        table["steady"] = 0.05 * table["steady"]
    elif change == "few":
        table["steady"] = table["steady"].where(np.arange(len(table)) < 5)
    elif change == "text":
        table["steady"] = ["good", *table["steady"].astype(str)[1:]]
    elif change == "uncounted":
        table["asked"] = [1000.0, np.nan, *[1000.0] * (len(table) - 2)]
    settings = {"metric": "steady", "chance": 0.25, "questions": QUESTIONS, **arguments}
    with pytest.raises(error, match=said):
        ql.downstream(table, fit(), **settings)  # type: ignore[arg-type]


def test_a_law_without_refits_gives_no_interval() -> None:
    with pytest.raises(ql.FitError, match="no refits"):
        ql.downstream(runs(), ql.fit("chinchilla", runs()), "steady", 0.25)
    with pytest.raises(ql.ArgumentError, match="a fit with its runs"):
        ql.downstream(runs(), ql.published["besiroglu-2024"], "steady", 0.25)  # type: ignore[arg-type]
