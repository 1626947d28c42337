"""Formulas against the classes that ship, and against scipy, on the same rows and objective, as ratios of processor time.

    OMP_NUM_THREADS=1 python benchmarks/formulas.py [shipped | tasks] [--repeats 3] [--starts 64]

``shipped``: every law that ships is fitted as its class and as its formula to the same simulated runs, in turn; the optima
must be one (1e-9) and the formula may take 1.5 times as long. ``tasks``: tables of the shapes of ScaleBench and SLDBench
with known coefficients, three laws each, against scipy's L-BFGS-B from 64 starts around the truth.
"""

from __future__ import annotations

import argparse
import resource
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize

import quokka_laws as ql
from quokka_laws.laws import registry
from quokka_laws.laws.written import as_formula

NOISE = 0.003
DELTA = 1e-3

SHIPPED: dict[str, dict[str, float]] = {
    "chinchilla": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37},
    "skaling": {"E": 1.8, "A": 1e5, "alpha": 0.55, "B": 2e6, "beta": 0.6, "k": 0.45},
    "kaplan": {"N_c": 6.4e13, "alpha_N": 0.076, "D_c": 1.8e13, "alpha_D": 0.103},
    "power": {"E": 1.7, "K": 90.0, "kappa": 0.09},
    "broken-power": {"E": 1.5, "K": 60.0, "c_0": 0.08, "c_1": 0.1, "d_1": 1e20, "f_1": 0.5},
    "effective-data": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37, "R_D": 15.0, "R_N": 5.0},
    "quokka-repeated": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    | {"p_e": 1.0, "c_p": 250.0, "m_p": 0.4, "k_p": 0.45, "gamma": 0.8},
    "additive-overfit": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    | {"mu": 0.002, "delta": 0.4, "gamma_o": 3.0},
    "power-overfit": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    | {"P": 0.01, "delta": 0.8, "kappa_o": 0.4},
    "memorization": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2100.0, "beta": 0.37}
    | {"nu": 1.0, "s": 1.0, "p": 1.6, "c": 300.0, "T": 9.0},
}


def seconds() -> float:
    """Processor time so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def shipped_runs(law: ql.laws.Law, values: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """A simulated sweep for a law that ships: repeated data where it knows of them."""
    if "epochs" in law.variables:
        N, U = (v.ravel() for v in np.meshgrid(np.geomspace(2e7, 2e9, 5), np.geomspace(5e7, 2e10, 4)))
        epochs = np.geomspace(1, 300, 8)
        table = pd.DataFrame({"N": np.repeat(N, 8), "U_D": np.repeat(U, 8), "epochs": np.tile(epochs, len(N))})
        table["D"] = table["U_D"] * table["epochs"]
    else:
        N = np.exp(rng.uniform(np.log(1e7), np.log(1e10), 100))
        table = pd.DataFrame({"N": N, "D": N * np.exp(rng.uniform(np.log(3), np.log(1000), 100))})
    table["C"] = 6 * table["N"] * table["D"]
    data = {k: table[k].to_numpy() for k in law.variables}
    table["loss"] = law.loss(values, **data) * np.exp(NOISE * rng.standard_normal(len(table)))
    return ql.check_runs(table)


def shipped(repeats: int) -> None:
    """One line per law that ships."""
    print(f"{'law':18} {'class s':>8} {'formula s':>9} {'ratio':>6}  {'objective, relative difference':>30}")
    for name, values in SHIPPED.items():
        law = registry()[name]()
        runs = shipped_runs(law, values, np.random.default_rng(0))
        took, found = {"class": [], "formula": []}, {}
        for _ in range(repeats):
            for what, form in (("class", law), ("formula", as_formula(law))):
                begun = seconds()
                found[what] = ql.fit(form, runs, bootstrap=200, seed=0).objective_value
                took[what].append(seconds() - begun)
        a, b = (float(np.min(v)) for v in took.values())
        print(f"{name:18} {a:8.2f} {b:9.2f} {b / a:6.2f}  {found['formula'] / found['class'] - 1:30.1e}", flush=True)


# ---- tables with columns of their own -------------------------------------------------------------------------


def columns(rng: np.random.Generator, rows: int = 120) -> dict[str, np.ndarray]:
    """Columns of the shapes of the tasks, canonical and others."""
    between = lambda low, high: np.exp(rng.uniform(np.log(low), np.log(high), rows))  # noqa: E731
    shares = rng.dirichlet([1.0, 1.0, 1.0], rows)
    unique, epochs = between(1e8, 1e10), between(1, 60)
    return {
        "num_params": between(1e8, 1e10),
        "parallel_size": rng.choice([1.0, 2.0, 4.0, 8.0], rows),
        "non_vocab": between(3e7, 3e9),
        "vocab": between(4e3, 1e5),
        "chars": between(1e9, 1e12),
        "web": shares[:, 0],
        "code": shares[:, 1],
        "books": shares[:, 2],
        "experts": rng.choice([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0], rows),
        "dense": between(1e7, 1e10),
        "sparsity": rng.choice([0.0, 0.5, 0.75, 0.9, 0.95], rows),
        "P": between(2e7, 5e9),
        "unique": unique,
        "passes": epochs,
        "tokens_total": unique * epochs,
        "lr": between(1e-4, 1e-2),
        "bsz": between(3e4, 4e6),
        "examples": between(200, 2e6),
        "updates": between(1e3, 1e6),
    }


TASKS: dict[str, dict[str, dict[str, float]]] = {
    "parallel": {
        "E + A/(num_params*(1 + k*log(parallel_size)))^alpha": {"E": 1.3, "A": 200.0, "k": 0.35, "alpha": 0.25},
        "E + A/(num_params^alpha*parallel_size^g)": {"E": 1.3, "A": 200.0, "alpha": 0.25, "g": 0.05},
        "E + A/num_params^alpha + B/parallel_size^g": {"E": 1.3, "A": 200.0, "alpha": 0.25, "B": 0.1, "g": 0.7},
    },
    "vocabulary": {
        "E + A/non_vocab^a + B/vocab^b + G/chars^g": {
            "E": 1.0,
            "A": 150.0,
            "a": 0.3,
            "B": 30.0,
            "b": 0.5,
            "G": 900.0,
            "g": 0.3,
        },
        "E + A/(non_vocab^a*vocab^b) + G/chars^g": {"E": 1.2, "A": 250.0, "a": 0.25, "b": 0.08, "G": 900.0, "g": 0.3},
        "E + (A/non_vocab^a + G/chars^g)^k + B/vocab^b": {
            "E": 1.0,
            "A": 2e3,
            "a": 0.4,
            "G": 1e4,
            "g": 0.4,
            "k": 0.7,
            "B": 30.0,
            "b": 0.5,
        },
    },
    "mixture": {
        "c + k*exp(t1*web + t2*code)": {"c": 1.9, "k": 1.2, "t1": -1.5, "t2": 0.6},
        "E + A/(web + w)^a": {"E": 1.8, "A": 0.3, "w": 0.1, "a": 0.6},
        "E + k1*exp(-t1*web) + k2*exp(-t2*code)": {"E": 1.5, "k1": 0.8, "t1": 2.5, "k2": 0.5, "t2": 4.0},
    },
    "experts": {
        "exp(a*log(dense) + b*log(experts) + c*log(dense)*log(experts) + d)": {
            "a": -0.08,
            "b": -0.1,
            "c": 0.004,
            "d": 2.6,
        },
        "L + K*dense^a*experts^b": {"L": 1.617, "K": 43.48, "a": -0.199, "b": -0.074},
        "E + A/(dense^alpha*(1 - sparsity)^lam) + B/tokens_total^beta": {
            "E": 1.7,
            "A": 300.0,
            "alpha": 0.33,
            "lam": -0.1,
            "B": 900.0,
            "beta": 0.33,
        },
    },
    "data-constrained": {
        "E + A/P^alpha + B/D_eff^beta; D_eff = unique*(1 + R*(1 - exp(-(passes - 1)/R)))": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "B": 2100.0,
            "beta": 0.37,
            "R": 15.0,
        },
        "E + A/P^alpha + B/(unique^(1 - w)*tokens_total^w)^beta": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "B": 2100.0,
            "beta": 0.37,
            "w": 0.4,
        },
        "E + A/P^alpha + B/tokens_total^beta + M*(P/unique)^d*(passes - 1)^g": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "B": 2100.0,
            "beta": 0.37,
            "M": 0.002,
            "d": 0.4,
            "g": 0.9,
        },
    },
    "lr and batch": {
        "E + A/P^alpha + B/tokens_total^beta + h*(log(lr) - m)^2": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "B": 2100.0,
            "beta": 0.37,
            "h": 0.02,
            "m": -6.5,
        },
        "E + A/P^alpha + h*(log(lr) - m - q*log(P))^2 + u*(log(bsz) - v)^2": {
            "E": 2.0,
            "A": 480.0,
            "alpha": 0.35,
            "h": 0.02,
            "m": -2.0,
            "q": -0.22,
            "u": 0.01,
            "v": 13.0,
        },
        "E + A/P^alpha + G/updates^g*(1 + b/bsz)^s": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "G": 60.0,
            "g": 0.5,
            "b": 5e5,
            "s": 0.6,
        },
    },
    "fine-tuning": {
        "E + A/(examples + d)^b": {"E": 0.9, "A": 30.0, "d": 4e3, "b": 0.4},
        "E + A/(num_params^a*examples^b)": {"E": 0.9, "A": 300.0, "a": 0.2, "b": 0.15},
        "E + A/(1 + (examples/d)^b)": {"E": 0.9, "A": 2.0, "d": 1e4, "b": 0.7},
    },
    "terms of either sign": {
        "E + A/P^alpha + B/tokens_total^beta - G*log(1 + experts)": {
            "E": 2.2,
            "A": 480.0,
            "alpha": 0.35,
            "B": 2100.0,
            "beta": 0.37,
            "G": 0.05,
        },
        "E + A/P^alpha + B/tokens_total^beta + G*(1 - 2*web)": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "B": 2100.0,
            "beta": 0.37,
            "G": 0.1,
        },
        "E + A/P^alpha + G*(1 - exp(-k*code)) + B/updates^beta": {
            "E": 1.8,
            "A": 480.0,
            "alpha": 0.35,
            "G": 0.4,
            "k": 2.0,
            "B": 20.0,
            "beta": 0.5,
        },
    },
}


def plain(text: str) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """A formula of this file as numpy code, as one would write it by hand for scipy."""
    main, *definitions = text.replace("^", "**").split(";")
    code = compile(main.strip(), "formula", "eval")
    lines = [d.split("=", 1) for d in definitions]
    compiled = [(name.strip(), compile(body.strip(), "definition", "eval")) for name, body in lines]
    functions = {"log": np.log, "exp": np.exp, "tanh": np.tanh, "__builtins__": {}}

    def loss(names: dict[str, np.ndarray]) -> np.ndarray:
        known = {**functions, **names}
        for name, body in compiled:
            known[name] = eval(body, known)
        return eval(code, known)

    return loss


def scipy_best(
    text: str, truth: dict[str, float], data: dict, loss: np.ndarray, kinds: dict[str, str], starts: int
) -> tuple[float, float]:
    """Best objective of L-BFGS-B from starts around the truth, and its processor time."""
    function, log_loss = plain(text), np.log(loss)
    names = list(truth)
    positive = np.array([kinds[n] in ("amplitude", "scale") for n in names])

    def objective(theta: np.ndarray) -> float:
        values = dict(zip(names, np.where(positive, np.exp(np.where(positive, theta, 0.0)), theta), strict=True))
        r = np.abs(np.log(function({**data, **values})) - log_loss)
        total = np.where(r <= DELTA, 0.5 * r * r, DELTA * (r - 0.5 * DELTA)).sum()
        return float(total) if np.isfinite(total) else 1e6

    center = np.array([np.log(v) if p else v for v, p in zip(truth.values(), positive, strict=True)])
    rng = np.random.default_rng(1)
    best, begun = np.inf, seconds()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for _ in range(starts):
            wide = np.where(
                positive,
                rng.uniform(-2, 2, len(center)),
                rng.uniform(-0.5, 0.5, len(center)) * np.maximum(0.3, np.abs(center)),
            )
            best = min(
                best,
                minimize(objective, center + wide, method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 50_000}).fun,
            )
    return best, seconds() - begun


def tasks(starts: int) -> None:
    """One line per law and task."""
    ql.fit(
        "E + A/P^alpha", pd.DataFrame({"P": np.geomspace(1, 9, 9), "loss": 1 + 1 / np.geomspace(1, 9, 9)})
    )  # imports
    print(f"{'task':20} {'ours s':>7} {'scipy s':>8} {'ratio':>6} {'ours − scipy':>13} {'largest |z|':>12}  formula")
    worst = 0.0
    for task, laws in TASKS.items():
        for text, truth in laws.items():
            rng = np.random.default_rng(0)
            data = columns(rng)
            clean = plain(text)({**data, **truth})
            loss = clean * np.exp(NOISE * rng.standard_normal(len(clean)))
            runs = ql.read_runs(
                pd.DataFrame({**data, "loss": loss}).drop(columns=["num_params"] if "num_params" not in text else ["P"])
            )
            begun = seconds()
            fit = ql.fit(text, runs)
            ours = seconds() - begun
            drawn = ql.fit(text, runs, bootstrap=200).summary
            z = max(abs(drawn["value"][k] - v) / drawn["stderr"][k] for k, v in truth.items())
            kinds = {c.name: c.kind for c in fit.law.coefficients}
            theirs, took = scipy_best(text, truth, data, loss, kinds, starts)
            worst = max(worst, ours / took)
            print(
                f"{task:20} {ours:7.2f} {took:8.2f} {ours / took:6.3f} {fit.objective_value / theirs - 1:13.1e} {z:12.1f}  {text}",
                flush=True,
            )
    print(f"largest share of scipy's time: {worst:.3f}")


def main() -> None:
    """Print one line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["shipped", "tasks"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--starts", type=int, default=64)
    options = parser.parse_args()
    if options.what in (None, "shipped"):
        shipped(options.repeats)
    if options.what in (None, "tasks"):
        tasks(options.starts)


if __name__ == "__main__":
    main()
