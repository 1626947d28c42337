"""What figures share: colours that print, sizes in words, labels with units, files whole or refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib import image, rcParams, style
from matplotlib.colors import to_rgb

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, OutputError
from quokka_laws.reporting.plot.axes import DPI, STYLES, ink, log_axes, loss_label, new_axes, save, shades


def test_colours_are_ordered_in_grey() -> None:
    grey = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in shades(9)]
    assert grey == sorted(grey, reverse=True)
    assert min(a - b for a, b in pairwise(grey)) > 0.02


def test_laws_differ_by_line_and_marker_where_colours_print_alike() -> None:
    for k in range(3):
        assert len({style[k] for style in STYLES}) == len(STYLES)


@pytest.mark.parametrize(
    ("stated", "label"), [({}, "loss (nats/token)"), ({"loss_split": "validation"}, "validation loss (nats/token)")]
)
def test_labels_state_split_and_unit(stated: dict[str, str], label: str) -> None:
    assert loss_label(SimpleNamespace(conventions=ql.Conventions(**stated))) == label


@pytest.mark.parametrize(
    ("quantity", "limits", "labels"),
    [
        ("N", (1e9, 1e10), ["1B", "2B", "3B", "5B", "7B", "10B"]),
        ("D", (1e9, 1e12), ["1B", "3B", "10B", "30B", "100B", "300B", "1T"]),
        ("C", (1e18, 1e23), ["1e18", "1e19", "1e20", "1e21", "1e22", "1e23"]),
        ("epochs", (1, 100), ["1", "3", "10", "30", "100"]),
    ],
)
def test_quantities_are_written_as_people_write_them(
    quantity: str, limits: tuple[float, float], labels: list[str]
) -> None:
    ax = new_axes()
    log_axes(ax, x=quantity)
    ax.set_xlim(*limits)
    low, high = limits
    ticks = [t for t in ax.get_xticks() if low * 0.999 <= t <= high * 1.001]
    assert [ax.xaxis.get_major_formatter()(t) for t in ticks] == labels
    assert quantity in ax.get_xlabel()


def test_a_dark_style_is_followed_and_none_is_set() -> None:
    before = dict(rcParams)
    with style.context("dark_background"):
        assert to_rgb(ink()) == (1.0, 1.0, 1.0)
        dark = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b, _ in shades(9)]
    assert dark == sorted(dark)
    new_axes()
    assert dict(rcParams) == before


def test_a_figure_has_the_size_asked_for(tmp_path: Path) -> None:
    path = save(new_axes(4.0, 3.0), tmp_path / "a.png")
    assert image.imread(path).shape[:2] == (3 * DPI, 4 * DPI)
    assert save(new_axes(), tmp_path / "b.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        save(new_axes(), tmp_path / "a.docx")
    with pytest.raises(OutputError):
        save(new_axes(), tmp_path / "none" / "a.png")
    assert not list(tmp_path.iterdir())
