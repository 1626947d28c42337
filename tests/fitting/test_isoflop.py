"""IsoFLOP profiles: the known bias of the parabola, refusals, budgets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.fitting.budgets import group_budgets
from quokka_laws.fitting.isoflop import local_minimum

SURFACES = {
    "symmetric": dict(A=400, B=400, alpha=0.31, beta=0.31, E=1.69),
    "chinchilla": dict(A=406.4, B=410.7, alpha=0.34, beta=0.28, E=1.69),
    "asymmetric": dict(A=406.4, B=410.7, alpha=0.465, beta=0.155, E=1.69),
}
# arXiv 2603.22339: relative error (%) of D* at 1e24 for grids of ×2, ×4, ×8, ×16 either side of the centre.
BIAS = {
    ("symmetric", "centred"): [0, 0, 0, 0],
    ("symmetric", "offset3"): [3.97, 3.47, 2.65, 1.51],
    ("symmetric", "drift3"): [6.07, 5.17, 3.7, 1.69],
    ("chinchilla", "centred"): [-0.33, -1.3, -2.9, -5.1],
    ("chinchilla", "offset3"): [7.11, 5.69, 3.38, 0.24],
    ("chinchilla", "drift3"): [11.61, 9.83, 6.94, 3.05],
    ("asymmetric", "centred"): [-1.67, -6.5, -13.91, -23.12],
    ("asymmetric", "offset3"): [19.22, 14.41, 6.96, -2.42],
    ("asymmetric", "drift3"): [34.57, 30.04, 22.97, 14.0],
}


def grid(surface: str, kind: str, r: float) -> pd.DataFrame:
    law = ql.FittedLaw(ql.laws.Chinchilla(), SURFACES[surface])
    rows = []
    for i, C in enumerate(np.geomspace(1e17, 1e21, 5)):
        offset = {"centred": 1.0, "offset3": 3.0, "drift3": 3.0 ** (i / 4)}[kind]
        D = ql.plan.compute_optimal(law, C)["D"].iloc[0] * offset * np.geomspace(1 / r, r, 15)
        rows.append(pd.DataFrame({"C": C, "N": C / 6 / D, "D": D, "loss": law(N=C / 6 / D, D=D)}))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(("surface", "kind"), BIAS)
@pytest.mark.parametrize("which", range(4))
def test_published_bias_of_the_parabola(surface: str, kind: str, which: int) -> None:
    r = (2, 4, 8, 16)[which]
    iso = ql.fit_isoflops(ql.check_runs(grid(surface, kind, r)), interior=False)
    truth = ql.plan.compute_optimal(ql.FittedLaw(ql.laws.Chinchilla(), SURFACES[surface]), 1e24)["D"].iloc[0]
    found = ql.plan.compute_optimal(iso, 1e24)["D"].iloc[0]
    assert 100 * (found / truth - 1) == pytest.approx(BIAS[surface, kind][which], abs=0.006)


def test_cubic_is_less_biased_on_wide_grids() -> None:
    runs = grid("chinchilla", "centred", 16)
    truth = ql.plan.compute_optimal(ql.FittedLaw(ql.laws.Chinchilla(), SURFACES["chinchilla"]), 1e24)["D"].iloc[0]
    errors = [
        abs(ql.plan.compute_optimal(ql.fit_isoflops(runs, degree=d), 1e24)["D"].iloc[0] / truth - 1) for d in (2, 3)
    ]
    assert errors[1] < 0.3 * errors[0]


def test_grid_and_offset_are_reported() -> None:
    optima = ql.fit_isoflops(grid("symmetric", "offset3", 4)).optima
    assert optima["grid_width"].to_numpy() == pytest.approx(16.0)
    assert (optima["offset"] > 2).all()
    (wide,) = ql.fit_isoflops(grid("symmetric", "offset3", 4)).diagnostics
    assert wide.code == "WIDE_GRID"
    assert wide.numbers["width"] == pytest.approx(16.0)


def test_minimum_outside_the_grid_is_refused_with_a_sentence() -> None:
    runs = grid("symmetric", "centred", 8)
    one_sided = runs[(runs["C"] > 2e17) | (runs["D"] < 0.7 * runs.groupby("C")["D"].transform("median"))]
    iso = ql.fit_isoflops(one_sided)
    assert len(iso.optima) == 4
    (refused,) = iso.refused
    assert refused.code == "MINIMUM_OUTSIDE"
    assert refused.numbers["N"] < refused.numbers["smallest"]
    assert str(refused).split(":")[0] in iso.report()


def test_many_refusals_are_one_sentence() -> None:
    runs = grid("symmetric", "centred", 4)
    scattered = [
        runs[runs["C"] == C].head(2).assign(C=C * f, N=lambda t, f=f: t["N"] * f)
        for C in runs["C"].unique()[:3]
        for f in (2, 3)
    ]
    iso = ql.fit_isoflops(pd.concat([runs, *scattered], ignore_index=True))
    assert [d.code for d in iso.refused] == 6 * ["TOO_FEW_SIZES"]
    assert sum(str(d)[:12] in iso.report() for d in iso.refused) == 1


def test_too_little_to_fit() -> None:
    runs = grid("symmetric", "centred", 4)
    with pytest.raises(ql.RunsError, match="at least two budgets"):
        ql.fit_isoflops(runs[runs["C"] < 2e17])
    with pytest.raises(ql.RunsError, match="2 model sizes"):
        ql.fit_isoflops(runs.groupby("C").head(2))
    with pytest.raises(ValueError, match="degree = 4"):
        ql.fit_isoflops(runs, degree=4)


def test_budgets_are_grouped_with_tolerance() -> None:
    C = np.array([1.0e18, 1.04e18, 3e18, 2.95e18, 1e19])
    assert len(np.unique(group_budgets(C, 0.1))) == 3
    assert len(np.unique(group_budgets(C, 0.001))) == 5


def test_dense_budgets_do_not_chain_into_one() -> None:
    C = np.geomspace(1e18, 1e20, 5000)
    found = pd.Series(C).groupby(group_budgets(C, 0.1))
    assert (found.max() / found.min()).max() <= 1.25
    assert found.ngroups == 21


def noisy_sweep(sizes: int, seed: int) -> pd.DataFrame:
    """Five budgets of a law with a = 0.37/0.72, sizes within ×2.5 of the optimum, 0.4 % noise."""
    law = ql.FittedLaw(ql.laws.Chinchilla(), dict(E=1.8, A=480, alpha=0.35, B=2100, beta=0.37))
    rng = np.random.default_rng(seed)
    rows = []
    for C in np.geomspace(1e18, 1e20, 5):
        N = ql.plan.compute_optimal(law, C)["N"].iloc[0] * np.geomspace(1 / 2.5, 2.5, sizes)
        loss = law(N=N, D=C / 6 / N) * np.exp(rng.normal(0, 0.004, sizes))
        rows.append(pd.DataFrame({"C": C, "N": N, "D": C / 6 / N, "loss": loss}))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("sizes", [4, 5, 8])
def test_intervals_cover_at_their_level_however_few_the_sizes(sizes: int) -> None:
    covered = []
    for seed in range(40):
        fit = ql.fit_isoflops(noisy_sweep(sizes, seed), bootstrap=100)
        assert fit.draws is not None
        assert fit.draws.notna().all(axis=1).mean() > 0.95
        lower, upper = fit.summary.loc["a", ["lower", "upper"]]
        covered.append(lower <= 0.37 / 0.72 <= upper)
    assert np.mean(covered) >= 0.85


def test_usable_refits_are_counted() -> None:
    fit = ql.fit_isoflops(noisy_sweep(4, 0), bootstrap=50)
    assert "50 of 50 refits usable" in fit.report()
    assert fit.draws is not None
    fit.draws.iloc[:3] = np.nan
    assert "47 of 50 refits usable" in fit.report()


def test_local_minimum() -> None:
    assert local_minimum(np.array([1.0, -2.0, 1.0])) == pytest.approx(1.0)
    assert np.isnan(local_minimum(np.array([1.0, 2.0, -1.0])))
    assert local_minimum(np.array([0.0, -1.0, 0.0, 1 / 3])) == pytest.approx(1.0)
