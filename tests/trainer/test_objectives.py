"""Losses against exact enumeration: every ELBO equals the entropy of a small known source at the exact answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from reference_trainer import objectives
from reference_trainer.objectives import Noise, draw_noise, mask_bernoulli, mask_exactly, prepare, uniform_costs

V, L = 4, 3
STATES = np.array(list(itertools.product(range(V), repeat=L)))


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    """A distribution over all sequences of L tokens, shape (V,) * L."""
    return np.random.default_rng(3).dirichlet(np.full(V**L, 0.3)).reshape((V,) * L)


def one_step(noise: Noise) -> Noise:
    """The noise of a block of one step, without its axis of steps."""
    return Noise(noise.level[0], noise.score[0])


def entropy_per_token(p: np.ndarray) -> float:
    return float(-(p * np.log(p)).sum() / L)


def conditionals(p: np.ndarray, x: tuple[int, ...], hidden: tuple[int, ...]) -> list[float]:
    """p(x_i | visible tokens) for each hidden i."""
    index = tuple(slice(None) if i in hidden else x[i] for i in range(L))
    table = p[index]
    found = []
    for axis, i in enumerate(hidden):
        marginal = table.sum(axis=tuple(a for a in range(len(hidden)) if a != axis))
        found.append(float(marginal[x[i]] / marginal.sum()))
    return found


def exact_costs(p: np.ndarray, x: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """−log of the exact conditional at masked positions, zero elsewhere."""
    cost = np.zeros(masked.shape)
    for row, (tokens, mask) in enumerate(zip(x, masked, strict=True)):
        hidden = tuple(np.flatnonzero(mask).tolist())
        if hidden:
            cost[row, list(hidden)] = -np.log(conditionals(p, tuple(tokens.tolist()), hidden))
    return cost


def any_order_elbo(p: np.ndarray) -> float:
    """E over k uniform on 1…L and masks of exactly k of (1/k) Σ −log p, by enumeration."""
    total = 0.0
    for x in STATES:
        for k in range(1, L + 1):
            sets = list(itertools.combinations(range(L), k))
            costs = [sum(-np.log(conditionals(p, tuple(x), s))) / k for s in sets]
            total += p[tuple(x)] * float(np.mean(costs)) / L
    return total


def test_any_order_elbo_of_the_exact_conditionals_is_the_entropy(source: np.ndarray) -> None:
    assert any_order_elbo(source) == pytest.approx(entropy_per_token(source), abs=1e-12)


@pytest.mark.parametrize("schedule", objectives.SCHEDULES)
def test_masked_elbo_in_continuous_time_is_the_entropy_whatever_the_schedule(source: np.ndarray, schedule: str) -> None:
    """Gauss–Legendre over t with the library's own weights; mask probability read off its own masks' threshold."""
    nodes, w = np.polynomial.legendre.leggauss(60)
    t, w = (nodes + 1) / 2, w / 2
    # a score just below / above the threshold tells the probability: bisect on mask_bernoulli itself
    low, high = np.zeros(len(t)), np.ones(len(t))
    for _ in range(60):
        middle = (low + high) / 2
        masked, weight = mask_bernoulli(Noise(t, _scores(middle)), schedule)
        low, high = np.where(masked[:, 0], middle, low), np.where(masked[:, 0], high, middle)
    u = (low + high) / 2
    total = np.zeros(len(t))
    for x in STATES:
        for k in range(1, L + 1):
            cost = sum(sum(-np.log(conditionals(source, tuple(x), s))) for s in itertools.combinations(range(L), k))
            total += source[tuple(x)] * u**k * (1 - u) ** (L - k) * weight * cost
    assert float((w * total).sum()) == pytest.approx(entropy_per_token(source), abs=1e-6)


def _scores(middle: np.ndarray) -> np.ndarray:
    """Rows of equal scores that are the same share of their range."""
    return np.repeat(np.floor(middle * 2.0**32)[:, None], L, axis=1)


def leave_one_out(p: np.ndarray, z: tuple[int, ...], i: int, alpha: float) -> np.ndarray:
    """p(x_i | z without z_i) under uniform noise that keeps a token with probability alpha."""
    kernel = alpha * np.eye(V) + (1 - alpha) / V
    table = p
    for axis in range(L):
        if axis != i:
            shape = [1] * L
            shape[axis] = V
            table = table * kernel[:, z[axis]].reshape(shape)
    marginal = table.sum(axis=tuple(a for a in range(L) if a != i))
    return np.asarray(marginal / marginal.sum())


def uniform_elbo(p: np.ndarray, *, posterior: bool) -> float:
    """The library's integrand, enumerated over x and z, integrated over t; V^L·V^L·nodes evaluations."""
    nodes, w = np.polynomial.legendre.leggauss(24)
    total = 0.0
    for t, weight in zip((nodes + 1) / 2, w / 2, strict=True):
        alpha = 1.0 - t
        kernel = alpha * np.eye(V) + (1 - alpha) / V
        logits = np.zeros((len(STATES), L, V))
        for row, z in enumerate(STATES):
            for i in range(L):
                guess = leave_one_out(p, tuple(z), i, alpha)
                if posterior:
                    guess = guess * kernel[:, z[i]]
                logits[row, i] = np.log(guess / guess.sum())
        for x in STATES:
            q = np.prod(kernel[x[None, :], STATES], axis=1)
            cost = uniform_costs(
                torch.from_numpy(logits)[None],
                torch.from_numpy(np.repeat(x[None], len(STATES), axis=0))[None],
                torch.from_numpy(STATES)[None],
                torch.full((1, len(STATES)), t, dtype=torch.float64),
            )[0]
            total += weight * p[tuple(x)] * float((torch.from_numpy(q)[:, None] * cost).sum()) / L
    return total


def test_uniform_elbo_is_the_entropy_at_the_leave_one_out_posterior_only(source: np.ndarray) -> None:
    entropy = entropy_per_token(source)
    assert uniform_elbo(source, posterior=False) == pytest.approx(entropy, abs=2e-3)  # float32 softmax, 24 nodes
    assert uniform_elbo(source, posterior=True) > entropy + 0.1  # the ordinary posterior is not the minimiser


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [("exact-k", "linear"), *itertools.product(("stratified-t", "iid-t"), objectives.SCHEDULES)],
)
def test_every_estimator_is_unbiased(source: np.ndarray, sampler: str, schedule: str) -> None:
    rng = np.random.default_rng(11)
    batches, rows = 150, 64
    estimates = []
    for step in range(batches):
        x = STATES[rng.choice(len(STATES), rows, p=source.ravel())]
        noise = one_step(draw_noise((1, rows, L), key=(9, step), stratified=sampler != "iid-t"))
        masked, weight = mask_exactly(noise) if sampler == "exact-k" else mask_bernoulli(noise, schedule)
        estimates.append((exact_costs(source, x, masked) * weight[:, None]).sum() / rows)
    se = np.std(estimates, ddof=1) / np.sqrt(batches)
    assert abs(np.mean(estimates) - entropy_per_token(source)) < 4 * se


def test_exact_k_is_the_least_noisy() -> None:
    """Variance of the batch estimate with token costs that do not depend on the mask: only the weights differ."""
    spread = {}
    for sampler in objectives.SAMPLERS:
        sums = []
        for step in range(200):
            noise = one_step(draw_noise((1, 16, 32), key=(1, step), stratified=sampler != "iid-t"))
            masked, weight = mask_exactly(noise) if sampler == "exact-k" else mask_bernoulli(noise, "linear")
            cost = 1.0 + noise.level[:, None]  # guesses get worse as more is hidden
            sums.append((masked * weight[:, None] * cost).sum() / 16)
        spread[sampler] = np.var(sums)
    assert spread["exact-k"] < 0.5 * spread["stratified-t"] < spread["iid-t"]


def test_strata_cover_all_k_evenly() -> None:
    masked, weight = mask_exactly(one_step(draw_noise((1, 64, 64), key=(0, 0), stratified=True)))
    assert sorted(masked.sum(axis=1)) == list(range(1, 65))
    np.testing.assert_allclose(weight, 1.0 / masked.sum(axis=1))


def test_autoregression_equals_diffusion_at_length_one() -> None:
    tokens = np.array([[2], [0], [1]])
    noise = one_step(draw_noise((1, 3, 1), key=(0, 0), stratified=True))
    ar, masked = (prepare(tokens, noise, objective=o, mask_token=V) for o in ("autoregressive", "masked"))
    for name in ("inputs", "targets", "weight"):
        np.testing.assert_array_equal(getattr(ar, name), getattr(masked, name))


def test_noise_depends_on_seed_and_step_only() -> None:
    a, b = (draw_noise((2, 4, 8), key=(3, 17), stratified=True, vocabulary=5) for _ in range(2))
    other = draw_noise((2, 4, 8), key=(3, 18), stratified=True, vocabulary=5)
    np.testing.assert_array_equal(a.score, b.score)
    assert not np.array_equal(a.score, other.score)


def test_curriculum_moves_from_clean_to_noisy() -> None:
    noise = draw_noise((2, 4000, 1), key=(0, 0), stratified=True, window=np.array([0.0, 1.0]))
    early, late = noise.level.mean(axis=1)
    assert early < 0.25 < 0.75 < late


def test_maskgit_weights_are_a_mean_over_masked_tokens() -> None:
    noise = one_step(draw_noise((1, 8, 16), key=(0, 0), stratified=True))
    batch = prepare(np.zeros((8, 16), dtype=int), noise, objective="masked", mask_token=V, weighting="maskgit")
    assert (batch.weight * (batch.inputs == V).sum(axis=1)).mean() == pytest.approx(1.0, rel=1e-6)
    assert len(np.unique(batch.weight)) == 1


def test_noise_of_a_block_is_stratified_step_by_step() -> None:
    level = draw_noise((5, 8, 3), key=(0, 0), stratified=True).level
    np.testing.assert_array_equal(np.sort(np.ceil(level * 8), axis=1), np.tile(np.arange(1, 9), (5, 1)))


def test_scores_of_a_row_are_uniform_and_different() -> None:
    score = draw_noise((40, 50, 64), key=(4, 4), stratified=True).score
    assert all(len(set(row)) == 64 for row in score.reshape(-1, 64))
    share = score.mean(axis=(0, 1)) / 2.0**32  # of each position: none is masked more often than another
    assert abs(share - 0.5).max() < 5 * np.sqrt(1 / 12 / 2000)


def test_tokens_travel_in_their_smallest_type() -> None:
    assert [objectives.token_type(n) for n in (255, 256, 2**15)] == [np.uint8, np.int16, np.int32]
