"""What figures share: colours that print, sizes in words, labels with units, files whole or refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib import image

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError, OutputError
from quokka_laws.reporting.plot.axes import DPI, STYLES, loss_label, new_axes, plain_sizes, save, shades


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


def test_sizes_are_written_as_people_write_them() -> None:
    ax = new_axes()
    ax.set_xscale("log")
    ax.set_xlim(1e9, 1e10)
    plain_sizes(ax)
    labels = [ax.xaxis.get_major_formatter()(value) for value in (1e9, 7e9, 1e10)]
    assert labels == ["1B", "7B", "10B"]
    assert not len(ax.xaxis.get_minorticklocs())
    assert {1e9, 4e9, 7e9} <= {float(f"{tick:.6g}") for tick in ax.xaxis.get_majorticklocs()}


def test_a_figure_has_the_size_asked_for(tmp_path: Path) -> None:
    path = save(new_axes(4.0, 3.0), tmp_path / "a.png")
    assert image.imread(path).shape[:2] == (3 * DPI, 4 * DPI)
    assert save(new_axes(), tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        save(new_axes(), tmp_path / "a.docx")
    with pytest.raises(OutputError):
        save(new_axes(), tmp_path / "none" / "a.png")
    assert not list(tmp_path.iterdir())
