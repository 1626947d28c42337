"""Bowls: known quadratics come back, noise and errors are those of simulation, what is no bowl is called none."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.fitting.bowls import (
    Sweep,
    basis,
    convex,
    curvatures,
    fewest,
    fit_bowls,
    lopsided,
    lowest,
    optimum,
    size,
)

H = np.array([[0.03, -0.012], [-0.012, 0.02]])
AT = np.array([0.4, -0.3])


def heights(z: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    away = z - AT[: z.shape[1]]
    h = H[: z.shape[1], : z.shape[1]]
    rng = np.random.default_rng(seed)
    return 1.1 + 0.5 * np.einsum("ri,ij,rj->r", away, h, away) + noise * rng.standard_normal(len(z))


def grid(count: int, ends: float = 2.0, points: int = 7) -> np.ndarray:
    axes = np.meshgrid(*[np.linspace(-ends, ends, points)] * count)
    return np.stack([a.ravel() for a in axes], axis=1)


@pytest.mark.parametrize("count", [1, 2])
def test_a_quadratic_comes_back(count: int) -> None:
    sweep = Sweep.of(grid(count), heights(grid(count)), within=1.0)
    (bowl,), noise, _ = fit_bowls([sweep])
    found = optimum(bowl, spare=10.0, level=0.95, seed=0)
    assert found.at == pytest.approx(AT[:count], abs=1e-5)
    assert found.curvature == pytest.approx(H[:count, :count], abs=1e-6)
    assert found.floor == pytest.approx(1.1, abs=1e-6)
    assert found.bowl
    assert not found.side.any()
    assert noise == pytest.approx(1e-5)  # the least there is


def test_sizes_and_the_matrix_of_coefficients() -> None:
    assert [size(k) for k in (1, 2, 3)] == [3, 6, 10]
    assert fewest(1) == 4
    z = grid(3, points=3)
    c = np.linalg.lstsq(basis(z), z[:, 0] ** 2 + 3 * z[:, 1] * z[:, 2], rcond=None)[0]
    assert curvatures(c, 3) == pytest.approx(np.array([[2, 0, 0], [0, 0, 3], [0, 3, 0]]), abs=1e-12)
    assert not convex(curvatures(c, 3))
    assert np.isnan(lowest(c[None], curvatures(c, 3)[None])).all()


def test_runs_far_above_the_lowest_are_not_used_but_as_many_as_a_bowl_needs() -> None:
    z = np.linspace(-2, 2, 9)[:, None]
    y = np.array([0.5, 0.4, 0.02, 0.01, 0.0, 0.01, 0.02, 0.4, 0.5])
    assert Sweep.of(z, y, within=0.05).used.tolist() == [False, False, *[True] * 5, False, False]
    assert Sweep.of(z, 10 * y, within=0.05).used.sum() == fewest(1)


def test_repeats_of_a_setting_are_used_together_or_not_at_all() -> None:
    z = np.repeat(grid(1, points=6), 5, axis=0)
    far = Sweep.of(z, 10 * heights(z, 0.003), within=0.2)
    assert set(far.used.reshape(-1, 5).sum(axis=1)) == {0, 5}
    needed = Sweep.of(z, 10 * heights(z, 0.003), within=0.001)
    assert sorted(needed.used.reshape(-1, 5).sum(axis=1)) == [0, 0, 0, 5, 5, 5]
    curvature = []
    for seed in range(40):
        (bowl,), _, _ = fit_bowls([Sweep.of(z, heights(z, 0.02, seed), within=0.08)])
        curvature.append(bowl.curvature[0, 0])
    # Chosen one by one, by what noise made of them, they would curve by two thirds of it.
    assert np.mean(curvature) == pytest.approx(H[0, 0], rel=0.15)


def test_errors_and_noise_are_those_of_simulation() -> None:
    z = grid(1, points=7)
    found, noises = [], []
    for seed in range(60):
        sweeps = [Sweep.of(z, heights(z, 0.004, 10 * seed + k), within=1.0) for k in range(3)]
        bowls, noise, spare = fit_bowls(sweeps)
        noises.append(noise)
        found.append(optimum(bowls[0], spare=float(spare[0]), level=0.9, seed=seed))
    assert np.mean(noises) == pytest.approx(0.004, rel=0.1)
    places = np.array([o.at[0] for o in found])
    assert np.mean([o.error[0] for o in found]) == pytest.approx(places.std(), rel=0.25)
    held = np.mean([o.lower[0] <= AT[0] <= o.upper[0] for o in found])
    assert held == pytest.approx(0.9, abs=0.1)
    floors = np.array([o.floor for o in found])
    assert np.mean([o.floor_error for o in found]) == pytest.approx(floors.std(), rel=0.3)
    # What the choice of the lowest point makes too low is put back.
    assert abs(floors.mean() - 1.1) < 3 * floors.std() / np.sqrt(60)
    assert np.mean([o.bottom for o in found]) < floors.mean()


def test_one_run_off_the_bowl_hardly_moves_it() -> None:
    z = grid(1, points=13)
    y = heights(z, 0.002)
    sweeps = [Sweep.of(z, y, 1.0)]
    alone = optimum(fit_bowls(sweeps)[0][0], spare=9.0, level=0.9, seed=0).at[0]
    y = y.copy()
    y[2] += 0.05
    off = optimum(fit_bowls([Sweep.of(z, y, 1.0)])[0][0], spare=9.0, level=0.9, seed=0).at[0]
    squares = np.polynomial.polynomial.polyfit(z[:, 0], y, 2)
    assert abs(off - alone) < 0.3 * abs(-squares[1] / (2 * squares[2]) - alone)


def test_what_rises_on_one_side_only_lies_beyond_or_is_no_bowl() -> None:
    z = grid(1, points=7)
    beyond = z - 2.6  # the lowest point is 2.6 above the middle, the sweep ends at 2
    sweep = Sweep.of(z, 1.0 + 0.05 * beyond[:, 0] ** 2, within=5.0)
    found = optimum(fit_bowls([sweep])[0][0], spare=4.0, level=0.9, seed=0)
    assert (found.bowl, found.side.tolist()) == (True, [1])
    assert found.beyond == pytest.approx(0.05 * 0.6**2, rel=1e-4)
    hill = Sweep.of(z, 1.0 - 0.01 * z[:, 0] ** 2, within=5.0)
    assert not optimum(fit_bowls([hill])[0][0], spare=4.0, level=0.9, seed=0).bowl


def test_cubic_terms_are_seen_and_how_far_they_move_the_lowest_point() -> None:
    z = grid(1, points=15)
    rng = np.random.default_rng(0)

    def sweeps(cubic: float) -> list[Sweep]:
        return [
            Sweep.of(z, 0.02 * z[:, 0] ** 2 + cubic * z[:, 0] ** 3 + 0.001 * rng.standard_normal(15), within=5.0)
            for _ in range(5)
        ]

    p, moved = lopsided(fit_bowls(sweeps(0.004))[0])
    assert p < 1e-6
    assert moved[0] > 0.05
    assert lopsided(fit_bowls(sweeps(0.0))[0])[0] > 0.01
