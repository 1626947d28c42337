"""Time a repeated-data fit on the 22,881 digitised checkpoints, against scipy from the same starts.

    OMP_NUM_THREADS=1 python benchmarks/repeated_speed.py [--scipy-starts 3] [--refits 200]

Quokka Eq. 14 (10 coefficients), log-Huber 1e-3. ``scipy`` is ``minimize(method="L-BFGS-B")`` with the same analytic
gradient from the same starts; a few are timed and the rest extrapolated, as stated in the output.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy.optimize import minimize

import quokka_laws as ql
from quokka_laws.fitting import multistart
from quokka_laws.fitting.local import Batch
from quokka_laws.fitting.problem import Data, Space

KNOWN = 0.92581


def main() -> None:
    """Print the timings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scipy-starts", type=int, default=3)
    parser.add_argument("--refits", type=int, default=200)
    options = parser.parse_args()
    runs = ql.datasets.load_quokka_repeated()
    law, objective = ql.laws.QuokkaRepeated(), ql.LogHuber()

    begun = time.perf_counter()
    fit = ql.fit(law, runs, seed=0)
    ours = time.perf_counter() - begun
    print(f"{len(runs)} rows, {len(law.coefficients)} coefficients, {fit.starts['solved']} solves")
    print(f"ours: {ours:.1f} s, objective {fit.objective_value:.6f} (known optimum ≤ {KNOWN})")

    begun = time.perf_counter()
    drawn = ql.fit(law, runs, bootstrap=options.refits, seed=0)
    refits = time.perf_counter() - begun - ours
    print(f"{options.refits} run-level refits: {refits:.1f} s, {drawn.bootstrap['converged']} converged")

    # The same starts, objective and analytic gradient for scipy. E stays positive there (logarithm).
    data = Data.of(law, runs)
    space = Space.of(law, law.make_params())
    assert space is not None
    problem = space.problem(data, objective)
    u, off = multistart._ranked_starts(law, data, space, problem, keep=64, seed=0)
    batch = Batch(problem, data.weights, np.zeros((1, law.term_count), dtype=bool))

    def at(v: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        with np.errstate(all="ignore"):
            here = batch.evaluate(np.zeros(1, dtype=int), v[None], objective, newton=False)
        return float(here.value[0]), here.gradient[0], np.diag(here.hessian[0])

    took, reached, stopped = [], [], 0
    for start, gone in zip(u[: options.scipy_starts], off[: options.scipy_starts], strict=True):
        begin = start.copy()
        for j, k in problem.amplitudes.items():  # a zero amplitude has no logarithm: begin at one per mille of a nat
            begin[j] = -7.0 if gone[k] else begin[j]
        # Unit curvature in every direction at the start: as kind a scaling as L-BFGS-B can be given.
        scale = 1.0 / np.sqrt(np.maximum(at(begin)[2], 1e-6))

        def scaled(v: np.ndarray, scale: np.ndarray = scale, begin: np.ndarray = begin) -> tuple[float, np.ndarray]:
            value, gradient, _ = at(begin + v * scale)
            return (value, gradient * scale) if np.isfinite(value) else (1e6, v)

        bounds = [
            ((max(a, -50.0) - b) / c, (min(z, 50.0) - b) / c)
            for a, z, b, c in zip(space.lower, space.upper, begin, scale, strict=True)
        ]
        begun = time.perf_counter()
        options_ = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 1e-13, "gtol": 1e-10}
        found = minimize(scaled, np.zeros_like(begin), jac=True, method="L-BFGS-B", bounds=bounds, options=options_)
        seconds = time.perf_counter() - begun
        print(f"  scipy start: {seconds:.1f} s, {found.nfev} evaluations, objective {found.fun:.6f}", flush=True)
        if found.nfev < 20:
            stopped += 1
            continue
        took.append(seconds)
        reached.append(found.fun)
    if took:
        whole = np.mean(took) * 64
        print(
            f"scipy: {np.mean(took):.1f} s a start ({stopped} that stopped at once are left out); 64 starts extrapolated"
        )
        print(
            f"from {len(took)}: {whole:.0f} s, {whole / ours:.0f}× ours; best {min(reached) / fit.objective_value - 1:.1e} above ours"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
