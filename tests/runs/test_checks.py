"""Faults as values, and advice that works when it is followed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws._spelling import on_command_line
from quokka_laws.runs.checks import fault_text
from quokka_laws.runs.remarks import SENTENCES, Remark, sentence

N, D = np.meshgrid([1e7, 3e7, 9e7], [2e8, 8e8, 3.2e9])
GOOD = pd.DataFrame({"params": N.ravel(), "tokens": D.ravel(), "val_loss": np.linspace(5, 4, 9)})
WHOLE = GOOD.astype({"params": "int64", "tokens": "int64"})
C = 6 * GOOD["params"] * GOOD["tokens"]
VARIED = np.linspace(15, 26, 9) / 6
SLIP = np.where(np.arange(9) == 4, 10.0, 1.0)

REFUSED = {
    "flops that vary": (GOOD.assign(flops=C * VARIED), {}),
    "flops at another constant": (GOOD.assign(flops=C * 8 / 6), {}),
    "flops in a unit that is not said": (GOOD.assign(flops=C / 1e18), {}),
    "one slip of flops": (GOOD.assign(flops=C * SLIP), {}),
    "almost constant flops": (GOOD.assign(flops=C * np.linspace(0.92, 1.08, 9)), {}),
    "flops of whole numbers that overflow": (
        WHOLE.assign(params=WHOLE["params"] * 1000, flops=6 * WHOLE["params"] * 1000 * WHOLE["tokens"]),
        {},
    ),
    "flops that overflow without a sign": (
        WHOLE.assign(
            params=WHOLE["params"] * 1000,
            flops=6 * WHOLE["params"].astype("uint64") * 1000 * WHOLE["tokens"].astype("uint64"),
        ),
        {},
    ),
    "flops of 32 bits": (WHOLE.assign(flops=(6 * WHOLE["params"] * WHOLE["tokens"]).astype("int32")), {}),
    "millions": (GOOD.assign(params=GOOD["params"] / 1e6), {"columns": {"N": "params"}}),
    "billions of tokens": (GOOD.assign(tokens=GOOD["tokens"] / 1e9), {"columns": {"D": "tokens"}}),
    "duplicates": (pd.concat([GOOD, GOOD.iloc[:2]], ignore_index=True), {}),
    "two evaluations": (GOOD.rename(columns={"val_loss": "a_val_loss"}).assign(b_val_loss=3.0), {}),
    "an accuracy": (GOOD.rename(columns={"val_loss": "acc"}).assign(acc=0.5), {"columns": {"loss": "acc"}}),
    "no perplexity": (GOOD.rename(columns={"val_loss": "ppl"}).assign(ppl=np.linspace(0.9, 0.5, 9)), {}),
    "an objective": (GOOD.rename(columns={"val_loss": "value"}), {}),
}


def test_sizes_of_32_bits_that_started_over_are_refused() -> None:
    """Some come out positive, and nothing tells these: no rows are left out for it."""
    wrapped = GOOD.assign(params=(GOOD["params"] * 1000).astype("int64").astype("int32"))
    assert (wrapped["params"] > 0).any()
    with pytest.raises(ql.RunsError, match=r"params is far below zero in rows 2, 3.* 32 or 64 bits"):
        ql.read_runs(wrapped)
    unknown = GOOD.assign(params=GOOD["params"].where(GOOD.index > 0, -1.0))
    assert len(ql.read_runs(unknown)) == len(GOOD) - 1


def codes(table: pd.DataFrame, **options: object) -> list[str]:
    """Codes of the faults that a table is refused for; none where it is read."""
    try:
        ql.read_runs(table, **options)
    except ql.RunsError as error:
        return [fault.code for fault in error.faults]
    return []


@pytest.mark.parametrize("case", REFUSED)
def test_following_advice_never_gives_the_same_fault(case: str) -> None:
    table, options = REFUSED[case]
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(table, **options)
    faults = caught.value.faults
    assert any(fault.advice for fault in faults)
    for fault in faults:
        for advice in fault.advice:
            columns = options.get("columns", {}) | advice.get("columns", {})
            again = {**options, **advice, **({"columns": columns} if columns else {})}
            assert fault.code not in codes(table, **again), (case, advice)


def test_names_that_are_turned_round() -> None:
    with pytest.raises(ql.RunsError, match=r"columns=\{'N': 'params'\}"):
        ql.read_runs(GOOD, columns={"params": "N"})
    with pytest.raises(ql.RunsError, match="not a canonical name"):
        ql.read_runs(GOOD, columns={"size": "params"})


def test_no_constant_is_advised_where_none_fits_every_row() -> None:
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(*REFUSED["flops that vary"][:1])
    assert caught.value.faults[0].advice == ({"flops": "as given"},)
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(REFUSED["flops that vary"][0], flops="20ND")
    assert caught.value.faults[0].advice == ({"flops": "as given"},)


def test_rows_are_duplicates_only_when_every_column_agrees() -> None:
    same = pd.DataFrame({"lr": [1e-3, 2e-3], "N": 1e8, "D": 1e10, "loss": 2.8326})
    assert len(ql.read_runs(same)) == 2
    assert len(ql.read_runs(same.assign(lr=1e-3, exp_name=["a", "b"]))) == 2
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(same.assign(lr=1e-3))
    assert caught.value.faults[0].code == "duplicates"


def test_equal_names_of_columns_are_named_in_frames_and_files(tmp_path: object) -> None:
    table = pd.DataFrame([[1e7, 2e8, 4.0, 4.0]], columns=["N", "D", "loss", "loss"])
    for read in (ql.read_runs, ql.check_runs):
        with pytest.raises(ql.RunsError) as caught:
            read(table)
        assert [(f.code, f.facts["columns"]) for f in caught.value.faults] == [("equal_names", ["'loss'"])]


def test_advice_is_python_in_the_library_and_options_in_the_command_line() -> None:
    fault = Remark("flops", {"rule": "6ND"}, ("3",), ({"flops": "as given"}, {"columns": {"N": "a b"}}))
    assert "flops='as given', or columns={'N': 'a b'}" in sentence(fault)
    with on_command_line():
        assert '--flops "as given", or --columns "N=a b"' in fault_text("t.csv", [fault])


def test_every_sentence_can_be_said_without_its_facts() -> None:
    for code in SENTENCES:
        assert sentence(Remark(code))


def test_remarks_are_plain_data_and_back() -> None:
    for remark in (Remark("empty_rows", {"n": 2}), Remark("sweep", {}, ("1", "2"), ({"best_of": ["lr"]},))):
        assert Remark.from_dict(remark.to_dict()) == remark
    assert str(Remark.from_dict("a sentence of an older file")) == "a sentence of an older file"


@pytest.mark.parametrize(
    ("N", "D", "units"),
    [
        ([125, 350, 6700], [2.5, 7, 134], {"N": ":M", "D": ":B"}),
        ([1.3, 7, 70], [26, 140, 1400], {"N": ":M", "D": ":M"}),  # or both in billions, which is said too
        ([70, 410, 12000], [3e11, 3e11, 3e11], {"N": ":M"}),
        ([1.25e8, 3.5e8, 1.3e9], [2500, 7000, 26000], {"D": ":M"}),
        ([1.25e8, 3.5e8, 1.3e9], [2.5, 7, 26], {"D": ":B"}),
        ([7568, 16344, 87984], [2**18, 2**20, 2**22], {}),  # small, but possible
        ([1e6, 1e7, 1e8], [1e12, 1e12, 1e12], {}),
    ],
)
def test_counts_without_their_unit_are_refused_with_units_that_fit(
    N: list[float], D: list[float], units: dict[str, str]
) -> None:
    table = pd.DataFrame({"params": N, "tokens": D, "val_loss": [3.0, 2.8, 2.5]})
    if not units:
        assert ql.read_runs(table)["N"].tolist() == N
        return
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(table)
    own = {"N": "params", "D": "tokens"}
    assert {f.facts["column"] for f in caught.value.faults} == {own[k] for k in units}
    for fault in caught.value.faults:
        assert fault.advice[0]["columns"] == {k: own[k] + unit for k, unit in units.items()}
        for way in fault.advice:
            assert len(ql.read_runs(table, columns=way["columns"])) == 3


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        (GOOD.assign(params=GOOD["params"] / 1e6), {"N": "params:M"}),
        (GOOD.assign(tokens=GOOD["tokens"] / 1e9), {"D": "tokens:B"}),
        (GOOD.assign(params=GOOD["params"] / 1e6, tokens=GOOD["tokens"] / 1e9), {"N": "params:M", "D": "tokens:B"}),
    ],
)
def test_millions_beside_flops_are_told_by_the_rule(written: pd.DataFrame, advice: dict[str, str]) -> None:
    named = written.rename(columns={"params": "N", "tokens": "D", "val_loss": "loss"}).assign(C=C)
    own = {name: name + unit[unit.index(":") :] for name, unit in advice.items()}
    with pytest.raises(ql.RunsError) as refused:
        ql.check_runs(named)
    assert refused.value.faults[0].advice[0] == {"columns": own}
    assert ql.read_runs(named, columns=own)["C"].tolist() == pytest.approx(C.tolist())


def test_a_dataframe_with_canonical_names_is_asked_for_its_units_too() -> None:
    named = GOOD.rename(columns={"params": "N", "tokens": "D", "val_loss": "loss"})
    with pytest.raises(ql.RunsError, match="which are no counts of parameters"):
        ql.fit("chinchilla", named.assign(N=named["N"] / 1e6))
