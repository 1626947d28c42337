"""The best set of candidates that a budget buys: greedy by several prices of cost, then exchanges. Arrays only.

Which single run is best next says little about which set is: per unit of cost the cheapest always win, regardless of cost the dearest. So
sets are built with the gain over cost to several powers, from none to full, and the one that ends with the least error is bettered
by dropping runs and by exchanging one for another until nothing helps.
"""

from __future__ import annotations

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.plan.design.expected_error import Trained

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST_GAIN = 2e-4  # of the error: a run that helps less is not worth its place
ROUNDS = 30
HARMLESS = 0.02
"""Relative rise of the error that all runs bought with the rest of the budget may cause together."""


def best_set(start: Trained, cost: Array, budget: float, *, fewest: int = 0) -> Trained:
    """Candidates to train within a budget.

    Parameters
    ----------
    start : Trained
        With what is trained already; those candidates stay.
    cost : array (candidates,)
    budget : float
    fewest : int
        At least so many runs, those trained already among them, where the budget allows it.
    """
    found = [_greedy(start, cost, budget, power, fewest) for power in POWERS]
    enough = max(min(end.chosen.sum(), fewest) for end in found)
    found = [end for end in found if end.chosen.sum() >= enough]
    best = _exchanged(min(found, key=Trained.error), start.chosen, cost, budget, fewest)
    return _filled(best, start.chosen, cost, budget)


def in_order(start: Trained, end: Trained) -> list[int]:
    """The added candidates, each the one that helps most after those before it."""
    left, order = np.flatnonzero(end.chosen & ~start.chosen), []
    while len(left):
        best = int(left[np.argmin(start.errors(1.0, left))])
        order.append(best)
        start = start.change(best, 1.0)
        left = left[left != best]
    return order


def _greedy(now: Trained, cost: Array, budget: float, power: float, fewest: int) -> Trained:
    left, error = budget, now.error()
    while True:
        which = np.flatnonzero(~now.chosen & (cost <= left * (1.0 + 1e-12)))
        if not len(which):
            return now
        after = now.errors(1.0, which)
        gain = error - after
        best = int(np.argmax(gain / cost[which] ** power if power else gain))
        if gain[best] <= LEAST_GAIN * error and now.chosen.sum() >= fewest:
            best = int(np.argmax(gain))
            if gain[best] <= LEAST_GAIN * error:
                return now
        left -= cost[which[best]]
        now = now.change(int(which[best]), 1.0)
        error = float(after[best])


def _filled(now: Trained, kept: Array, cost: Array, budget: float) -> Trained:
    """What is left of the budget spent on runs that do no harm by this reckoning: they show the noise and a run that went wrong."""
    left, most = budget - cost[now.chosen & ~kept].sum(), now.error() * (1.0 + HARMLESS)
    while len(which := np.flatnonzero(~now.chosen & (cost <= left * (1.0 + 1e-12)))):
        after = now.errors(1.0, which)
        if after.min() > most:
            break
        best = which[np.argmin(after)]
        now, left = now.change(int(best), 1.0), left - cost[best]
    return now


def _exchanged(now: Trained, kept: Array, cost: Array, budget: float, fewest: int) -> Trained:
    """One for one, or for none, as long as it helps."""
    for _ in range(ROUNDS):
        error = now.error()
        own = np.flatnonzero(now.chosen & ~kept)
        if not len(own):
            return now
        best = error * (1.0 - LEAST_GAIN)
        move: Trained | None = None
        for i in own:
            without = now.change(int(i), -1.0)
            left = budget - cost[now.chosen & ~kept].sum() + cost[i]
            if now.chosen.sum() > fewest and (alone := without.error()) < best:
                best, move = alone, without
            which = np.flatnonzero(~now.chosen & (cost <= left * (1.0 + 1e-12)))
            if len(which):
                after = without.errors(1.0, which)
                if after.min() < best:
                    best, move = float(after.min()), without.change(int(which[np.argmin(after)]), 1.0)
        if move is None:
            return now
        now = move
    return now
