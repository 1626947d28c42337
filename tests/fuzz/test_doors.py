"""Every command answers or refuses: no traceback, no hang, nothing run, and no answer from what it did not understand.

``python -m fuzz.cases SEED`` in the folder ``tests`` repeats a case.
"""

import json
import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from fuzz.cases import NASTY, STORED, Case, as_csv, case_of, places, runs_table, trouble
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import quokka_laws as ql
from quokka_laws.exceptions import QuokkaError

SEEDS = st.integers(0, 2**31)
QUICK = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
LONG = settings(QUICK, max_examples=3000)


def check(seed: int) -> None:
    case: Case = case_of(seed)
    with TemporaryDirectory() as folder:
        assert not (said := trouble(case, Path(folder))), f"seed {seed}: {case.arguments}\n{said}"


@QUICK
@given(SEEDS)
def test_commands_answer_or_refuse(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@LONG
@given(SEEDS)
def test_commands_answer_or_refuse_at_length(seed: int) -> None:
    check(seed)


# What a cell means to a person; what is not here means no number, and its row must not be used.
MEANT = {"1e-300": 1e-300, "1e300": 1e300, "7B": 7e9, "7 B": 7e9, "1_000": 1000.0, "١٢٣": None, "0x10": None}


@settings(QUICK, max_examples=60)
@given(
    st.integers(0, 15), st.sampled_from(["N", "D", "loss"]), st.sampled_from(NASTY), st.sampled_from([",", "\t", ";"])
)
def test_no_row_is_read_as_something_else(row: int, name: str, cell: str, mark: str) -> None:
    """One cell is spoiled: its row is left out, or refused, or holds what the cell says; all other rows are as they were."""
    rows = runs_table()
    rows[row][name] = cell
    with TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        path.write_bytes(as_csv(rows, mark).encode("utf-8", "replace"))
        try:
            runs = ql.read_runs(path)
        except QuokkaError:
            return
    whole = {r["run_id"]: r for r in runs_table()}
    for record in runs.to_dict("records"):
        wanted = dict(whole[str(record["run_id"])])
        if record["run_id"] == f"r{row}":
            assert MEANT.get(cell) is not None, f"{cell!r} was read as {record[name]!r}"
            wanted[name] = MEANT[cell]
        assert {k: record[k] for k in wanted} == wanted


@settings(QUICK, max_examples=30)
@given(SEEDS)
def test_an_altered_fit_predicts_what_it_did_or_nothing(seed: int) -> None:
    """A change of one field of a stored fit is refused, or does not touch its predictions."""
    rng = random.Random(seed)
    text = (STORED / "chinchilla.json").read_text()
    whole, data = ql.read_fit(text), json.loads(text)
    path = rng.choice([p for p in places(data) if p])
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    old = parent[path[-1]]
    parent[path[-1]] = old * 1.5 if isinstance(old, float) else rng.choice([*NASTY, None, 3, [], {}, -2.5])
    try:
        fit = ql.read_fit(data)
    except QuokkaError:
        return
    assert math.isclose(float(fit(N=7e9, D=1e12)), float(whole(N=7e9, D=1e12)), rel_tol=1e-6)
    assert len(fit.runs) == len(whole.runs)


@settings(QUICK, max_examples=40)
@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_as_a_table(text: str) -> None:
    with TemporaryDirectory() as folder:
        for name in ("runs.csv", "runs.json", "runs.jsonl", "runs.txt"):
            path = Path(folder) / name
            path.write_text(text, encoding="utf-8")
            try:
                found = ql.read_runs(path)
            except QuokkaError:
                continue
            assert isinstance(found, pd.DataFrame)


@settings(QUICK, max_examples=150)
@given(st.one_of(st.text(max_size=60), st.text("ND<>=()!&|~^*+-/.,' \"`[]0123456789eandornti", max_size=60)))
def test_any_text_as_a_condition(text: str) -> None:
    frame = pd.DataFrame({"N": [1e8, 1e9], "D": [1e9, 2e9], "loss": [3.0, 2.9]})
    try:
        kept = ql.read_runs(frame, keep=text)
    except QuokkaError:
        return
    assert 0 < len(kept) <= 2
