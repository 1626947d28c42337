"""Figures for a page: no ground, names as they are, ids of their own, both themes from one drawing."""

from __future__ import annotations

import re
from pathlib import Path

from quokka_laws.reporting.plot.axes import legend, new_axes, save
from quokka_laws.reporting.plot.svg import THEME, inline


def test_names_are_nobodys_formulas(tmp_path: Path) -> None:
    ax = new_axes()
    ax.plot([1, 2], label="$\\foo{$ <b>")
    legend(ax)
    ax.annotate("$x^$", (0, 1))
    text = save(ax, tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "$\\foo{$ &lt;b&gt;" in text
    assert "$x^$" in text


def test_an_svg_has_no_ground_and_follows_a_dark_page(tmp_path: Path) -> None:
    ax = new_axes()
    text = save(ax, tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert "#ffffff" not in text
    assert ax.figure.get_layout_engine() is not None


def test_two_figures_share_a_page() -> None:
    ids = []
    for label in ("first", 'second "<b>'):
        ax = new_axes()
        ax.plot([1, 2], label="a")
        text = inline(ax, label)
        assert "<b>" not in text.split(">")[0] + '"<b>' * 0
        found = re.findall(r'\bid="([^"]+)"', text)
        assert found
        ids += found
        used = re.findall(r'(?:url\(#|xlink:href="#)([^")]+)', text)
        assert set(used) <= set(found)
    assert len(ids) == len(set(ids))


def test_same_figure_same_bytes_and_text_is_text() -> None:
    def drawn() -> str:
        ax = new_axes()
        ax.set_xlabel("parameters N")
        return inline(ax, "one")

    assert drawn() == drawn()
    assert ">parameters N</text>" in drawn()
    assert "svg.figure" in THEME
