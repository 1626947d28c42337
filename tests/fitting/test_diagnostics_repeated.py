"""What a fit of repeated data says about itself: dead terms, flat valleys, what rests on the rising branch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import laws

MEMORIZATION = laws.Memorization(memorized_loss=10.8)
TRUE = dict(E=2.7, A=600.0, alpha=0.36, B=9000.0, beta=0.42, nu=2.4e-5, s=1.77, p=1.44, c=270_000.0)


def curves(law: ql.laws.Law, values: dict[str, float], *, longest: float = 1000, noise: float = 0.003) -> pd.DataFrame:
    """24 runs of 24 checkpoints."""
    rng = np.random.default_rng(11)
    N, U = (v.ravel() for v in np.meshgrid(np.geomspace(2e7, 2e9, 6), np.geomspace(1e7, 1.4e8, 4)))
    e = np.geomspace(2, longest, 24)
    runs = pd.DataFrame({"N": np.repeat(N, 24), "U_D": np.repeat(U, 24), "epochs": np.tile(e, len(N))})
    runs["run_id"] = np.repeat(np.arange(len(N)), 24)
    off = noise * np.repeat(rng.standard_normal(len(N)), 24) + 0.3 * noise * rng.standard_normal(len(runs))
    runs["loss"] = law.loss(values, N=runs["N"], U_D=runs["U_D"], epochs=runs["epochs"]) * np.exp(off)
    return ql.check_runs(runs)


def codes(fit: ql.FitResult) -> set[str]:
    return {f.code for f in fit.diagnostics}


def test_what_rests_on_the_rising_branch_is_said() -> None:
    """On the digitised curves (a twelfth of the rows) beta is 0.10 only because of the rows after the minima."""
    runs = ql.datasets.load_quokka_repeated()
    few = runs.groupby("run_id", sort=False).nth(slice(0, None, 12)).reset_index(drop=True)
    few.attrs = runs.attrs
    found = {d.code: d for d in ql.fit(laws.QuokkaRepeated(), few, n_starts=8, seed=0).diagnostics}["RISING_BRANCH"]
    assert found.numbers["decided"] == ["beta"]  # the other changes are within the noise of 48 runs
    assert found.numbers["changes"]["p_e"][:2] == pytest.approx([1.7, 1.03], abs=0.05)


def test_the_right_form_does_not_rest_on_the_rising_branch() -> None:
    assert "RISING_BRANCH" not in codes(ql.fit(MEMORIZATION, curves(MEMORIZATION, TRUE), n_starts=4, seed=0))


def test_a_term_that_explains_nothing_is_called_dead() -> None:
    """Quokka's Eq. 23 has a capacity term of 2.738/N^1.24: nothing at any N."""
    dead = {**TRUE, "A": 2.738, "alpha": 1.24}
    params = MEMORIZATION.make_params(alpha=dict(value=1.24, vary=False))
    fit = ql.fit(MEMORIZATION, curves(MEMORIZATION, dead, noise=0.0), params=params, n_starts=8, seed=0)
    assert {"DEAD_TERM", "AMPLITUDE_ZERO"} & codes(fit)


def test_a_saturation_that_the_runs_do_not_show_is_a_flat_valley() -> None:
    law = laws.EffectiveData(parameters=False)
    values = dict(E=2.0, A=500.0, alpha=0.35, B=1500.0, beta=0.36, R_D=400.0)
    fit = ql.fit(law, curves(law, values, longest=6, noise=0.01), bootstrap=40, n_starts=8, seed=0)
    (valley,) = (d for d in fit.diagnostics if d.code == "FLAT_VALLEY")
    assert valley.numbers["name"] == "R_D"
    assert valley.numbers["factor"] > 10


@pytest.mark.slow
def test_resamples_of_many_rows_agree_with_plain_refits() -> None:
    """Above 4,000 rows refits start from thinned rows; the optimum must be that of the resample itself."""
    few = curves(MEMORIZATION, TRUE)
    e = np.geomspace(2, 1000, 170)
    cells = few[["N", "U_D", "run_id"]].drop_duplicates()
    many = cells.loc[cells.index.repeat(170)].reset_index(drop=True)
    many["epochs"] = np.tile(e, len(cells))
    rng = np.random.default_rng(2)
    level = dict(zip(cells["run_id"], 0.005 * rng.standard_normal(len(cells)), strict=True))
    noise = many["run_id"].map(level) + 0.001 * rng.standard_normal(len(many))
    many["loss"] = MEMORIZATION.loss(TRUE, N=many["N"], U_D=many["U_D"], epochs=many["epochs"]) * np.exp(noise)
    many = ql.check_runs(many)
    fit = ql.fit(MEMORIZATION, many, bootstrap=2, n_starts=2, seed=5)
    assert fit.bootstrap["cluster"] == "run_id"
    assert fit.draws is not None
    ids = pd.factorize(many["run_id"])[0]
    weights = ql.uncertainty.resample_weights(len(many), 2, seed=5, cluster=ids)
    for draw, weight in zip(fit.draws.to_dict("records"), weights, strict=True):
        again = ql.fit(MEMORIZATION, many.assign(weight=weight), n_starts=2, seed=0)
        assert again.values["s"] == pytest.approx(draw["s"], rel=1e-5)


def test_no_finite_prediction_is_one_error_that_names_the_rows() -> None:
    values = dict(E=2.0, A=500.0, alpha=0.4, B=50.0, beta=0.5, p_e=1.5, c_p=1.0, m_p=0.0, k_p=0.0, gamma=1.0)
    law = ql.FittedLaw(laws.QuokkaRepeated(), values)
    assert np.isfinite(law.predict(N=1e9, U_D=1e9, epochs=2)["loss"]).all()
    with pytest.raises(ql.FitError, match="N = 1B, U_D = 1B, epochs = 1M"):
        law.predict(N=1e9, U_D=1e9, epochs=[2, 1e6])


@pytest.mark.parametrize("bad", [-2.0, np.nan])
def test_negative_or_missing_epochs_list_their_rows(bad: float) -> None:
    runs = curves(MEMORIZATION, TRUE).drop(columns=["D", "C"])
    runs.loc[6, "epochs"] = bad
    (record,) = ql.check_runs(runs).attrs["excluded"]
    assert record["row"] == 7


def test_epochs_that_contradict_the_tokens_list_their_rows() -> None:
    runs = curves(MEMORIZATION, TRUE)
    runs.loc[2, "epochs"] *= 1.5
    with pytest.raises(ql.RunsError, match=r"epochs contradicts D/U_D .* in row 3"):
        ql.check_runs(runs)


def test_a_loss_that_levels_off_is_not_told_to_stop_at_one_epoch() -> None:
    """Eq. 22's effective data saturate long before its onset at this size: the minimum is never, not one."""
    values = dict(E=0.0, A=332560.0, alpha=0.85476, B=45.247, beta=0.11376, R_D=34.096, mu=0.22072, delta=0.37398)
    values |= dict(kappa=11594.0, eta=1.5745, tau=37.531, gamma_o=0.8066)
    plan = ql.plan.max_epochs(ql.FittedLaw(laws.SoftplusOverfit(), values), N=1e8, U_D=1e10).iloc[0]
    assert plan["epochs"] > 100
    assert not plan["local"]
