"""Sweeps from the command line: what the trainer reads, one line of answer, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.cli.app import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "plan-next-runs.md"


@pytest.fixture(scope="module")
def fit() -> ql.FitResult:
    sweep = ql.plan.ladder(2e20)
    noise = 0.003 * np.random.default_rng(0).standard_normal(len(sweep))
    loss = ql.laws.Chinchilla().loss(TRUE_CHINCHILLA, N=sweep["N"], D=sweep["D"]) * np.exp(noise)
    return ql.fit(ql.laws.Chinchilla(), ql.check_runs(sweep[["N", "D"]].assign(loss=loss)), objective=ql.LogL2())


def test_the_loop_closes_through_the_trainer(fit: ql.FitResult, tmp_path: Path) -> None:
    """Both commands write what the trainer reads: a run per row, near the planned size and on the planned tokens."""
    pytest.importorskip("torch")
    from reference_trainer import sweep_table
    from reference_trainer.model import Shape, counts

    smallest = Shape(*sweep_table.shape_near(1.0), 256)
    assert f"has {counts(smallest)['N_total']:,} parameters" in PAGE.read_text(encoding="utf-8")
    fit.to_json(tmp_path / "fit.json")
    for words in (
        ["ladder", "--total", "1e14"],
        ["design", str(tmp_path / "fit.json"), "-C", "1e22", "--total", "2e20"],
        ["design", str(tmp_path / "fit.json"), "-N", "1B", "-D", "20B", "--total", "2e20"],
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        (tmp_path / "sweep.csv").write_text(done.stdout, encoding="utf-8")
        table = pd.read_csv(tmp_path / "sweep.csv")
        specs = sweep_table.read_specs(tmp_path / "sweep.csv", corpus="text.txt")
        trained = [counts(s.shape(256))["N_total"] * s.tokens for s in specs]
        assert trained == pytest.approx((table["N"] * table["D"]).tolist(), rel=1e-4)  # the plan's compute
        if words[0] == "ladder":
            assert len({s.run_id for s in specs}) == len(table) == 25


def test_command_line_answers_in_one_line(fit: ql.FitResult, tmp_path: Path) -> None:
    path = str(tmp_path / "fit.json")
    fit.to_json(path)
    done = CliRunner().invoke(main, ["design", path, "-C", "1e22", "--total", "2e20", "--json"])
    assert "standard deviation of log N_opt at C = 1e+22 falls from" in done.stderr
    assert json.loads(done.stdout)[0]["C_so_far"] > 0
    for words, code in (
        (["design", path, "--total", "1e20"], 2),
        (["design", path, "--total", "1e20", "-N", "1B"], 2),
        (["design", path, "--total", "1e10", "-C", "1e22"], 2),
        (["design", "nowhere.json", "--total", "1e20", "-C", "1e22"], 1),
        (["ladder", "--total", "1e20", "--law", "quokka-2025/repeated"], 1),
        (["ladder", "--total", "1e20", "--law", "nobody"], 2),
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == code, (words, done.output)
        assert "Error" in done.stderr


def test_a_pool_is_chosen_from_before_there_is_a_fit(tmp_path: Path) -> None:
    N, D = (v.ravel() for v in np.meshgrid(np.geomspace(1e8, 1e9, 5), np.geomspace(2e9, 2e10, 5)))
    pd.DataFrame({"N": N, "D": D, "hours": N * D / 1e18}).to_csv(tmp_path / "pool.csv", index=False)
    pd.DataFrame({"N": [4e9, 8e9], "D": [8e10, 1e11]}).to_csv(tmp_path / "dear.csv", index=False)
    words = [
        "design",
        "--candidates",
        str(tmp_path / "pool.csv"),
        "--cost",
        "hours",
        "--region",
        str(tmp_path / "dear.csv"),
    ]
    done = CliRunner().invoke(main, [*words, "--total", "40", "--json"])
    assert done.exit_code == 0, done.output
    assert sum(row["hours"] for row in json.loads(done.stdout)) <= 40
    assert "2 points" in done.stderr
    assert CliRunner().invoke(main, ["design", "--total", "40", "-C", "1e22"]).exit_code == 2


def test_intervals_are_simulated_before_they_are_paid_for() -> None:
    done = CliRunner().invoke(main, ["ladder", "--total", "2e20", "--layout", "lshape", "--simulate", "-C", "1e22"])
    assert done.exit_code == 0, done.output
    assert "besiroglu-2024" in done.stderr
    assert "held" in done.stderr
    assert CliRunner().invoke(main, ["ladder", "--total", "2e20", "--simulate"]).exit_code == 2
