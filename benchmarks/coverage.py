"""How often 95 % intervals hold the truth, by design and kind of noise, and how wide they are.

python benchmarks/coverage.py [tables of each design and noise]     # 400; ten seconds of processor time
python benchmarks/coverage.py --bootstrap 40                        # 40 tables each, refitted 200 times by ql.fit; minutes

The first prints Student's intervals of ``LogHuber("auto")`` from standard errors (``quokka_laws.fitting.linearised``), for all tables of a design in
one batch; the second what ``ql.fit(..., bootstrap=200)`` gives with that objective and with the papers' delta = 1e-3.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from many import fit_many
from tqdm import tqdm
from truths import DESIGNS, NOISES, TRUTHS, Truth, log_losses, simulate

import quokka_laws as ql
from quokka_laws._typing import Array
from quokka_laws.fitting.priors import FEW_RUNS, LITERATURE, Prior
from quokka_laws.laws import Law

LAW, TRUTH = ql.laws.Chinchilla(), "chinchilla"
LEVEL, FIRST_SEED, REFITS = 0.95, 50_000, 200
LEAST_EXPONENT = 0.1  # of truths drawn from the prior
SCATTER = {
    "0.3 %": 0.003,
    "1 %": 0.01,
    "heavy tails": 0.006,
    "5 % outliers": 0.003,
    "heteroscedastic": 0.0045,
    "mis-tuned": 0.003,
}
ASKED = ("alpha", "N at x1", "N at x100", "loss at x10")
LAWFUL = [k for k in NOISES if k != "mis-tuned"]
"""Noises under which the law is right."""


def targets(truth: Truth, C: float) -> tuple[Array, Array, Array]:
    """Values asked for, and where: ln C of N at ×1 and ×100, and ln N and ln D of the loss at ×10."""
    log_C = np.log(C) + np.log([1.0, 100.0])
    log_N = truth.log_N(np.array([10.0 * C]))
    log_D = np.log(10.0 * C / 6.0) - log_N
    loss = np.log(truth.loss(np.exp(log_N), np.exp(log_D)))
    return np.r_[truth.alpha, truth.log_N(np.exp(log_C)), loss], log_C, np.r_[log_N, log_D]


def quantities(law: Law, values: Mapping[str, Array], log_C: Array, at: Array) -> Array:
    """The same of fitted coefficients (tables, 1), shape (tables, 4)."""
    log_N = np.asarray(law.optimal_log_N(values, log_C - np.log(6.0)))
    x = {"log_N": at[:1], "log_D": at[1:]}
    loss = law.log_loss({k: v[:, 0] for k, v in values.items()}, x)
    return np.concatenate([values["alpha"], log_N, loss], axis=1)


def linearised(tables: int) -> pd.DataFrame:
    """Coverage and median width of each quantity, by design, noise and prior.

    An interval with a prior is to hold on average over truths that are as the prior says, so there each table has its own.
    """
    truth, rows = TRUTHS[TRUTH], []
    for design_name, design in ((k, d()) for k, d in DESIGNS.items()):
        value, log_C, at = targets(truth, float((6.0 * design["N"] * design["D"]).max()))
        clean = np.log(truth.loss(design["N"].to_numpy(), design["D"].to_numpy()))
        shift, values = expected(truth, design, log_C, at, tables)
        for noise, scatter in SCATTER.items():
            y = log_losses(truth, design, noise, range(FIRST_SEED, FIRST_SEED + tables))
            for prior in (None, Prior.literature(LAW)) if len(design) < FEW_RUNS else (None,):
                fits = fit_many(LAW, design, y + shift if prior else y, scatter, clean=clean, prior=prior)
                found = fits.ask(partial(quantities, log_C=log_C, at=at))
                off = found.value - (values if prior else value)
                rows.append(_row(design_name, noise, "prior" if prior else "auto", off, found.half_width(LEVEL)))
    return pd.DataFrame(rows)


def expected(truth: Truth, design: pd.DataFrame, log_C: Array, at: Array, tables: int) -> tuple[Array, Array]:
    """Truths drawn from the prior, each term of the same size in the middle of the design.

    Returns
    -------
    array (tables, rows)
        What their log-losses are above those of ``truth``.
    array (tables, 4)
        Their values of what is asked for.
    """
    rng = np.random.default_rng(FIRST_SEED)
    (alpha, spread_N), (beta, spread_D) = (LITERATURE[TRUTH][k] for k in ("alpha", "beta"))
    N, D = (design[k].to_numpy() for k in ("N", "D"))
    middle_N, middle_D = (float(np.exp(np.log(v).mean())) for v in (N, D))
    above, values = [], []
    for a, b in zip(rng.normal(alpha, spread_N, tables), rng.normal(beta, spread_D, tables), strict=True):
        a, b = max(a, LEAST_EXPONENT), max(b, LEAST_EXPONENT)
        A, B = truth.A * middle_N ** (a - truth.alpha), truth.B * middle_D ** (b - truth.beta)
        own = replace(truth, A=A, alpha=a, B=B, beta=b)
        above.append(np.log(own.loss(N, D) / truth.loss(N, D)))
        values.append(np.r_[a, own.log_N(np.exp(log_C)), np.log(own.loss(np.exp(at[:1]), np.exp(at[1:])))])
    return np.array(above), np.array(values)


def bootstrapped(tables: int) -> pd.DataFrame:
    """The same by :func:`quokka_laws.fit`, with its own objective and with the scatter's."""
    truth, rows = TRUTHS[TRUTH], []
    for design_name, design in tqdm(
        [(k, d()) for k, d in DESIGNS.items() if k != "6, grid"]
    ):  # rows of six cannot be resampled
        value, log_C, at = targets(truth, float((6.0 * design["N"] * design["D"]).max()))
        for noise in LAWFUL:
            for name, objective in (("delta = 1e-3", ql.LogHuber()), ("auto", ql.LogHuber("auto"))):
                ends = []
                for seed in range(FIRST_SEED, FIRST_SEED + tables):
                    fit = ql.fit(
                        LAW, simulate(truth, design, noise, seed), objective=objective, bootstrap=REFITS, seed=seed
                    )
                    draws = quantities(LAW, {k: v[:, None] for k, v in fit.draw_values().items()}, log_C, at)
                    ends.append(np.nanpercentile(draws, [50 - 50 * LEVEL, 50 + 50 * LEVEL], axis=0))
                low, high = np.stack(ends, axis=1)
                rows.append(_row(design_name, noise, name, 0.5 * (low + high) - value, 0.5 * (high - low)))
    return pd.DataFrame(rows)


def _row(design: str, noise: str, interval: str, error: Array, half: Array) -> dict[str, object]:
    held, width = (np.abs(error) <= half).mean(axis=0), np.median(2.0 * half, axis=0)
    return {"design": design, "noise": noise, "interval": interval} | {
        f"{what}: {k}": v for what, each in (("held", held), ("width", width)) for k, v in zip(ASKED, each, strict=True)
    }


def main() -> None:
    """Print the table and its summary over the cells where the law is right."""
    by_refits = "--bootstrap" in sys.argv
    tables = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 400
    found = bootstrapped(tables) if by_refits else linearised(tables)
    print(
        f"{tables} tables each; share of {LEVEL:.0%} intervals that hold the truth, and their width (of ln N and ln loss)\n"
    )
    print(found.round(3).to_string(index=False))
    lawful = found[found["noise"].isin(LAWFUL)]
    held = lawful.melt(["interval"], [f"held: {k}" for k in ASKED], value_name="held").groupby("interval")["held"]
    print("\nover the cells where the law is right:")
    print(held.agg(["mean", "min", "max", lambda v: v.between(0.92, 0.97).mean()]).round(3).to_string())


if __name__ == "__main__":
    main()
