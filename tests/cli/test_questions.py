"""Planning questions on the command line give what the library gives."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main

LAW = ["--law", "besiroglu-2024", "--format", "csv"]
PUBLISHED = ql.published["besiroglu-2024"]


def table(*args: str) -> pd.DataFrame:
    done = CliRunner().invoke(main, list(args))
    assert done.exit_code == 0, done.output
    return pd.read_csv(io.StringIO(done.stdout))


def test_reach() -> None:
    assert table("reach", "2.2", "2.0", *LAW)["C"].tolist() == pytest.approx([3.88077e21, 2.43691e23], rel=1e-4)
    assert table("reach", "2.05", "-N", "7B", *LAW)["D"].iloc[0] == pytest.approx(3.88638e12, rel=1e-5)
    below = CliRunner().invoke(main, ["reach", "1.2", *LAW])
    assert below.exit_code == 1
    assert "its floor is 1.8169" in below.stderr
    apart = CliRunner().invoke(main, ["reach", "2.2", "--law", "kaplan-2020/joint", *LAW])
    assert "one loss cannot be the target" in apart.stderr


@pytest.mark.parametrize(
    "question",
    [
        ["reach", "2.2"],
        ["overtrain", "-C", "1e22", "--factor", "4"],
        ["deadweight", "-N", "7B", "-D", "140B"],
        ["plan", "-C", "1e22"],
    ],
    ids=lambda words: words[0],
)
def test_laws_are_arguments_or_options(question: list[str]) -> None:
    as_argument = table(*question, "besiroglu-2024", "sardana-2023/all", "--format", "csv")
    as_option = table(*question, "--law", "sardana-2023/all", *LAW)
    both = table(question[0], "besiroglu-2024", *question[1:], "--law", "sardana-2023/all", "--format", "csv")
    pd.testing.assert_frame_equal(as_argument, both)
    assert set(as_argument["law"]) == set(as_option["law"])


def test_overtrain_and_deadweight() -> None:
    rows = table("overtrain", "-C", "1e22", "--factor", "4", "--factor", "16", *LAW)
    assert rows["multiplier"].tolist() == pytest.approx([1.2593, 4.467], rel=1e-3)
    row = rows.iloc[0]
    wasted = table("deadweight", "-N", str(row["N"]), "-D", str(row["D"]), *LAW)["wasted"]
    assert wasted.iloc[0] == pytest.approx(row["wasted"], rel=1e-6)
    by_other = table("deadweight", "-C", "1e25", "--allocated-by", "llama3-2024", *LAW)
    assert by_other["wasted"].iloc[0] == pytest.approx(0.0552, rel=1e-2)
    for wrong in (
        ["-N", "1B"],
        ["-C", "1e22"],
        ["-N", "1B", "-D", "1B", "-C", "1e22", "--allocated-by", "llama3-2024"],
    ):
        assert CliRunner().invoke(main, ["deadweight", *wrong, *LAW]).exit_code == 2
    assert CliRunner().invoke(main, ["overtrain", "--factor", "4", *LAW]).exit_code == 2


def test_crossover() -> None:
    assert table("crossover", "-U", "100M", "--format", "csv")["C"].iloc[0] == pytest.approx(4.72e19, rel=0.02)
    two = ["muennighoff-2023", "quokka-2025/repeated"]
    gap = table("crossover", *two, "-U", "1B", "-C", "1e21", "--format", "csv")
    assert gap["comparable"].iloc[0].startswith("no: kinds of loss")
    frontier = table("crossover", two[0], "--loss", "3", "-U", "1B", "-U", "10B", "--format", "csv")
    assert frontier["C"].iloc[0] > frontier["C"].iloc[1]
    for wrong in ([two[0]], [*two, "--loss", "3"], ["llama3-2024", "--loss", "3"], [*two, two[0]]):
        assert CliRunner().invoke(main, ["crossover", *wrong, "-U", "1B"]).exit_code in (1, 2)


def test_hyperparameters() -> None:
    rows = table("hyperparameters", "-N", "1B", "-D", "100B", "--format", "csv").set_index("rule")
    assert rows.loc["step-law-2025", "lr"] == pytest.approx(0.001632499, rel=1e-5)
    assert "minicpm-2024" not in rows.index


def test_commands_on_a_fit(noisy_fit: ql.FitResult, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    noisy_fit.to_json(path)
    moved = table("sensitivity", str(path), "-C", "1e22", "--format", "csv")
    assert moved["choice"].iloc[0] == "as fitted"
    asked = table("checklist", str(path), "--format", "csv")
    assert asked["known"].any()
    assert not asked["known"].all()
    own = table("reach", "2.5", "--law", str(path), "--format", "csv").iloc[0]
    assert own["C_lower"] < own["C"] < own["C_upper"]
