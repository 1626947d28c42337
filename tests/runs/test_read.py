"""Reading runs: names, units, derivations, and one error that lists every fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.cli.runs import summary
from quokka_laws.exceptions import RunsError

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


def test_flops_of_integer_columns_do_not_overflow() -> None:
    table = pd.DataFrame(
        {"N": np.array([7_000_000_000] * 2), "D": np.array([2_000_000_000_000, 10**12]), "loss": [2.0, 2.1]}
    )
    assert table.dtypes["N"] == np.int64
    assert (6 * table["N"] * table["D"] < 8.4e22).all()  # what int64 makes of it
    assert ql.read_runs(table)["C"].tolist() == [8.4e22, 4.2e22]


@pytest.mark.parametrize("missing", ["N", "D", "C"])
def test_the_missing_one_of_three_is_derived(missing: str) -> None:
    whole = ql.read_runs(frame())
    runs = ql.read_runs(whole[[k for k in ("N", "D", "C", "loss") if k != missing]])
    assert runs[missing].to_numpy() == pytest.approx(whole[missing].to_numpy(), rel=1e-14)


def test_other_flop_rules() -> None:
    runs = ql.read_runs(frame(), flops="2ND")
    assert runs["C"].tolist() == [4e17, 3.2e18, 2.4e18]
    assert ql.fit(ql.laws.PowerLaw("C", floor=False), runs).conventions.flops == "2ND"
    with pytest.raises(ql.RunsError, match="FLOP rule 'six' is not understood"):
        ql.read_runs(frame(), flops="six")


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


@pytest.mark.parametrize("name", ["runs.csv", "runs.jsonl", "runs.parquet"])
def test_files(tmp_path: Path, name: str) -> None:
    path, table = tmp_path / name, frame(note=["a", "é", "c"])
    {
        "csv": lambda: table.to_csv(path, index=False),
        "jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "parquet": lambda: table.to_parquet(path),
    }[name.split(".")[1]]()
    runs = ql.read_runs(path)
    assert runs["note"].tolist() == ["a", "é", "c"]
    assert runs["loss"].tolist() == GOOD["loss"]


def test_torn_last_line_is_tolerated_and_said(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(frame().to_json(orient="records", lines=True) + '{"N": 1e8, "D": 2e')
    runs = ql.read_runs(path)
    assert len(runs) == 3
    assert [note["code"] for note in runs.attrs["notes"] if "line" in note] == ["incomplete_line"]


def test_torn_middle_line_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text('{"N": 1\n{"N": 1e8, "D": 2e9, "loss": 3}\n')
    with pytest.raises(ql.RunsError, match="line 1 is not JSON"):
        ql.read_runs(path)


def test_rows_without_a_number_are_left_out_by_name_and_the_others_used() -> None:
    bad = frame(run_id=["a", "b", "c"], N=["1e8", "lots", "4e8"], D=[2e9, 8e9, float("nan")])
    runs = ql.read_runs(bad)
    assert runs["run_id"].tolist() == ["a"]
    left = [(e["row"], e["name"], e["code"], e["reason"]) for e in runs.attrs["excluded"]]
    assert left == [(2, "b", "no_number", "N is 'lots'"), (3, "c", "empty", "D is empty")]


def test_only_a_table_without_usable_rows_is_refused() -> None:
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(frame(loss=["pending", None, -1.0]))
    fault = caught.value.faults[0]
    assert (fault.code, fault.facts["n"]) == ("no_usable_rows", 3)


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


@pytest.mark.parametrize(
    ("changes", "row", "code"),
    [
        ({"loss": [3.4, -3.1, 3.2]}, 2, "not_positive"),
        ({"loss": [3.4, np.inf, 3.2]}, 2, "not_positive"),
        ({"N": [0, 1e8, 1e8]}, 1, "not_positive"),
        ({"loss": [3.4, 3.1, None]}, 3, "empty"),
        ({"D": ["2e9", "n/a", "3e9"]}, 2, "empty"),
    ],
)
def test_a_bad_row_never_fails_the_table(changes: dict[str, list[float]], row: int, code: str) -> None:
    runs = ql.read_runs(frame(**changes))
    assert len(runs) == 2
    assert [(e["row"], e["code"]) for e in runs.attrs["excluded"]] == [(row, code)]
    assert len(ql.check_runs(frame(**changes).assign(D=GOOD["D"]))) == (3 if "D" in changes else 2)


@pytest.mark.parametrize("bad", [2, 12])
def test_faults_of_rows_left_out_do_not_matter_however_many(bad: int) -> None:
    good = pd.DataFrame({"N": np.geomspace(1e8, 1e9, 20), "D": 2e10, "loss": np.linspace(3.4, 3.0, 20)})
    text = good.astype({"loss": object})
    text.loc[:bad, "loss"] = "crashed"
    runs = ql.read_runs(text, drop={"no loss": "loss != loss"})
    assert len(runs) == 20 - bad - 1
    assert {e["reason"] for e in runs.attrs["excluded"]} == {"no loss"}
    unnamed = ql.read_runs(text, drop="N == 100M")
    assert len(unnamed) == 20 - bad - 1
    assert [e["code"] for e in unnamed.attrs["excluded"]] == ["condition", *["no_number"] * bad]


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


def test_excluded_rows_are_recorded_with_their_reason() -> None:
    runs = ql.read_runs(frame(), drop={"diverged": "loss > 3.3"}, keep="N < 3e8")
    assert len(runs) == 1
    assert [(e["row"], e["reason"]) for e in runs.attrs["excluded"]] == [(1, "diverged"), (3, "not (N < 3e8)")]
    with pytest.raises(ql.RunsError, match="no column 'nonsense'"):
        ql.read_runs(frame(), drop="nonsense > 1")
    with pytest.raises(ql.RunsError, match="leave no rows"):
        ql.read_runs(frame(), drop="N > 0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("N,D,loss,loss\n1,2,3,4\n", "'loss' heads more than one column"),
        ("N,D,loss\n", "there are no rows"),
    ],
)
def test_odd_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(ql.RunsError, match=said):
        ql.read_runs(path)


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(b"\xef\xbb\xbf" + frame().to_csv(index=False).encode())
    assert len(ql.read_runs(path)) == 3


def test_unreadable_paths(tmp_path: Path) -> None:
    with pytest.raises(ql.RunsError, match="no such file"):
        ql.read_runs(tmp_path / "none.csv")
    with pytest.raises(ql.RunsError, match="is a folder"):
        ql.read_runs(tmp_path)
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ql.RunsError, match="not UTF-16"):
        ql.read_runs(tmp_path / "x.csv")
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(ql.RunsError, match="cannot be read"):
        ql.read_runs(tmp_path / "x.parquet")


def test_unknown_convention_is_refused() -> None:
    with pytest.raises(ql.ArgumentError, match="no option loss_units"):
        ql.read_runs(frame(), loss_units="nats/token")


def test_failed_runs_are_left_out_and_recorded() -> None:
    table = frame(status=["ok", "nan", "ok"], loss=[3.4, None, 3.2], loss_kind=["ELBO bound"] * 3)
    runs = ql.read_runs(table)
    assert len(runs) == 2
    assert [(e["row"], e["code"], e["reason"]) for e in runs.attrs["excluded"]] == [(2, "state", "status nan")]
    assert runs.attrs["conventions"]["loss_kind"] == "ELBO bound"


@pytest.mark.parametrize("name", ["Status", "State", "state"])
def test_states_of_a_wandb_export_are_statuses(name: str, tmp_path: Path) -> None:
    table = frame(**{name: ["finished", "crashed", "finished"]})
    runs = ql.read_runs(table)
    assert len(runs) == 2
    assert [(e["row"], e["reason"]) for e in runs.attrs["excluded"]] == [(2, f"{name} crashed")]
    table.to_csv(tmp_path / "runs.csv", index=False)
    imported = ql.import_runs(tmp_path / "runs.csv")
    assert "3 rows, 2 usable" in summary(imported)
    assert len(ql.read_runs(imported)) == 2


def test_a_state_that_is_none_of_a_run_is_left_alone() -> None:
    assert len(ql.read_runs(frame(state=["Ohio", "Texas", "Iowa"]))) == 3


def test_mixed_kinds_of_loss_are_doubted(quokka87: pd.DataFrame) -> None:
    mixed = quokka87.assign(objective=["masked", "uniform", "uniform"] * 29)
    fit = ql.fit(ql.laws.Chinchilla(), mixed)
    assert "MIXED_RUNS" in [diagnostic.code for diagnostic in fit.diagnostics]


def test_numbers_in_ones_own_columns_can_be_conditions(tmp_path: Path) -> None:
    text = (
        "run_id,N,D,loss,width,step,note\n007,1e6,1e8,4.0,64,10,a\n008,2e6,1e8,3.9,128,20,3\n009,4e6,1e8,3.8,256,30,b\n"
    )
    (tmp_path / "runs.csv").write_text(text, encoding="utf-8")
    runs = ql.read_runs(tmp_path / "runs.csv", keep="width > 64 and step < 30")
    assert runs["run_id"].tolist() == ["008"]
    assert runs["note"].tolist() == ["3"]


def test_files_that_name_things_differently_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("params,tokens,val_loss\n2e7,1e9,3.9\n6e7,1e9,3.6\n")
    (tmp_path / "b.csv").write_text("D,N,loss\n2e9,2e7,3.8\n2e9,6e7,3.5\n")
    runs = ql.read_runs([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert runs["N"].tolist() == [2e7, 6e7, 2e7, 6e7]
    assert runs["loss"].tolist() == [3.9, 3.6, 3.8, 3.5]
    (tmp_path / "b.csv").write_text("params_m,tokens,val_loss\n20,1e9,3.9\n60,1e9,3.6\n")
    with pytest.raises(RunsError, match="in another unit"):
        ql.read_runs([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_one_loss_in_two_files(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_text("params,tokens,train_loss\n1e8,2e9,3.4\n2e8,2e9,3.2\n")
    b.write_text("params,tokens,val_loss\n4e8,2e9,3.0\n8e8,2e9,2.9\n")
    with pytest.raises(RunsError, match="do not compare"):
        ql.read_runs([a, b])
    b.write_text(a.read_text())
    with pytest.raises(RunsError, match="4 rows agree with another in every column"):
        ql.read_runs([a, b])
    assert len(ql.read_runs([a, b], drop="duplicates")) == 2


def test_summaries_below_the_runs_are_left_out() -> None:
    table = pd.DataFrame({"run": ["a", "b", "mean", "Average"], "N": 1e8, "D": 2e9, "loss": [3.4, 3.3, 3.1, 3.35]})
    runs = ql.read_runs(table)
    assert runs["run_id"].tolist() == ["a", "b"]
    assert {record["code"] for record in runs.attrs["excluded"]} == {"summary"}
    assert len(ql.read_runs(table.iloc[[2, 3, 0, 1]])) == 4  # runs can be called so


def test_rows_are_named_by_any_column_that_tells_them_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("size,label,loss\n1e8,tiny,3.4\n2e8,small,oops\n4e8,big,3.1\n")
    (gone,) = ql.read_runs(path).attrs["excluded"]
    assert gone["name"] == "small"


def test_a_log_likelihood_is_minus_the_loss() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "D": 2e9, "loss": [-3.4, -3.2]})
    for case in (table, table.rename(columns={"loss": "log_likelihood"})):
        with pytest.raises(RunsError) as refused:
            ql.read_runs(case)
        (fault,) = refused.value.faults
        (advice,) = fault.advice
        assert ql.read_runs(case, **advice)["loss"].tolist() == [3.4, 3.2]


def test_runs_that_all_failed_are_counted_by_reason() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "D": 2e9, "loss": [3.4, 3.2], "state": "crashed"})
    with pytest.raises(RunsError, match=r"none of 2 rows can be used: state crashed \(2 rows\)"):
        ql.read_runs(table)


def test_a_dict_of_runs_and_a_frame_with_seeds_side_by_side() -> None:
    runs = ql.read_runs({"a": {"N": 1e8, "D": 2e9, "loss": 3.4}, "b": {"N": 2e8, "D": 2e9, "loss": 3.2}})
    assert runs["run_id"].tolist() == ["a", "b"]
    seeds = pd.DataFrame({"N": [1e8], "D": [2e9], "loss_seed1": [3.4], "loss_seed2": [3.41]})
    assert ql.read_runs(seeds)["loss"].tolist() == [3.4, 3.41]


def test_unique_tokens_with_a_unit() -> None:
    table = pd.DataFrame({"N": [1e8, 2e8], "unique tokens (B)": 2, "epochs": [1, 4], "loss": [3.4, 3.2]})
    assert ql.read_runs(table)["D"].tolist() == [2e9, 8e9]
