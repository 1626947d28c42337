"""Fits as text: the answer, what to know before relying on it, then the evidence."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from quokka_laws._spelling import BLANK, either, option
from quokka_laws.objective import LogHuber
from quokka_laws.results.fit_result import FitStatus
from quokka_laws.results.format import WIDTH, human, indent, left_aligned, right_aligned
from quokka_laws.results.law_choice import LawChoice

if TYPE_CHECKING:
    from quokka_laws.results.fit_result import FitResult
    from quokka_laws.results.isoflop_fit import IsoflopFit

REFUSALS_LISTED = 3


BEFORE = "Before you rely on it"


def sentences_of(result: FitResult | IsoflopFit) -> list[str]:
    """What is doubtful about a result, a sentence each."""
    return [diagnostic.sentence() for diagnostic in result.diagnostics]


def numbered(sentences: Sequence[str], heading: str = BEFORE) -> str:
    """Sentences as a numbered list under a heading; nothing where there are none."""
    lines = [heading]
    for i, sentence in enumerate(sentences, 1):
        lines += textwrap.wrap(sentence, WIDTH, initial_indent=f"  {i}  ", subsequent_indent="     ")
    return "\n".join(lines) if sentences else ""


def paragraphs(*parts: str) -> str:
    """Parts of a report with an empty line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part)


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


def choice_sentences(choice: LawChoice) -> list[str]:
    """Which law was taken, which came next and what it would change."""
    best = choice.table.iloc[0]
    if choice.reason == "few runs":
        return [f"Law: {best['law']}, because there are too few runs to tell laws apart. --law names another."]
    if choice.reason == "repeated data":
        return [f"Law: {best['law']}, because the runs repeat their data. --law names another."]
    if choice.reason == "one ratio":
        return [
            "Law: a power of compute, because all runs have the same D/N: what more parameters do and what more tokens do cannot be "
            "told apart. To learn how to split a budget add runs at other D/N."
        ]
    if choice.reason == "compute alone":
        named = option("columns", {"N": BLANK, "D": BLANK})
        return [
            f"Law: a power of compute, because the table names no parameters and tokens; where it has them: {named}."
        ]
    said = f"Law: {best['law']}, the best of {len(choice.table)} by BIC"
    if len(choice.table) > 1:
        second = choice.table.iloc[1]
        said += f"; next comes {second['law']} (BIC +{second['BIC_difference']:.3g})"
        if np.isfinite(second["N"]) and np.isfinite(best["N"]):
            said += f", whose best size at C = {second['C']:.3g}, ten times your largest run, is {human(second['N'])} instead of {human(best['N'])}"
    return [f"{said}."]


def fit_answer(fit: FitResult) -> str:
    """The fit in two lines: the law with its numbers and how near it comes to the runs; how its optimum grows."""
    numbers = ", ".join(f"{k} = {fit.values[k]:.3g}" for k in fit.law.names)
    lines = [
        f"loss = {fit.law.equation} with {numbers}; it misses your {len(fit.runs)} runs by {100 * fit.rms_residual:.2g} % (rms)"
    ]
    if fit.status is FitStatus.NOT_CONVERGED:
        lines.insert(0, fit.status.value)
    if (best := fit.law.optimal_log_N(fit.values, np.array([50.0, 51.0]))) is not None and np.isfinite(best).all():
        a = float(np.ravel(best)[1] - np.ravel(best)[0])
        lines.append(f"Compute-optimal: N grows as C^{a:.3f}, D as C^{1 - a:.3f}")
    return "\n".join(line for text in lines for line in textwrap.wrap(text, WIDTH, subsequent_indent="  "))


def short_report(fit: FitResult) -> str:
    """Six lines, for ``repr``."""
    numbers = ", ".join(f"{k} = {fit.values[k]:.4g}" for k in fit.law.names)
    how = fit.bootstrap
    refits = f"{how['converged']} of {how['refits']} refits" if how else "none (fit with bootstrap=1000)"
    return "\n".join(
        [
            f"<FitResult {fit.label}: {len(fit.runs)} runs, {fit.status.name}>",
            f"  loss = {fit.law.equation}",
            f"  {numbers}",
            f"  {_objective(fit)} = {fit.objective_value:.6g}, rms residual {100 * fit.rms_residual:.2g} %",
            f"  intervals: {refits}",
            "  .report() says what to know before you rely on it; .predict(), .plot(), .save()",
        ]
    )


def evidence(fit: FitResult) -> str:
    """What the answer rests on: rows, objective, starts, refits, coefficients, rows left out."""
    n, out = len(fit.runs), len(fit.excluded)
    lines = [
        f"{fit.law.label}: loss = {fit.law.equation}",
        f"  {n} rows fitted, {out} excluded; {fit.conventions.describe()}",
        f"  objective {_objective(fit)} = {fit.objective_value:.9g} (sum over rows); rms residual {100 * fit.rms_residual:.2g} %",
        f"  status: {fit.status.value}",
    ]
    if fit.prior:
        normal = ", ".join(f"{k} {mean:g} ± {sd:g}" for k, (mean, sd) in fit.prior.items())
        lines.append(
            f"  prior: {normal} (mean ± standard deviation); to fit without it: {either('prior=None', '--no-prior')}"
        )
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
        lines.append("  no intervals: none of the refits that give them was asked for (bootstrap)")
    lines += ["", coefficient_table(fit)]
    if out:
        counts = fit.excluded["reason"].value_counts()
        lines += ["", *(f"  excluded: {k} row{'s' if k > 1 else ''}, {reason}" for reason, k in counts.items())]
    return "\n".join(lines)


def fit_report(fit: FitResult) -> str:
    """The whole report of a fit: the answer, what to know before relying on it, the evidence."""
    return paragraphs(fit_answer(fit), numbered(sentences_of(fit)), evidence(fit))


def isoflop_report(iso: IsoflopFit) -> str:
    """The whole report of IsoFLOP profiles: power laws, what to know before relying on them, the budgets."""
    first, *rest = isoflop_tables(iso).split("\n\n", 1)
    return paragraphs(first, numbered(isoflop_sentences(iso)), *rest)


def isoflop_sentences(iso: IsoflopFit) -> list[str]:
    """What is doubtful about IsoFLOP profiles, a sentence each; of many refused budgets the first."""
    refused = list(iso.refused[:1] if len(iso.refused) > REFUSALS_LISTED else iso.refused)
    others = [d for d in iso.diagnostics if d not in iso.refused]
    said = [d.sentence() for d in [*refused, *others]]
    if len(refused) < len(iso.refused):
        said[0] = (
            f"{len(iso.refused)} of {len(iso.refused) + len(iso.optima)} budgets were refused. The first: {said[0]}"
        )
    return said


def isoflop_tables(iso: IsoflopFit) -> str:
    """Power laws through the optima, and the optimum of each budget."""
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
    return paragraphs("\n".join(lines), indent(right_aligned(shown)))


def _objective(fit: FitResult) -> str:
    if isinstance(fit.objective, LogHuber) and fit.objective.auto:
        return f'LogHuber("auto"), delta {fit.objective.delta:.3g} from the scatter of the runs,'
    spec = fit.objective.to_spec()
    options = ", ".join(f"{k}={v:g}" for k, v in spec.items() if k != "name" and v)
    return f"{spec['name']}({options})"
