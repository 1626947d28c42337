"""Fits as text and notebook HTML; bad news in capitals."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quokka_laws.runs import varying_flops

if TYPE_CHECKING:
    from quokka_laws.isoflop import IsoflopFit
    from quokka_laws.results import FitResult

WIDTH = 110
REFUSALS_LISTED = 3
_SUFFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def human(value: float) -> str:
    """``7.35e9`` → ``7.35B``: three digits and the suffix practitioners use."""
    if not np.isfinite(value):
        return "–"
    for size, suffix in _SUFFIXES:
        if size <= abs(value) < 1e18:
            return f"{value / size:.3g}{suffix}" if value / size < 999.5 else f"{value / size:.0f}{suffix}"
    return f"{value:.3g}"


def flag_lines(fit: FitResult) -> list[str]:
    """Doubts as wrapped bullet lines."""
    return [
        line
        for flag in fit.flags
        for line in textwrap.wrap(flag.message, WIDTH, initial_indent="  ! ", subsequent_indent="    ")
    ]


def coefficient_table(fit: FitResult) -> str:
    """Coefficients with their intervals; columns that were not computed are left out."""
    table = fit.summary
    shown = pd.DataFrame({"value": table["value"].map("{:.6g}".format)})
    if table["stderr"].notna().any():
        shown["stderr"] = table["stderr"].map("{:.2g}".format)
        shown["95 % interval"] = [f"{a:.4g} … {b:.4g}" for a, b in zip(table["lower"], table["upper"], strict=True)]
    meaning = {c.name: c.meaning for c in fit.law.coefficients}
    shown["note"] = [
        "at its bound"
        if at
        else (fit.params[k].expr and f"= {fit.params[k].expr}") or ""
        if fit.params[k].expr
        else ""
        if fit.params[k].vary
        else "fixed"
        for k, at in table["at_bound"].items()
    ]
    shown["meaning"] = [meaning[k] for k in table.index]
    shown.index.name = None
    if not shown["note"].any():
        shown = shown.drop(columns="note")
    return indent(left_aligned(shown))


def fit_report(fit: FitResult) -> str:
    """The whole report of a fit."""
    n, out = len(fit.runs), len(fit.excluded)
    lines = [
        f"{fit.law.name}: loss = {fit.law.equation}",
        f"  {n} rows fitted, {out} excluded; {fit.conventions.describe()}",
        f"  objective {_objective(fit)} = {fit.objective_value:.9g} (sum over rows); rms residual {100 * fit.rms_residual:.2g} %",
        f"  status: {fit.status.value}",
    ]
    if fit.route != "newton":
        lines.append(f"  route: {fit.route}")
    elif fit.starts:
        lines.append(
            f"  {fit.starts['at_optimum']} of {fit.starts['solved']} starts reached the optimum; "
            f"condition number {fit.condition_number:.1e}; rival minima: {len(fit.rivals)}"
        )
    if fit.bootstrap:
        unit = fit.bootstrap["cluster"] or "row"
        if fit.bootstrap["strata"]:
            unit += f" within {fit.bootstrap['strata_count']} strata of {fit.bootstrap['strata']}"
        lines.append(
            f"  bootstrap by {unit}: {fit.bootstrap['converged']} of {fit.bootstrap['refits']} refits converged, "
            f"{fit.bootstrap['units']} units, seed {fit.seed}"
        )
    else:
        lines.append("  no bootstrap: no error bars (fit with bootstrap=1000)")
    lines += ["", coefficient_table(fit)]
    if out:
        counts = fit.excluded["reason"].value_counts()
        lines += ["", *(f"  excluded: {k} rows, {reason}" for reason, k in counts.items())]
    if fit.flags:
        lines += ["", "  DOUBTFUL", *flag_lines(fit)]
    return "\n".join(lines)


def isoflop_report(iso: IsoflopFit) -> str:
    """The whole report of IsoFLOP profiles."""
    v = iso.values
    kind = "parabolas" if iso.degree == 2 else "local cubics"
    shown = pd.DataFrame(
        {
            "C": iso.optima["C"].map("{:.3g}".format),
            "N_opt": iso.optima["N"].map(human),
            "D_opt": iso.optima["D"].map(human),
            "loss": iso.optima["loss"].map("{:.4f}".format),
            "runs": iso.optima["runs"],
            "N_opt / grid centre": iso.optima["offset"].map("{:.2f}".format),
            "grid width": iso.optima["grid_width"].map("×{:.3g}".format),
        }
    )
    lines = [
        f"IsoFLOP profiles ({kind} in log N, {len(iso.optima)} budgets)",
        f"  N_opt = {v['k_N']:.4g}·C^{v['a']:.4f}    D_opt = {v['k_D']:.4g}·C^{v['b']:.4f}",
    ]
    if iso.draws is not None:
        s = iso.summary.loc["a"]
        lines.append(
            f"  exponent a: 95 % interval {s['lower']:.3f} … {s['upper']:.3f} (residuals resampled, "
            f"{len(iso.draws.dropna())} of {len(iso.draws)} refits usable)"
        )
    lines += ["", indent(right_aligned(shown))]
    refused = [f"REFUSED C = {row['C']:.3g}: {row['reason']}" for _, row in iso.refused.iterrows()]
    if len(refused) > REFUSALS_LISTED:
        refused = [f"REFUSED {len(refused)} of {len(refused) + len(iso.optima)} budgets; the first {refused[0][8:]}"]
    for sentence in refused:
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ! ", subsequent_indent="    ")
    if varying := varying_flops(iso.runs):
        lines += textwrap.wrap(varying, WIDTH, initial_indent="  ! ", subsequent_indent="    ")
    widest, farthest = iso.optima["grid_width"].max(), np.exp(np.abs(np.log(iso.optima["offset"])).max())
    if widest > 4 or farthest > 1.5:
        lines += textwrap.wrap(
            f"grids as wide as ×{widest:.3g} and minima up to ×{farthest:.2g} off centre: a parabola's minimum is then "
            "biased by several per cent, more when extrapolated (arXiv 2603.22339); compare with degree=3 and with the "
            "parametric fit",
            WIDTH,
            initial_indent="  ! ",
            subsequent_indent="    ",
        )
    return "\n".join(lines)


def allocation_table(plan: pd.DataFrame, level: float | None = None) -> str:
    """A plan for people: one line a budget, intervals at ``level``."""
    shown = pd.DataFrame({"C": plan["C"].map("{:.3g}".format)})
    for name in ("N", "D"):
        shown[name] = plan[name].map(human)
        if f"{name}_lower" in plan:
            shown[f"{name} ({level:.0%})"] = _interval(plan, name, human)
    shown["D/N"] = plan["tokens_per_param"].map("{:.3g}".format)
    if plan["loss"].notna().any():
        shown["loss"] = plan["loss"].map("{:.3f}".format)
        if "loss_lower" in plan:
            shown[f"loss ({level:.0%})"] = _interval(plan, "loss", "{:.3f}".format)
        shown["N within 0.1 % loss"] = _interval(plan, "N_flat", human)
    shown["extrapolation"] = [how_far(f, b) for f, b in zip(plan["extrapolation"], plan["below_runs"], strict=True)]
    return indent(right_aligned(shown))


def how_far(factor: float, below: bool = False) -> str:
    """A factor outside the fitted runs in words."""
    return "unknown" if factor != factor else "inside" if factor <= 1 else f"×{factor:.3g}" + " below" * bool(below)


def outside_runs(fit: FitResult, budgets: Iterable[float]) -> list[tuple[float, str, str]]:
    """Budgets outside the fitted runs, each with the factor and the side."""
    lowest, highest = fit.fitted_range.get("C", (0.0, np.inf))
    above = [(c, f"×{c / highest:.3g}", "beyond the largest run") for c in budgets if c > highest]
    return above + [(c, f"×{lowest / c:.3g}", "below the smallest run") for c in budgets if c < lowest]


def _interval(plan: pd.DataFrame, name: str, form: object) -> list[str]:
    show = form if callable(form) else str
    return [f"{show(a)} … {show(b)}" for a, b in zip(plan[f"{name}_lower"], plan[f"{name}_upper"], strict=True)]


def left_aligned(table: pd.DataFrame) -> str:
    """Columns of text flush left, the index first, two spaces between them so that headings do not run together."""
    return _columns(table.reset_index(names=str(table.index.name or "")), [str.ljust] * (table.shape[1] + 1))


def right_aligned(table: pd.DataFrame, *, index: bool = False) -> str:
    """Columns of numbers flush right, two spaces between them; with ``index`` it comes first, flush left."""
    if not index:
        return _columns(table, [str.rjust] * table.shape[1])
    return _columns(table.reset_index(names=""), [str.ljust, *[str.rjust] * table.shape[1]])


def _columns(table: pd.DataFrame, justify: Sequence[Callable[[str, int], str]]) -> str:
    cells = [[str(name), *map(_cell, values)] for name, values in table.items()]
    widths = [max(map(len, column)) for column in cells]
    rows = zip(*cells, strict=True)
    lines = ("  ".join(j(v, w) for j, v, w in zip(justify, row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def indent(text: str) -> str:
    """Two spaces before every line."""
    return textwrap.indent(text, "  ")


def _objective(fit: FitResult) -> str:
    spec = fit.objective.to_spec()
    options = ", ".join(f"{k}={v:g}" for k, v in spec.items() if k != "name" and v)
    return f"{spec['name']}({options})"
