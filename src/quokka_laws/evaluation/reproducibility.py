"""What a reader needs to reproduce a fit: answered from the fit where it knows, listed where only you do.

The questions paraphrase the checklist of Li, Kudugunta & Zettlemoyer 2025 (arXiv 2502.18969).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.bootstrap import independent_runs
from quokka_laws.literature.datasets import data_folder
from quokka_laws.results.fit_result import FitResult, check_fit
from quokka_laws.runs.conventions import UNSTATED
from quokka_laws.runs.read import notes_of

YOURS = "To state"
CONVENTIONS = {"counting": ("N_counts",), "metric": ("loss_split", "loss_kind", "tokenizer", "corpus")}
"""Questions that conventions of the runs answer, and which: said when the runs are read (``tokenizer="GPT-2 BPE"``)."""


def checklist(fit: FitResult, *, answers: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Fill the reproducibility checklist from a fit.

    Parameters
    ----------
    fit : FitResult
    answers : mapping of str to str, optional
        What you say yourself, by ``key``: ``{"training_code": "https://…"}``.

    Returns
    -------
    DataFrame
        ``key, section, question, answer, known``: where ``known`` is False the answer starts with "To state" and is yours;
        ``missing``, what would give it: names of conventions, or the key; empty where nothing is missing.

    Raises
    ------
    ArgumentError
        For a key that there is not.
    """
    text = (data_folder() / "published" / "checklist.json").read_text(encoding="utf-8")
    items = json.loads(text)["items"]
    told = dict(answers or {})
    if unknown := sorted(set(told) - {item["key"] for item in items}):
        keys = ", ".join(item["key"] for item in items)
        raise ArgumentError(f"answers: nothing asks for {', '.join(unknown)}; there are {keys}")
    check_fit(fit, "a checklist")
    found = _answers(fit)
    unstated = {
        key: [k for k in names if getattr(fit.conventions, k) == UNSTATED] for key, names in CONVENTIONS.items()
    }
    rows = []
    for item in items:
        key = item["key"]
        answer = told.get(key) or found.get(key, "")
        missing = [] if key in told else unstated.get(key, [] if answer else [key])
        rows.append(
            {
                "key": key,
                "section": item["section"],
                "question": item["question"],
                "answer": answer or YOURS,
                "known": bool(answer) and not answer.startswith(YOURS),
                "missing": ", ".join(missing),
            }
        )
    return pd.DataFrame(rows)


def _answers(fit: FitResult) -> dict[str, str]:
    runs, c = fit.runs, fit.conventions
    fixed = [
        f"{k} = {p.expr}" if p.expr else f"{k} = {fit.values[k]:g} (fixed)"
        for k, p in fit.params.items()
        if p.expr or not p.vary
    ]
    units = fit.bootstrap.get("units") or independent_runs(runs)
    ranges = "; ".join(f"{k} {low:.3g} to {high:.3g}" for k, (low, high) in fit.fitted_range.items())
    unstated = [k for k in ("N_counts", "loss_split", "loss_kind", "tokenizer", "corpus") if getattr(c, k) == UNSTATED]
    answers = {
        "form": f"loss = {fit.law.equation}; {fit.law.source}",
        "variables": f"{', '.join(fit.law.variables)} in raw units; loss in {c.loss_unit}",
        "coefficients": ", ".join(f"{k} = {fit.values[k]:.6g}" for k in fit.law.names),
        "assumptions": c.counting_of_C + (f"; {'; '.join(fixed)}" if fixed else "; no coefficient fixed or tied"),
        "models": f"{units} independent runs, {runs['N'].nunique()} sizes" if "N" in runs else f"{units} runs",
        "data": ranges + ("; data repeated" if "epochs" in runs and (runs["epochs"] > 1).any() else ""),
        "counting": c.describe() + (f". {YOURS}: {', '.join(unstated)}" if unstated else ""),
        "checkpoints_used": f"{len(runs)} rows of {units} runs",
        "metric": f"{c.loss_split} loss, {c.loss_unit}, tokenizer {c.tokenizer}, corpus {c.corpus}",
        "objective": f"sum over rows of {fit.objective}",
        "algorithm": f"{fit.route}; gradient norm {fit.gradient_norm:.2g}, condition number {fit.condition_number:.2g}",
        "initialisation": "automatic; "
        + (", ".join(f"{k} {v}" for k, v in fit.starts.items()) or "starts given")
        + f"; seed {fit.seed}; {len(fit.rivals)} rival minima",
        "points": f"{len(runs)} rows fitted, {len(fit.excluded)} excluded"
        + "".join(f"; {reason}: {n}" for reason, n in _reasons(fit).items()),
        "judged": (
            f"{fit.bootstrap['converged']} of {fit.bootstrap['refits']} bootstrap refits converged; "
            if fit.bootstrap
            else "no bootstrap; "
        )
        + f"{len(fit.diagnostics)} diagnostics stated; held-out extrapolation: see {either('ql.compare', '`quokka-laws compare`')}",
    }
    if UNSTATED in (c.loss_split, c.tokenizer, c.corpus):
        answers["metric"] = f"{YOURS} what is unstated: {answers['metric']}"
    if notes := [str(note) for note in notes_of(fit.runs)]:
        answers["modified"] = "; ".join(notes) + f". {YOURS}: smoothing or interpolation before that"
    return answers


def _reasons(fit: FitResult) -> dict[str, int]:
    if "reason" not in fit.excluded:
        return {}
    return {str(k): int(v) for k, v in fit.excluded["reason"].value_counts().items()}
