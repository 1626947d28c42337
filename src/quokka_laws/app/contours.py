"""Chart of the loss over N and D: contours, runs and best models; every point tells its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from contourpy import contour_generator

from quokka_laws.app.shown import Chart
from quokka_laws.app.vega import (
    ACCENT,
    GREY,
    HUMAN,
    SHADES,
    SIZE,
    Spec,
    diamonds,
    layer,
    layered,
    log_scale,
    mark,
    run_tips,
    tips,
)
from quokka_laws.reporting.plot.surface import Surface, surface, written
from quokka_laws.reporting.study import Study

CELLS = 36  # along each side; each tells its loss under the pointer
ROOM = 1.5  # above a name, as a factor of D
THINNED = 2  # of the points of a contour, so many are one


def loss_over_size_and_data(done: Study, runs: pd.DataFrame, answers: pd.DataFrame) -> Chart:
    """Contours of the loss over N and D, with runs, the compute-optimal line with its band, and the answers.

    Raises
    ------
    FitError
        If the law has no optimum.
    """
    seen = surface(done.fit, done.budgets)
    x, y = (
        {
            **spec,
            "scale": {"type": "log", "nice": False, "domain": [float(side[0]), float(side[-1])]},
            "axis": {**spec["axis"], "grid": False},
        }
        for spec, side in ((log_scale("N", "parameters N", HUMAN), seen.N), (log_scale("D", "tokens D", HUMAN), seen.D))
    )
    layers = [*_contours(seen, x, y), *_cells(done, seen, x, y)]
    layers += [
        layer(mark("point", filled=True, size=34, color=GREY, opacity=0.9), runs, x=x, y=y, tooltip=run_tips(runs)),
        layer(
            mark("line", color=ACCENT, strokeWidth=2, clip=True),
            seen.frontier,
            x=x,
            y=y,
            order={"field": "C"},
            tooltip=tips(C=("best at C", ".3~e"), N=("N", SIZE), D=("D", SIZE), loss=("loss", ".4f")),
        ),
        diamonds(answers[np.isfinite(answers["N"])], x, y),
    ]
    return Chart(
        "Loss over size and data",
        f"Contours: the loss that {done.fit.label} predicts for N parameters and D tokens; point anywhere to read it. Grey: "
        "the runs. Line: the best model at each budget. Diamond: the answer.",
        layered(layers),
    )


def _contours(seen: Surface, x: Spec, y: Spec) -> list[Spec]:
    """Lines of equal loss, each named at its end."""
    generator = contour_generator(np.log(seen.N), np.log(seen.D), seen.loss)
    parts: list[pd.DataFrame] = []
    ends = []
    for level, name in zip(seen.levels, written(seen.levels), strict=True):
        lines: Any = generator.lines(float(level))  # typed for every kind of line that there is
        found = [np.exp(line) for line in lines if len(line) > 1]
        for line in found:
            kept = np.unique([*range(0, len(line), THINNED), len(line) - 1])
            table = pd.DataFrame(line[kept], columns=["N", "D"])
            parts.append(table.assign(loss=level, line=len(parts), point=np.arange(len(kept))))
        if found:
            N, D = max((line[np.argmax(line[:, 0])] for line in found), key=lambda end: float(end[0]))
            ends.append({"N": N, "D": D, "name": name})
    if not ends:
        return []
    by_loss = {
        "field": "loss",
        "type": "quantitative",
        "scale": {**SHADES, "reverse": True, "zero": False},
        "legend": None,
    }
    drawn = layer(
        mark("line", strokeWidth=1.2, clip=True),
        pd.concat(parts, ignore_index=True),
        x=x,
        y=y,
        color=by_loss,
        detail=[{"field": "line"}],
        order={"field": "point"},
    )
    names = layer(
        mark("text", align="right", baseline="bottom", dx=-3, dy=-2, fontSize=11, color=GREY),
        pd.DataFrame([end for end in ends if end["D"] < seen.D[-1] / ROOM]),
        x=x,
        y=y,
        text={"field": "name", "type": "nominal"},
    )
    return [drawn, names]


def _cells(done: Study, seen: Surface, x: Spec, y: Spec) -> list[Spec]:
    """Cells that are not seen and tell what the law says at their middle."""
    sides = [np.geomspace(side[0], side[-1], CELLS + 1) for side in (seen.N, seen.D)]
    (N, D), (left, low), (right, high) = (
        [grid.ravel() for grid in np.meshgrid(*ends)]
        for ends in (
            [np.sqrt(side[1:] * side[:-1]) for side in sides],
            [side[:-1] for side in sides],
            [side[1:] for side in sides],
        )
    )
    fit = done.fit
    told = pd.DataFrame(
        {
            "N": N,
            "D": D,
            "C": fit.conventions.flops_per_ND * N * D,
            "loss": fit.law.loss(fit.values, N=N, D=D),
            "left": left,
            "right": right,
            "low": low,
            "high": high,
        }
    )
    return [
        layer(
            mark("rect", opacity=0),
            told,
            x={**x, "field": "left"},
            x2={"field": "right"},
            y={**y, "field": "low"},
            y2={"field": "high"},
            tooltip=tips(loss=("predicted loss", ".4f"), N=("N", SIZE), D=("D", SIZE), C=("C", ".2~e")),
        )
    ]
