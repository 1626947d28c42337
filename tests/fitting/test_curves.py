"""Unfinished runs are forecast, and finished ones become a law."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.laws.schedules import relative_rate

TRAINED = Path(__file__).parents[2] / "data" / "curves" / "runs.csv.gz"


def loss(N: float, T: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Chinchilla in intrinsic time, less a gain in proportion to how far the rate has fallen."""
    return 1.8 + 480.0 / N**0.347 + 2100.0 / T**0.367 - 0.1 * (1.0 - rate)


def logs(schedule: str, *, share: float = 1.0, seed: int = 0, noise: float = 0.003) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = np.linspace(0.001, 1.0, 1000)
    rate = np.where(at < 0.01, at / 0.01, relative_rate(schedule, at))
    parts = []
    for N, D in ((3e7, 1.2e9), (6e7, 1.2e9), (1.2e8, 4.8e9), (2.4e8, 4.8e9)):
        values = loss(N, np.cumsum(rate) / 1000 * D, np.where(at < 0.01, 1.0, rate)) * np.exp(
            noise * rng.standard_normal(1000)
        )
        parts.append(
            pd.DataFrame({"run_id": f"{N:g}", "N": N, "D": at * D, "lr": rate * 3e-4, "loss": values, "D_final": D})[
                4::5
            ]
        )
    table = pd.concat(parts, ignore_index=True)
    return table[(table["N"] < 2e8) | (table["D"] <= share * table["D_final"])].reset_index(drop=True)


@pytest.mark.parametrize("schedule", ["cosine", "wsd", "constant"])
def test_the_end_is_forecast_within_a_per_cent_at_thirty(schedule: str) -> None:
    found = ql.fit_curves(logs(schedule, share=0.3)).forecast()
    end = float(logs(schedule, noise=1e-9)["loss"].iloc[-1])
    assert len(found) == 1
    assert found["loss"].item() == pytest.approx(end, rel=0.01)
    assert found["loss_lower"].item() <= end <= found["loss_upper"].item()
    assert found["tried"].item() == 3


def test_one_run_alone_is_forecast_and_said_to_be_a_guess() -> None:
    one = logs("cosine", share=0.4)
    found = ql.fit_curves(one[one["N"] > 2e8], schedule="cosine")
    assert found.forecast()["tried"].item() == 0
    assert any("No run is finished" in sentence for sentence in found.known)


def test_a_wider_level_is_wider() -> None:
    found = ql.fit_curves(logs("wsd", share=0.3))
    wide, narrow = found.forecast(level=0.99), found.forecast(level=0.5)
    assert wide["loss_upper"].item() > narrow["loss_upper"].item()
    assert wide["loss_lower"].item() < narrow["loss_lower"].item()


def test_finished_runs_become_a_law_for_plans() -> None:
    found = ql.fit_curves(logs("cosine"))
    law = found.final_law()
    clean = logs("cosine", noise=1e-9).groupby("run_id", sort=False).last()
    assert law(N=clean["N"], D=clean["D"]) == pytest.approx(clean["loss"].to_numpy(), rel=0.006)
    plan = ql.plan.compute_optimal(law, 1e20)
    assert plan["N_lower"].item() < plan["N"].item() < plan["N_upper"].item()
    assert found.forecast().empty
    assert "finished runs" in found.report()


def test_points_along_an_annealed_run_are_off_by_what_annealing_does() -> None:
    flat = ql.fit_curves(logs("constant")).intermediate()
    assert flat["excess"].abs().max() < 0.004  # its warm-up is longer
    half = ql.fit_curves(logs("cosine")).intermediate((0.5,))
    assert (half["excess"].abs() > 0.01).all()


@pytest.mark.parametrize("schedule", ["cosine", "wsd", "constant"])
def test_runs_of_the_trainer_are_forecast_from_their_first_part(schedule: str) -> None:
    """``benchmarks/curves.py --trained`` at reduced size: the widest run of each schedule, from the others of its schedule."""
    runs = pd.read_csv(TRAINED)
    stated = (TRAINED.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"{hashlib.sha256(TRAINED.read_bytes()).hexdigest()}  curves/runs.csv.gz" in stated
    runs = runs[(runs["schedule"] == schedule) & (runs["seed"] < 3)]
    widest = runs["N"] == runs["N"].max()
    going = runs[~widest | (runs["D"] <= 0.3 * runs["D_final"])]
    found = ql.fit_curves(going[["run_id", "N", "D", "D_final", "schedule", "lr", "loss"]]).forecast()
    end = runs.loc[widest, "loss"].iloc[-1]
    assert found["loss"].item() == pytest.approx(end, rel=0.015)
    assert found["loss_lower"].item() <= end <= found["loss_upper"].item()


def test_size_and_time_are_coupled_as_the_runs_say() -> None:
    """Runs whose terms are coupled with k = 0.4 are forecast, and their law of final losses knows the k."""
    share = np.linspace(0.01, 1.0, 100)
    parts = []
    for N, D in ((3e7, 3e9), (6e7, 1.2e9), (1.2e8, 9.6e9), (2.4e8, 4.8e9)):
        loss = 1.8 + (6e4 / N**0.55 + 9e5 / (share * D) ** 0.555) ** 0.4
        parts.append(pd.DataFrame({"run_id": f"{N:g}", "N": N, "D": share * D, "D_final": D, "loss": loss}))
    whole = pd.concat(parts, ignore_index=True)
    going = whole[(whole["N"] < 2e8) | (whole["D"] <= 0.3 * whole["D_final"])]
    assert ql.fit_curves(going, schedule="constant").forecast()["loss"].item() == pytest.approx(loss[-1], rel=0.004)
    law = ql.fit_curves(whole, schedule="constant").final_law()
    ends = whole.groupby("run_id", sort=False).last()
    assert law(N=ends["N"], D=ends["D"]) == pytest.approx(ends["loss"].to_numpy(), rel=0.002)
    assert law.values["k"] < 0.7


def test_refusals() -> None:
    with pytest.raises(ql.ArgumentError, match="level = 2"):
        ql.fit_curves(logs("cosine"), level=2.0)
    with pytest.raises(ql.ArgumentError, match="D_final = -1"):
        ql.fit_curves(logs("cosine"), D_final=-1.0)
    with pytest.raises(ql.ArgumentError, match=r"share = 1\.5"):
        ql.fit_curves(logs("cosine")).hindcasts(1.5)
