"""Parts of charts in Vega-Lite that every chart of the page shares: axes, marks, bands, stars, what lies under the pointer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.results.format import human

Spec = dict[str, Any]

ACCENT, SECOND, GREY = "#d55e00", "#0f86c9", "#8a8f98"
SHADES = {"scheme": {"name": "viridis", "extent": [0.28, 0.9]}}
"""The part of the scale that is seen on white and on black."""
HEIGHT = 400
HUMAN = "replace(format(datum.value, '.3~s'), 'G', 'B')"
POWER = "replace(format(datum.value, '.0e'), '+', '')"
SIZE = "7B"
"""The format of a tip for parameters and tokens."""
SAID = " said"  # behind the name of a column, that of its words


def stars(answers: pd.DataFrame, x: Spec, name: str, label: str, *, log: bool = False) -> list[Spec]:
    """Answers as diamonds with their intervals."""
    answers = answers[np.isfinite(answers[name])]
    columns = [c for c in ("C", "N", "D", "loss", f"{name}_lower", f"{name}_upper") if c in answers]
    y = log_scale(name, label, HUMAN) if log else linear_scale(name, label)
    layers = []
    if f"{name}_lower" in answers:
        ends = {**y, "field": f"{name}_lower"}
        layers.append(
            layer(
                mark("rule", color=ACCENT, strokeWidth=2),
                answers[columns],
                x=x,
                y=ends,
                y2={"field": f"{name}_upper"},
            )
        )
    return [*layers, diamonds(answers[columns], x, y)]


def diamonds(answers: pd.DataFrame, x: Spec, y: Spec) -> Spec:
    """Answers, each telling itself under the pointer."""
    return layer(
        mark("point", shape="diamond", filled=True, size=150, color=ACCENT, stroke="#222222", strokeWidth=0.6),
        answers,
        x=x,
        y=y,
        tooltip=tips(C=("the answer at C", ".3~e"), N=("N", SIZE), D=("D", SIZE), loss=("loss", ".4f")),
    )


def band(table: pd.DataFrame, x: Spec, name: str, label: str, *, log: bool = False) -> Spec:
    """The interval of a curve over compute."""
    y = log_scale(name, label, HUMAN) if log else linear_scale(name, label)
    return layer(
        mark("area", color=ACCENT, opacity=0.18),
        table[["C", f"{name}_lower", f"{name}_upper"]],
        x=x,
        y={**y, "field": f"{name}_lower"},
        y2={"field": f"{name}_upper"},
    )


def mark(kind: str, **options: Any) -> Spec:
    """How a layer is drawn."""
    return {"type": kind, **options}


def log_scale(name: str, title: str, labels: str) -> Spec:
    """A logarithmic axis of a column, its numbers written by an expression; :func:`finished` chooses its ends and ticks."""
    axis = {"labelExpr": labels, "labelOverlap": True}
    return {
        "field": name,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "nice": False},
        "axis": axis,
    }


def shade(name: str, title: str, labels: str, seen: pd.Series) -> Spec:
    """A colour along a logarithmic scale, with its legend."""
    scale = {"type": "log", "domain": [float(seen.min()), float(seen.max())], **SHADES}
    round_ones = ticks(seen.min(), seen.max())
    powers = [one for one in round_ones if f"{one:e}".startswith("1.000000")]
    values = powers if len(powers) > 2 else round_ones
    legend = {"title": title, "labelExpr": labels, "type": "gradient", "values": values}
    return {"field": name, "type": "quantitative", "scale": scale, "legend": legend}


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between two: powers of ten where they are far apart, parts of them where they are not."""
    decades = np.log10(high / low)
    parts = (1.0,) if decades > 3.5 else (1.0, 3.0) if decades > 1.2 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    found = [float(f"{part * power:.3g}") for power in powers for part in parts]
    return [one for one in found if low <= one <= high]


def linear_scale(name: str, title: str | None, *, zero: bool = False) -> Spec:
    """A linear axis of a column."""
    return {"field": name, "type": "quantitative", "title": title, "scale": {"zero": zero}}


def nominal_scale(name: str, title: str, **options: Any) -> Spec:
    """An axis of names."""
    return {"field": name, "type": "nominal", "title": title, "axis": {"labelAngle": 0}, **options}


def law() -> Spec:
    """A colour for each law."""
    colours = [SECOND, ACCENT, "#009e73", "#cc79a7", "#e69f00"]
    legend = {"title": None, "orient": "bottom", "columns": 2, "labelLimit": 260}
    return {"field": "law", "type": "nominal", "scale": {"range": colours}, "legend": legend}


def tips(**fields: str | tuple[str, str]) -> list[Spec]:
    """Field = title, or (title, format)."""
    found = []
    for name, said in fields.items():
        title, form = said if isinstance(said, tuple) else (said, None)
        tip: Spec = {"field": name, "title": title, "type": "nominal"}
        if form == SIZE:
            tip["field"] = name + SAID
        elif form:
            tip |= {"format": form, "type": "quantitative"}
        found.append(tip)
    return found


def run_tips(runs: pd.DataFrame) -> list[Spec]:
    """What is told of a run."""
    shown: dict[str, str | tuple[str, str]] = {}
    if "row" in runs:
        shown["row"] = "row"
    if "row" not in runs or (runs["run"].astype(str) != runs["row"].astype(str)).any():
        shown["run"] = "run"
    for name in ("N", "D", "C", "U_D", "epochs", "loss"):
        if name in runs:
            shown[name] = (name, {"loss": ".4f", "C": ".3~e", "epochs": ".3~r"}.get(name, SIZE))
    if "residual" in runs:
        shown["residual"] = ("missed by, %", ".3f")
    return tips(**shown)


def layer(mark: Spec, table: pd.DataFrame, **encoding: Any) -> Spec:
    """Marks of a table, with the columns that they use."""
    return {"mark": mark, "data": {"values": values(table, encoding)}, "encoding": encoding}


def spec(mark: Spec, table: pd.DataFrame, **encoding: Any) -> Spec:
    """A chart of one layer."""
    return finished(layer(mark, table, **encoding))


def layered(layers: list[Spec]) -> Spec:
    """A chart of several layers."""
    return finished({"layer": layers})


def finished(spec: Spec) -> Spec:
    """A chart with what all charts of the page have."""
    for channel in ("x", "y"):
        _fit_axis(spec.get("layer", [spec]), channel)
    return {
        **spec,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {
            "legend": {"orient": "top", "direction": "horizontal", "titleOrient": "left", "gradientLength": 150},
            "axis": {"titlePadding": 8},
        },
        "usermeta": {"embedOptions": {"actions": False}},
    }


def _fit_axis(layers: list[Spec], channel: str) -> None:
    """Ends and ticks of a logarithmic axis, the same for all layers, with room for marks at the ends."""
    drawn = [one for one in layers if one["encoding"].get(channel, {}).get("scale", {}).get("type") == "log"]
    found: list[float] = []
    for one in drawn:
        fields = [one["encoding"][name]["field"] for name in (channel, f"{channel}2") if name in one["encoding"]]
        found += [row[field] for row in one["data"]["values"] for field in fields if (row.get(field) or 0.0) > 0.0]
    if not found:
        return
    room = (max(found) / min(found)) ** 0.02
    for one in drawn:
        own = one["encoding"][channel]
        low, high = own["scale"].get("domain", (min(found) / room, max(found) * room))
        own |= {"scale": {**own["scale"], "domain": [low, high]}, "axis": {**own["axis"], "values": ticks(low, high)}}


def values(table: pd.DataFrame, encoding: Spec) -> list[dict[str, Any]]:
    """The columns that are drawn or told, as plain values."""
    used = {c["field"] for channel in encoding.values() for c in channels(channel) if "field" in c}
    said = {name: table[column].map(human) for name in used if (column := name.removesuffix(SAID)) != name}
    table = table.assign(**said)
    plain = table[[c for c in table if c in used]].replace([np.inf, -np.inf], np.nan)
    return [{k: (None if v != v else v) for k, v in row.items()} for row in plain.to_dict("records")]


def channels(channel: Any) -> list[Spec]:
    """A channel's fields, one or several."""
    return channel if isinstance(channel, list) else [channel]
