"""Parts of charts: ticks at round numbers, marks inside their axes, sizes in the words of the field."""

from __future__ import annotations

import pandas as pd

from quokka_laws.app.vega import HUMAN, SIZE, layer, layered, linear_scale, log_scale, mark, run_tips, ticks, tips


def test_ticks_are_round() -> None:
    assert ticks(3e18, 1.1e23) == [1e19, 1e20, 1e21, 1e22, 1e23]
    assert ticks(7e6, 1.2e10) == [1e7, 3e7, 1e8, 3e8, 1e9, 3e9, 1e10]
    assert ticks(1.2, 8) == [1.5, 2.0, 3.0, 5.0, 7.0]


def test_marks_lie_inside_the_axis_that_layers_share() -> None:
    x = log_scale("N", "parameters N", HUMAN)
    tables = [pd.DataFrame({"N": ends, "loss": [3.0, 2.0]}) for ends in ([1e7, 1e8], [1e8, 1e10])]
    drawn = layered([layer(mark("point"), t, x=x, y=linear_scale("loss", "loss")) for t in tables])
    for one in drawn["layer"]:
        low, high = one["encoding"]["x"]["scale"]["domain"]
        assert 0.5e7 < low < 1e7
        assert 1e10 < high < 2e10
        assert one["encoding"]["x"]["axis"]["values"][0] == 1e7


def test_tips_say_sizes_as_people_do() -> None:
    table = pd.DataFrame({"row": [1], "run": ["1"], "N": [7e9], "D": [1.4e12], "loss": [2.0]})
    drawn = layer(mark("point"), table, tooltip=tips(N=("N", SIZE), D=("D", SIZE)))
    assert drawn["data"]["values"] == [{"N said": "7B", "D said": "1.4T"}]


def test_a_run_is_named_once() -> None:
    table = pd.DataFrame({"row": [1, 2], "run": ["1", "2"], "N": [7e9, 8e9]})
    assert [tip["title"] for tip in run_tips(table)] == ["row", "N"]
    assert [tip["title"] for tip in run_tips(table.assign(run=["a", "b"]))] == ["row", "run", "N"]
