"""Figures of repeated data draw what they say, on the axes they are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import quokka_laws as ql
from quokka_laws import laws, plot

TRUE = dict(E=2.7, A=600.0, alpha=0.36, B=9000.0, beta=0.42, nu=2.4e-5, s=1.77, p=1.44, c=270_000.0)


@pytest.fixture(scope="module")
def fit() -> ql.FitResult:
    law = laws.Memorization(memorized_loss=10.8)
    N, U, e = (
        v.ravel() for v in np.meshgrid([3e7, 3e8, 1e9], [1e7, 3e7, 9e7], np.geomspace(2, 900, 15), indexing="ij")
    )
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(len(N)))
    runs = pd.DataFrame({"N": N, "U_D": U, "epochs": e, "loss": law.loss(TRUE, N=N, U_D=U, epochs=e) * noise})
    runs["run_id"] = np.repeat(np.arange(9), 15)
    return ql.fit(law, ql.check_runs(runs), bootstrap=12, n_starts=6, seed=0)


def test_epoch_curves_show_each_model_with_its_band(fit: ql.FitResult) -> None:
    ax = Figure().add_subplot()
    assert plot.epoch_curves(fit, U_D=3e7, ax=ax) is ax
    assert [t.get_text() for t in ax.get_legend().get_texts()][:3] == ["30M", "300M", "1B"]
    assert len(ax.collections) == 3
    part = fit.runs[fit.runs["U_D"] == 3e7]
    lowest = [rows.loc[rows["loss"].idxmin(), ["epochs", "loss"]].tolist() for _, rows in part.groupby("N")]
    rings = [line.get_xydata()[0].tolist() for line in ax.lines if line.get_marker() == "o" and len(line.get_xydata())]
    assert rings == [at for at in lowest if at[0] < 900]
    marks = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "v" and len(line.get_xydata())]
    assert marks
    for epochs, loss in marks:  # of a fitted curve, on a grid of epochs
        best = ql.plan.max_epochs(fit, sorted(part["N"].unique()), 3e7, level=None)
        assert np.isclose(best["loss"], loss, rtol=1e-4).any()
        assert np.isclose(best["epochs"], epochs, rtol=0.1).any()
    with pytest.raises(ValueError, match="no run has U_D"):
        plot.epoch_curves(fit, U_D=4e7)


def test_contours_mark_the_predicted_optimum_and_the_lowest_run(fit: ql.FitResult) -> None:
    ax = plot.repeat_contours(fit, 3e7)
    best = ql.plan.data_optimal(fit, 3e7).iloc[0]
    marked = {line.get_label().split(":")[0]: line.get_xydata()[0] for line in ax.lines}
    assert marked["predicted"] == pytest.approx([best["epochs"], best["N"]])
    lowest = fit.runs[fit.runs["U_D"] == 3e7].nsmallest(1, "loss").iloc[0]
    assert marked["lowest run"] == pytest.approx([lowest["epochs"], lowest["N"]])


def test_held_out_and_profile(fit: ql.FitResult) -> None:
    ax = plot.held_out_runs([fit], fit.runs)
    assert np.abs(ax.lines[0].get_ydata()).max() < 2.0  # per cent, on the runs it was fitted to
    profile = ql.profile(fit, "p", points=5)
    ax = plot.profile_plot(profile, "p")
    assert ax.get_xlabel() == "p"
    assert ax.lines[0].get_ydata().min() == 0.0
