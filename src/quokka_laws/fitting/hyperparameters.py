"""Best learning rate, batch or any other hyper-parameter, from a table with a sweep at each N and D.

In steps, a file each: the columns (:mod:`~quokka_laws.fitting.hyperparameter_columns`), a bowl for every pair of N and D (:mod:`~quokka_laws.fitting.bowls`), a power law through their
lowest points (:mod:`~quokka_laws.fitting.powers_of_cells`), and the frontier that the lowest points are
(:mod:`~quokka_laws.fitting.frontier`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._spelling import option
from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting.arguments import law_and_runs, only_runs
from quokka_laws.fitting.bowls import (
    LEVELS,
    NOISES,
    WITHIN,
    Bowl,
    Optimum,
    Sweep,
    fewest,
    fit_bowls,
    lopsided,
    optimum,
)
from quokka_laws.fitting.frontier import frontier, under_tuned
from quokka_laws.fitting.hyperparameter_columns import check_varied, in_tokens, positive_settings, wanted_columns
from quokka_laws.fitting.powers_of_cells import Powers, fit_powers, identified
from quokka_laws.progress import Progress
from quokka_laws.results.diagnostic import Diagnostic, Option, Severity
from quokka_laws.results.hyperparameter_fit import CURVATURE, HyperparameterFit
from quokka_laws.results.intervals import LEVEL, check_level
from quokka_laws.runs.read import as_runs
from quokka_laws.runs.sweeps import cell_numbers, cells, varies_inside
from quokka_laws.runs.words import of_seed, was_swept

LOPSIDED, SHIFT = 0.01, np.log(1.1)
"""p of cubic terms, and the shift of an optimum, from which on lopsided bowls are worth a word."""
NAMED = 4  # values in a message


def fit_hyperparameters(
    runs: Any,
    over: str | Sequence[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    sequence_length: float | str | None = None,
    within: float | None = None,
    bootstrap: int = 1000,
    level: float = LEVEL,
    seed: int = 0,
    progress: bool = False,
) -> HyperparameterFit:
    """Fit the best hyper-parameters of each N and D, and power laws through them.

    ``ln L = q₀ + g·z + ½ zᵀHz`` in the logarithms z of the hyper-parameters, for each pair of N and D; then
    ``h_opt = c·N^a·D^b`` through the lowest points, and alike through the curvatures (the form of Li et al. 2025,
    arXiv 2503.04715, Eq. 1).

    Parameters
    ----------
    runs : DataFrame, path or data
        With columns of hyper-parameters, and several runs at each N and D. What :func:`quokka_laws.read_runs` reads.
    over : str or sequence of str, optional
        Columns of hyper-parameters: ``["lr", "batch"]``. Without it, the settings that vary within most pairs of N and D.
    columns : mapping, optional
        As for :func:`quokka_laws.read_runs`.
    sequence_length : float or str, optional
        Tokens of a sequence, or the column that holds them: turns a batch in sequences into ``batch_tokens``. Taken from a
        column such as ``context`` or ``seq_len`` where there is one.
    within : float, optional
        Runs are used up to this far above the lowest of their cell, relative: by default 5 %, or six times the noise where
        that is more; repeats of a setting by their median. Less where bowls are lopsided.
    bootstrap : int
        Refits of the laws for intervals.
    level : float
        Confidence level.
    seed : int
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    HyperparameterFit

    Raises
    ------
    ArgumentError
        If a column is not there, or is no hyper-parameter.
    RunsError
        If a hyper-parameter is text, zero or negative, or does not vary; if no pair of N and D has runs enough for a bowl, or
        none has its lowest point within what was tried.

    Examples
    --------
    >>> import numpy as np, pandas as pd, quokka_laws as ql
    >>> N, D, lr = (v.ravel() for v in np.meshgrid([1e8, 3e8, 1e9], [4e9, 2e10], [3e-4, 6e-4, 1.2e-3, 2.4e-3, 4.8e-3]))
    >>> best = 1.8 * N**-0.7 * D**0.3
    >>> loss = (1.7 + 400 / N**0.34 + 1200 / D**0.3) * (1 + 0.01 * np.log(lr / best) ** 2)
    >>> fit = ql.fit_hyperparameters(pd.DataFrame({"N": N, "D": D, "lr": lr, "loss": loss}), over="lr")
    >>> fit.coefficients["value"].round(2).loc["lr"].to_dict()
    {'c': 1.8, 'N': -0.7, 'D': 0.3}
    >>> fit.predict(N="7B", D="140B")["lr"].round(5).tolist()
    [0.00052]
    """
    check_level(level)
    if bootstrap < 100:
        raise ArgumentError(f"bootstrap = {bootstrap}: an interval needs at least 100 refits")
    if within is not None and not 0.0 < within < 10.0:
        raise ArgumentError(f"within = {within!r}: a share of the loss, such as 0.05")
    table = as_runs(runs, columns)
    wanted, said = wanted_columns(table, over)
    named = wanted
    table, wanted, kinds, more = in_tokens(table, wanted, sequence_length)
    table, gone = positive_settings(table, wanted)
    cell = cell_numbers(table).to_numpy()
    check_varied(table, wanted, cell)
    sweeps, few = _sweeps(table, wanted, cell, within or WITHIN, named)
    bowls, noise, spare = fit_bowls(list(sweeps.values()))
    wide = within or max(WITHIN, NOISES * noise)
    if within is None and wide > WITHIN:
        sweeps, few = _sweeps(table, wanted, cell, wide, named)
        bowls, noise, spare = fit_bowls(list(sweeps.values()))
    optima: dict[int, Optimum] = {}
    with Progress("bowls", len(bowls), enabled=progress) as bar:
        for number, bowl, free in zip(sweeps, bowls, spare, strict=True):
            optima[number] = optimum(bowl, spare=float(free), level=level, seed=seed)
            bar.update(1)
    found = _cells(table, wanted, cell, sweeps, optima)
    _any_inside(found, wanted, noise)
    variables, values, draws, scatter, no_law = _laws(found, wanted, bootstrap, seed)
    bent = [optima[number].curvature for number in optima if optima[number].bowl]
    scaled = [H / np.sqrt(np.outer(np.diag(H), np.diag(H))) for H in bent]
    fit = HyperparameterFit(
        over=wanted,
        kinds=kinds,
        cells=found,
        variables=variables,
        values=values,
        draws=draws,
        scatter=scatter,
        correlation=np.mean(scaled, axis=0),
        noise=noise,
        frontier=frontier(table, cell, found, wanted),
        under_tuned=pd.DataFrame(),
        points=_points(table, wanted, cell, sweeps, dict(zip(sweeps, bowls, strict=True))),
        level=level,
        conventions=dict(table.attrs.get("conventions", {})),
    )
    short = under_tuned(fit, table, cell)
    diagnostics = [
        *said,
        *more,
        *gone,
        *no_law,
        *_about_cells(found, wanted, few),
        *_about(short),
        *_other(table, wanted, cell),
    ]
    diagnostics += _lopsided(wanted, [b for n, b in zip(sweeps, bowls, strict=True) if optima[n].bowl], wide)
    return replace(fit, under_tuned=short, diagnostics=tuple(diagnostics))


def frontier_of(
    law: Any, runs: Any, columns: Mapping[str, str] | None, *, over: str | Sequence[str], seed: int = 0
) -> tuple[Any, pd.DataFrame | None]:
    """A law and runs as :func:`quokka_laws.fit` is given them, in either order, the runs replaced by their frontier."""
    given = only_runs(law, runs, columns)
    found = given if given is not None else law_and_runs(law, runs, columns)
    form, table = (None, found) if isinstance(found, pd.DataFrame) else found
    lowest = fit_hyperparameters(table, over, seed=seed).frontier
    return (lowest, None) if form is None else (form, lowest)


# ---- bowls ----------------------------------------------------------------------------------------------------------


def _sweeps(
    runs: pd.DataFrame, over: tuple[str, ...], cell: Array, within: float, named: tuple[str, ...]
) -> tuple[dict[int, Sweep], list[int]]:
    """The runs of each cell that has enough of them, by cell, and the cells that have too few; ``named`` are the table's own columns."""
    logs, y = np.log(runs[list(over)].to_numpy(dtype=float)), np.log(runs["loss"].to_numpy(dtype=float))
    sweeps, few = {}, []
    for number in range(int(cell.max()) + 1):
        member = cell == number
        levels = min(len(np.unique(logs[member, j])) for j in range(len(over)))
        if member.sum() < fewest(len(over)) or levels < LEVELS:
            few.append(number)
        else:
            sweeps[number] = Sweep.of(logs[member], y[member], within)
    if not sweeps:
        most = int(np.bincount(cell).max())
        raise RunsError(
            f"no pair of N and D has the {fewest(len(over))} runs, with {LEVELS} different values of {' and of '.join(over)}, that a bowl needs (the "
            f"largest has {most} runs); fit fewer hyper-parameters at once, or keep the lowest of each: {option('best_of', list(named))}"
        )
    return sweeps, few


# ---- what was found --------------------------------------------------------------------------------------------------


def _cells(
    runs: pd.DataFrame, over: tuple[str, ...], cell: Array, sweeps: Mapping[int, Sweep], optima: Mapping[int, Optimum]
) -> pd.DataFrame:
    """The table of cells; NaN where a cell has no bowl."""
    rows = []
    for number in range(int(cell.max()) + 1):
        member = runs[cell == number]
        record: dict[str, Any] = {"cell": number, **{k: float(member[k].median()) for k in cells(runs)}}
        best, sweep = optima.get(number), sweeps.get(number)
        record |= {"runs": len(member), "used": 0 if sweep is None else int(sweep.used.sum()), "state": _state(best)}
        for j, h in enumerate(over):
            record |= dict.fromkeys(
                (h, f"{h}_lower", f"{h}_upper", f"{h}_error", f"{h}_curvature", f"{h}_curvature_error"), np.nan
            )
            record |= {f"{h}_side": 0, f"{h}_least": float(member[h].min()), f"{h}_most": float(member[h].max())}
            if best is not None and best.bowl:
                record |= {
                    h: np.exp(best.at[j]),
                    f"{h}_lower": np.exp(best.lower[j]),
                    f"{h}_upper": np.exp(best.upper[j]),
                }
                record |= {f"{h}_error": best.error[j], f"{h}_side": int(best.side[j])}
                record |= {f"{h}_curvature": best.curvature[j, j], f"{h}_curvature_error": best.curvature_error[j]}
        for i, g in enumerate(over):
            for j in range(i + 1, len(over)):
                known = best is not None and best.bowl
                record[f"{g}*{over[j]}_curvature"] = best.curvature[i, j] if known and best is not None else np.nan
        known = best is not None and best.bowl
        record["bottom"] = np.exp(best.bottom) if known and best is not None else np.nan
        record["loss"] = np.exp(best.floor) if known and best is not None else np.nan
        record["loss_error"] = best.floor_error if known and best is not None else np.nan
        record["beyond"] = best.beyond if known and best is not None else np.nan
        record["lowest"] = float(member["loss"].min())
        rows.append(record)
    return pd.DataFrame(rows)


def _state(best: Optimum | None) -> str:
    if best is None:
        return "too few"
    return "no bowl" if not best.bowl else "beyond" if best.side.any() else "inside"


def _any_inside(found: pd.DataFrame, over: tuple[str, ...], noise: float) -> None:
    """Raise where no cell has its lowest point within what was tried: nothing could be said of the best."""
    if (found["state"] == "inside").any():
        return
    beyond = found[found["state"] == "beyond"]
    said = []
    for h in over:
        for side, end, what in ((1, "most", "largest"), (-1, "least", "smallest")):
            rows = beyond[beyond[f"{h}_side"] == side]
            if len(rows):
                values = sorted(set(rows[f"{h}_{end}"]))
                shown = ", ".join(f"{v:.3g}" for v in values[:NAMED]) + (" …" if len(values) > NAMED else "")
                said.append(
                    f"in {len(rows)} of {len(found)} pairs of N and D the loss still falls at the {what} {h} ({shown}): train {'larger' if side > 0 else 'smaller'} ones"
                )
    if flat := int((found["state"] == "no bowl").sum()):
        said.append(
            f"in {flat} the loss does not rise on both sides by more than the noise ({noise:.2%} of it): try values farther apart"
        )
    raise RunsError(f"no best {' and '.join(over)} lies within what was tried: " + "; ".join(said))


def _laws(
    found: pd.DataFrame, over: tuple[str, ...], refits: int, seed: int
) -> tuple[tuple[str, ...], dict[str, Array], dict[str, Array], dict[str, float], list[Diagnostic]]:
    """Power laws of the optima and of the curvatures, where the cells tell one; else why not."""
    bowls = found[found["state"].isin(("inside", "beyond"))]
    names = [k for k in ("N", "D") if k in found]
    logs = np.log(bowls[names].to_numpy(dtype=float)) if names else np.empty((len(bowls), 0))
    variables, why = identified(logs, names) if len(bowls) > 1 else ((), "")
    needed = len(variables) + 2
    inside = min(int((bowls[f"{h}_side"] == 0).sum()) for h in over)
    if not variables or inside < needed:
        numbers = {"cells": inside, "needed": max(needed, 3), "over": list(over)}
        return (), {}, {}, {}, [Diagnostic("NO_LAW", Severity.WARNING, numbers)]
    said = []
    if why:
        other = next(k for k in names if k not in variables)
        numbers = {
            "variable": other,
            "value": float(bowls[other].median()),
            "kept": variables[0],
            "together": why == "together",
        }
        said.append(Diagnostic("EXPONENT_UNKNOWN", Severity.WARNING, numbers))
    x = logs[:, [names.index(k) for k in variables]]
    found_: dict[str, Powers] = {}
    for i, h in enumerate(over):
        ends = np.log(bowls[f"{h}_least"].to_numpy()), np.log(bowls[f"{h}_most"].to_numpy())
        side = bowls[f"{h}_side"].to_numpy()
        y, error = np.log(bowls[h].to_numpy()), bowls[f"{h}_error"].to_numpy()
        found_[h] = fit_powers(x, y, error, side, ends, refits=refits, seed=seed + 2 * i)
        steep, unsure = np.log(bowls[f"{h}_curvature"].to_numpy()), bowls[f"{h}_curvature_error"].to_numpy()
        endless = np.full(len(bowls), -np.inf), np.full(len(bowls), np.inf)
        nowhere = np.zeros(len(bowls), dtype=int)
        found_[h + CURVATURE] = fit_powers(x, steep, unsure, nowhere, endless, refits=refits, seed=seed + 2 * i + 1)
    values = {k: p.values for k, p in found_.items()}
    draws = {k: p.draws for k, p in found_.items()}
    return variables, values, draws, {k: p.scatter for k, p in found_.items()}, said


def _points(
    runs: pd.DataFrame, over: tuple[str, ...], cell: Array, sweeps: Mapping[int, Sweep], bowls: Mapping[int, Bowl]
) -> pd.DataFrame:
    weight = np.zeros(len(runs))
    for number, sweep in sweeps.items():
        rows = np.flatnonzero(cell == number)[sweep.used]
        weight[rows] = bowls[number].weights
    table = runs[[*over, "loss"]].reset_index(drop=True)
    table.attrs = {}
    return table.assign(cell=cell, weight=weight)[["cell", *over, "loss", "weight"]]


# ---- what to know before relying on it ------------------------------------------------------------------------------


def _where(rows: pd.DataFrame) -> tuple[str, ...]:
    """Cells by their N and D."""
    named = [k for k in ("N", "D") if k in rows]
    return tuple(", ".join(f"{k} = {row[k]:.3g}" for k in named) for _, row in rows.iterrows())


def _about_cells(found: pd.DataFrame, over: tuple[str, ...], few: list[int]) -> list[Diagnostic]:
    said = []
    for h in over:
        for side, end in ((1, "most"), (-1, "least")):
            rows = found[found[f"{h}_side"] == side]
            if len(rows):
                numbers = {
                    "column": h,
                    "side": side,
                    "count": len(rows),
                    "of": len(found),
                    "end": float(rows[f"{h}_{end}"].median()),
                }
                said.append(Diagnostic("BEST_BEYOND", Severity.WARNING, numbers, _where(rows)))
    flat = found[found["state"] == "no bowl"]
    if len(flat):
        said.append(Diagnostic("NO_BOWL", Severity.WARNING, {"count": len(flat), "of": len(found)}, _where(flat)))
    if few:
        rows = found[found["cell"].isin(few)]
        numbers = {"count": len(few), "of": len(found), "needed": fewest(len(over)), "levels": LEVELS}
        said.append(Diagnostic("FEW_RUNS_IN_CELL", Severity.NOTE, numbers, _where(rows)))
    return said


def _about(short: pd.DataFrame) -> list[Diagnostic]:
    if not len(short):
        return []
    worst = float(short["lost"].max())
    return [
        Diagnostic(
            "UNDER_TUNED", Severity.WARNING, {"count": len(short), "worst": worst}, tuple(map(str, short["run"]))
        )
    ]


def _other(runs: pd.DataFrame, over: tuple[str, ...], cell: Array) -> list[Diagnostic]:
    """Settings that vary within cells too, and are not among the hyper-parameters."""
    numbered = pd.Series(cell, index=runs.index)
    settings = [str(c) for c in runs if was_swept(str(c)) and not of_seed(str(c)) and c not in over]
    same = {
        c for c in settings for h in over if (runs.groupby(runs[c].astype(str))[h].nunique() == 1).all()
    }  # batch and batch_tokens
    also = [c for c in settings if c not in same and varies_inside(runs, c, numbered)]
    return [Diagnostic("ALSO_VARIED", Severity.WARNING, {"columns": also})] if also else []


def _lopsided(over: tuple[str, ...], bowls: list[Bowl], within: float) -> list[Diagnostic]:
    if not bowls:
        return []
    p, moved = lopsided(bowls)
    if p > LOPSIDED or np.abs(moved).max() < SHIFT:
        return []
    numbers = {"p": p, "moved": {h: float(np.exp(m)) for h, m in zip(over, moved, strict=True)}}
    return [Diagnostic("LOPSIDED_BOWLS", Severity.WARNING, numbers, advice=(Option("within", round(within / 2.5, 4)),))]
