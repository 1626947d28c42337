"""Which runs did not finish, by whatever column says so, in the words of W&B, MLflow, Optuna, Ray, Slurm and people."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quokka_laws.runs.identity import IDS, NAMES
from quokka_laws.runs.words import words


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FINISHED = _set(
    "ok finished finish completed complete success successful succeeded done terminated converged passed cooled"
)
UNFINISHED = _set(
    "failed fail failure crashed crash killed running pending preempting preempted deadlocked stopped error errors errored pruned waiting paused "
    "cancelled canceled timeout node_fail out_of_memory oom boot_fail deadline requeued resizing suspended completing configuring "
    "scheduled queued aborted abort interrupted diverged nan incomplete unfinished started active lost early_stopped "
    "in_progress restarted unstable"
)
_NAMES = _set("state status outcome")
_STRICT = _set("status run_status trial_status job_status training_status")
_WANTED = _set("valid usable use include included keep kept")
_UNWANTED = _set("invalid unusable exclude excluded ignore ignored skip skipped discard discarded broken bad")
_MARKS = _set("x ✓ ✔ ✔️ ☑ ☑️ ✅")  # where one is, or none
_TRUE = _set("true 1 1.0 yes t y") | _MARKS - {"x"}
_FALSE = _set("false 0 0.0 no f n ✗ ✘ ✖ ✖️ ❌ ☐")
_REACHED = _set("progress complete completed completion done finished")
_DONE = _REACHED | _set("percent pct fraction frac share of run training")
_NOTES = _set("note notes comment comments remark remarks")
_FEW = 6  # words of a column of states
_OF_RUNS = frozenset((*IDS, *NAMES))
_ENUM = re.compile(r"^[A-Za-z]+State\.|^Status\.", re.IGNORECASE)  # TrialState.COMPLETE


@dataclass(frozen=True)
class States:
    """What a table says of its runs: per row the column and the word of a run that did not finish, empty otherwise.

    ``unknown``: column → words of a column of states that are in no vocabulary; such rows are used.
    """

    column: pd.Series
    word: pd.Series
    unknown: dict[str, list[str]]

    @property
    def unfinished(self) -> pd.Series:
        """Rows of runs that did not finish."""
        return self.column != ""


def states(table: pd.DataFrame) -> States:
    """Read every column whose name or whose values are those of a state.

    A column ``status`` that holds any known word holds anything but success for the others, as the reference trainer's
    (``nan``, ``diverged``). A column of true and false, or of marks, is a state by its name: ``finished``, ``crashed``,
    ``valid``, ``exclude``; so is one of progress where most rows are complete.
    """
    column = pd.Series("", index=table.index, dtype=object)
    word = pd.Series("", index=table.index, dtype=object)
    unknown: dict[str, list[str]] = {}
    for at, name in enumerate(table.columns):
        cells = table.iloc[:, at]
        bad = _unfinished(str(name), cells, unknown)
        if bad is not None and bad.any():
            new = bad & (column == "")
            column = column.mask(new, str(name))
            word = word.mask(new, cells.map(lambda cell: str(cell).strip().lower()))
    return States(column, word, unknown)


def noted(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Column of notes → its cells that sound as if a run had not finished; such rows are used."""
    found = {str(c): table[c] for c in table if words(str(c)) and set(words(str(c))) <= _NOTES}
    doubtful = {name: cells[cells.map(_sounds_unfinished).astype(bool)] for name, cells in found.items()}
    return {name: cells for name, cells in doubtful.items() if len(cells)}


def _unfinished(name: str, cells: pd.Series, unknown: dict[str, list[str]]) -> pd.Series | None:
    """Rows that a column says did not finish; None where it is no column of states."""
    said = words(name)
    if not said:
        return None
    plain = "_".join(said)
    if plain in ("exit_code", "exitcode", "returncode", "return_code"):
        return ~cells.map(_word).isin(("", "0", "0.0", "0:0", "0_0"))
    flag = plain.removeprefix("is_").removeprefix("has_").removeprefix("run_")
    good = flag in FINISHED | _WANTED
    if good or flag in UNFINISHED | _UNWANTED or flag in ("crashed_run", "nan_loss"):
        shown = cells.map(_word)
        if shown.isin(_MARKS | {""}).all() and shown.isin(_MARKS).any():
            return ~shown.isin(_MARKS) if good else shown.isin(_MARKS)
        if shown.isin(_TRUE | _FALSE | {""}).all() and shown.isin(_TRUE | _FALSE).any():
            return shown.isin(_FALSE) if good else shown.isin(_TRUE)
    if set(said) <= _DONE and set(said) & _REACHED and (short := _not_complete(cells)) is not None:
        return short
    by_name = bool(_NAMES & set(said))
    if not by_name and plain in _OF_RUNS:
        return None  # a run that is called "failed" may have finished
    if plain in _STRICT | _NAMES and not _known(cells):
        if 1 < cells.nunique() <= _FEW:
            unknown[name] = sorted(set(cells.map(_word)) - {""})
        return None
    if pd.api.types.is_numeric_dtype(cells) or (not by_name and not _could_be(cells)):
        return None
    shown = cells.map(_word)
    filled = shown[shown != ""]
    if by_name:  # a sentence that begins or ends with a word of states: "preempted (spot)", "NaN loss"
        shown = shown.map(_first_known)
        filled = shown[shown != ""]
    known = filled.isin(FINISHED | UNFINISHED)
    if filled.empty or not known.any() or (not by_name and not known.all()):
        return None
    if plain in _STRICT:
        return ~shown.isin(FINISHED | {""})
    if not known.all():
        unknown[name] = sorted(set(filled[~known]))
    return shown.isin(UNFINISHED)


def _known(cells: pd.Series) -> bool:
    """Whether any cell of a column of states is a word of states, or holds one."""
    return bool(cells.map(_word).map(_first_known).isin(FINISHED | UNFINISHED).any())


def _not_complete(cells: pd.Series) -> pd.Series | None:
    """Rows that a share of progress says did not reach their end; None where most did not, as along a run."""
    share = pd.to_numeric(cells.astype(str).str.strip().str.removesuffix("%"), errors="coerce")
    whole = next((most for most in (1.0, 100.0) if abs(share.max() / most - 1) < 1e-3), None)
    if whole is None or share.isna().any() or (share < 0).any() or (share >= 0.99 * whole).mean() < 0.5:
        return None
    return share < 0.99 * whole


def _sounds_unfinished(cell: object) -> bool:
    word = _first_known(_word(cell))
    return word in UNFINISHED or word in _UNWANTED


def _first_known(word: str) -> str:
    """The word of states that a phrase holds, if it is one and nothing negates it; else the phrase."""
    if word in FINISHED | UNFINISHED:
        return word
    parts = re.findall(r"[a-z]+", word)
    if {"not", "no", "never", "without", "non"} & set(parts):
        return word
    found = [p for p in parts if p in UNFINISHED] or [p for p in parts if p in FINISHED]
    return found[0] if found else word


def _could_be(cells: pd.Series) -> bool:
    """Whether the first filled cell is a word of states: the rest is looked at only then."""
    for cell in cells:
        if shown := _word(cell):
            return shown in FINISHED | UNFINISHED
    return False


def _word(cell: object) -> str:
    """``TrialState.PRUNED`` → pruned; ``CANCELLED by 1000`` → cancelled; ``OUT OF MEMORY`` → out_of_memory."""
    if cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return ""
    text = _ENUM.sub("", str(cell).strip()).lower()
    text = re.sub(r"\s+by\s+\S+$", "", text)
    text = re.sub(r"[\s-]+", "_", text)
    if text.endswith("+") and len(text) > 3:  # sacct cuts words at ten letters
        return next((known for known in sorted(UNFINISHED | FINISHED) if known.startswith(text[:-1])), text[:-1])
    return text
