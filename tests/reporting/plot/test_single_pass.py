"""Figures: drawn on the axes given, with units on their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws import plot


def test_every_figure_draws_on_the_axes_given(noisy_fit: ql.FitResult, quokka87: object, tmp_path: Path) -> None:
    iso = ql.fit_isoflops(quokka87)  # type: ignore[arg-type]
    for draw in (
        lambda ax: plot.isoflop_profiles(iso, ax=ax),
        lambda ax: plot.loss_contours(noisy_fit, C=[1e21, 1e24], ax=ax),
        lambda ax: plot.residuals(noisy_fit, ax=ax),
        lambda ax: plot.prediction_errors(noisy_fit, noisy_fit.runs.assign(C=noisy_fit.runs["C"] * 3), ax=ax),
        lambda ax: plot.sensitivity(ql.sensitivity(noisy_fit, 1e22), fit=noisy_fit, C=1e22, ax=ax),
    ):
        ax = plot.new_axes()
        assert draw(ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert plot.save(ax, tmp_path / "figure.png").stat().st_size > 10_000


def test_residuals_against_every_variable(noisy_fit: ql.FitResult) -> None:
    table = noisy_fit.residuals
    for against, values in (("N", table["N"]), ("D/N", table["D"] / table["N"]), ("predicted", table["predicted"])):
        ax = plot.residuals(noisy_fit, against=against)
        np.testing.assert_allclose(ax.collections[0].get_offsets(), np.c_[values, 100 * table["residual"]])
        assert against in ax.get_xlabel()
    with pytest.raises(ql.ArgumentError, match="run_id"):
        plot.residuals(noisy_fit, against="run_id")


def test_matplotlib_is_not_imported_with_the_package() -> None:
    import subprocess
    import sys

    code = "import quokka_laws, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(ql.__file__).parents[1]), "PATH": "/usr/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
