"""Fits as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.format import WIDTH, human, indent, left_aligned, right_aligned

if TYPE_CHECKING:
    from quokka_laws.results.fit_result import FitResult
    from quokka_laws.results.isoflop_fit import IsoflopFit

REFUSALS_LISTED = 3


def diagnostic_lines(diagnostics: Iterable[Diagnostic], *, command_line: bool = False) -> list[str]:
    """Diagnostics as wrapped bullet lines."""
    return [
        line
        for diagnostic in diagnostics
        for line in textwrap.wrap(
            diagnostic.sentence(command_line=command_line), WIDTH, initial_indent="  ! ", subsequent_indent="    "
        )
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
        f"{fit.law.label}: loss = {fit.law.equation}",
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
    if fit.diagnostics:
        lines += ["", "  Before you rely on it", *diagnostic_lines(fit.diagnostics)]
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
    refused = iso.refused[:1] if len(iso.refused) > REFUSALS_LISTED else iso.refused
    if len(refused) < len(iso.refused):
        lines.append(f"  ! {len(iso.refused)} of {len(iso.refused) + len(iso.optima)} budgets were refused; the first:")
    others = [d for d in iso.diagnostics if d not in iso.refused]
    lines += diagnostic_lines([*refused, *others])
    return "\n".join(lines)


def _objective(fit: FitResult) -> str:
    spec = fit.objective.to_spec()
    options = ", ".join(f"{k}={v:g}" for k, v in spec.items() if k != "name" and v)
    return f"{spec['name']}({options})"
