"""Influence of rows: none in clean runs, found where rows follow another law, noise in the right size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from synthetic import TRUE_CHINCHILLA, sweep

from quokka_laws.fitting.influence import Change, Refits
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.laws import Chinchilla, PowerLaw
from quokka_laws.objective import LogL2

LAW = PowerLaw("C")
TRUTH = {"E": 1.7, "K": 1600.0, "kappa": 0.16}
KEPT = np.arange(30)


def refits(spoilt: float = 0.0, noise: float = 0.002) -> Refits:
    """Forty runs of one law, from the cheapest; the last ten may lie above it."""
    runs = sweep(LAW, TRUTH, runs=40, noise=noise, seed=2).sort_values("C").reset_index(drop=True)
    runs = runs.assign(loss=np.where(np.arange(40) >= 30, runs["loss"] * np.exp(spoilt), runs["loss"]))
    space = Space.of(LAW, LAW.make_params())
    assert space is not None
    data = Data.of(LAW, runs)
    best = optimise(LAW, data, space, LogL2(), n_starts=None, seed=0)
    return Refits(LAW, data, space, LogL2(), best, None, 0)


def floor(values: Mapping[str, np.ndarray], weights: np.ndarray) -> dict[str, np.ndarray]:
    return {"log_loss": LAW.log_loss(values, LAW.inputs(C=np.array([1e22])))[:, 0]}


def test_change_against_its_noise() -> None:
    assert Change(1.0, 1.21, 0.5, 0.1).beyond_noise
    assert not Change(1.0, 1.19, 0.5, 0.1).beyond_noise


def test_rows_of_the_same_law_change_nothing_beyond_noise() -> None:
    change = refits().without(KEPT, floor, worth=lambda a, b: True)["log_loss"]
    assert not change.beyond_noise
    assert 0 < change.sd < 0.05


def test_rows_of_another_law_are_found() -> None:
    change = refits(spoilt=0.05).without(KEPT, floor, worth=lambda a, b: True)["log_loss"]
    assert change.beyond_noise
    truth = np.log(LAW.loss(TRUTH, C=1e22))
    assert abs(change.without - truth) < abs(change.with_all - truth)


def test_nothing_is_resampled_where_no_number_is_worth_it() -> None:
    asked: list[tuple[float, float]] = []

    def worth(with_all: float, without: float) -> bool:
        asked.append((with_all, without))
        return False

    assert refits().without(KEPT, floor, worth=worth) == {}
    assert len(asked) == 1


def test_the_law_of_some_rows_is_that_of_a_fit_to_them() -> None:
    part = refits(spoilt=0.05, noise=0.0).on(KEPT)
    assert len(part.data.loss) == 30
    assert part.space.values(part.best.u, part.best.off) == pytest.approx(TRUTH, rel=1e-4)


def test_all_rows_kept_change_nothing_at_all() -> None:
    law = Chinchilla()
    space = Space.of(law, law.make_params())
    assert space is not None
    data = Data.of(law, sweep(law, TRUE_CHINCHILLA, runs=25, noise=0.01))
    best = optimise(law, data, space, LogL2(), n_starts=None, seed=0)
    every = Refits(law, data, space, LogL2(), best, None, 0)
    change = every.without(np.arange(25), lambda v, w: {"E": v["E"]}, worth=lambda a, b: True, resamples=20)["E"]
    assert change.with_all == pytest.approx(change.without, rel=1e-9)
    assert change.sd == pytest.approx(0.0, abs=1e-6)
    assert change.sd_without > 0
