"""Tables that can be read but are not what they seem: other units, perplexities, checkpoints, repeated data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.fitting.run_diagnostics import of_runs
from quokka_laws.reporting.answer import answer
from quokka_laws.reporting.study import study
from quokka_laws.results.storage import to_dict

LAW = ql.laws.Chinchilla()
TRUE = dict(E=1.8, A=480, alpha=0.35, B=2100, beta=0.37)


def grid(sizes: int = 4, ratios: int = 4) -> pd.DataFrame:
    N = np.repeat(np.geomspace(2e7, 2e9, sizes), ratios)
    D = N * np.tile(np.geomspace(5, 200, ratios), sizes)
    return pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(TRUE, N=N, D=D)})


def codes(runs: pd.DataFrame, law: ql.laws.Law = LAW) -> list[str]:
    return [d.code for d in of_runs(ql.read_runs(runs), law)]


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (dict(N=1e6, D=1e9), "column N holds 20 to 2000, which are no counts of parameters"),
        (dict(N=1e9, D=1e9), "column N holds 0.02 to 2, which"),
        (dict(N=1, D=1e9), "column D holds 0.1 to 400, which are no counts of tokens.*20M and 1.5B"),
    ],
)
def test_numbers_in_millions_or_billions_are_refused(units: dict[str, float], said: str) -> None:
    table = grid()
    with pytest.raises(ql.RunsError, match=said):
        ql.read_runs(table.assign(**{k: table[k] / unit for k, unit in units.items()}))


def test_the_smallest_models_that_are_trained_pass() -> None:
    assert codes(pd.DataFrame({"N": [672, 1500, 4000], "D": [8192, 16384, 8e5], "loss": [5.4, 5.2, 4.9]})) == []


def test_perplexities_are_doubted() -> None:
    table = grid()
    assert codes(table) == []
    assert codes(table.assign(loss=np.exp(table["loss"]))) == ["LOSS_TOO_HIGH"]
    assert "IS IT A PERPLEXITY" in ql.fit(LAW, ql.read_runs(table.assign(loss=np.exp(table["loss"])))).report().upper()


def test_checkpoints_without_run_id_are_doubted() -> None:
    table = grid(sizes=3, ratios=30)
    assert codes(table) == ["CHECKPOINTS"]
    assert codes(table.assign(run_id=np.repeat(["a", "b", "c"], 30))) == []


def test_sweeps_that_were_mixed_are_told_apart_by_their_column() -> None:
    table = grid()
    other = table.assign(N=1.05 * table["N"], loss=0.86 * table["loss"])
    mixed = pd.concat([table.assign(sweep="gpt2"), other.assign(sweep="llama")], ignore_index=True)
    fit = ql.fit(LAW, ql.read_runs(mixed))
    (misfit,) = (d for d in fit.diagnostics if d.code == "MISFIT")
    assert misfit.numbers["column"] == "sweep"
    assert [option.name for option in misfit.advice] == ["keep"]
    assert "(sum over rows); rms residual 8.7 %" in fit.report()
    assert to_dict(fit)["rms_residual"] == fit.rms_residual
    unnamed = ql.fit(LAW, ql.read_runs(mixed.drop(columns="sweep")))
    assert "column" not in {d.code: d for d in unnamed.diagnostics}["MISFIT"].numbers
    alone = ql.fit(LAW, ql.read_runs(table))
    assert alone.rms_residual < 1e-6
    assert "MISFIT" not in {f.code for f in alone.diagnostics}


def repeated(law: ql.laws.Law, values: dict[str, float], epochs: list[float]) -> pd.DataFrame:
    N, U, e = (v.ravel() for v in np.meshgrid([2e7, 8e7, 3e8, 1e9], [1e7, 1e8, 1e9], epochs))
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(N)))
    loss = law.loss(values, N=N, U_D=U, epochs=e) * noise
    return pd.DataFrame({"N": N, "U_D": U, "epochs": e, "loss": loss})


def test_a_law_that_ignores_repetition_is_doubted_on_repeated_data() -> None:
    law = ql.laws.EffectiveData()
    table = repeated(law, {**TRUE, "R_D": 15.0, "R_N": 5.0}, [1, 2, 4, 8, 16, 32])
    assert codes(table) == ["REPETITION_IGNORED"]
    assert codes(table, law) == []
    assert codes(table[table["epochs"] <= 4]) == []


def test_a_law_that_rises_is_doubted_where_no_run_does() -> None:
    law = ql.laws.EffectiveData()
    falling = ql.read_runs(repeated(law, {**TRUE, "R_D": 15.0, "R_N": 5.0}, [1, 2, 4, 8, 16, 32]))
    rising = ql.laws.Memorization(memorized_loss=10.8)
    fit = ql.fit(rising, falling, n_starts=4)
    assert "NO_RISE" in {f.code for f in fit.diagnostics}
    said = answer(fit, None, (), (1e8,)).answers[0]
    assert said.startswith(("These runs do not say when to stop", "This fit names no best model"))
    values = {**TRUE, "nu": 2.4e-5, "s": 1.77, "p": 1.44, "c": 270_000.0}
    seen = ql.read_runs(repeated(rising, values, [1, 4, 16, 64, 256, 1000]))
    assert "NO_RISE" not in {f.code for f in ql.fit(rising, seen, n_starts=4).diagnostics}


def test_a_budget_of_a_repeated_data_law_needs_unique_tokens() -> None:
    rising = ql.laws.Memorization(memorized_loss=10.8)
    values = {**TRUE, "nu": 2.4e-5, "s": 1.77, "p": 1.44, "c": 270_000.0}
    seen = ql.read_runs(repeated(rising, values, [1, 4, 16, 64, 256, 1000]))
    assert "say how many unique tokens there are" in study(rising, seen, C=1e20, bootstrap=0).report()
    assert "Best model and epochs by memorization" in study(rising, seen, C=1e20, U_D=1e9, bootstrap=0).report()


def test_a_sweep_is_the_first_doubt_of_a_law_that_knows_nothing_of_it() -> None:
    table = grid()
    runs = pd.concat(
        [
            table.assign(recipe=recipe, lr=lr, loss=table["loss"] * factor)
            for recipe, better in (("A", 1.03), ("B", 1.0))
            for lr, factor in ((1e-4, 1.02 * better), (3e-4, better), (1e-3, 1.04 * better))
        ],
        ignore_index=True,
    )
    fit = ql.fit(LAW, runs)
    first = fit.diagnostics[0]
    assert (first.code, first.numbers["columns"]) == ("SWEPT_RUNS", ["recipe", "lr"])
    assert "Take one recipe at a time, keep=\"recipe == 'A'\"" in str(first)
    assert "ql.speedup(runs, by='recipe', baseline='A')" in str(first)
    followed = ql.read_runs(runs, keep="recipe == 'A'", best_of=("lr",))
    assert "SWEPT_RUNS" not in [d.code for d in ql.fit(LAW, followed).diagnostics]
    own = ql.law("E[recipe] + A/N^alpha + B/D^beta + w*(log(lr) - m)^2")
    assert "SWEPT_RUNS" not in [d.code for d in of_runs(runs, own.for_table({c: runs[c].to_numpy() for c in runs}))]
