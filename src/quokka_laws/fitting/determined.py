"""Whether these runs can determine this law, before anything is fitted; every fault at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lmfit
import numpy as np
import pandas as pd

from quokka_laws._expression_tree import quoted
from quokka_laws._expressions import nearest
from quokka_laws._spelling import either, option
from quokka_laws.exceptions import ArgumentError, RunsError
from quokka_laws.fitting import identifiability
from quokka_laws.fitting.priors import Prior
from quokka_laws.laws import Formula, Law, from_name
from quokka_laws.runs.columns import HINTS, INPUTS, inputs_of, plain_name
from quokka_laws.runs.conventions import AS_GIVEN
from quokka_laws.runs.identity import IDS, NAMES
from quokka_laws.runs.proposals import in_names, proposed

LOG_STEPS = ("step", "global_step", "iteration", "iter")  # of a log of training, which a table of runs has no need of
FEWEST_LEVELS = 3  # of N and of D
SAME_LEVEL = 0.02  # relative distance up to which two values count as one level
ONE_RATIO = 1.01
SAME_DATA = 1.02
"""Amounts of unique data within this factor are one: U_D is often derived from rounded epochs."""


def law_for(law: Law | str, runs: pd.DataFrame) -> Law:
    """A law, or one by its name or formula, with what these runs say about it: which names are columns, levels, signs."""
    if isinstance(law, str):
        law = from_name(law)
    if not isinstance(law, Law):
        raise ArgumentError(
            f"the law is {law!r}; expected a law, such as {either('ql.laws.Chinchilla()', 'chinchilla')}, its name or a formula"
        )
    found = law.for_table({str(c): runs[c].to_numpy() for c in runs}, runs.attrs.get("renamed"))
    if isinstance(law, Formula) and law.of is None and {"N", "D", "C"} <= set(found.variables):
        _check_compute(law, runs)
    return found


def _check_compute(law: Formula, runs: pd.DataFrame) -> None:
    """C beside N and D follows from them: papers also call a coefficient so, and nothing else tells which is meant."""
    rule = str(runs.attrs.get("conventions", {}).get("flops", "6ND"))
    if rule.startswith(AS_GIVEN):
        return
    few, all_three = (
        either(f"ql.law(…, variables={names!r})", f"--variables {','.join(names)}")
        for names in (("N", "D"), ("N", "D", "C"))
    )
    raise ArgumentError(
        f"C is the compute of a run, {rule}, which follows from N and D. If it is a coefficient, give it another name, or say "
        f"what the variables are: {few}. If compute is meant: {all_three}"
    )


def one_ratio(runs: pd.DataFrame) -> bool:
    """Whether runs with N and D are all of one D/N, so that parameters and tokens cannot be told apart."""
    ratio = runs["D"] / runs["N"]
    return len(runs) > 1 and bool(ratio.max() / ratio.min() < ONE_RATIO)


def check_design(
    law: Law, runs: pd.DataFrame, params: lmfit.Parameters | None = None, *, prior: Prior | None = None
) -> None:
    """Raise :class:`RunsError` if these runs cannot determine this law, whatever their losses.

    What a ``prior`` expects counts as known. With ``params`` some of whose coefficients are held or tied fewer sizes can do, and their number is left to the caller.
    """
    if faults := _missing(law, runs):
        raise RunsError("; ".join(faults))
    held = sum(not p.vary or bool(p.expr) for p in params.values()) if params is not None else 0
    expected = 0 if prior is None else len(prior.normal)
    needed = len(law.coefficients) - held - expected + 1
    if len(runs) < needed:
        faults.append(
            f"{len(runs)} runs cannot determine the {needed - 1} coefficients of {law.label}; it needs at least {needed}, or "
            f"coefficients that are held at what is known from elsewhere or tied, {_hold(law)}"
        )
    if not faults:
        faults += law.domain_faults(inputs_of(runs, law.takes))
    if not faults and {"N", "D"} <= set(law.variables):
        if one_ratio(runs):
            faults.append(
                f"all runs have the same D/N ({(runs['D'] / runs['N']).iloc[0]:.4g}): capacity and data terms cannot be told apart; "
                + either(
                    "add runs at other D/N, or fit ql.laws.PowerLaw('C')",
                    'add runs at other D/N, or fit --law "E + K/C^kappa"',
                )
            )
        if params is None or all(p.vary and not p.expr for p in params.values()):
            faults += _few_levels(law, runs)
    if not faults and "epochs" in law.variables and not (runs["epochs"] > 1.0).any():
        faults.append(
            f"no run repeats its data (the largest epochs is {runs['epochs'].max():.3g}): the repetition coefficients of "
            f"{law.label} cannot be identified; fit its single-epoch law, or add runs that repeat"
        )
    if not faults and isinstance(law, Formula) and params is not None:
        faults += identifiability.faults(law, runs, params, law.inputs(**inputs_of(runs, law.takes)))
    if faults:
        raise RunsError("; ".join(faults))


def _missing(law: Law, runs: pd.DataFrame) -> list[str]:
    """Columns that a law needs and the table lacks, or holds as text, or with empty cells."""
    typed = {canonical: given for given, canonical in runs.attrs.get("renamed", {}).items()}
    spare = [str(c) for c in runs if c not in typed and c not in law.takes]
    absent = [name for name in law.takes if name not in runs]
    faults = []
    if absent:
        shown = ", ".join(str(typed.get(c, c)) for c in runs)
        faults.append(
            f"{law.label} needs {_columns(absent)}; the table has {shown}.{_advice(absent, spare, runs)}{_of_form(law, absent, spare)}"
        )
    for name in (name for name in law.takes if name in runs):
        if name in law.groups:
            if (empty := runs[name].isna() | (runs[name].astype(str).str.strip() == "")).any():
                faults.append(f"column {name} is empty in {_rows(empty)}; leave them out, {either('drop=', '--drop')}")
        elif not pd.api.types.is_numeric_dtype(runs[name]):
            faults.append(
                f"column {name} holds text ({runs[name].iloc[0]!r}) and is a variable of {law.label}; for one coefficient per "
                f"value write it in brackets: E[{name}]"
            )
        elif (empty := ~np.isfinite(runs[name].to_numpy(dtype=float))).any():
            faults.append(
                f"column {name} is empty or not finite in {_rows(empty)}; leave them out, {either('drop=', '--drop')}"
            )
    return faults


def _hold(law: Law) -> str:
    """How coefficients of a law are held, and tied where it has two exponents."""
    tie = {"alpha", "beta"} <= set(law.names)
    name = law.coefficients[0].name
    return either(
        f"params=law.make_params({name}=dict(value=…, vary=False))",
        f"--fix {name}=…{' and --tie beta=alpha' if tie else ''}",
    )


def _columns(names: Sequence[str]) -> str:
    return f"a column {names[0]}" if len(names) == 1 else f"columns {', '.join(names)}"


def _advice(absent: Sequence[str], spare: Sequence[str], runs: pd.DataFrame) -> str:
    """What to say where columns are missing: which of several is meant, what they might be called."""
    said, attrs = [], runs.attrs
    known = {c: c for c in INPUTS if c in runs} | {c: given for given, c in attrs.get("renamed", {}).items()}
    for name in absent:
        if several := attrs.get("undecided", {}).get(name):
            said.append(
                f" {', '.join(several)} could all be {name}; say which: {option('columns', {name: several[0]})}."
            )
    unknown = [name for name in absent if name in HINTS and name not in attrs.get("undecided", {})]
    if unknown:
        offered = proposed(spare, unknown, runs, known)
        blocks = " (without embeddings; vocabulary times width is their number)" if "^2" in offered.get("N", "") else ""
        said.append(f" Say {option('columns', offered)}{blocks}")
    named, pattern = in_names([*spare, *(["run_id"] if "run_id" in runs else [])], runs)
    if named and {"N", "D"} <= set(unknown):  # which of two sizes is the one that lacks, nothing says
        called = {} if plain_name(named) in (*IDS, *NAMES) else {"run_id": named}
        arguments = ", ".join([f"name={pattern!r}", *([f"columns={called!r}"] if called else [])])
        written = " ".join([f"--name '{pattern}'", *([option("columns", called)] if called else [])])
        door = either(f"ql.import_runs(…, {arguments})", f"quokka-laws import RUNS {written}")
        said.append(f", or take them from names such as {str(runs[named].iloc[0])!r}: {door}")
    if "C" in runs and not {"N", "D"} & set(runs):
        power = either("ql.laws.PowerLaw('C')", "--law power")
        said.append(f", or fit a law of compute alone: {power}")
    if any(plain_name(name) in LOG_STEPS for name in spare):
        door = either("ql.import_runs", "quokka-laws import")
        said.append(f". If each row is a step of a log, turn the log into runs: {door}")
    for name in absent:
        if name not in HINTS and (near := nearest(name, spare)):
            said.append(f" Is {name} {near!r}?")
    return "".join(said)


def _of_form(law: Law, absent: Sequence[str], spare: Sequence[str]) -> str:
    """How to say which columns the variables of a form are."""
    own = [name for name in absent if name not in HINTS]
    if not isinstance(law, Formula) or not law.called or not own:
        return ""
    pairs = ", ".join(f"{name}={quoted(nearest(name, spare) or 'column')}" for name in own)
    return f" Name the columns of {law.called} in brackets: {law.called}({pairs})."


def _rows(mask: Any) -> str:
    rows = (np.flatnonzero(mask) + 1).tolist()
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:8]))}" + (
        f" and {len(rows) - 8} more" if len(rows) > 8 else ""
    )


def _few_levels(law: Law, runs: pd.DataFrame) -> list[str]:
    """A floor, an amplitude and an exponent pass through any two levels of N, or of D: three are the least."""
    faults = []
    for name, what, term in (("N", "model sizes", "capacity"), ("D", "token counts", "data")):
        levels = [float(runs[name].min())]
        while len(levels) < FEWEST_LEVELS and (above := runs[name] > levels[-1] * (1 + SAME_LEVEL)).any():
            levels.append(float(runs.loc[above, name].min()))
        if (count := len(levels)) < FEWEST_LEVELS:
            shown = ", ".join(f"{v:.3g}" for v in levels)
            faults.append(
                f"{count} {what if count > 1 else what[:-1]} ({name} = {shown}): the {term} term of {law.label} needs at "
                f"least {FEWEST_LEVELS} that differ by more than {SAME_LEVEL:.0%}; add runs at other {name}, or hold what is "
                f"known from elsewhere ({either('params=', '--fix E=1.7')})"
            )
    return faults


def check_unique_data(law: Law, runs: pd.DataFrame, params: lmfit.Parameters) -> None:
    """Raise :class:`RunsError` if all runs have the same unique data and a coefficient says what more would change."""
    free = [name for name in law.of_unique_data if params[name].vary and not params[name].expr]
    if free and runs["U_D"].max() / runs["U_D"].min() < SAME_DATA:
        (c,) = (c for c in law.coefficients if c.name == free[0])
        raise RunsError(
            f"all runs have the same unique data (U_D = {runs['U_D'].iloc[0]:.4g}): {c.name} of {law.label}, {c.meaning}, cannot "
            f"be told from them, nor epochs for other data. Add runs with another U_D, or hold it: "
            + either(f"params=law.make_params({c.name}=dict(value=…, vary=False))", f"--fix {c.name}=…")
        )
