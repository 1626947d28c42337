"""What a fit knows beside the runs when it is meant for a forecast of more expensive ones.

Every law is wrong somewhere, and far from the runs that decided its coefficients. So the runs near the forecast should
decide: a run counts half as much for every factor of 3 that its compute lies below the largest. What they leave open is
settled by weak priors rather than by the noise: a floor E near two thirds of the lowest loss (the fits of cheap runs often
say E = 0, which no text has), and a coupling k of Skaling's law between Chinchilla's 1 and the 0.4 of Quokka's sweep.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quokka_laws._typing import Array
from quokka_laws.evaluation.holdout import Candidate
from quokka_laws.fitting.priors import PriorArgument, prior_of
from quokka_laws.laws.chinchilla import Skaling
from quokka_laws.objective import LogHuber, Objective

HALVED_EVERY = 3.0
"""Factor of compute over which a run's weight is halved."""
FLOOR_SHARE, FLOOR_WIDTH = 2.0 / 3.0, 0.25
"""E over the lowest loss, and the standard deviation of its logarithm."""
COUPLING = (0.7, 0.3)


def lean(log_C: Array) -> Array:
    """Weights of runs, 1 at the largest compute."""
    return np.asarray(np.exp2((log_C - log_C.max()) / np.log(HALVED_EVERY)))


def leaning(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with these weights, times their own if they have any."""
    own = runs["weight"].to_numpy(dtype=float) if "weight" in runs else 1.0
    found = runs.assign(weight=own * lean(np.log(runs["C"].to_numpy(dtype=float))))
    found.attrs = runs.attrs
    return found


def weak_prior(candidate: Candidate, runs: pd.DataFrame, objective: Objective) -> PriorArgument:
    """On the floor and the coupling, with what :func:`~quokka_laws.fit` takes by itself; None for an objective that knows no scatter."""
    law = candidate.law
    if not isinstance(objective, LogHuber) or objective.settled:
        return None
    usual = prior_of("auto", law, runs, objective)
    normal = {} if usual is None else dict(usual.normal)
    if any(c.name == "E" and c.kind == "amplitude" for c in law.coefficients):
        normal["E"] = float(np.log(FLOOR_SHARE * runs["loss"].min())), FLOOR_WIDTH
    if isinstance(law, Skaling) and not candidate.settings:  # with beta held at 1, k is an exponent of the data
        normal["k"] = COUPLING
    return normal or None
