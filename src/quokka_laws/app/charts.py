"""Charts of a fit for the page, with what lies under the pointer: the data of ``ql.plot`` as Vega-Lite.

Colours tell apart on white and on black, lines and marks also by their shape; names of runs are data, never text of the chart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from quokka_laws.app.contours import loss_over_size_and_data
from quokka_laws.app.shown import PICKED, Chart
from quokka_laws.app.vega import (
    ACCENT,
    GREY,
    HUMAN,
    POWER,
    SECOND,
    SIZE,
    Spec,
    band,
    law,
    layer,
    layered,
    linear_scale,
    log_scale,
    mark,
    nominal_scale,
    run_tips,
    shade,
    spec,
    stars,
    tips,
)
from quokka_laws.evaluation.comparison import Comparison
from quokka_laws.evaluation.holdout import log_errors
from quokka_laws.exceptions import QuokkaError
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.reporting.page_figures import thinned
from quokka_laws.reporting.plot.axes import loss_label
from quokka_laws.reporting.study import Study
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import human
from quokka_laws.results.isoflop_fit import IsoflopFit
from quokka_laws.runs.read import row_names
from quokka_laws.runs.rows import ROW, row_numbers

GRID = 60  # points of a curve


def of_study(done: Study, by_hand: Collection[int] = ()) -> Iterator[Chart]:
    """Every chart that a fit allows, the one that everybody draws first first; ``by_hand``: numbers of rows that were left out."""
    fit = done.fit
    runs = named_runs(fit)
    if fit.law.of_N_and_D:
        try:
            frontier = _frontier(done)
        except QuokkaError:  # a fit without an optimum
            frontier = None
        if frontier is not None:
            yield _loss_against_compute(done, runs, frontier)
            yield _size_against_compute(done, runs, frontier)
            yield loss_over_size_and_data(done, runs, _answers(done))
    if done.iso is not None:
        yield _isoflops(done.iso, runs)
    if fit.law.of_repetition and {"U_D", "epochs", "N"} <= set(runs):
        yield _epochs(fit, runs)
    yield _residuals(fit, runs, by_hand)


def of_comparison(found: Comparison, runs: pd.DataFrame) -> Iterator[Chart]:
    """Held-out errors of several laws, and what each of them says of the runs."""
    table = found.table.assign(error=100 * found.table["error"], fitted_label=found.table["fitted"].astype(str))
    yield Chart(
        "Runs that were held out",
        "Error of the predicted loss (root mean square, %) of each law, for budgets up to so many times the largest fitted.",
        spec(
            mark("line", point={"size": 60, "filled": True}, tooltip=True),
            table[["law", "holdout", "error", "fitted", "held_out"]],
            x=nominal_scale("holdout", "held out: compute over the largest fitted", sort=None),
            y=linear_scale("error", "error, %", zero=True),
            color=law(),
            strokeDash={"field": "law", "type": "nominal", "legend": None},
            tooltip=tips(
                law="law", holdout="held out", error=("error, %", ".3f"), fitted="runs fitted", held_out="predicted"
            ),
        ),
    )
    few = thinned(runs)
    if "C" not in few:
        return
    parts = []
    for name, fit in found.fits.items():
        own = few.assign(law=name, residual=100 * log_errors(fit, few))
        parts.append(own[["law", "C", "residual", *([] if "run" not in own else ["run"])]])
    if parts:
        yield Chart(
            "What each law misses",
            "ln(predicted / observed loss) of every run, by the laws fitted to all of them.",
            spec(
                mark("point", filled=True, opacity=0.7, size=36),
                pd.concat(parts, ignore_index=True),
                x=log_scale("C", "training compute C (FLOPs)", POWER),
                y=linear_scale("residual", "ln(predicted / observed), %"),
                color=law(),
                shape={"field": "law", "type": "nominal", "legend": None},
                tooltip=tips(law="law", C=("C", ".3~e"), residual=("missed by, %", ".3f")),
            ),
        )


# ---- one fit ----------------------------------------------------------------------------------------------------


def named_runs(fit: FitResult) -> pd.DataFrame:
    """The fitted rows, thinned where there are many, with their names and what the law makes of them."""
    table = fit.residuals.reset_index(drop=True)
    table = table.assign(run=list(row_names(fit.runs, np.ones(len(fit.runs), dtype=bool))))
    table["residual"] = 100 * table["residual"]
    if ROW not in fit.runs:
        table[ROW] = row_numbers(fit.runs)
    known = [c for c in (ROW, "run", "N", "D", "C", "U_D", "epochs", "loss", "residual") if c in table]
    own = [c for c in fit.law.variables if c in fit.runs and c not in known]
    table = table.assign(**{c: fit.runs[c].to_numpy() for c in [*own, *known] if c in fit.runs})
    return thinned(table[[*known, *own]])


def _frontier(done: Study) -> pd.DataFrame:
    """Compute-optimal models from the cheapest run to the largest budget asked for."""
    lowest, highest = done.fit.fitted_range["C"]
    grid = np.geomspace(lowest, max(highest, *done.budgets), GRID)
    return compute_optimal(done.fit, grid)


def _answers(done: Study) -> pd.DataFrame:
    """The answer at each budget: that of all methods together where no law was named."""
    if done.together is not None:
        return done.together.table
    return compute_optimal(done.fit, done.budgets)


def _loss_against_compute(done: Study, runs: pd.DataFrame, frontier: pd.DataFrame) -> Chart:
    label = loss_label(done.fit)
    x = log_scale("C", "training compute C (FLOPs)", POWER)
    layers = [
        layer(
            mark("point", filled=True, size=44, opacity=0.85),
            runs,
            x=x,
            y=linear_scale("loss", label),
            color=shade("N", "parameters N", HUMAN, runs["N"]),
            tooltip=run_tips(runs),
        ),
        layer(
            mark("line", color=ACCENT, strokeWidth=2),
            frontier,
            x=x,
            y=linear_scale("loss", label),
            tooltip=tips(C=("C", ".3~e"), loss=("best loss at C", ".4f"), N=("N", SIZE), D=("D", SIZE)),
        ),
    ]  # fmt: skip
    if "loss_lower" in frontier:
        layers.insert(1, band(frontier, x, "loss", label))
    layers += stars(_answers(done), x, "loss", label)
    return Chart(
        "Loss against compute",
        f"Runs by their size, the lowest loss that {done.fit.label} predicts at each budget with its band, and the answer.",
        layered(layers),
    )


def _size_against_compute(done: Study, runs: pd.DataFrame, frontier: pd.DataFrame) -> Chart:
    x = log_scale("C", "training compute C (FLOPs)", POWER)
    label = "parameters N"
    layers = [
        layer(mark("point", filled=True, size=26, color=GREY, opacity=0.6), runs, x=x, y=log_scale("N", label, HUMAN),
               tooltip=run_tips(runs)),
        layer(mark("line", color=ACCENT, strokeWidth=2), frontier, x=x, y=log_scale("N", label, HUMAN),
               tooltip=tips(C=("C", ".3~e"), N=("best N at C", SIZE), D=("D", SIZE))),
    ]  # fmt: skip
    if "N_lower" in frontier:
        layers.insert(0, band(frontier, x, "N", label, log=True))
    if done.iso is not None:
        layers.append(
            layer(
                mark("point", shape="cross", size=90, color=SECOND, filled=True),
                done.iso.optima[["C", "N", "loss"]],
                x=x,
                y=log_scale("N", label, HUMAN),
                tooltip=tips(C=("minimum of the profile at C", ".3~e"), N=("N", SIZE)),
            )
        )
    layers += stars(_answers(done), x, "N", label, log=True)
    crosses = "; crosses are minima of IsoFLOP profiles" if done.iso is not None else ""
    return Chart(
        "Best size against compute",
        f"The compute-optimal size by {done.fit.label} with its band, and the answer{crosses}. Grey: the runs.",
        layered(layers),
    )


def _isoflops(iso: IsoflopFit, runs: pd.DataFrame) -> Chart:
    curves = []
    table = iso.runs
    for budget in np.unique(table["budget"]):
        profile = iso.profiles.get(float(budget))
        if profile is None:
            continue
        sizes = table.loc[table["budget"] == budget, "N"]
        N = np.geomspace(sizes.min(), sizes.max(), GRID)
        center = 0.5 * (np.log(sizes.min()) + np.log(sizes.max()))
        curves.append(pd.DataFrame({"N": N, "loss": profile.eval(x=np.log(N) - center), "budget": budget}))
    label = loss_label(iso)
    colour = shade("budget", "C (FLOPs)", POWER, table["budget"])
    x, y = log_scale("N", "parameters N", HUMAN), linear_scale("loss", label)
    points = thinned(table)[["N", "loss", "budget"]]
    told = tips(budget=("C", ".3~e"), N=("N", SIZE), loss=("loss", ".4f"))
    layers = [layer(mark("point", filled=True, size=40, opacity=0.85), points, x=x, y=y, color=colour, tooltip=told)]
    if curves:
        drawn = pd.concat(curves, ignore_index=True)
        layers.append(
            layer(
                mark("line", strokeWidth=1.3),
                drawn,
                x=x,
                y=y,
                color={**colour, "legend": None},
                detail=[{"field": "budget"}],
            )
        )
    layers.append(
        layer(
            mark("point", shape="cross", filled=True, size=90, color=ACCENT),
            iso.optima[["N", "loss", "C"]],
            x=x,
            y=y,
            tooltip=tips(C=("minimum at C", ".3~e"), N=("N", SIZE), loss=("loss", ".4f")),
        )
    )
    return Chart("IsoFLOP profiles", "Loss against size at each budget, with the curve fitted to it and its minimum.",
                 layered(layers))  # fmt: skip


def _epochs(fit: FitResult, runs: pd.DataFrame) -> Chart:
    """Loss over epochs of the least unique data, a curve for each size."""
    seen = fit.runs
    data = float(seen["U_D"].min())
    part = seen[np.isclose(seen["U_D"], data, rtol=0.02)]
    curves = []
    for N, own in part.groupby("N"):
        epochs = np.geomspace(max(own["epochs"].min(), 1.0), own["epochs"].max(), GRID)
        curves.append(pd.DataFrame({"epochs": epochs, "loss": fit(N=float(str(N)), U_D=data, epochs=epochs), "N": N}))
    colour = shade("N", "parameters N", HUMAN, runs["N"])
    x, y = log_scale("epochs", "epochs", "format(datum.value, '.3~r')"), linear_scale("loss", loss_label(fit))
    shown = runs[np.isclose(runs["U_D"], data, rtol=0.02)]
    layers = [
        layer(mark("point", filled=True, size=28, opacity=0.7), shown, x=x, y=y, color=colour,
               tooltip=run_tips(shown)),
        layer(mark("line", strokeWidth=1.6), pd.concat(curves), x=x, y=y, color={**colour, "legend": None}, detail=[{"field": "N"}]),
    ]  # fmt: skip
    return Chart(
        "Loss over epochs",
        f"Runs on {human(data)} unique tokens as points, {fit.label} as lines, one for each size.",
        layered(layers),
    )


def _residuals(fit: FitResult, runs: pd.DataFrame, by_hand: Collection[int]) -> Chart:
    """What the law misses, row by row; rows that were left out by hand stay, so that they can be brought back."""
    against = next((c for c in ("C", *fit.law.variables) if c in runs), None)
    if against is None:
        runs, against = runs.assign(number=np.arange(len(runs))), "number"
    positive = pd.api.types.is_numeric_dtype(runs[against]) and bool((runs[against] > 0).all())
    title = {"C": "training compute C (FLOPs)", "number": "row"}.get(against, against)
    x = log_scale(against, title, POWER if against == "C" else HUMAN) if positive else linear_scale(against, title)
    picks = ROW in runs and ROW not in fit.runs
    table = pd.concat([runs.assign(kept=True), _left_out(fit, by_hand if picks else ())], ignore_index=True)
    colour: Spec = {"value": SECOND}
    size: Spec = {"value": 50}
    if picks:
        picked = {"param": PICKED, "empty": False}
        colour["condition"], size["condition"] = {**picked, "value": ACCENT}, {**picked, "value": 150}
    dots = layer(
        mark("point", filled=True, strokeWidth=1.5),
        table,
        x=x,
        y=linear_scale("residual", "ln(predicted / observed), %"),
        fill=colour,
        stroke=colour,
        size=size,
        fillOpacity={"condition": {"test": "datum.kept", "value": 0.75}, "value": 0},
        detail=[{"field": c} for c in ("kept", ROW) if c in table],
        tooltip=run_tips(table),
    )
    zero = layer(mark("rule", color=GREY), pd.DataFrame({"residual": [0.0]}), y=linear_scale("residual", None))
    caption = "How far the prediction lies above or below the loss of every row. A pattern here is what the law misses; a row far off may be a fault."
    if not picks:
        return Chart("What the law misses", caption, layered([zero, dots]))
    dots["name"] = "dots"
    select = {"type": "point", "fields": [ROW], "toggle": "true"}
    drawn = {**layered([zero, dots]), "params": [{"name": PICKED, "select": select, "views": ["dots"]}]}
    how = " Click on rows to leave them out; rings are rows that were left out by hand, and come back the same way."
    return Chart("What the law misses", caption + how, drawn, picks=True)


def _left_out(fit: FitResult, rows: Collection[int]) -> pd.DataFrame:
    """Rows of these numbers that were not fitted, and what a law of N and D says of them."""
    needed = [ROW, "N", "D", "C", "loss"]
    if not rows or not fit.law.of_N_and_D or not set(needed) <= set(fit.excluded):
        return pd.DataFrame()
    table = fit.excluded[needed].apply(pd.to_numeric, errors="coerce").dropna()
    table = table[table[ROW].isin(rows) & (table > 0).all(axis=1)]
    if table.empty:
        return pd.DataFrame()
    own = fit.excluded["run_id" if "run_id" in fit.excluded else ROW]
    return table.assign(run=own[table.index].astype(str), residual=100 * log_errors(fit, table), kept=False)
