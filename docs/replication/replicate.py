"""What the digitised Quokka curves say, beside the paper; and which form of law predicts what it has not seen.

    python docs/replication/replicate.py [--quick] [--figures] [--out FOLDER]

Prints every table and writes them as CSV (with results.json) to FOLDER, by default the folder of this file. With
``QUOKKA_LAWS_TEST_DATA`` naming a folder that holds ``datablations/runs.csv`` the comparison is repeated there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.fitting import starts
from quokka_laws.literature.datasets import data_folder
from quokka_laws.results.fitted_law import FittedLaw

LAWS = {
    "Muennighoff": laws.EffectiveData(),
    "Bryant-Liu": laws.SaturatingOverfit(),
    "Eq. 14": laws.QuokkaRepeated(),
    "Eq. 18": laws.AdditiveOverfit(),
    "Eq. 22": laws.SoftplusOverfit(),
    "Lovelace": laws.PowerOverfit(),
    "Memorization": laws.Memorization(memorized_loss=math.log(50257)),
    "Memorization, T fitted": laws.Memorization(),
}
EQ23 = {"E": 9.505e-66, "A": 2.738, "alpha": 1.24, "B": 53.58, "beta": 0.1207, "R_D": 33.62, "mu": 0.161}
EQ23 |= {"delta": 0.3073, "kappa": 12642.0, "eta": 1.486, "tau": 26.56, "gamma_o": 0.8106}
REFERENCE = "Memorization"


def score(law: laws.Law, values: dict[str, float], runs: pd.DataFrame, delta: float = 1e-3) -> float:
    """The paper's objective (sum of Huber of log-residuals) of given coefficients."""
    r = np.log(law.loss(values, N=runs["N"], U_D=runs["U_D"], epochs=runs["epochs"]) / runs["loss"].to_numpy())
    return float(ql.LogHuber(delta).value(r).sum())


def measured_minima() -> pd.DataFrame:
    """Epochs at which the 48 curves are lowest, as marked in Figure 4 of the paper."""
    with (data_folder() / "quokka2025" / "minima.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return table.loc[table["source"] == "fig4_dashed", ["U_D", "N", "epochs"]].astype(float)


# ---- what the data say ----------------------------------------------------------------------------------------


def printed_coefficients(tables: dict, runs: pd.DataFrame) -> list[dict]:
    """Finding 1: rounding to two decimals moved Eq. 15 away from its own curves; Table 3 from the unrounded ones."""
    law = laws.QuokkaRepeated()
    with (data_folder() / "quokka2025" / "paper_curves.csv.gz").open("rb") as file:
        curves = pd.read_csv(file, compression="gzip")
    red = curves[curves["curve"] == "fig17_red"]
    unrounded = tables["recovered_from_curves"]["eq15"]
    at = {"N": red["params_fixed"], "U_D": red["flops_or_unique_tokens"].astype(float), "epochs": red["x"]}
    rounded_gap = law.loss(tables["eq15"], **at) - red["y"].to_numpy()
    exact_gap = law.loss(unrounded, **at) - red["y"].to_numpy()
    fit = FittedLaw(law, unrounded)
    table = tables["table3"]
    N, U_D = (v.ravel() for v in np.meshgrid(table["params"], table["unique_tokens"], indexing="ij"))
    plan = ql.plan.max_epochs(fit, N, U_D)
    plan["printed"] = np.array(table["max_epochs"], dtype=float).ravel()
    half = (plan["epochs"] - plan["printed"]).abs() <= 0.5
    either = half | ((plan["global_epochs"] - plan["printed"]).abs() <= 0.5)
    reproduced, as_local = either & ~(half & plan["local"]), half & plan["local"]
    four = pd.DataFrame(tables["table4"])
    exact = ql.plan.data_optimal(fit, four["unique_tokens"].astype(float))
    there = law.loss(unrounded, N=four["params"], U_D=four["unique_tokens"], epochs=four["epochs"])
    return [
        row(1, "Eq. 15 as printed minus the paper's curves (Fig. 17), nats", "0",
            f"{rounded_gap.min():.3f} … {rounded_gap.max():.3f}"),
        row(1, "with unrounded coefficients, largest difference", "0", f"{np.abs(exact_gap).max():.1e}"),
        row(1, "Table 3 cells within half an epoch of the global optimum", "81 of 81", f"{int(reproduced.sum())} of 81"),
        row(1, "others that are a local optimum (one epoch is better)", "–", f"{int(as_local.sum())}"),
        row(1, "Table 4: loss at the printed (N, epochs) above the optimum, at most", "0", f"{(there - exact['loss']).max():.4f}"),
        row(1, "Table 4: printed N and epochs over the exact ones", "1",
            f"{(four['params'] / exact['N']).min():.2f} … {(four['params'] / exact['N']).max():.2f}; "
            f"{(four['epochs'] / exact['epochs']).min():.2f} … {(four['epochs'] / exact['epochs']).max():.2f}"),
    ]  # fmt: skip


def exponent_a(refits: int) -> list[dict]:
    """Finding 2: the compute-optimal exponent needs the 13 runs with D/N < 4 to be ignored."""
    rows = []
    runs = ql.datasets.load_quokka_isoflops()
    for name, part in (("all 87 runs", runs), ("74 runs with D/N ≥ 4", runs[runs["D"] / runs["N"] >= 4])):
        fit = ql.fit(laws.Chinchilla(), part.reset_index(drop=True), bootstrap=refits, seed=0)
        draws = fit.draws.dropna()
        a = draws["beta"] / (draws["alpha"] + draws["beta"])
        value = fit.values["beta"] / (fit.values["alpha"] + fit.values["beta"])
        rows.append(
            row(2, f"a in N ∝ C^a, {name}", "0.50", f"{value:.3f} [{a.quantile(0.025):.3f}, {a.quantile(0.975):.3f}]")
        )
    return rows


def objectives(tables: dict, runs: pd.DataFrame, fits: dict[str, ql.FitResult]) -> list[dict]:
    """Finding 3: on the paper's own points the additive forms win."""
    recovered = tables["recovered_from_curves"]
    eq21 = {("gamma_o" if k == "gamma" else k): v for k, v in recovered["eq21"].items()}
    own = {
        "Eq. 14": (laws.QuokkaRepeated(), recovered["eq15"], "9.78"),
        "Eq. 18": (laws.AdditiveOverfit(), eq21, "31.52 or 23.8"),
        "Eq. 22": (laws.SoftplusOverfit(), EQ23, "31.52 or 23.8"),
    }
    rows = []
    for name, (law, values, printed) in own.items():
        by_delta = ", ".join(f"{score(law, values, runs, d):.3g} (δ = {d:g})" for d in (1e-3, 1e-2, 1e-1))
        rows.append(row(3, f"{name}: objective of the paper's coefficients", printed, by_delta))
        rows.append(
            row(3, f"{name}: objective of the best coefficients, δ = 0.001", "–", f"{fits[name].objective_value:.5f}")
        )
    rows.append(
        row(3, "Eq. 14 as printed: objective", "9.78", f"{score(laws.QuokkaRepeated(), tables['eq15'], runs):.3f}")
    )
    for name in ("Muennighoff", "Lovelace", "Bryant-Liu", "Memorization", "Memorization, T fitted"):
        rows.append(row(3, f"{name}: objective of the best coefficients", "–", f"{fits[name].objective_value:.5f}"))
    return rows


def descent_only(full: ql.FitResult, refits: int) -> list[dict]:
    """Finding 4: E = 0 comes from the rising branch."""
    runs = ql.datasets.load_quokka_repeated(stages=("descent",))
    fit = ql.fit(laws.QuokkaRepeated(), runs, bootstrap=refits, seed=0)
    rows = [row(4, "Eq. 14, descent only: objective", "–", f"{fit.objective_value:.5f}")]
    for name in ("E", "alpha", "beta", "p_e"):
        text = [
            f"{f.values[name]:.3f} [{f.summary.loc[name, 'lower']:.3f}, {f.summary.loc[name, 'upper']:.3f}]"
            for f in (full, fit)
        ]
        printed = {"E": "0", "alpha": "0.42", "beta": "0.13", "p_e": "1.49"}[name]
        rows.append(row(4, f"Eq. 14: {name}, with the rise → descent only", printed, " → ".join(text)))
    saturating = ql.fit(laws.EffectiveData(), runs, seed=0)
    rows.append(row(4, "Muennighoff, descent only: objective", "–", f"{saturating.objective_value:.5f}"))
    return rows


def minima_regression(resamples: int) -> list[dict]:
    """Finding 5: how the epoch of the minimum moves with U_D and N."""
    minima = measured_minima()
    X = np.column_stack([np.ones(len(minima)), np.log(minima["U_D"]), np.log(minima["N"])])
    y = np.log(minima["epochs"].to_numpy())
    slopes, *_ = np.linalg.lstsq(X, y, rcond=None)
    rmse = float(np.sqrt(np.mean((X @ slopes - y) ** 2)))
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(resamples):
        k = rng.integers(0, len(y), len(y))
        draws.append(np.linalg.lstsq(X[k], y[k], rcond=None)[0])
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    span = minima["U_D"].max() / minima["U_D"].min()
    return [
        row(5, "epochs at the minimum ∝ U_D^x: x", "0.39", f"{slopes[1]:.3f} [{low[1]:.3f}, {high[1]:.3f}]"),
        row(5, "epochs at the minimum ∝ N^−y: y", "0.55", f"{-slopes[2]:.3f} [{-high[2]:.3f}, {-low[2]:.3f}]"),
        row(5, "rms error of that regression (log); span of U_D", "–", f"{rmse:.2f}; ×{span:.1f}"),
    ]


def early_epochs() -> list[dict]:
    """Finding 6: at the same N and step every U_D coincides, except in the first dozen epochs."""
    runs = ql.datasets.load_quokka_repeated(stages=("warmup", "descent", "overfit", "second_descent"))
    minima = runs.loc[runs.groupby("run_id")["loss"].idxmin()].set_index("run_id")["epochs"]
    early, late = [], []
    for _, same in runs[runs["stage"].isin(["warmup", "descent"])].groupby("N"):
        if same["U_D"].nunique() < 2:
            continue
        ids = same.groupby("run_id")["U_D"].first().sort_values().index
        for first, second in itertools.combinations(ids, 2):
            # The smaller U_D is further along in epochs at the same step: there its neighbour may still be early.
            a, b = same[same["run_id"] == first], same[same["run_id"] == second]
            inside = b[(b["step"] >= a["step"].min()) & (b["step"] <= a["step"].max())]
            other = np.interp(inside["step"], a["step"], a["loss"])
            other_epochs = np.interp(inside["step"], a["step"], a["epochs"])
            gap = inside["loss"].to_numpy() - other
            clean = (other_epochs > 12) & (other_epochs < 0.5 * minima[first])
            early += gap[clean & (inside["epochs"] <= 12)].tolist()
            late += np.abs(gap[clean & (inside["epochs"] > 12)] / other[clean & (inside["epochs"] > 12)]).tolist()
    return [
        row(6, "same N and step, epochs > 12: difference between U_D, median and 90 %", "–",
            f"{np.median(late):.2%}, {np.quantile(late, 0.9):.2%} ({len(late)} pairs)"),
        row(6, "same, one curve within its first 12 epochs: its loss minus the other's, nats", "–",
            f"median {np.median(early):.2f}, lowest {np.min(early):.2f} ({len(early)} pairs)"),
    ]  # fmt: skip


def more_data(tables: dict) -> list[dict]:
    """Finding 7: the data advantage at the same N and at the same C."""
    table = pd.DataFrame(tables["table2"])
    at_N = table["quokka_tokens"] / table["chinchilla_tokens"]
    quokka, chinchilla = tables["approach1_text"], tables["table1"][0]
    C = table["quokka_flops"].to_numpy()
    at_C = quokka["kD"] * C ** quokka["b"] / (chinchilla["kD"] * C ** chinchilla["b"])
    return [
        row(7, "tokens against Chinchilla, same N (Table 2)", "2–5×", f"{at_N.min():.2f} … {at_N.max():.2f}×"),
        row(7, "same C (approach 1 of both, budgets of Table 2)", "2–5×", f"{at_C.min():.2f} … {at_C.max():.2f}×"),
    ]


def row(finding: int, what: str, paper: str, ours: str) -> dict:
    """One line of the table of findings."""
    return {"finding": finding, "quantity": what, "paper": paper, "digitised data, this library": ours}


# ---- which form predicts --------------------------------------------------------------------------------------


def thinned(runs: pd.DataFrame, weighting: str) -> pd.DataFrame:
    """About 40 rows per run. "rows": weighted by the rows they stand for, as in the paper; "runs": equally, epochs ≥ 12."""
    if weighting == "runs":
        runs = runs[runs["epochs"] >= 12].reset_index(drop=True)
    groups = pd.factorize(runs["run_id"])[0]
    limit = 40 * (groups.max() + 1)
    rows, weight = starts.thin(len(runs), groups, runs["epochs"].to_numpy(), limit=limit, seed=0)
    return runs.iloc[rows].assign(weight=weight if weighting == "rows" else 1.0).reset_index(drop=True)


def splits(runs: pd.DataFrame) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Name → (rows to fit, rows to predict)."""
    rank = runs.groupby("U_D")["N"].rank(method="dense", ascending=False)
    low = runs["run_id"].map(runs.loc[runs.groupby("run_id")["loss"].idxmin()].set_index("run_id")["epochs"])
    masks = {
        "budgets: U_D ≤ 49M → 82M, 139M": runs["U_D"] < 6e7,
        "sizes: all but the two largest → those": rank > 2,
        "stages: epochs ≤ 100 → later": runs["epochs"] <= 100,
        "stages: epochs ≤ 2 × minimum → later": runs["epochs"] <= 2 * low,
    }
    return {name: (mask, ~mask) for name, mask in masks.items()}


def by_run(fit: ql.FitResult, runs: pd.DataFrame) -> pd.Series:
    """Mean |log(predicted/observed)| of each run on rows spread evenly in log epochs."""
    part = thinned(runs, "runs")
    predicted = fit(N=part["N"], U_D=part["U_D"], epochs=part["epochs"])
    return np.log(predicted / part["loss"]).abs().groupby(part["run_id"]).mean()


def minima_errors(fit: ql.FitResult, runs: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """|log| errors of the predicted epoch and depth of the minimum of each run; NaN for laws without one."""
    low = runs.loc[runs.groupby("run_id")["loss"].idxmin()].set_index("run_id")
    if not fit.law.rises:
        return pd.Series(np.nan, low.index), pd.Series(np.nan, low.index)
    epochs, depth = [], []
    for _, r in low.iterrows():
        plan = ql.plan.max_epochs(fit, r["N"], r["U_D"]).iloc[0]
        epochs.append(abs(np.log(np.clip(plan["epochs"], 1, 1e4) / r["epochs"])))
        depth.append(abs(np.log(plan["loss"] / r["loss"])))
    return pd.Series(epochs, low.index), pd.Series(depth, low.index)


def held_out(runs: pd.DataFrame, n_starts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every law on every split, and differences from the reference law with intervals over runs."""
    scores, differences = [], []
    for weighting in ("rows", "runs"):
        for split, (fitted, tested) in splits(runs).items():
            errors = {}
            for name, law in LAWS.items():
                fit = ql.fit(law, thinned(runs[fitted], weighting), n_starts=n_starts, seed=0)
                test = runs[tested]
                errors[name] = by_run(fit, test)
                whole = runs[runs["run_id"].isin(test["run_id"])]
                epoch, depth = minima_errors(fit, whole) if "stages" not in split else minima_errors(fit, runs)
                flags = " ".join(
                    sorted(
                        {f.code for f in fit.diagnostics}
                        & {"AT_BOUND", "AMPLITUDE_ZERO", "ILL_CONDITIONED", "RIVAL_MINIMA", "NOT_CONVERGED"}
                    )
                )
                scores.append(
                    {
                        "weighting": weighting,
                        "split": split,
                        "law": name,
                        "coefficients": len(law.coefficients),
                        "held-out error, %": 100 * errors[name].mean(),
                        "epoch of the minimum, |ln|": epoch.mean(),
                        "loss at the minimum, %": 100 * depth.mean(),
                        "runs": len(errors[name]),
                        "flags": flags,
                    }
                )
                print(json.dumps(scores[-1], ensure_ascii=False), flush=True)
            for name in LAWS:
                gap = 100 * (errors[name] - errors[REFERENCE])
                rng = np.random.default_rng(0)
                draws = gap.to_numpy()[rng.integers(0, len(gap), (4000, len(gap)))].mean(axis=1)
                low, high = np.quantile(draws, [0.025, 0.975])
                if name != REFERENCE:
                    differences.append(
                        {
                            "weighting": weighting,
                            "split": split,
                            "law": f"{name} − {REFERENCE}",
                            "difference, points": gap.mean(),
                            "lower": low,
                            "upper": high,
                            "reference better on": f"{int((gap > 0).sum())} of {len(gap)}",
                        }
                    )
    return pd.DataFrame(scores), pd.DataFrame(differences)


def datablations(path: Path, n_starts: int) -> pd.DataFrame:
    """The same laws on Muennighoff et al.'s autoregressive runs: in sample, 6 folds of (N, U_D), epochs ≤ 16 → more."""
    table = pd.read_csv(path)
    table = table[table["in_published_fit"].astype(bool)].reset_index(drop=True)
    runs = ql.check_runs(table[["N", "U_D", "epochs", "D", "loss"]].drop_duplicates())
    cells = runs.groupby(["N", "U_D"]).ngroup().to_numpy()
    fold = np.random.default_rng(0).permutation(cells.max() + 1)[cells] % 6
    rows = []
    for name, law in LAWS.items():

        def error(fitted: np.ndarray, tested: np.ndarray, law: laws.Law = law) -> np.ndarray:
            fit = ql.fit(law, runs[fitted].reset_index(drop=True), n_starts=n_starts, seed=0)
            part = runs[tested]
            return np.abs(np.log(fit(N=part["N"], U_D=part["U_D"], epochs=part["epochs"]) / part["loss"].to_numpy()))

        everything = np.ones(len(runs), dtype=bool)
        whole = ql.fit(law, runs, n_starts=n_starts, seed=0)
        folds = np.concatenate([error(fold != k, fold == k) for k in range(6)])
        few = (runs["epochs"] <= 16).to_numpy()
        rows.append(
            {
                "law": name,
                "coefficients": len(law.coefficients),
                "objective": whole.objective_value,
                "in sample, %": 100 * error(everything, everything).mean(),
                "6-fold by (N, U_D), %": 100 * folds.mean(),
                "epochs ≤ 16 → more, %": 100 * error(few, ~few).mean(),
                "exponents": ", ".join(
                    f"{k} {whole.values[k]:.3g}" for k in ("s", "p", "R_D", "gamma") if k in whole.values
                ),
            }
        )
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    return pd.DataFrame(rows)


# ---- all of it ------------------------------------------------------------------------------------------------


def main() -> None:
    """Run the study."""
    from figures import DRAWN, draw

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20 refits and 8 starts instead of 100 and 16")
    parser.add_argument("--figures", action="store_true", help="fit and draw the figures, nothing else")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    begun = time.perf_counter()
    refits, n_starts = (20, 8) if options.quick else (100, 16)
    options.out.mkdir(parents=True, exist_ok=True)
    runs = ql.datasets.load_quokka_repeated()
    tables = ql.datasets.load_quokka_tables()

    fits = {}
    for name, law in LAWS.items():
        if options.figures and name not in DRAWN:
            continue
        draws = refits if name in ("Eq. 14", "Memorization") else 0
        fits[name] = ql.fit(law, runs, bootstrap=draws, n_starts=n_starts, seed=0)
        print(f"{name}: {fits[name].objective_value:.6f} {[f.code for f in fits[name].diagnostics]}", flush=True)
    if options.figures:
        draw(fits, runs, options.out)
        return
    coefficients = pd.concat([fits[n].summary.assign(law=n) for n in fits]).reset_index()
    coefficients = coefficients[["law", "coefficient", "value", "lower", "upper", "at_bound"]]
    coefficients.to_csv(options.out / "coefficients.csv", index=False, float_format="%.6g")

    findings = pd.DataFrame(
        printed_coefficients(tables, runs)
        + exponent_a(5 * refits)
        + objectives(tables, runs, fits)
        + descent_only(fits["Eq. 14"], refits)
        + minima_regression(4000)
        + early_epochs()
        + more_data(tables)
    )
    findings.to_csv(options.out / "findings.csv", index=False)
    print(findings.to_string(), flush=True)

    plans = pd.concat(
        [
            ql.plan.max_epochs(
                fits[n], [1e8, 1e9], [1e8, 1e9, 1e10], level=0.9 if fits[n].draws is not None else None
            ).assign(law=n)
            for n in fits
            if fits[n].law.rises
        ]
    )
    plans.to_csv(options.out / "plans.csv", index=False, float_format="%.5g")
    scores, differences = held_out(runs, n_starts)
    scores.to_csv(options.out / "held_out.csv", index=False, float_format="%.4g")
    differences.to_csv(options.out / "differences.csv", index=False, float_format="%.4g")
    print(differences.to_string())

    folder = os.environ.get("QUOKKA_LAWS_TEST_DATA")
    path = Path(folder) / "datablations" / "runs.csv" if folder else None
    if path is not None and path.is_file():
        datablations(path, n_starts).to_csv(options.out / "datablations.csv", index=False, float_format="%.4g")
    else:
        print("datablations: skipped; set QUOKKA_LAWS_TEST_DATA to a folder with datablations/runs.csv")

    draw(fits, runs, options.out)
    print(f"done in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
