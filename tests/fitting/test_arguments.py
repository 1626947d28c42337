"""The door of ``fit``: what a hurried person passes gets what was meant, or one sentence with every fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

import quokka_laws as ql


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return sweep(ql.laws.Chinchilla(), TRUE_CHINCHILLA, runs=30)[["N", "D", "loss"]]


@pytest.fixture(scope="module")
def same(runs: pd.DataFrame) -> dict[str, float]:
    return ql.fit(ql.laws.Chinchilla(), runs).values


@pytest.mark.parametrize("law", ["chinchilla", ql.laws.Chinchilla, ql.laws.Chinchilla()], ids=["name", "class", "law"])
def test_laws_as_they_are_named(law: object, runs: pd.DataFrame, same: dict[str, float]) -> None:
    assert ql.fit(law, runs).values == same
    assert ql.fit(runs, law).values == same  # in the other order
    assert ql.fit(runs, law=law).values == ql.fit(law, runs=runs).values == ql.fit(law=law, runs=runs).values == same


def test_runs_alone_by_name(runs: pd.DataFrame) -> None:
    assert ql.fit(runs=runs).values == ql.fit(runs).values


def test_names_of_laws_in_any_case(runs: pd.DataFrame, same: dict[str, float]) -> None:
    assert ql.fit("Chinchilla", runs).values == same


WRITTEN = pd.DataFrame(
    {
        "N": ["7M", "20M", "70M"] * 3,
        "D": ["1B"] * 3 + ["4B"] * 3 + ["16B"] * 3,
        "loss": [4.0, 3.8, 3.7, 3.7, 3.4, 3.2, 3.5, 3.1, 2.9],
    }
)


@pytest.mark.parametrize(
    "ask",
    [
        lambda runs: ql.fit("chinchilla", runs).values,
        lambda runs: ql.consensus(runs, 1e20),
        lambda runs: ql.compare(runs, ["chinchilla"], holdout=(10,), bootstrap=0),
        lambda runs: ql.average(runs, "chinchilla", holdout=(10,)),
    ],
    ids=["fit", "consensus", "compare", "average"],
)
def test_every_question_reads_a_table_as_fit_does(ask: Callable[[object], object]) -> None:
    """A DataFrame whose columns are called N, D and loss is read like any other: text, states and units."""
    extra = [0.99, 1.01, 1.0, 0.995, 1.005, 1.002]
    more = WRITTEN.iloc[:6].assign(D=["2B"] * 3 + ["8B"] * 3, loss=np.array([3.85, 3.6, 3.45, 3.55, 3.2, 3.0]) * extra)
    good = pd.concat([WRITTEN, more], ignore_index=True)
    odd = pd.concat([good.assign(state="finished"), good.iloc[:1].assign(loss=9.9, state="crashed")], ignore_index=True)
    assert str(ask(odd)) == str(ask(good.assign(state="finished").map(_read))) != ""


def _read(cell: object) -> object:
    """A size as the number that it is."""
    return float(cell[:-1]) * {"M": 1e6, "B": 1e9}[cell[-1]] if isinstance(cell, str) and cell[:-1].isdigit() else cell


def test_a_unit_that_a_column_states_is_converted_once(runs: pd.DataFrame) -> None:
    bits = pd.DataFrame({**runs.to_dict("list"), "loss": runs["loss"] / np.log(2), "loss_unit": "bits/token"})
    fit = ql.fit("chinchilla", bits)
    assert fit.values == pytest.approx(ql.fit("chinchilla", runs).values, rel=1e-6)
    again = ql.fit("chinchilla", pd.DataFrame(fit.runs.to_dict("list")))  # as a table that lost what was recorded
    assert again.values == pytest.approx(fit.values, rel=1e-6)


def test_runs_as_they_are_held(runs: pd.DataFrame, same: dict[str, float], tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    runs.to_csv(path, index=False)
    records = runs.to_dict("records")
    for held in (path, str(path), runs.to_dict("list"), records):
        assert ql.fit("chinchilla", held).values == pytest.approx(same, rel=1e-9)
    assert ql.fit(str(path), "chinchilla").values == pytest.approx(same, rel=1e-9)


def test_tables_of_other_libraries(runs: pd.DataFrame, same: dict[str, float]) -> None:
    pa = pytest.importorskip("pyarrow")
    assert ql.fit("chinchilla", pa.Table.from_pandas(runs)).values == pytest.approx(same, rel=1e-9)


def test_a_table_without_pyarrow_is_read_by_its_columns(runs: pd.DataFrame, same: dict[str, float]) -> None:
    class Polars:
        """Polars' DataFrame where pyarrow is not installed."""

        def to_pandas(self) -> pd.DataFrame:
            raise ModuleNotFoundError("pyarrow is required")

        def to_dict(self, *, as_series: bool) -> dict[str, list[float]]:
            assert not as_series
            return runs.to_dict("list")

    assert ql.fit("chinchilla", Polars()).values == pytest.approx(same, rel=1e-9)


def test_columns_are_named_as_for_read_runs(runs: pd.DataFrame, same: dict[str, float]) -> None:
    odd = runs.rename(columns={"N": "weights", "D": "train_tokens", "loss": "val_loss"})
    assert ql.fit("chinchilla", odd, columns={"N": "weights"}).values == pytest.approx(same, rel=1e-9)


def test_objectives_by_name(runs: pd.DataFrame) -> None:
    assert ql.fit("chinchilla", runs, objective="l2").objective == ql.LogL2()
    assert ql.fit("chinchilla", runs, objective=ql.LogHuber).objective == ql.LogHuber()


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("chinchila", "RUNS"), {}, "did you mean 'chinchilla'"),
        ((3, "RUNS"), {}, "is no law"),
        (("chinchilla", None), {}, "no runs were given"),
        (("chinchilla", 7), {}, "int is no table of runs"),
        (("chinchilla", {"N": [1.0], "D": [1.0, 2.0], "loss": [3.0]}), {}, "one value per run"),
        (("chinchilla", "RUNS"), {"objective": "hubert"}, "objective = 'hubert'"),
        (("chinchilla", "RUNS"), {"bootstrap": -1}, "bootstrap = -1"),
        (("chinchilla", "RUNS"), {"bootstrap": 1.5}, "bootstrap = 1.5"),
        (("chinchilla", "RUNS"), {"n_starts": 0}, "n_starts = 0"),
        (("chinchilla", "RUNS"), {"bootstrap": "many"}, "bootstrap = 'many'"),
        (("chinchilla", "RUNS"), {"resample": "row"}, "'auto', 'rows', 'residuals'"),
        (("chinchilla", "RUNS"), {"prior": {"alpha": 0.3}}, "prior of alpha = 0.3: give a mean and"),
        (("chinchilla", "RUNS"), {"start_from": {"alpha": 0.3}}, "expected a fit"),
        (("chinchilla", "RUNS"), {"weights": [1.0] * 30}, "expected the name of a column"),
        (("chinchilla", "RUNS"), {"columns": ["N", "D"]}, "expected a mapping"),
        (("RUNS", "chinchila"), {}, "did you mean 'chinchilla'"),
        ((["chinchilla", "skaling"], "RUNS"), {}, "ql.compare"),
        (("chinchilla", "RUNS", "skaling"), {}, "was given 3"),
        ((), {}, "was given nothing"),
        (("chinchilla",), {"data": WRITTEN}, "fit has no argument data: the table is runs="),
        (
            ("chinchilla", "RUNS"),
            {"bounds": {"alpha": (0, 1)}, "start": {}},
            "no argument bounds, start: they are of a law",
        ),
        (("chinchilla", "RUNS"), {"nonsense": 1}, "help"),
    ],
)
def test_mistakes_get_one_sentence(
    arguments: tuple[object, ...], settings: dict[str, object], said: str, runs: pd.DataFrame
) -> None:
    given = [runs if a == "RUNS" and isinstance(a, str) else a for a in arguments]
    with pytest.raises(ql.QuokkaError, match=said):
        ql.fit(*given, **settings)  # type: ignore[arg-type]


def test_counts_may_be_written_as_floats(runs: pd.DataFrame) -> None:
    assert len(ql.fit("chinchilla", runs, bootstrap=1e1).draws) == 10


def test_all_faults_at_once(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.ArgumentError, match=r"bootstrap = -1.*seed = -3"):
        ql.fit("chinchilla", runs, bootstrap=-1, seed=-3)


def test_a_table_that_is_not_there_is_no_law() -> None:
    with pytest.raises(ql.RunsError, match=r"nowhere\.csv: no such file"):
        ql.fit("nowhere.csv")
    with pytest.raises(ql.ArgumentError, match="no law is called 'chinchila'"):
        ql.fit("chinchila")
