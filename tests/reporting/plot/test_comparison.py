"""Laws side by side: a line each, in its own style, at the errors of the comparison."""

from __future__ import annotations

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws import plot


def test_each_law_has_a_line_at_its_errors_in_its_own_style(quokka87: pd.DataFrame) -> None:
    laws = [ql.laws.Chinchilla(), ql.laws.PowerLaw("C")]
    comparison = ql.compare(laws, quokka87, holdout=[3, 10], bootstrap=0)
    ax = plot.new_axes()
    assert plot.held_out_errors(comparison, ax=ax) is ax
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert set(lines) == {"chinchilla", "power"}
    for name, line in lines.items():
        rows = comparison.table[comparison.table["law"] == name]
        assert list(line.get_ydata()) == pytest.approx((100 * rows["error"]).tolist())
    assert len({(v.get_color(), v.get_linestyle(), v.get_marker()) for v in lines.values()}) == 2
    assert ax.get_ylim()[0] == 0
    assert "%" in ax.get_ylabel()
