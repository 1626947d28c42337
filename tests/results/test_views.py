"""``fit.plot()`` finds what draws it when asked; another package can offer its own."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import quokka_laws as ql
from quokka_laws.results import views


@pytest.mark.parametrize("kind", [None, "residuals"])
def test_a_fit_draws_itself(noisy_fit: ql.FitResult, kind: str | None) -> None:
    ax = noisy_fit.plot(kind)
    assert ax.get_xlabel()
    plt.close(ax.figure)
    with pytest.raises(ql.ArgumentError, match="'contours'"):
        noisy_fit.plot("pie")


def test_another_package_can_draw(noisy_fit: ql.FitResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(views.BACKENDS, "figure", "builtins:print")
    views.register("figure", "quokka_laws.results.text:short_report")
    assert views.view("figure")(noisy_fit).startswith("<FitResult")


def test_a_fit_saves_itself_to_a_file_or_a_folder(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    assert noisy_fit.save(tmp_path / "a.json") == tmp_path / "a.json"
    assert noisy_fit.save(tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / "fit.json"
    assert ql.read_fit(tmp_path / "a.json") == noisy_fit


def test_repr_has_six_lines(noisy_fit: ql.FitResult) -> None:
    assert len(repr(noisy_fit).splitlines()) == 6


def test_equality_and_hash(noisy_fit: ql.FitResult) -> None:
    again = ql.read_fit(noisy_fit.to_json())
    assert again == noisy_fit
    assert len({again, noisy_fit}) == 1
    other = ql.fit(noisy_fit.law, noisy_fit.runs, objective="l2")
    assert other != noisy_fit
    assert noisy_fit != "a fit"
    assert ql.published["besiroglu-2024"] == ql.published["besiroglu-2024"]
    assert ql.published["besiroglu-2024"] != ql.published["quokka-2025/parametric"]


def test_information_criteria_count_what_was_fitted(noisy_fit: ql.FitResult) -> None:
    held = ql.fit("chinchilla", noisy_fit.runs, params=noisy_fit.law.make_params(E=dict(value=1.817, vary=False)))
    free = 6  # five coefficients and the scale of the residuals
    n = len(noisy_fit.runs)
    import math

    assert noisy_fit.bic - noisy_fit.aic == pytest.approx(free * (math.log(n) - 2))
    assert held.bic - held.aic == pytest.approx((free - 1) * (math.log(n) - 2))
    best = ql.fit("chinchilla", noisy_fit.runs, objective="l1")
    assert best.aic <= noisy_fit.aic + 1e-6  # least absolute deviations maximise the Laplace likelihood
