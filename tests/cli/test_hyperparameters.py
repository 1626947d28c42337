"""`hyperparameters` answers from a sweep as the library does, from papers without one, and a mistake is one sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from swept import SIZES, both, rates

import quokka_laws as ql
from quokka_laws.cli.app import main


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sweeps") / "sweep.csv"
    both(0.001, sizes=SIZES[:3]).to_csv(path, index=False)
    return str(path)


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["hyperparameters", *args])


def test_the_answer_is_the_library_s_and_published_rules_stand_beside_it(sweep: str) -> None:
    done = run(sweep, "--over", "lr,batch", "--bootstrap", "100")
    assert done.exit_code == 0, done.output
    expected = ql.fit_hyperparameters(ql.read_runs(sweep), ["lr", "batch"], bootstrap=100)
    assert done.stdout.startswith(expected.answer)
    assert "step-law-2025" in done.stdout
    assert "--best-of" not in done.stderr  # the command is the answer to that remark


def test_a_saved_fit_answers_later(sweep: str, tmp_path: Path) -> None:
    path = str(tmp_path / "hyper.json")
    assert run(sweep, "--over", "lr,batch", "--bootstrap", "100", "-o", path, "-q").exit_code == 0
    done = run(path, "-N", "7B", "-D", "140B", "--json")
    table = pd.DataFrame(json.loads(done.stdout))
    expected = ql.read_hyperparameters(path).predict("7B", "140B")
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert run(path, "-N", "7B", "-D", "140B").stdout.startswith("For 7B parameters on 140B tokens: best lr")
    assert run(path, "--over", "lr").exit_code == 2


def test_data_are_the_fit_or_its_cells(sweep: str) -> None:
    options = ("--over", "lr,batch", "--bootstrap", "100")
    fit = ql.read_hyperparameters(json.loads(run(sweep, *options, "--json").stdout))
    cells = pd.read_csv(io.StringIO(run(sweep, *options, "--format", "csv").stdout))
    assert cells["lr"].to_numpy() == pytest.approx(fit.cells["lr"].to_numpy())


def test_a_figure_is_written(sweep: str, tmp_path: Path) -> None:
    figure = tmp_path / "h.png"
    done = run(sweep, "--over", "lr,batch", "--bootstrap", "100", "--figure", str(figure))
    assert done.exit_code == 0, done.output
    assert figure.stat().st_size > 20_000
    assert str(figure) in done.stderr


def test_without_a_table_papers_advise() -> None:
    done = run("-N", "1B", "-D", "100B", "--format", "csv")
    rows = pd.read_csv(io.StringIO(done.stdout)).set_index("rule")
    assert rows.loc["step-law-2025", "lr"] == pytest.approx(0.001632499, rel=1e-4)


def test_fit_to_the_frontier(sweep: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    command = ["fit", sweep, "--law", "chinchilla", "--frontier", "lr,batch", "--bootstrap", "0", "-o", str(path)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    runs = ql.read_runs(sweep)
    expected = ql.fit("chinchilla", runs, frontier=["lr", "batch"])
    assert ql.read_fit(path).values == pytest.approx(expected.values, rel=1e-6)
    assert "9 of 9 pairs" in done.stderr


def test_fit_names_the_frontier_where_a_table_is_a_sweep(sweep: str) -> None:
    done = CliRunner().invoke(main, ["fit", sweep, "--law", "chinchilla", "--bootstrap", "0"])
    assert "Say --frontier lr,batch for the fitted lowest" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("objective", "over"), [(["--objective", "quantile", "--over", "3"], 3.0), (["--objective", "quantile"], 10.0)]
)
def test_an_asymmetric_objective(sweep: str, tmp_path: Path, objective: list[str], over: float) -> None:
    path = tmp_path / "fit.json"
    done = CliRunner().invoke(
        main, ["fit", sweep, "--law", "chinchilla", *objective, "--bootstrap", "0", "-o", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert ql.read_fit(path).objective == ql.QuantileHuber(over=over)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["SWEEP", "--over", "lr,bs"], 2, "'bs'"),
        (["SWEEP", "--over", "seq_len"], 1, "seq_len is 2048 in every row"),
        (["SWEEP", "--over", "lr", "--sequence-length", "2048"], 2, "sequence_length"),
        (["SWEEP", "--over", "lr,batch", "--loss", "2"], 2, "--loss"),
        (["SWEEP", "--over", "lr,batch", "-N", "1B"], 2, "missing: D"),
        (["SWEEP", "--over", "lr,batch", "--figure", "x.xyz"], 2, "xyz"),
        (["-N", "1B"], 2, "-N and -D"),
        (["-N", "1B", "-D", "1B", "--over", "lr"], 2, "--over"),
        (["nowhere.csv", "--over", "lr"], 1, "nowhere.csv"),
    ],
)
def test_mistakes_are_one_sentence(sweep: str, arguments: list[str], code: int, says: str) -> None:
    done = run(*(sweep if a == "SWEEP" else a for a in arguments))
    assert done.exit_code == code, done.output
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_over_is_of_the_asymmetric_objective_only(sweep: str) -> None:
    assert CliRunner().invoke(main, ["fit", sweep, "--objective", "l1", "--over", "3"]).exit_code == 2


def test_a_sweep_with_nothing_inside_says_where_to_go(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    rates(points=5, off=4.0).to_csv(path, index=False)
    done = run(str(path), "--over", "lr")
    assert done.exit_code == 1
    assert "train larger ones" in done.stderr
