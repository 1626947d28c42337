"""Figures: drawn on the axes given, with units on their labels."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.reporting.plot.axes import STYLES, shades


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


def test_loss_label_states_split_and_unit(quokka87: object) -> None:
    assert plot.isoflop_profiles(ql.fit_isoflops(quokka87)).get_ylabel() == "training loss (nats/token)"  # type: ignore[arg-type]


def test_colours_are_ordered_in_grey() -> None:
    grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in shades(9)]
    assert grey == sorted(grey, reverse=True)
    assert min(a - b for a, b in pairwise(grey)) > 0.02


def test_laws_differ_by_line_and_marker_where_colours_print_alike() -> None:
    for k in range(3):
        assert len({style[k] for style in STYLES}) == len(STYLES)


def test_comparison_draws_each_law_in_its_own_style(quokka87: object) -> None:
    laws = [ql.laws.Chinchilla(), ql.laws.Skaling()]
    ax = plot.held_out_errors(ql.compare(laws, quokka87, holdout=[3, 10], bootstrap=0))  # type: ignore[arg-type]
    lines = ax.get_lines()
    assert {line.get_label() for line in lines} == {"chinchilla", "skaling"}
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == 2
    assert "%" in ax.get_ylabel()


def test_matplotlib_is_not_imported_with_the_package() -> None:
    import subprocess
    import sys

    code = "import quokka_laws, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(ql.__file__).parents[1]), "PATH": "/usr/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


@pytest.mark.parametrize("value", [1.2e12, 7.35e9, 999.6e6, 70e3, 3e18, 0.5])
def test_human_numbers_read_back(value: float) -> None:
    from quokka_laws.results.format import human
    from quokka_laws.runs.quantities import parse_quantity

    assert parse_quantity(human(value)) == pytest.approx(value, rel=6e-3)
