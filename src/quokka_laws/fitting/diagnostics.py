"""What is doubtful about a fit. Nothing here changes a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.fitting.answer import Answer
from quokka_laws.fitting.bootstrap import independent_runs
from quokka_laws.fitting.influence import Refits
from quokka_laws.fitting.linearised import Linearised
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.outliers import outliers
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.run_diagnostics import of_runs
from quokka_laws.fitting.scatter import settle
from quokka_laws.fitting.score_tests import coupling_p_value, coupling_p_value_at, pattern
from quokka_laws.laws.chinchilla import Skaling
from quokka_laws.objective import LogHuber
from quokka_laws.results.diagnostic import Diagnostic, Option, Severity
from quokka_laws.results.fit_result import FitResult, FitStatus
from quokka_laws.runs.checkpoints import mark_stages
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.derived import flops_spread
from quokka_laws.runs.read import row_names

NOT_ONE_LAW = ("SWEPT_RUNS", "MIXED_RUNS")
LOW_RATIO = 4.0
RIVAL_WITHIN = 0.02
DEAD_SHARE = 1e-3
VANISHED = 100.0, 1e-9  # a scale so many times larger or smaller changes no loss by more than this share
WIDE = 10.0
BRANCH = 0.15
MISFIT = 0.02  # rms of log-residuals
FEW_GROUPS = 12
RISE = 4.0  # times the noise of one run, above its minimum
BRANCH_STARTS, BRANCH_RESAMPLES = 16, 40
EXPONENT = 0.01
UNLIKELY = 0.01  # probability by chance below which a pattern of the residuals is taken for one
UNLIKELY_AGAIN = 0.05  # without the runs that might have made it
FARTHER = 10.0  # times the largest budget: where laws are asked what they would change
WIDE_RATIOS = 8.0  # largest over smallest D/N that a design should have


@dataclass(frozen=True)
class Diagnosis:
    """Looks for everything doubtful about a fit when it is called with it.

    Parameters
    ----------
    refits : Refits, optional
        The same fit on some of its rows; None where that is too slow.
    C : float, optional
        Budget in FLOPs whose answer rows are judged by; ten times the largest run's by default.
    """

    refits: Refits | None
    C: float | None = None

    def __call__(self, fit: FitResult) -> tuple[Diagnostic, ...]:
        """Every diagnostic of a fit."""
        checks = (
            lambda fit: of_runs(fit.runs, fit.law),
            _minimum,
            _bounds,
            _vanished,
            _identified,
            _dead_terms,
            _wide_scales,
            _no_rise,
            _rivals,
            _design,
            _resampling,
        )
        found = [diagnostic for check in checks for diagnostic in check(fit)]
        if self.refits is None:
            return _ranked((*found, *_misfit(fit, fit.runs.index == fit.runs.index)))
        outlying, lawful = _outlying(fit, self.refits, self.C)
        found += _misfit(fit, lawful)
        bent = (*_coupling(fit, self.refits),) or (*_low_ratios(fit, self.refits, lawful), *_pattern(fit))
        return _ranked((*outlying, *found, *bent, *_rising_branch(fit, self.refits)))


def _ranked(found: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Rows that no one law describes come first: the rest is said of a fit to them."""
    return tuple(sorted(found, key=lambda diagnostic: diagnostic.code not in NOT_ONE_LAW))


def _minimum(fit: FitResult) -> Iterator[Diagnostic]:
    solved, reached = fit.starts.get("solved", 0), fit.starts.get("at_optimum", 0)
    more = (Option("n_starts", 4 * max(solved, 16)),)
    if fit.status is FitStatus.NOT_CONVERGED:
        yield Diagnostic("NOT_CONVERGED", Severity.ERROR, {"gradient_norm": fit.gradient_norm}, advice=more)
    if solved >= 5 and reached <= 1:
        yield Diagnostic("ONE_START", Severity.WARNING, {"starts": solved}, advice=more)


def _bounds(fit: FitResult) -> Iterator[Diagnostic]:
    for c in fit.law.coefficients:
        par, value = fit.params[c.name], fit.values[c.name]
        if not par.vary or par.expr:
            continue
        if c.kind == "amplitude" and value == 0:
            yield Diagnostic("AMPLITUDE_ZERO", Severity.WARNING, {"name": c.name})
        elif fit.at_bound(c.name):
            yield Diagnostic("AT_BOUND", Severity.WARNING, {"name": c.name, "value": value, "means": c.bound_means})
        elif fit.draws is not None and c.kind == "amplitude" and (fit.draws[c.name] == 0).mean() > 0.02:
            share = float((fit.draws[c.name] == 0).mean())
            yield Diagnostic("AMPLITUDE_OFTEN_ZERO", Severity.WARNING, {"name": c.name, "share": share})


def _vanished(fit: FitResult) -> Iterator[Diagnostic]:
    """Scales that ran so far down or up that they change no prediction any more: often one that would be negative."""
    x, theta = fit.law.inputs(**inputs_of(fit.runs, fit.law.takes)), fit.law.to_theta(fit.values)
    for j, c in enumerate(fit.law.coefficients):
        if c.kind != "scale" or not fit.params[c.name].vary or not np.isfinite(theta[0, j]):
            continue
        moved = theta + np.array([[0.0], [1.0], [-1.0]]) * np.log(VANISHED[0]) * (np.arange(theta.shape[1]) == j)
        with np.errstate(all="ignore"):
            found = fit.law.log_loss_at(moved, x)
        if np.abs(found - found[0]).max() < VANISHED[1]:
            yield Diagnostic("SCALE_VANISHED", Severity.WARNING, {"name": c.name, "value": fit.values[c.name]})


def _identified(fit: FitResult) -> Iterator[Diagnostic]:
    if not fit.identified:
        yield Diagnostic("ILL_CONDITIONED", Severity.ERROR, {"condition_number": fit.condition_number})


def _dead_terms(fit: FitResult) -> Iterator[Diagnostic]:
    """Terms that contribute nothing; their coefficients are undetermined."""
    with np.errstate(all="ignore"):
        terms = fit.law.terms_at(fit.law.to_theta(fit.values), fit.law.inputs(**inputs_of(fit.runs, fit.law.takes)))
        values = np.stack([np.broadcast_to(t.value, (1, len(fit.runs)))[0] for t in terms])
        share = np.exp(values - np.logaddexp.reduce(values, axis=0)).max(axis=1)
    named = {k: fit.law.coefficients[j].name for j, k in fit.law.amplitude_terms.items()}
    for k, largest in enumerate(share):
        name = named.get(k, "")
        if 0 < largest < DEAD_SHARE and not (name and not fit.params[name].vary):
            numbers = {"name": name, "number": k + 1, "largest": float(largest)}
            yield Diagnostic("DEAD_TERM", Severity.WARNING, numbers)


def _wide_scales(fit: FitResult) -> Iterator[Diagnostic]:
    if fit.draws is None:
        return
    for c in fit.law.coefficients:
        if c.name not in ("R_D", "R_N", "tau") or not fit.params[c.name].vary:
            continue  # other scales are prefactors of a power: their spread is that of the power
        low, high = (float(v) for v in fit.draws[c.name].dropna().quantile([0.05, 0.95]))
        if low > 0 and high / low > WIDE:
            numbers = {"name": c.name, "factor": high / low, "lower": low, "upper": high}
            yield Diagnostic("FLAT_VALLEY", Severity.WARNING, numbers)


def _rising_branch(fit: FitResult, refits: Refits) -> Iterator[Diagnostic]:
    """Does what is said about learning rest on the overfitting branch? Show what happens without it."""
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
        n_starts=BRANCH_STARTS,
        resamples=BRANCH_RESAMPLES,
    )
    changed = {k: c for k, c in found.items() if _far_apart(c.with_all, c.without)}
    if decided := [k for k, c in changed.items() if c.beyond_noise]:
        changes = {k: [c.with_all, c.without, c.sd] for k, c in changed.items()}
        yield Diagnostic("RISING_BRANCH", Severity.WARNING, {"changes": changes, "decided": decided})


def _no_rise(fit: FitResult) -> Iterator[Diagnostic]:
    """Does any run's loss rise again? If none does, the best number of epochs is a guess."""
    if not fit.law.rises:
        return
    residuals = fit.log_residuals()
    noise = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
    highest = 0.0
    for _, curve in fit.runs.sort_values("epochs").groupby(["N", "U_D"]):
        log_loss = np.log(curve["loss"].to_numpy(dtype=float))
        highest = max(highest, float((log_loss[log_loss.argmin() :] - log_loss.min()).max()))
    if highest < RISE * noise or highest == 0.0:
        numbers = {"law": fit.law.label, "highest": highest, "noise": noise}
        yield Diagnostic("NO_RISE", Severity.ERROR, numbers, advice=(Option("law", "effective-data"),))


def _far_apart(a: float, b: float) -> bool:
    return abs(a - b) > BRANCH * max(abs(a), abs(b))


def _rivals(fit: FitResult) -> Iterator[Diagnostic]:
    if not len(fit.rivals):
        return
    close = fit.rivals[fit.rivals["objective_value"] < fit.objective_value * (1 + RIVAL_WITHIN)]
    if len(close):
        gap = float(close["objective_value"].iloc[0] / fit.objective_value - 1)
        yield Diagnostic("RIVAL_MINIMA", Severity.WARNING, {"count": len(close), "within": RIVAL_WITHIN, "gap": gap})


def _misfit(fit: FitResult, lawful: Array) -> Iterator[Diagnostic]:
    """Does the law miss its lawful runs, and which of their columns tells the far ones apart?"""
    rms = float(np.sqrt(np.mean(fit.log_residuals()[lawful] ** 2)))
    if not rms > MISFIT:
        return
    residuals = pd.Series(fit.log_residuals(), index=fit.runs.index)
    explained = {}
    for column in fit.runs.columns.difference([*fit.law.takes, "N", "D", "C", "loss", "run_id", "weight"]):
        groups = fit.runs[column].astype(str)
        if 1 < groups.nunique() <= FEW_GROUPS:
            within = residuals - residuals.groupby(groups).transform("mean")
            explained[column] = 1 - float((within**2).sum() / ((residuals - residuals.mean()) ** 2).sum())
    best = max(explained, key=explained.__getitem__, default="")
    numbers: dict[str, object] = {"rms": rms}
    advice: tuple[Option, ...] = ()
    if best and explained[best] > 0.5:
        numbers |= {"column": best, "share": explained[best]}
        advice = (Option("keep", f"{best} == {fit.runs[best].mode().tolist()[0]!r}"),)
    yield Diagnostic("MISFIT", Severity.WARNING, numbers, advice=advice)


def _design(fit: FitResult) -> Iterator[Diagnostic]:
    runs = fit.runs
    for column in ("loss_kind", "phase", "objective", "tokenizer"):
        if column in runs and column not in fit.law.groups and runs[column].nunique() > 1:
            kinds = sorted(map(str, runs[column].dropna().unique()))
            keep = Option("keep", f"{column} == {runs[column].mode().iloc[0]!r}")
            yield Diagnostic("MIXED_RUNS", Severity.ERROR, {"column": column, "kinds": kinds}, advice=(keep,))
    if fit.law.of_N_and_D and (spread := flops_spread(runs)):
        yield Diagnostic("FLOPS_VARY", Severity.WARNING, spread)
    units = fit.bootstrap.get("units") or independent_runs(runs)
    if units < 2 * len(fit.law.coefficients):
        yield Diagnostic("FEW_RUNS", Severity.WARNING, {"units": units, "coefficients": len(fit.law.coefficients)})
    if fit.law.of_N_and_D:
        ratio = runs["D"] / runs["N"]
        low, high = float(ratio.min()), float(ratio.max())
        if high / low < WIDE_RATIOS:
            numbers = {"factor": high / low, "lowest": low, "highest": high, "wanted": WIDE_RATIOS}
            yield Diagnostic("NARROW_DESIGN", Severity.WARNING, numbers)


def _resampling(fit: FitResult) -> Iterator[Diagnostic]:
    how = fit.bootstrap
    if not how:
        return
    failed = how["refits"] - how["converged"]
    if failed:
        yield Diagnostic("REFITS_FAILED", Severity.WARNING, {"failed": failed, "refits": how["refits"]})
    if how["rows_share_runs"] and how["cluster"] is None:
        yield Diagnostic("ROWS_ARE_NOT_RUNS", Severity.ERROR, advice=(Option("cluster", "run_id"),))


def outlying_rows(fit: FitResult) -> Array:
    """Which rows of a fit stand out from its law and carry its answer, as a mask."""
    refits = fit.diagnose.refits if isinstance(fit.diagnose, Diagnosis) else None
    if refits is None:
        return np.zeros(len(fit.runs), dtype=bool)
    return np.asarray(~_outlying(fit, refits, None)[1])


def _outlying(fit: FitResult, refits: Refits, C: float | None) -> tuple[list[Diagnostic], Array]:
    """Do a few rows far off the law carry its answer? Which rows are left when they are not counted?"""
    answer = Answer.of(fit, C)
    found = None if answer is None else outliers(refits, answer)
    chosen = np.zeros(len(fit.runs), dtype=bool)
    if answer is None or found is None:
        return [], ~chosen
    chosen[found.rows] = True
    numbers = {
        "answer": answer.name,
        "C": answer.C,
        "with_them": float(np.exp(found.with_all)),
        "without": float(np.exp(found.without)),
        "sd": found.sd,
        "least": float(np.abs(found.residuals).min()),
        "most": float(np.abs(found.residuals).max()),
        "above": bool((found.residuals > 0).all()),
        "corner": _corner(fit.runs, chosen),
        "without_all": float(np.exp(found.without_all)),
        "others": list(row_names(fit.runs, np.isin(np.arange(len(chosen)), found.others))),
    }
    rows = row_names(fit.runs, chosen)
    diagnostic = Diagnostic("OUTLYING_ROWS", Severity.WARNING, numbers, rows, (Option("drop", "outliers"),))
    return [diagnostic], ~chosen


def _corner(runs: pd.DataFrame, chosen: Array) -> list[Any]:
    """Of which column the chosen rows are the lowest or the highest: name, sign and limit; empty if of none."""
    columns = {"D/N": runs["D"] / runs["N"], **{k: runs[k] for k in ("C", "N", "D") if k in runs}}
    for name, values in columns.items():
        inside, outside = values[chosen], values[~chosen]
        if inside.max() < outside.min():
            return [name, "<", float(outside.min())]
        if inside.min() > outside.max():
            return [name, ">", float(outside.max())]
    return []


def _coupling(fit: FitResult, refits: Refits) -> Iterator[Diagnostic]:
    """Is the law that holds k at 1 refuted within the one that does not, and what would that one say?

    Runs of few tokens per parameter that lie above the law for a reason of their own look like a coupling too: it has to show
    without them as well.
    """
    at_bound = any(p.value in (p.min, p.max) and p.value != 0 for p in fit.params.values())
    if at_bound or any(not p.vary or p.expr for p in fit.params.values()):
        return
    p = coupling_p_value(fit)
    if not p < UNLIKELY:
        return
    kept = np.flatnonzero(fit.runs["D"] / fit.runs["N"] >= LOW_RATIO)
    if 2 * len(fit.law.coefficients) < len(kept) < len(fit.runs):
        data, space = refits.data.take(kept), refits.space
        part = optimise(
            fit.law,
            data,
            space,
            refits.objective,
            n_starts=None,
            seed=fit.seed,
            near=(refits.best.u[None], refits.best.off[None]),
            briefly=True,
        )
        near = Linearised.at(space, data, refits.objective, part.u[None], part.off[None], np.log(data.loss))
        if not coupling_p_value_at(fit.law, space.values(part.u, part.off), fit.runs.iloc[kept], near) < UNLIKELY_AGAIN:
            return
    wide = Skaling()
    around = Space.of(wide, wide.make_params())
    assert around is not None  # no ties
    data = Data.of(wide, fit.runs)
    begin = around.enter(wide.to_theta({**fit.values, "k": 1.0}), around.problem(data, fit.objective))
    settled = settle(wide, data, around, LogHuber("auto"), None, seed=fit.seed, near=begin)
    found = optimise(
        wide, data, around, settled.objective, n_starts=None, seed=fit.seed, near=settled.near, briefly=True
    )
    values = around.values(found.u, found.off)
    budget = FARTHER * float((fit.runs["N"] * fit.runs["D"]).max())
    own, other = (
        float(np.exp(np.ravel(np.asarray(law.optimal_log_N(v, np.log([budget]))))[0]))
        for law, v in ((fit.law, fit.values), (wide, values))
    )
    C = budget * fit.conventions.flops_per_ND
    numbers = {"p": p, "k": values["k"], "wide": wide.label, "C": C, "own_N": own, "wide_N": other}
    yield Diagnostic("COUPLED", Severity.WARNING, numbers, advice=(Option("law", wide.name),))


def _pattern(fit: FitResult) -> Iterator[Diagnostic]:
    """Do residuals bend with compute, D/N or size, however small they are?"""
    found = pattern(fit)
    if found is not None and found.p < UNLIKELY:
        yield Diagnostic("PATTERN", Severity.WARNING, {"along": found.along, "p": found.p, "law": fit.law.label})


def _low_ratios(fit: FitResult, refits: Refits, lawful: Array) -> Iterator[Diagnostic]:
    """Do runs far from any optimum decide the exponents alone? Show what happens without them."""
    runs = fit.runs[lawful]
    if not lawful.all():
        refits = refits.on(np.flatnonzero(lawful))
    if not fit.law.of_N_and_D or fit.law.optimal_log_N(fit.values, np.zeros(1)) is None:
        return
    ratio = (runs["D"] / runs["N"]).to_numpy()
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
        numbers = {
            "count": low,
            "of": len(ratio),
            "ratio": LOW_RATIO,
            "with_them": a.with_all,
            "without": a.without,
            "sd": a.sd,
            "above": above.without,
            "above_sd": above.sd_without,
        }
        drop = Option("drop", f"D / N < {LOW_RATIO:g}")
        yield Diagnostic("LOW_RATIO_RUNS", Severity.WARNING, numbers, row_names(runs, those), (drop,))
