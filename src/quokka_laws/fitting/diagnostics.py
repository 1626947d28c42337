"""What is doubtful about a fit, each as one sentence. Nothing here changes a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.fitting.bootstrap import independent_runs
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.run_diagnostics import of_runs
from quokka_laws.results.diagnostic import Flag
from quokka_laws.results.fit_result import FitResult
from quokka_laws.runs.checkpoints import mark_stages
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.read import varying_flops

LOW_RATIO = 4.0
RIVAL_WITHIN = 0.02
DEAD_SHARE = 1e-3
WIDE = 10.0
BRANCH = 0.15
MISFIT = 0.02  # rms of log-residuals
FEW_GROUPS = 12
RISE = 4.0  # times the noise of one run, above its minimum
BRANCH_RESAMPLES = 40
EXPONENT = 0.01


def of(fit: FitResult, *, refits: Refits | None) -> tuple[Flag, ...]:
    """Every doubt about a fit.

    Parameters
    ----------
    fit : FitResult
    refits : Refits, optional
        The same fit on some of its rows; None where that is too slow.
    """
    return tuple(
        Flag(code, message)
        for check in (
            _rows,
            _minimum,
            _bounds,
            _identified,
            _dead_terms,
            _wide_scales,
            _no_rise,
            _rivals,
            _misfit,
            _design,
            _resampling,
        )
        for code, message in check(fit)
    ) + tuple(
        Flag(code, message)
        for code, message in ((*_low_ratios(fit, refits), *_rising_branch(fit, refits)) if refits else ())
    )


def _rows(fit: FitResult) -> Iterator[tuple[str, str]]:
    return of_runs(fit.runs, fit.law)


def _minimum(fit: FitResult) -> Iterator[tuple[str, str]]:
    if fit.status.name == "NOT_CONVERGED":
        yield (
            "NOT_CONVERGED",
            (
                f"THE FIT DID NOT CONVERGE (gradient norm {fit.gradient_norm:.2g}); use more starts (n_starts=), "
                "or bounds that exclude the region it ran into"
            ),
        )
    solved, reached = fit.starts.get("solved", 0), fit.starts.get("at_optimum", 0)
    if solved >= 5 and reached <= 1:
        yield "ONE_START", f"ONLY 1 OF {solved} STARTS REACHED THE OPTIMUM; a better one may exist: raise n_starts"


def _bounds(fit: FitResult) -> Iterator[tuple[str, str]]:
    for c in fit.law.coefficients:
        par, value = fit.params[c.name], fit.values[c.name]
        if not par.vary or par.expr:
            continue
        if c.kind == "amplitude" and value == 0:
            word = "no irreducible loss" if c.name == "E" else f"the term of {c.name} is gone"
            yield (
                "AMPLITUDE_ZERO",
                (
                    f"{c.name} = 0: {word}. These runs do not determine it, and extrapolation will run "
                    f"{'to zero loss' if c.name == 'E' else 'without it'}"
                ),
            )
        elif fit.at_bound(c.name):
            yield (
                "AT_BOUND",
                f"{c.name} IS AT ITS BOUND {value:g}; {c.bound_means or 'its interval is not to be believed'}",
            )
        elif fit.draws is not None and c.kind == "amplitude" and (fit.draws[c.name] == 0).mean() > 0.02:
            share = (fit.draws[c.name] == 0).mean()
            yield (
                "AMPLITUDE_OFTEN_ZERO",
                (
                    f"{c.name} is 0 in {share:.0%} of the refits: it is hardly determined, and percentile intervals of "
                    "a coefficient at its boundary are too narrow"
                ),
            )


def _identified(fit: FitResult) -> Iterator[tuple[str, str]]:
    if not fit.identified:
        yield (
            "ILL_CONDITIONED",
            (
                f"SOME COMBINATION OF COEFFICIENTS IS NOT IDENTIFIED (condition number {fit.condition_number:.1e}); "
                "predictions inside the data stand, single coefficients do not, and intervals of them or of an optimum "
                "would say nothing: none are given"
            ),
        )


def _dead_terms(fit: FitResult) -> Iterator[tuple[str, str]]:
    """Terms that are there in name only: their coefficients are free to be anything."""
    with np.errstate(all="ignore"):
        terms = fit.law.terms_at(fit.law.to_theta(fit.values), fit.law.inputs(**inputs_of(fit.runs)))
        values = np.stack([np.broadcast_to(t.value, (1, len(fit.runs)))[0] for t in terms])
        share = np.exp(values - np.logaddexp.reduce(values, axis=0)).max(axis=1)
    named = {k: fit.law.coefficients[j].name for j, k in fit.law.amplitude_terms.items()}
    for k, largest in enumerate(share):
        name = named.get(k, "")
        if 0 < largest < DEAD_SHARE and not (name and not fit.params[name].vary):
            yield (
                "DEAD_TERM",
                (
                    f"THE TERM {'OF ' + name if name else f'NUMBER {k + 1}'} IS DEAD: at most {largest:.1g} of any "
                    "prediction. What it should describe is not in these runs, and an optimum that rests on it means nothing"
                ),
            )


def _wide_scales(fit: FitResult) -> Iterator[tuple[str, str]]:
    if fit.draws is None:
        return
    for c in fit.law.coefficients:
        if c.name not in ("R_D", "R_N", "tau") or not fit.params[c.name].vary:
            continue  # other scales are prefactors of a power: their spread is that of the power
        low, high = fit.draws[c.name].dropna().quantile([0.05, 0.95])
        if low > 0 and high / low > WIDE:
            yield (
                "FLAT_VALLEY",
                (
                    f"{c.name} IS DETERMINED ONLY WITHIN A FACTOR {high / low:.3g} (90 %: {low:.3g} to {high:.3g}): the "
                    f"objective has a flat valley; look at ql.profile(fit, {c.name!r}) before quoting it"
                ),
            )


def _rising_branch(fit: FitResult, refits: Refits) -> Iterator[tuple[str, str]]:
    """Whether what is said about learning rests on the overfitting branch: show what happens without it."""
    if not fit.law.rises or "run_id" not in fit.runs or not fit.runs["run_id"].duplicated().any():
        return
    descent = np.flatnonzero(mark_stages(fit.runs)["stage"] == "descent")
    if not 4 * len(fit.law.coefficients) < len(descent) < len(fit.runs):
        return
    learned = [
        name
        for name in ("E", "alpha", "beta", "p_e")
        if name in fit.law.names and fit.params[name].vary and not fit.params[name].expr
    ]
    found = refits.without(
        descent,
        lambda values, _: {k: values[k] for k in learned},
        worth=_far_apart,
        n_starts=8,
        resamples=BRANCH_RESAMPLES,
    )
    changed = {k: c for k, c in found.items() if _far_apart(c.with_all, c.without)}
    if decided := [k for k, c in changed.items() if c.beyond_noise]:
        shown = "; ".join(f"{k} {c.with_all:.3g} → {c.without:.3g} (± {c.sd:.2g})" for k, c in changed.items())
        yield (
            "RISING_BRANCH",
            (
                f"THE OVERFITTING BRANCH DECIDES {', '.join(decided)}: without the rows after each curve's minimum {shown}. "
                f"Do not read {'them' if len(decided) > 1 else 'it'} as learning"
            ),
        )


def _no_rise(fit: FitResult) -> Iterator[tuple[str, str]]:
    """Whether any run shows what a law that can rise says about too many epochs."""
    if not fit.law.rises:
        return
    residuals = fit.log_residuals()
    noise = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
    highest = 0.0
    for _, curve in fit.runs.sort_values("epochs").groupby(["N", "U_D"]):
        log_loss = np.log(curve["loss"].to_numpy(dtype=float))
        highest = max(highest, float((log_loss[log_loss.argmin() :] - log_loss.min()).max()))
    if highest < RISE * noise or highest == 0.0:
        yield (
            "NO_RISE",
            (
                f"NO RUN RISES ABOVE ITS MINIMUM by more than the noise ({highest:.2g} of its loss; noise {noise:.2g}): how "
                f"{fit.law.name} rises, and after how many epochs, is not in these runs. Do not ask it for epochs or a best use "
                "of data; fit effective-data, or train some runs past their minimum"
            ),
        )


def _far_apart(a: float, b: float) -> bool:
    return abs(a - b) > BRANCH * max(abs(a), abs(b))


def _rivals(fit: FitResult) -> Iterator[tuple[str, str]]:
    if not len(fit.rivals):
        return
    close = fit.rivals[fit.rivals["objective_value"] < fit.objective_value * (1 + RIVAL_WITHIN)]
    if len(close):
        gap = close["objective_value"].iloc[0] / fit.objective_value - 1
        yield (
            "RIVAL_MINIMA",
            (
                f"{len(close)} RIVAL MINIM{'UM' if len(close) == 1 else 'A'} within {RIVAL_WITHIN:.0%} of the objective "
                f"(the nearest {gap:.2g} above); see fit.rivals before believing single coefficients"
            ),
        )


def _misfit(fit: FitResult) -> Iterator[tuple[str, str]]:
    """Whether the law passes by its runs, and which of their columns tells the far ones apart."""
    if not fit.rms_residual > MISFIT:
        return
    residuals = pd.Series(fit.log_residuals(), index=fit.runs.index)
    explained = {}
    for column in fit.runs.columns.difference([*fit.law.variables, "N", "D", "C", "loss", "run_id", "weight"]):
        groups = fit.runs[column].astype(str)
        if 1 < groups.nunique() <= FEW_GROUPS:
            within = residuals - residuals.groupby(groups).transform("mean")
            explained[column] = 1 - float((within**2).sum() / ((residuals - residuals.mean()) ** 2).sum())
    best = max(explained, key=explained.__getitem__, default="")
    if best and explained[best] > 0.5:
        value = fit.runs[best].mode().tolist()[0]
        why = f'{explained[best]:.0%} of its variance lies between values of {best}. Fit them apart, keep="{best} == {value!r}"'
    else:
        why = "are different recipes, data or tokenizers mixed, or runs that were not cooled down?"
    yield "MISFIT", f"THE LAW MISSES ITS RUNS BY {100 * fit.rms_residual:.2g} % (rms): {why}"


def _design(fit: FitResult) -> Iterator[tuple[str, str]]:
    runs = fit.runs
    for column in ("loss_kind", "phase", "objective", "tokenizer"):
        if column in runs and runs[column].nunique() > 1:
            kinds = ", ".join(sorted(map(str, runs[column].dropna().unique())))
            yield (
                "MIXED_RUNS",
                f"THE ROWS MIX {column}: {kinds}. Their losses do not lie on one surface; keep one kind, for example "
                f"keep=\"{column} == '{runs[column].mode().iloc[0]}'\"",
            )
    if {"N", "D"} <= set(fit.law.variables) and (varying := varying_flops(runs)):
        yield "FLOPS_VARY", varying
    units = fit.bootstrap.get("units") or independent_runs(runs)
    if units < 2 * len(fit.law.coefficients):
        yield "FEW_RUNS", f"ONLY {units} INDEPENDENT RUNS for {len(fit.law.coefficients)} coefficients"
    if {"N", "D"} <= set(fit.law.variables):
        ratio = runs["D"] / runs["N"]
        if ratio.max() / ratio.min() < 8:
            yield (
                "NARROW_DESIGN",
                (
                    f"D/N spans only a factor {ratio.max() / ratio.min():.2g} ({ratio.min():.3g} to {ratio.max():.3g}); "
                    "capacity and data terms are told apart by runs off the optimum: aim for a factor 8 or more"
                ),
            )


def _resampling(fit: FitResult) -> Iterator[tuple[str, str]]:
    how = fit.bootstrap
    if not how:
        return
    failed = how["refits"] - how["converged"]
    if failed:
        yield "REFITS_FAILED", f"{failed} OF {how['refits']} REFITS DID NOT CONVERGE and are left out of the intervals"
    if how["rows_share_runs"] and how["cluster"] is None:
        yield (
            "ROWS_ARE_NOT_RUNS",
            (
                "ROWS THAT SHARE A run_id WERE RESAMPLED ONE BY ONE: checkpoints of one run are not independent and "
                'these intervals are far too narrow; use cluster="run_id"'
            ),
        )


def _low_ratios(fit: FitResult, refits: Refits) -> Iterator[tuple[str, str]]:
    """Runs far from any optimum can decide the exponents alone: show what happens without them."""
    if not {"N", "D"} <= set(fit.law.variables) or fit.law.optimal_log_N(fit.values, np.zeros(1)) is None:
        return
    ratio = (fit.runs["D"] / fit.runs["N"]).to_numpy()
    kept = np.flatnonzero(ratio >= LOW_RATIO)
    low = len(ratio) - len(kept)
    if not 0 < low <= len(ratio) // 3 or len(kept) < 2 * len(fit.law.coefficients):
        return
    budgets = np.array([50.0, 51.0])  # log(N·D) one apart: the difference is the exponent
    data, those = refits.data, ratio < LOW_RATIO
    x, log_loss = {k: v[those] for k, v in data.x.items()}, np.log(data.loss[those])

    def conclude(values: Mapping[str, Array], weights: Array) -> dict[str, Array]:
        log_N = np.asarray(fit.law.optimal_log_N({k: v[:, None] for k, v in values.items()}, budgets))
        w = weights[:, those]
        above = (w * (log_loss - fit.law.log_loss(values, x))).sum(axis=1) / w.sum(axis=1)
        return {"exponent": log_N[:, 1] - log_N[:, 0], "above": above}

    found = refits.without(kept, conclude, worth=lambda a, b: abs(a - b) > EXPONENT)
    if not found or abs(found["exponent"].with_all - found["exponent"].without) <= EXPONENT:
        return
    a, above = found["exponent"], found["above"]
    if a.beyond_noise or abs(above.without) > 2.0 * above.sd_without:
        yield (
            "LOW_RATIO_RUNS",
            (
                f"{low} OF {len(ratio)} RUNS HAVE D/N < {LOW_RATIO:g} AND PULL THE EXPONENT: N_opt ~ C^{a.with_all:.3f} with "
                f"them, C^{a.without:.3f} without, a change of {abs(a.with_all - a.without):.3f} ± {a.sd:.3f}. They lie "
                f"{abs(above.without):.1%} ± {above.sd_without:.1%} {'above' if above.without > 0 else 'below'} what the others "
                f"predict. Fit both ways (drop='D / N < {LOW_RATIO:g}') before choosing a model size"
            ),
        )
