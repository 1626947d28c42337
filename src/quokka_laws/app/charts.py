"""Charts of a fit for the page, with what lies under the pointer: the data of ``ql.plot`` as Vega-Lite.

Colours tell apart on white and on black, lines and marks also by their shape; names of runs are data, never text of the chart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.app.shown import Chart
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

Spec = dict[str, Any]

ACCENT, SECOND, GREY = "#d55e00", "#0f86c9", "#8a8f98"
SHADES = {"scheme": {"name": "viridis", "extent": [0.28, 0.9]}}
"""The part of the scale that is seen on white and on black."""
GRID = 60  # points of a curve
HEIGHT = 400
HUMAN = "replace(format(datum.value, '.3~s'), 'G', 'B')"
POWER = "replace(format(datum.value, '.0e'), '+', '')"


def of_study(done: Study) -> Iterator[Chart]:
    """Every chart that a fit allows, the one that everybody draws first first."""
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
    if done.iso is not None:
        yield _isoflops(done.iso, runs)
    if fit.law.of_repetition and {"U_D", "epochs", "N"} <= set(runs):
        yield _epochs(fit, runs)
    yield _residuals(fit, runs)


def of_comparison(found: Comparison, runs: pd.DataFrame) -> Iterator[Chart]:
    """Held-out errors of several laws, and what each of them says of the runs."""
    table = found.table.assign(error=100 * found.table["error"], fitted_label=found.table["fitted"].astype(str))
    yield Chart(
        "Runs that were held out",
        "Error of the predicted loss (root mean square, %) of each law, for budgets up to so many times the largest fitted.",
        _spec(
            _mark("line", point={"size": 60, "filled": True}, tooltip=True),
            table[["law", "holdout", "error", "fitted", "held_out"]],
            x=_nominal("holdout", "held out: compute over the largest fitted", sort=None),
            y=_linear("error", "error, %", zero=True),
            color=_law(),
            strokeDash={"field": "law", "type": "nominal", "legend": None},
            tooltip=_tips(
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
            _spec(
                _mark("point", filled=True, opacity=0.7, size=36),
                pd.concat(parts, ignore_index=True),
                x=_log("C", "training compute C (FLOPs)", POWER),
                y=_linear("residual", "ln(predicted / observed), %"),
                color=_law(),
                shape={"field": "law", "type": "nominal", "legend": None},
                tooltip=_tips(law="law", C=("C", ".3~e"), residual=("missed by, %", ".3f")),
            ),
        )


# ---- one fit ----------------------------------------------------------------------------------------------------


def named_runs(fit: FitResult) -> pd.DataFrame:
    """The fitted rows, thinned where there are many, with their names and what the law makes of them."""
    table = fit.residuals.reset_index(drop=True)
    table = table.assign(run=list(row_names(fit.runs, np.ones(len(fit.runs), dtype=bool))))
    table["residual"] = 100 * table["residual"]
    known = [c for c in ("run", "N", "D", "C", "U_D", "epochs", "loss", "residual") if c in table]
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
    x = _log("C", "training compute C (FLOPs)", POWER)
    layers = [
        _layer(
            _mark("point", filled=True, size=44, opacity=0.85),
            runs,
            x=x,
            y=_linear("loss", label),
            color={"field": "N", "type": "quantitative", "scale": {"type": "log", **SHADES},
                   "legend": {"title": "parameters N", "labelExpr": HUMAN, "type": "gradient"}},
            tooltip=_run_tips(runs),
        ),
        _layer(
            _mark("line", color=ACCENT, strokeWidth=2),
            frontier,
            x=x,
            y=_linear("loss", label),
            tooltip=_tips(C=("C", ".3~e"), loss=("best loss at C", ".4f"), N=("N", ".3~s"), D=("D", ".3~s")),
        ),
    ]  # fmt: skip
    if "loss_lower" in frontier:
        layers.insert(1, _band(frontier, x, "loss", label))
    layers += _stars(_answers(done), x, "loss", label)
    return Chart(
        "Loss against compute",
        f"Runs by their size, the lowest loss that {done.fit.label} predicts at each budget with its band, and the answer.",
        _layered(layers),
    )


def _size_against_compute(done: Study, runs: pd.DataFrame, frontier: pd.DataFrame) -> Chart:
    x = _log("C", "training compute C (FLOPs)", POWER)
    label = "parameters N"
    layers = [
        _layer(_mark("point", filled=True, size=26, color=GREY, opacity=0.6), runs, x=x, y=_log("N", label, HUMAN),
               tooltip=_run_tips(runs)),
        _layer(_mark("line", color=ACCENT, strokeWidth=2), frontier, x=x, y=_log("N", label, HUMAN),
               tooltip=_tips(C=("C", ".3~e"), N=("best N at C", ".3~s"), D=("D", ".3~s"))),
    ]  # fmt: skip
    if "N_lower" in frontier:
        layers.insert(0, _band(frontier, x, "N", label, log=True))
    if done.iso is not None:
        layers.append(
            _layer(
                _mark("point", shape="cross", size=90, color=SECOND, filled=True),
                done.iso.optima[["C", "N", "loss"]],
                x=x,
                y=_log("N", label, HUMAN),
                tooltip=_tips(C=("minimum of the profile at C", ".3~e"), N=("N", ".3~s")),
            )
        )
    layers += _stars(_answers(done), x, "N", label, log=True)
    crosses = "; crosses are minima of IsoFLOP profiles" if done.iso is not None else ""
    return Chart(
        "Best size against compute",
        f"The compute-optimal size by {done.fit.label} with its band, and the answer{crosses}. Grey: the runs.",
        _layered(layers),
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
    shade = {
        "field": "budget",
        "type": "quantitative",
        "scale": {"type": "log", **SHADES},
        "legend": {"title": "C (FLOPs)", "labelExpr": POWER, "type": "gradient"},
    }
    x, y = _log("N", "parameters N", HUMAN), _linear("loss", label)
    points = thinned(table)[["N", "loss", "budget"]]
    tips = _tips(budget=("C", ".3~e"), N=("N", ".3~s"), loss=("loss", ".4f"))
    layers = [_layer(_mark("point", filled=True, size=40, opacity=0.85), points, x=x, y=y, color=shade, tooltip=tips)]
    if curves:
        drawn = pd.concat(curves, ignore_index=True)
        layers.append(
            _layer(_mark("line", strokeWidth=1.3), drawn, x=x, y=y, color=shade, detail=[{"field": "budget"}])
        )
    layers.append(
        _layer(
            _mark("point", shape="cross", filled=True, size=90, color=ACCENT),
            iso.optima[["N", "loss", "C"]],
            x=x,
            y=y,
            tooltip=_tips(C=("minimum at C", ".3~e"), N=("N", ".3~s"), loss=("loss", ".4f")),
        )
    )
    return Chart("IsoFLOP profiles", "Loss against size at each budget, with the curve fitted to it and its minimum.",
                 _layered(layers))  # fmt: skip


def _epochs(fit: FitResult, runs: pd.DataFrame) -> Chart:
    """Loss over epochs of the least unique data, a curve for each size."""
    seen = fit.runs
    data = float(seen["U_D"].min())
    part = seen[np.isclose(seen["U_D"], data, rtol=0.02)]
    curves = []
    for N, own in part.groupby("N"):
        epochs = np.geomspace(max(own["epochs"].min(), 1.0), own["epochs"].max(), GRID)
        curves.append(pd.DataFrame({"epochs": epochs, "loss": fit(N=float(str(N)), U_D=data, epochs=epochs), "N": N}))
    shade = {
        "field": "N",
        "type": "quantitative",
        "scale": {"type": "log", **SHADES},
        "legend": {"title": "parameters N", "labelExpr": HUMAN, "type": "gradient"},
    }
    x, y = _log("epochs", "epochs", "format(datum.value, '.3~r')"), _linear("loss", loss_label(fit))
    shown = runs[np.isclose(runs["U_D"], data, rtol=0.02)]
    layers = [
        _layer(_mark("point", filled=True, size=28, opacity=0.7), shown, x=x, y=y, color=shade,
               tooltip=_run_tips(shown)),
        _layer(_mark("line", strokeWidth=1.6), pd.concat(curves), x=x, y=y, color=shade, detail=[{"field": "N"}]),
    ]  # fmt: skip
    return Chart(
        "Loss over epochs",
        f"Runs on {human(data)} unique tokens as points, {fit.label} as lines, one for each size.",
        _layered(layers),
    )


def _residuals(fit: FitResult, runs: pd.DataFrame) -> Chart:
    against = next((c for c in ("C", *fit.law.variables) if c in runs), None)
    if against is None:
        runs, against = runs.assign(number=np.arange(len(runs))), "number"
    positive = pd.api.types.is_numeric_dtype(runs[against]) and bool((runs[against] > 0).all())
    title = {"C": "training compute C (FLOPs)", "number": "row"}.get(against, against)
    x = _log(against, title, POWER if against == "C" else HUMAN) if positive else _linear(against, title)
    dots = _layer(
        _mark("point", filled=True, size=44, color=SECOND, opacity=0.8),
        runs,
        x=x,
        y=_linear("residual", "ln(predicted / observed), %"),
        tooltip=_run_tips(runs),
    )
    zero = _layer(_mark("rule", color=GREY), pd.DataFrame({"residual": [0.0]}), y=_linear("residual", None))
    return Chart(
        "What the law misses",
        "ln(predicted / observed loss) of every row. A pattern here is what the law misses; a row far off may be a fault.",
        _layered([zero, dots]),
    )


# ---- parts of Vega-Lite -----------------------------------------------------------------------------------------


def _stars(answers: pd.DataFrame, x: Spec, name: str, label: str, *, log: bool = False) -> list[Spec]:
    answers = answers[np.isfinite(answers[name])]
    columns = [c for c in ("C", "N", "D", "loss", f"{name}_lower", f"{name}_upper") if c in answers]
    y = _log(name, label, HUMAN) if log else _linear(name, label)
    layers = []
    if f"{name}_lower" in answers:
        ends = {**y, "field": f"{name}_lower"}
        layers.append(
            _layer(
                _mark("rule", color=ACCENT, strokeWidth=2),
                answers[columns],
                x=x,
                y=ends,
                y2={"field": f"{name}_upper"},
            )
        )
    layers.append(
        _layer(
            _mark("point", shape="diamond", filled=True, size=150, color=ACCENT, stroke="#222222", strokeWidth=0.6),
            answers[columns],
            x=x,
            y=y,
            tooltip=_tips(C=("the answer at C", ".3~e"), N=("N", ".3~s"), D=("D", ".3~s"), loss=("loss", ".4f")),
        )
    )
    return layers


def _band(table: pd.DataFrame, x: Spec, name: str, label: str, *, log: bool = False) -> Spec:
    y = _log(name, label, HUMAN) if log else _linear(name, label)
    return _layer(
        _mark("area", color=ACCENT, opacity=0.18),
        table[["C", f"{name}_lower", f"{name}_upper"]],
        x=x,
        y={**y, "field": f"{name}_lower"},
        y2={"field": f"{name}_upper"},
    )


def _mark(kind: str, **options: Any) -> Spec:
    return {"type": kind, **options}


def _log(name: str, title: str, labels: str) -> Spec:
    axis = {"labelExpr": labels, "tickCount": 5, "labelOverlap": True}
    return {
        "field": name,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "nice": False},
        "axis": axis,
    }


def _linear(name: str, title: str | None, *, zero: bool = False) -> Spec:
    return {"field": name, "type": "quantitative", "title": title, "scale": {"zero": zero}}


def _nominal(name: str, title: str, **options: Any) -> Spec:
    return {"field": name, "type": "nominal", "title": title, "axis": {"labelAngle": 0}, **options}


def _law() -> Spec:
    colours = [SECOND, ACCENT, "#009e73", "#cc79a7", "#e69f00"]
    legend = {"title": None, "orient": "bottom", "columns": 2, "labelLimit": 260}
    return {"field": "law", "type": "nominal", "scale": {"range": colours}, "legend": legend}


def _tips(**fields: str | tuple[str, str]) -> list[Spec]:
    """Field = title, or (title, format)."""
    tips = []
    for name, said in fields.items():
        title, form = said if isinstance(said, tuple) else (said, None)
        tip: Spec = {"field": name, "title": title}
        tips.append(tip | ({"format": form, "type": "quantitative"} if form else {"type": "nominal"}))
    return tips


def _run_tips(runs: pd.DataFrame) -> list[Spec]:
    shown: dict[str, str | tuple[str, str]] = {"run": "run"}
    for name in ("N", "D", "C", "U_D", "epochs", "loss"):
        if name in runs:
            shown[name] = (name, {"loss": ".4f", "C": ".3~e", "epochs": ".3~r"}.get(name, ".3~s"))
    if "residual" in runs:
        shown["residual"] = ("missed by, %", ".3f")
    return _tips(**shown)


def _layer(mark: Spec, table: pd.DataFrame, **encoding: Any) -> Spec:
    return {"mark": mark, "data": {"values": _values(table, encoding)}, "encoding": encoding}


def _spec(mark: Spec, table: pd.DataFrame, **encoding: Any) -> Spec:
    return _finished(_layer(mark, table, **encoding))


def _layered(layers: list[Spec]) -> Spec:
    return _finished({"layer": layers})


def _finished(spec: Spec) -> Spec:
    return {
        **spec,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {"legend": {"orient": "bottom"}},
        "usermeta": {"embedOptions": {"actions": False}},
    }


def _values(table: pd.DataFrame, encoding: Spec) -> list[dict[str, Any]]:
    """The columns that are drawn or told, as plain values."""
    used = {c["field"] for channel in encoding.values() for c in _channels(channel) if "field" in c}
    plain = table[[c for c in table if c in used]].replace([np.inf, -np.inf], np.nan)
    return [{k: (None if v != v else v) for k, v in row.items()} for row in plain.to_dict("records")]


def _channels(channel: Any) -> list[Spec]:
    return channel if isinstance(channel, list) else [channel]
