"""Results: prediction, views, exact storage, the public names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql


def test_prediction_table(noisy_fit: ql.FitResult) -> None:
    table = noisy_fit.predict(N=7e9, D=[1e11, 1.4e14], level=0.9)
    assert list(table.columns) == ["N", "D", "loss", "loss_lower", "loss_upper", "level", "extrapolation"]
    assert (table["loss_lower"] < table["loss"]).all()
    assert (table["loss"] < table["loss_upper"]).all()
    assert table["loss"].tolist() == pytest.approx(noisy_fit(N=7e9, D=np.array([1e11, 1.4e14])).tolist())
    inside = noisy_fit.runs.iloc[0]
    assert noisy_fit.predict(N=inside["N"], D=inside["D"])["extrapolation"].iloc[0] == 1.0
    assert table["extrapolation"].iloc[1] > 1


def test_prediction_refuses_nonsense(noisy_fit: ql.FitResult) -> None:
    with pytest.raises(ValueError, match="N = -1"):
        noisy_fit.predict(N=-1, D=1e9)
    with pytest.raises(ql.ArgumentError, match=r"N = -1.*knows nothing of epochs"):
        noisy_fit.predict(N=-1, D=1e9, epochs=4)
    with pytest.raises(ql.ArgumentError, match=r"level=0\.95"):
        noisy_fit.predict(N=1e9, D=1e9, interval=0.9)
    with pytest.raises(ql.FitError, match=r"7[MB]( or 7B)? meant"):
        noisy_fit.predict(N=7, D="1.4T")
    with pytest.warns(ql.plan.FarOutside, match="below the smallest"):
        noisy_fit.predict(N=2e5, D=1e9)
    bare = ql.FittedLaw(noisy_fit.law, noisy_fit.values).predict(N=1e9, D=1e9, level=0.9)
    assert "loss_lower" not in bare
    with pytest.raises(ValueError, match="missing: B"):
        ql.FittedLaw(noisy_fit.law, dict(E=1, A=1, alpha=1, beta=1))


def test_three_views_agree(noisy_fit: ql.FitResult) -> None:
    assert list(noisy_fit.summary.columns) == ["value", "stderr", "lower", "upper", "at_bound"]
    for name, value in noisy_fit.values.items():
        assert noisy_fit.summary.loc[name, "value"] == value
        assert f"{value:.6g}" in noisy_fit.report()
        assert f"{value:.5g}" in noisy_fit._repr_html_()


def test_no_error_bar_that_was_not_computed(noisy_fit: ql.FitResult) -> None:
    bare = ql.fit(noisy_fit.law, noisy_fit.runs)
    assert bare.summary[["stderr", "lower", "upper"]].isna().all().all()
    assert "no intervals" in bare.report()
    assert "stderr" not in bare.report()


def test_json_round_trip_is_exact(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    noisy_fit.to_json(tmp_path / "fit.json")
    again = ql.read_fit(tmp_path / "fit.json")
    assert again.to_json() == noisy_fit.to_json()
    assert again.values == noisy_fit.values
    assert again.draws is not None
    assert again.draws.equals(noisy_fit.draws)
    assert again.runs.equals(noisy_fit.runs)
    assert again.params["alpha"].stderr == noisy_fit.params["alpha"].stderr
    assert again.report() == noisy_fit.report()


def test_round_trip_with_infinities_and_ties() -> None:
    from synthetic import TRUE_CHINCHILLA, sweep

    law = ql.laws.Chinchilla()
    fit = ql.fit(
        law, sweep(law, TRUE_CHINCHILLA, noise=0.01), params=law.make_params(beta=dict(expr="alpha")), bootstrap=5
    )
    again = ql.read_fit(fit.to_json())
    assert again.params["beta"].expr == "alpha"
    assert again.params["A"].max == np.inf
    assert again.to_json() == fit.to_json()
    json.loads(fit.to_json(), parse_constant=lambda c: pytest.fail(f"{c} is not JSON"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("{}", "not a fit written by quokka-laws"),
        ('{"schema": "quokka-laws/fit", "schema_version": 99}', "schema version 99"),
    ],
)
def test_reading_something_else(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ql.FitError, match=said):
        ql.read_fit(tmp_path / "x.json")
    with pytest.raises(ql.FitError, match="no such file"):
        ql.read_fit(tmp_path / "absent.json")


def test_residuals_are_log_ratios(noisy_fit: ql.FitResult) -> None:
    table = noisy_fit.residuals
    assert (table["loss"] * np.exp(table["residual"])).to_numpy() == pytest.approx(table["predicted"].to_numpy())
    assert noisy_fit.log_residuals().tolist() == table["residual"].tolist()


def test_noise_of_a_run_goes_the_way_of_the_residuals(noisy_fit: ql.FitResult) -> None:
    """Some runs far above the law: the interval of a run reaches up, not down."""
    runs = noisy_fit.runs.copy()
    runs.loc[::7, "loss"] *= 1.2
    fit = ql.fit(noisy_fit.law, runs, bootstrap=200)
    at = fit.predict(N=1e9, D=1e11, level=0.9, kind="run").iloc[0]
    assert at["loss_upper"] / at["loss"] > 1.15
    assert at["loss_lower"] / at["loss"] > 0.95


def test_public_names_exist() -> None:
    assert sorted(ql.__all__) == sorted(set(ql.__all__))
    for name in ql.__all__:
        assert getattr(ql, name) is not None
    assert set(dir(ql)) == set(ql.__all__)
    with pytest.raises(AttributeError, match="no attribute 'plots'"):
        ql.plots  # noqa: B018


def test_importing_the_library_draws_and_renders_nothing() -> None:
    """``ql.plot`` is there without having been imported; matplotlib's pyplot and jinja2 wait for a figure and a page."""
    code = (
        "import sys, quokka_laws as ql; "
        "assert not {'quokka_laws.reporting.plot.single_pass', 'matplotlib.pyplot', 'jinja2'} & set(sys.modules); "
        "assert ql.plot.isoflop_profiles and ql.report and ql.explorer; "
        "assert not {'matplotlib.pyplot', 'jinja2'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(ql.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_compute_is_derived_by_the_rule_of_the_fit() -> None:
    """Of a mixture of experts, say, whose C is 2·N·D of the parameters that are counted."""
    runs = sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=30, noise=0.001)
    runs = ql.read_runs(runs[["N", "D", "loss"]], flops="2ND")
    of_C, of_ND = ql.fit(ql.laws.PowerLaw("C"), runs), ql.fit(ql.laws.Chinchilla(), runs)
    last = runs.loc[runs["C"].idxmax()]
    assert of_C(N=last["N"], D=last["D"]) == of_C(C=last["C"])
    table = of_C.predict(N=last["N"], D=last["D"])
    assert table["loss"].iloc[0] == of_C(C=last["C"])
    assert of_ND.predict(N=last["N"], D=last["D"])["extrapolation"].iloc[0] == 1.0


def test_what_is_made_of_a_fit_says_so() -> None:
    table = pd.DataFrame({"N": [1e8], "D": [2e9], "loss": [3.0]})
    for ask in (ql.checklist, ql.plot.figure, ql.report):
        with pytest.raises(ql.ArgumentError, match=r"of a fit, such as ql\.fit\(runs\) returns, not of DataFrame"):
            ask(table)
