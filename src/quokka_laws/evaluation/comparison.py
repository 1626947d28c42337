"""Several laws on the same runs: held-out extrapolation first, information criteria second, agreement third."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws._parallel import run_all
from quokka_laws._spelling import either
from quokka_laws._typing import Array
from quokka_laws.evaluation.holdout import (
    Candidate,
    Split,
    as_candidates,
    default_candidates,
    laws_and_runs,
    log_errors,
    splits,
    try_family,
    try_fold,
)
from quokka_laws.exceptions import FitError, QuokkaError
from quokka_laws.fitting.bootstrap import resampling_units
from quokka_laws.laws import Law
from quokka_laws.objective import L2, LogL2, Objective
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.progress import Progress
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.results.format import human, indent, left_aligned
from quokka_laws.results.intervals import LEVEL, check_level
from quokka_laws.results.notebook import card
from quokka_laws.results.text import numbered, paragraphs
from quokka_laws.runs.columns import inputs_of
from quokka_laws.runs.rows import subset


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` found.

    Parameters
    ----------
    table : DataFrame
        One row per law and split: ``law, holdout, fitted, held_out`` (runs), ``error`` (root mean square of
        ln(predicted/observed) on the held-out rows), ``worst``, ``bias`` (mean, positive: predicts too much),
        ``covered_mean``, ``covered_run`` (share of held-out rows inside the interval of the law's mean, and of one
        run). Sorted by split, then error.
    in_sample : DataFrame
        One row per law: ``error``, ``AICc``, ``AICc_difference``, ``coefficients``, ``rows``, ``runs``
        (how many of them are independent; AICc is inf where they are too few for it).
    allocations : DataFrame
        Compute-optimal N and D by each law at the largest budget and ten times that.
    fits : dict of str to FitResult
        On all runs.
    refused : tuple of str
        Splits and fits that were not possible, and why.
    level : float
        Of the intervals.
    """

    table: pd.DataFrame
    in_sample: pd.DataFrame
    allocations: pd.DataFrame
    fits: dict[str, FitResult]
    refused: tuple[str, ...]
    level: float

    @property
    def best(self) -> str:
        """The law with the smallest error on the farthest split."""
        last = self.table["holdout"].iloc[-1]
        rows = self.table[self.table["holdout"] == last]
        return str(rows.loc[rows["error"].idxmin(), "law"])

    @property
    def answer(self) -> str:
        """Which law predicts the farthest held-out runs best, and by how much."""
        last = self.table[self.table["holdout"] == self.table["holdout"].iloc[-1]].sort_values("error")
        first = last.iloc[0]
        said = f"{first['law']} predicts the runs held out at {first['holdout']} best: error {first['error']:.2%}"
        if len(last) > 1:
            said += f"; next {last['law'].iloc[1]}, {last['error'].iloc[1]:.2%}"
        return said

    def report(self) -> str:
        """The comparison as text: the answer, what was not possible, the tables."""
        return paragraphs(self.answer, numbered(self.refused), self.evidence())

    def evidence(self) -> str:
        """Held-out errors, information criteria, allocations."""
        percent = "{:.2%}".format
        held = pd.DataFrame(
            {
                "law": self.table["law"],
                "fitted → held out": [
                    f"{a} → {b}" for a, b in zip(self.table["fitted"], self.table["held_out"], strict=True)
                ],
                "error": self.table["error"].map(percent),
                "bias": self.table["bias"].map("{:+.2%}".format),
            }
        )
        if self.table["covered_mean"].notna().any():  # else no draws: no intervals to be in
            share = {
                c: self.table[c].map(lambda v: f"{v:.0%}" if v == v else "–") for c in ("covered_mean", "covered_run")
            }
            held[f"in {100 * self.level:.3g} % interval of mean"], held["of a run"] = (
                share["covered_mean"],
                share["covered_run"],
            )
        held.index = self.table["holdout"].rename(None)
        inside = self.in_sample.set_index("law").rename_axis(None)
        shown = pd.DataFrame(
            {
                "error": inside["error"].map(percent),
                "AICc above the best": inside["AICc_difference"].map(lambda d: f"{d:.1f}" if np.isfinite(d) else "–"),
                "coefficients": inside["coefficients"].astype(str),
            }
        )
        lines = ["Held-out extrapolation:", indent(left_aligned(held))]
        if len(inside):
            lines += ["", f"In sample, {_independent(inside)}:", indent(left_aligned(shown))]
        if len(self.allocations):
            spread = self.allocations.groupby("C")["N"].agg(lambda n: n.max() / n.min())
            lines += ["", "Compute-optimal N by law:"]
            for C, factor in spread.items():
                at = self.allocations[self.allocations["C"] == C]
                each = ", ".join(f"{law} {human(n)}" for law, n in zip(at["law"], at["N"], strict=True))
                lines.append(f"  C = {C:.3g}: {each}" + (f"; a factor {factor:.2f}" if len(at) > 1 else ""))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        facts = f"held-out errors are root mean squares of ln(predicted / observed); best farthest out: {self.best}"
        return card("Comparison", facts, self.table, diagnostics=self.refused)


def compare(
    *given: Any,
    laws: Sequence[Law | Candidate | str] | None = None,
    runs: Any = None,
    holdout: Sequence[float] | Array = (3.0, 10.0, 30.0),
    objective: Objective | None = None,
    bootstrap: int = 200,
    cluster: str | None = "auto",
    level: float = LEVEL,
    seed: int = 0,
    workers: int = 1,
    progress: bool = False,
) -> Comparison:
    """Which of several laws to believe.

    Parameters
    ----------
    *given
        Laws and runs, in either order, or runs alone, where they are not given by name.
    laws : sequence of Law, Candidate or str, optional
        None: Chinchilla, Skaling, Kaplan's form with a floor and without. A :class:`~quokka_laws.Candidate` carries fixed or tied coefficients.
    runs : DataFrame, path or data
    holdout : sequence of float, or boolean array (rows,)
        Distances: ×f fits runs with C up to max(C)/f and predicts the rest. Or the held-out rows themselves.
    objective : Objective, optional
        The same for all laws.
    bootstrap : int
        Refits per law and split, for coverage; 0 leaves it blank.
    cluster : str or None
        Column whose equal rows are one independent observation, resampled together as by :func:`~quokka_laws.fit`.
        Only ``run_id`` is also kept on one side of a split.
    level : float
        Confidence level of the intervals whose coverage is counted.
    seed : int
    workers : int
        Processes that share the fits; -1 for every core. See :func:`~quokka_laws.fit`.
    progress : bool
        Show a bar on stderr for work that takes more than two seconds.

    Returns
    -------
    Comparison

    Raises
    ------
    FitError
        If no split leaves enough runs to fit, with the counts, or no law could be fitted, with the reasons.
    """
    check_level(level)
    laws, runs = laws_and_runs("compare", given, laws, runs)
    candidates = default_candidates() if laws is None else as_candidates(laws)
    need = max(c.free for c in candidates) + 2
    parts, refused = splits(runs, holdout, need=need)
    if not parts:
        raise FitError(
            f"no held-out budget is possible: {'; '.join(refused)}. Give other distances, {either('holdout=', '--holdout')}"
        )
    fits, unfitted = try_family(candidates, runs, objective=objective, bootstrap=0, seed=seed)
    refused += unfitted
    settings = {"objective": objective, "bootstrap": bootstrap, "cluster": cluster, "seed": seed}
    near = {label: FittedLaw(found.law, found.values) for label, found in fits.items()}
    pieces = [(c, near.get(c.label), runs, part, level, settings) for part in parts for c in candidates]
    with Progress("fitting laws to parts of the runs", len(pieces), enabled=progress) as bar:
        folds = run_all(_fold, pieces, workers=workers, done=lambda _: bar.update(1))
    rows = []
    for part in parts:
        block = [found for (*_, of, _, _), found in zip(pieces, folds, strict=True) if of is part]
        refused += [f"{part.label}, {found}" for found in block if isinstance(found, str)]
        rows += sorted((f for f in block if isinstance(f, dict)), key=lambda row: float(row["error"]))
    if not rows:
        raise FitError(f"no law could be fitted: {'; '.join(dict.fromkeys(refused))}")
    free = {c.label: c.free for c in candidates}
    units = resampling_units(runs, cluster, None)[1]["units"]
    return Comparison(
        pd.DataFrame(rows), _in_sample(fits, free, units), _allocations(fits, runs), fits, tuple(refused), level
    )


def _fold(
    candidate: Candidate,
    near: FittedLaw | None,
    runs: pd.DataFrame,
    part: Split,
    level: float,
    settings: Mapping[str, Any],
) -> dict[str, Any] | str:
    """A law fitted to the cheap runs of a split and tried on the others, or why it was not."""
    train, test = subset(runs, part.fitted), subset(runs, part.held_out)
    found = try_fold(candidate, train, near=[] if near is None else [near], **settings)
    if isinstance(found, str):
        return found
    error = log_errors(found, test)
    return {
        "law": candidate.label,
        "holdout": part.label,
        "fitted": len(train),
        "held_out": len(test),
        "error": float(np.sqrt(np.mean(error**2))),
        "worst": float(np.abs(error).max()),
        "bias": float(error.mean()),
        "covered_mean": coverage(found, test, level, "mean"),
        "covered_run": coverage(found, test, level, "run"),
    }


def coverage(found: FitResult, rows: pd.DataFrame, level: float, kind: str) -> float:
    """Share of rows whose loss lies inside the interval; NaN without draws."""
    if found.draws is None:
        return float("nan")
    table = found.predict(level=level, kind=kind, **inputs_of(rows, found.law.takes))  # type: ignore[arg-type]
    loss = rows["loss"].to_numpy(dtype=float)
    return float(np.mean((loss >= table["loss_lower"]) & (loss <= table["loss_upper"])))


def _in_sample(fits: dict[str, FitResult], free: dict[str, int], n: int) -> pd.DataFrame:
    """AICc of a Laplace likelihood of log-residuals (Huber's delta is small), Gaussian for least squares; n runs."""
    rows = []
    for name, found in fits.items():
        r = found.log_residuals()
        if isinstance(found.objective, LogL2 | L2):
            minus_two_log = n * np.log(np.mean(r**2))
        else:
            minus_two_log = 2.0 * n * np.log(np.mean(np.abs(r)))
        k = free[name] + 1  # and the scale of the residuals
        correction = 2.0 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf
        rows.append(
            {
                "law": name,
                "error": float(np.sqrt(np.mean(r**2))),
                "AICc": float(minus_two_log + 2 * k + correction),
                "coefficients": free[name],
                "rows": len(r),
                "runs": n,
            }
        )
    names = ["law", "error", "AICc", "coefficients", "rows", "runs"]
    table = pd.DataFrame(rows, columns=names).sort_values(["AICc", "error"], ignore_index=True)
    with np.errstate(invalid="ignore"):  # inf − inf: too few runs for any law
        table.insert(3, "AICc_difference", table["AICc"] - table["AICc"].min())
    return table


def _independent(in_sample: pd.DataFrame) -> str:
    """How many observations there are, and whether they suffice for AICc."""
    rows, runs = in_sample[["rows", "runs"]].iloc[0]
    count = f"{runs} independent runs" if rows == runs else f"{rows} rows of {runs} independent runs"
    return count if np.isfinite(in_sample["AICc"]).all() else f"{count} (too few for AICc where it shows –)"


def _allocations(fits: dict[str, FitResult], runs: pd.DataFrame) -> pd.DataFrame:
    budgets = runs["C"].max() * np.array([1.0, 10.0])
    tables = []
    for name, found in fits.items():
        try:
            plan = compute_optimal(found, budgets, level=None)
        except (QuokkaError, TypeError):  # no optimum, or a law of other variables
            continue
        plan.insert(0, "law", name)
        tables.append(plan[["law", "C", "N", "D", "loss"]])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["law", "C", "N", "D", "loss"])
