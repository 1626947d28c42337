"""Reading runs: names, units, derivations, and one error that lists every fault."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

GOOD = {"N": [1e8, 2e8, 4e8], "D": [2e9, 8e9, 3e9], "loss": [3.4, 3.1, 3.2]}


def frame(**changes: object) -> pd.DataFrame:
    return pd.DataFrame({**GOOD, **changes})


def test_common_names_and_quantities_are_understood() -> None:
    table = pd.DataFrame(
        {"n_params": ["70M", "1.2B"], "train_tokens": ["2B", "0.5T"], "val_loss": ["3.9", "2.8"], "lr": [1, 2]}
    )
    runs = ql.read_runs(table)
    assert runs["N"].tolist() == [7e7, 1.2e9]
    assert runs["D"].tolist() == [2e9, 5e11]
    assert runs["C"].tolist() == [6 * 7e7 * 2e9, 6 * 1.2e9 * 5e11]
    assert runs.attrs["conventions"]["loss_split"] == "validation"
    assert "lr" in runs
    assert {"code": "read_as", "column": "val_loss", "name": "loss"} in runs.attrs["notes"]


def test_columns_in_millions_and_billions() -> None:
    table = pd.DataFrame({"params_m": [70, 1200], "Tokens (B)": ["2", "500"], "val_loss": [3.9, 2.8]})
    runs = ql.read_runs(table, columns={"N": "params_m:M", "D": "Tokens (B):B"})
    assert runs[["N", "D", "C"]].to_numpy().tolist() == [[7e7, 2e9, 8.4e17], [1.2e9, 5e11, 3.6e21]]
    assert {"code": "scaled", "name": "N", "factor": 1e6} in runs.attrs["notes"]
    by_name = ql.read_runs(table)
    assert by_name[["N", "D", "C"]].equals(runs[["N", "D", "C"]])
    assert {"code": "scaled", "name": "D", "factor": 1e9} in by_name.attrs["notes"]
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(table, columns={"N": "params_m", "D": "Tokens (B)"})
    assert [f.code for f in caught.value.faults] == ["wrong_unit", "wrong_unit"]
    for fault in caught.value.faults:
        advised = ql.read_runs(table, columns=fault.advice[0]["columns"])
        assert advised[["N", "D", "C"]].equals(runs[["N", "D", "C"]])


def test_conventions_reach_every_result(noisy_fit: ql.FitResult, quokka87: pd.DataFrame) -> None:
    fit = ql.fit(ql.laws.Chinchilla(), quokka87)
    assert fit.conventions.loss_kind == "ELBO bound"
    assert "training loss" in fit.report()


def test_bits_per_token_are_converted() -> None:
    runs = ql.read_runs(frame(), loss_unit="bits/token")
    assert runs["loss"].to_numpy() == pytest.approx(np.array(GOOD["loss"]) * np.log(2))
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(frame(), loss_unit="furlongs")
    assert [f.code for f in caught.value.faults] == ["unknown_unit"]


def test_all_faults_in_one_error() -> None:
    bad = frame(C=[1.2e18, 9.6e18, 1e19], U_D=[1e9] * 3, epochs=[2, 8, 4])
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(bad)
    assert [(f.code, f.rows) for f in caught.value.faults] == [("flops", ("3",)), ("epochs", ("3",))]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"C": [1.2e18, 9.6e18, 1e19]}, r"column C differs from 6ND by more than 5% in row 3"),
        ({"N": [1e8] * 3, "D": [2e9] * 3, "loss": [3.0] * 3}, r"3 rows agree with another in every column"),
        ({"N": [125, 2e8, 4e8]}, r"column N mixes units: values up to 125 and from 2e\+08.*row 1.*125M"),
        ({"D": [2e9, 8e9, 300]}, r"column D mixes units.*row 3"),
        ({"U_D": [1e9, 1e9, 1e9], "epochs": [2, 8, 4]}, r"epochs contradicts D/U_D by more than 2% in row 3"),
    ],
)
def test_faults_name_rows_and_columns(changes: dict[str, list[float]], said: str) -> None:
    with pytest.raises(ql.RunsError, match=said):
        ql.read_runs(frame(**changes))


def test_contradicting_flops_can_be_taken_as_given() -> None:
    runs = ql.read_runs(frame(C=[2e18, 9.6e18, 1e19]), flops="as given")
    assert runs["C"].tolist() == [2e18, 9.6e18, 1e19]
    assert runs.attrs["conventions"]["flops"] == "as given (8.33333ND)"
    assert ql.check_runs(runs).attrs == runs.attrs


def test_missing_columns_are_explained() -> None:
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(pd.DataFrame({"foo": [1.0], "N": [1e8]}))
    assert [f.code for f in caught.value.faults] == ["no_loss"]
    assert "D" not in ql.read_runs(pd.DataFrame({"loss": [3.0], "N": [1e8]}))


def test_ambiguous_columns_are_not_guessed() -> None:
    runs = ql.read_runs(pd.DataFrame({"N": [1e8], "tokens": [1e9], "total_tokens": [1e10], "loss": [3.0]}))
    assert "D" not in runs
    assert runs.attrs["undecided"] == {"D": ["tokens", "total_tokens"]}


def test_wrong_mapping_is_named() -> None:
    with pytest.raises(ql.RunsError, match="no column 'parms' for N"):
        ql.read_runs(frame(), columns={"N": "parms"})


def test_unknown_convention_is_refused() -> None:
    with pytest.raises(ql.ArgumentError, match="no option loss_units"):
        ql.read_runs(frame(), loss_units="nats/token")


def test_mixed_kinds_of_loss_are_doubted(quokka87: pd.DataFrame) -> None:
    mixed = quokka87.assign(objective=["masked", "uniform", "uniform"] * 29)
    fit = ql.fit(ql.laws.Chinchilla(), mixed)
    assert "MIXED_RUNS" in [diagnostic.code for diagnostic in fit.diagnostics]


def test_unique_tokens_with_a_unit() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "unique tokens (B)": 2, "epochs": [1, 4], "loss": [3.4, 3.2]})
    assert ql.read_runs(table)["D"].tolist() == [2e9, 8e9]


def test_notes_are_told_only_of_rows_that_are_used() -> None:
    runs = ql.read_runs(frame(loss=[3.4, 3.1, np.nan], notes=["", "", "diverged at 3k"]))
    assert [note for note in runs.attrs["notes"] if note["code"] == "noted"] == []
    used = ql.read_runs(frame(notes=["", "", "diverged at 3k"]))
    assert [note["code"] for note in used.attrs["notes"] if note["code"] == "noted"] == ["noted"]


def test_log_loss_is_said_and_its_advice_takes_it_for_a_logarithm() -> None:
    table = frame().rename(columns={"loss": "log_loss"})
    runs = ql.read_runs(table)
    assert runs["loss"].tolist() == GOOD["loss"]
    (note,) = (note for note in runs.attrs["notes"] if note["code"] == "log_loss")
    followed = ql.read_runs(table, **note["advice"][0])
    assert followed["loss"].tolist() == pytest.approx(np.exp(GOOD["loss"]).tolist())
