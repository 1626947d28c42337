"""The door of ``fit``: what a hurried person passes gets what was meant, or one sentence with every fault."""

from __future__ import annotations

from pathlib import Path

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
    ],
)
def test_mistakes_get_one_sentence(
    arguments: tuple[object, object], settings: dict[str, object], said: str, runs: pd.DataFrame
) -> None:
    given = [runs if a == "RUNS" and isinstance(a, str) else a for a in arguments]
    with pytest.raises(ql.QuokkaError, match=said):
        ql.fit(*given, **settings)  # type: ignore[arg-type]


def test_all_faults_at_once(runs: pd.DataFrame) -> None:
    with pytest.raises(ql.ArgumentError, match=r"bootstrap = -1.*seed = -3"):
        ql.fit("chinchilla", runs, bootstrap=-1, seed=-3)


def test_a_table_that_is_not_there_is_no_law() -> None:
    with pytest.raises(ql.RunsError, match=r"nowhere\.csv: no such file"):
        ql.fit("nowhere.csv")
    with pytest.raises(ql.ArgumentError, match="no law is called 'chinchila'"):
        ql.fit("chinchila")
