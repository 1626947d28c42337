"""Certified optima on the digitised repeated-data runs, and what fits of such runs must refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.runs.checkpoints import mark_stages
from quokka_laws.runs.read import notes_of

LN_V = math.log(50257)


@pytest.fixture(scope="module")
def checkpoints() -> pd.DataFrame:
    return ql.datasets.load_quokka_repeated()


@pytest.mark.parametrize(
    ("law", "certified"),
    [
        (laws.QuokkaRepeated(), 0.92581),
        (laws.AdditiveOverfit(), 0.8573),
        (laws.PowerOverfit(), 0.894),
        (laws.Memorization(memorized_loss=LN_V), 0.3179),
        (laws.Memorization(), 0.3093),
    ],
    ids=lambda v: v.name if isinstance(v, laws.Law) else "",
)
def test_known_optima(checkpoints: pd.DataFrame, law: laws.Law, certified: float) -> None:
    fit = ql.fit(law, checkpoints, n_starts=16)
    assert fit.objective_value <= certified
    assert fit.status is not ql.FitStatus.NOT_CONVERGED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "certified"),
    [(laws.SoftplusOverfit(), 0.7301), (laws.EffectiveData(), 2.85)],
    ids=lambda v: getattr(v, "name", ""),
)
def test_known_optima_of_the_slow_forms(checkpoints: pd.DataFrame, law: laws.Law, certified: float) -> None:
    assert ql.fit(law, checkpoints).objective_value <= certified


@pytest.mark.slow
def test_equation_14_coefficients(checkpoints: pd.DataFrame) -> None:
    fit = ql.fit(laws.QuokkaRepeated(), checkpoints, n_starts=16)
    assert len(checkpoints) == 22_881
    certified = dict(
        A=671.77,
        alpha=0.36187,
        B=33.543,
        beta=0.097196,
        p_e=1.9401,
        c_p=132.21,
        m_p=0.41839,
        k_p=0.52312,
        gamma=0.47008,
    )
    assert fit.values["E"] == 0.0
    assert {k: fit.values[k] for k in certified} == pytest.approx(certified, rel=5e-5)
    assert [f.code for f in fit.diagnostics] == ["AMPLITUDE_ZERO", "MISFIT", "RISING_BRANCH"]


def test_the_papers_own_coefficients_score_worse(checkpoints: pd.DataFrame) -> None:
    law, tables = laws.QuokkaRepeated(), ql.datasets.load_quokka_tables()
    for values, score in ((tables["recovered_from_curves"]["eq15"], 0.970), (tables["eq15"], 1.556)):
        loss = law.loss({k: values[k] for k in law.names}, **{k: checkpoints[k] for k in law.variables})
        assert ql.LogHuber().value(np.log(loss / checkpoints["loss"]).to_numpy()).sum() == pytest.approx(
            score, abs=1e-3
        )


@pytest.mark.parametrize(
    ("law", "name"),
    [
        (laws.Memorization(memorized_loss=10.8), "s"),
        (laws.QuokkaRepeated(), "m_p"),
        (laws.SaturatingOverfit(), "delta"),
    ],
)
def test_one_amount_of_unique_data_says_nothing_about_others(law: laws.Law, name: str) -> None:
    runs = ql.datasets.load_quokka_repeated()
    one = runs[np.isclose(runs["U_D"], runs["U_D"].iloc[0])].reset_index(drop=True)
    one = one[one.groupby("run_id").cumcount() % 40 == 0].reset_index(drop=True)
    one.attrs = runs.attrs
    with pytest.raises(ql.RunsError, match=rf"same unique data .*: {name} of "):
        ql.fit(law, one)
    held = law.make_params(**{name: dict(value=0.4, vary=False)})
    assert ql.fit(law, one, params=held, n_starts=1).values[name] == 0.4


@pytest.mark.slow
def test_before_the_minimum_only() -> None:
    descent = ql.datasets.load_quokka_repeated(stages=("descent",))
    assert len(descent) == 4073
    fit = ql.fit(laws.QuokkaRepeated(), descent)
    assert fit.objective_value <= 0.038
    assert (fit.values["E"], fit.values["p_e"]) == (pytest.approx(2.65, abs=0.01), pytest.approx(1.01, abs=0.01))
    assert ql.fit(laws.EffectiveData(), descent, n_starts=16).objective_value <= 0.051


def test_datablations_flat_valley(shared_data: Path) -> None:
    """Muennighoff's two coefficients with the first five fixed: two minima 0.14 % apart, and the library says so."""
    table = pd.read_csv(shared_data / "datablations" / "runs.csv")
    runs = ql.read_runs(table[table["in_published_fit"] == 1].drop(columns="in_published_fit"), flops_tolerance=0.1)
    assert len(runs) == 182
    law = laws.EffectiveData()
    fixed = dict(E=math.exp(0.6254804), A=math.exp(6.255414), B=math.exp(7.3049974), alpha=0.3526596, beta=0.3526596)
    params = law.make_params(**{k: dict(value=v, vary=False) for k, v in fixed.items()})
    fit = ql.fit(law, runs, params=params)
    assert fit.objective_value <= 0.0158047 * (1 + 1e-5)
    assert (fit.values["R_D"], fit.values["R_N"]) == (pytest.approx(95.37, rel=1e-3), pytest.approx(1.706, rel=1e-3))
    assert "RIVAL_MINIMA" in [f.code for f in fit.diagnostics]
    published = ql.FittedLaw(law, {**fixed, "R_D": 15.387756, "R_N": 5.309743})
    r = np.log(published(N=runs["N"], U_D=runs["U_D"], epochs=runs["epochs"]) / runs["loss"])
    assert ql.LogHuber().value(r.to_numpy()).sum() == pytest.approx(0.0158259, rel=1e-5)
    profile = ql.profile(fit, "R_D", points=7)
    assert profile["rise"].min() > -1e-9
    assert profile["rise"].max() < 0.001


def test_stage_column_is_reproduced() -> None:
    every = ql.datasets.load_quokka_repeated(stages=("warmup", "descent", "overfit", "second_descent"))
    assert len(every) == 24_189
    assert (mark_stages(every)["stage"] == every["stage"]).all()
    shuffled = every.sample(frac=1, random_state=0)
    assert (mark_stages(shuffled)["stage"] == shuffled["stage"]).all()
    as_text = every.assign(step=every["step"].astype(str))  # as a CSV gives it
    assert (mark_stages(as_text)["stage"] == every["stage"]).all()


def test_stages_left_out_are_counted_and_unknown_ones_refused() -> None:
    runs = ql.datasets.load_quokka_repeated()
    assert len(runs) == 22_881
    assert any("1308 checkpoints of other stages" in note for note in map(str, notes_of(runs)))
    with pytest.raises(ql.RunsError, match="missing: run_id"):
        mark_stages(runs.drop(columns="run_id"))
    with pytest.raises(ValueError, match="stages cooldown"):
        ql.datasets.load_quokka_repeated(stages=("cooldown",))


def test_single_epoch_data_cannot_identify_repetition(quokka87: pd.DataFrame) -> None:
    with pytest.raises(ql.RunsError, match="no run repeats its data"):
        ql.fit(laws.QuokkaRepeated(), quokka87.assign(U_D=quokka87["D"]))
    with pytest.raises(ql.RunsError, match="needs columns U_D, epochs"):
        ql.fit(laws.QuokkaRepeated(), quokka87)


@pytest.mark.parametrize("read", [ql.read_runs, ql.check_runs])
def test_unique_tokens_that_were_never_seen_do_not_count(read: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = pd.DataFrame({"N": [1e8, 1e8], "D": [2e9, 2e9], "loss": [3.0, 3.1]})
    runs = read(table.assign(U_D=[1e9, 3e9]))
    assert runs["U_D"].tolist() == [1e9, 2e9]
    assert runs["epochs"].tolist() == [2, 1]
    assert any("U_D exceeds D in row 2: taken as D" in note for note in map(str, notes_of(runs)))
    runs = read(table.assign(epochs=[0.0003, 4]))
    assert runs[["U_D", "epochs"]].to_numpy().tolist() == [[2e9, 1], [5e8, 4]]
    assert any("epochs is below 1 in row 1: taken as 1" in note for note in map(str, notes_of(runs)))


def test_weights_that_give_every_run_the_same_say(checkpoints: pd.DataFrame) -> None:
    weights = ql.equal_run_weights(checkpoints)
    assert weights.groupby(checkpoints["run_id"]).sum().to_numpy() == pytest.approx(len(checkpoints) / 48)
