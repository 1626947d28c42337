"""Which law of repeated data predicts runs it has not seen: every form on five sets of runs. Writes ranking.csv and ranking.md.

``ranking.csv`` has a row per question and (N, U_D) cell, and per law a column with its error there.

    python docs/replication/rank.py [--only quokka] [--page]

``--only`` scores one set of runs (and its part of ranking.csv), ``--page`` writes the page from ranking.csv without
fitting. The runs of ``datablations`` may not be shipped: they are used where ``QUOKKA_LAWS_TEST_DATA`` names a folder
that holds ``datablations/runs.csv``.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws import laws
from quokka_laws.fitting.multistart import optimise
from quokka_laws.fitting.problem import Data, Space
from quokka_laws.fitting.starts import thin

HERE = Path(__file__).parent
REFERENCE = "bounded memorization, p = 3/2, T = ln V"
FEWER = "p = 3/2, T = ln V"
FOLDS, STARTS, RESAMPLES = 8, 2, 4000
FEWEST_CELLS = 6  # for an interval over resampled cells
LETTERS_KNOWN = 2.93  # nats; letter frequencies alone leave 3.08, where small models stay for a while
ROWS_PER_CURVE = 14  # of Quokka's 22,881 checkpoints: 672 rows


def forms(vocabulary: int | None) -> dict[str, tuple[laws.Law, dict[str, object]]]:
    """Every law, and what is held or tied in it; T = ln V is that of the tokenizer, and fitted where losses rise above it (None)."""
    guess, B = math.log(vocabulary) if vocabulary else None, laws.Bounded
    known = laws.BoundedMemorization(memorized_loss=guess)
    return {
        "bounded memorization, p = 3/2": (laws.BoundedMemorization(), {}),
        "bounded memorization, p = 3/2, T = ln V": (known, {}),
        "bounded memorization, p fitted": (laws.Memorization(B()), {}),
        "bounded memorization, p fitted, T = ln V": (laws.Memorization(B(), memorized_loss=guess), {}),
        "memorization": (laws.Memorization(), {}),
        "memorization, T = ln V": (laws.Memorization(memorized_loss=guess), {}),
        "bounded exposure": (B(laws.ExposureOverfit()), {}),
        "bounded data reuse": (laws.DataReuse(B()), {}),
        "data reuse (2607.25271)": (laws.DataReuse(), {}),
        "data reuse, R = K (U/N)^rho": (laws.DataReuse(by_size=False), {}),
        "bounded effective data": (laws.EffectiveData(B(), parameters=False), {}),
        "effective data (Muennighoff)": (laws.EffectiveData(parameters=False), {}),
        "saturating (Bryant & Liu)": (laws.SaturatingOverfit(), {}),
        "bounded Quokka Eq. 18": (B(laws.AdditiveOverfit()), {}),
        "Quokka Eq. 18": (laws.AdditiveOverfit(), {}),
        "Quokka Eq. 14": (laws.QuokkaRepeated(), {}),
        "Quokka Eq. 22": (laws.SoftplusOverfit(), {}),
        "power (Lovelace)": (laws.PowerOverfit(), {}),
        FEWER + ", s = 1": (known, {"s": {"value": 1.0, "vary": False}}),
        FEWER + ", s = 3/2": (known, {"s": {"value": 1.5, "vary": False}}),
        FEWER + ", alpha = beta": (known, {"beta": {"expr": "alpha"}}),
        FEWER + ", L_0 = ln V": (laws.BoundedMemorization(B(uninformed_loss=guess), memorized_loss=guess), {}),
    }


# ---- the runs, and what is held out of them -------------------------------------------------------------------


@dataclass(frozen=True)
class Runs:
    """One set of runs: how to read it, and which rows each question holds out."""

    title: str
    read: Callable[[], pd.DataFrame | None]
    vocabulary: int | None
    held_out: dict[str, tuple[str, Callable[[pd.DataFrame], pd.Series]]]


def quokka() -> pd.DataFrame:
    """48 diffusion curves, a few checkpoints of each, even in log epochs, from 12 epochs on (earlier ones are smoothed over)."""
    runs = ql.datasets.load_quokka_repeated()
    runs = runs[runs["epochs"] >= 12].reset_index(drop=True)
    rows, _ = thin(
        len(runs), pd.factorize(runs["run_id"])[0], runs["epochs"].to_numpy(), limit=ROWS_PER_CURVE * 48, seed=0
    )
    return runs.iloc[rows]


def datablations() -> pd.DataFrame | None:
    """C4 runs of Muennighoff et al., one seed of each."""
    folder = os.environ.get("QUOKKA_LAWS_TEST_DATA")
    path = Path(folder) / "datablations" / "runs.csv" if folder else None
    if path is None or not path.is_file():
        return None
    table = pd.read_csv(path)
    return table[table["corpus"] == "c4"].drop_duplicates(["N", "U_D", "D"])


def calibration(objective: str) -> Callable[[], pd.DataFrame]:
    """Checkpoints of our own repeated runs, each run from where it first knows more than letter frequencies."""

    def read() -> pd.DataFrame:
        table = ql.datasets.load_calibration(objective)
        runs = table[table["group"] == "repeated"].sort_values("D")
        return runs[(runs["loss"] < LETTERS_KNOWN).groupby(runs["run_id"]).cummax()]

    return read


def above(column: str, value: float) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda runs: runs[column] > value


def below(column: str, value: float) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda runs: runs[column] < value


def two_largest(runs: pd.DataFrame) -> pd.Series:
    return runs.groupby("U_D")["N"].rank(method="dense", ascending=False) <= 2


def extreme(column: str, largest: bool) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda runs: np.isclose(runs[column], runs[column].max() if largest else runs[column].min(), rtol=0.02)


SETS = {
    "quokka": Runs(
        "Quokka, diffusion, 48 curves × 14 checkpoints",
        quokka,
        50257,
        {
            "largest N": ("two largest of each U_D", two_largest),
            "more epochs": ("> 200", above("epochs", 200)),
            "smallest U": ("10M", extreme("U_D", largest=False)),
            "largest U": ("82M and 139M", above("U_D", 6e7)),
        },
    ),
    "datablations": Runs(
        "datablations, autoregressive, C4",
        datablations,
        50257,
        {
            "largest N": ("≥ 2.8B", above("N", 2.5e9)),
            "more epochs": ("> 16", above("epochs", 16)),
            "smallest U": ("≤ 100M", below("U_D", 1.01e8)),
            "largest U": ("> 10B", above("U_D", 1e10)),
        },
    ),
    "reuse2026": Runs(
        "arXiv 2607.25271, autoregressive, Dolma, U_D ≥ 5 N",
        lambda: ql.datasets.load_reuse2026("dolma", least_U_per_N=5),
        100278,
        {
            "largest N": ("≥ 190M", above("N", 1.8e8)),
            "more epochs": ("> 16", above("epochs", 16)),
            "smallest U": ("≤ 150M", below("U_D", 1.51e8)),
            "largest U": ("≥ 4.8B", above("U_D", 4.7e9)),
        },
    ),
    "masked": Runs(
        "our calibration runs, masked diffusion, bytes",
        calibration("masked"),
        106,
        {
            "largest N": ("largest", extreme("N", largest=True)),
            "more epochs": ("> 500", above("epochs", 500)),
            "smallest U": ("2,048", extreme("U_D", largest=False)),
            "largest U": ("8,192", extreme("U_D", largest=True)),
        },
    ),
    "autoregressive": Runs(
        "our calibration runs, autoregressive, bytes",
        calibration("autoregressive"),
        None,
        {
            "largest N": ("largest", extreme("N", largest=True)),
            "more epochs": ("> 40", above("epochs", 40)),
            "smallest U": ("4,096", extreme("U_D", largest=False)),
            "largest U": ("65,536", extreme("U_D", largest=True)),
        },
    ),
}


# ---- scoring --------------------------------------------------------------------------------------------------


def errors(law: laws.Law, settings: dict[str, object], fitted: pd.DataFrame, tested: pd.DataFrame) -> np.ndarray:
    """|log(predicted/observed)| of rows that were not fitted, in per cent."""
    data, space = Data.of(law, fitted), Space.of(law, law.make_params(**settings))
    assert space is not None  # ties are linear
    best = optimise(law, data, space, ql.LogHuber(), n_starts=STARTS, seed=0)
    loss = law.loss(space.values(best.u, best.off), **{k: tested[k] for k in law.variables})
    return 100 * np.abs(np.log(loss / tested["loss"].to_numpy()))


def held_out(runs: pd.DataFrame, chosen: Runs) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """Name, what is held out, and the masks of held-out rows, one per fit."""
    cell = runs["cell"].to_numpy()
    fold = (np.random.default_rng(0).permutation(cell.max() + 1) % FOLDS)[cell]
    yield "cross-validation", f"{FOLDS} folds of (N, U_D)", [fold == k for k in range(FOLDS)]
    for name, (what, rule) in chosen.held_out.items():
        mask = np.asarray(rule(runs))
        if len(np.unique(cell[mask])) >= 3:
            yield name, what, [mask]


def score(name: str) -> pd.DataFrame:
    """Mean error of every law in each (N, U_D) cell that a question holds out."""
    table = SETS[name].read()
    if table is None:
        print(f"{name}: skipped; set QUOKKA_LAWS_TEST_DATA to a folder with {name}/runs.csv")
        return pd.DataFrame()
    runs = ql.check_runs(table[["N", "U_D", "epochs", "loss"]].reset_index(drop=True))
    runs["cell"] = runs.groupby(["N", "U_D"]).ngroup()
    parts = []
    for question, what, masks in held_out(runs, SETS[name]):
        found = runs[["N", "U_D"]].assign(rows=1.0)
        for form, (law, settings) in forms(SETS[name].vocabulary).items():
            begun = time.process_time()
            for mask in masks:
                fitted = runs[~mask].reset_index(drop=True)
                found.loc[mask, form] = errors(law, settings, fitted, runs[mask])
            took = time.process_time() - begun
            print(f"{name}, {question}, {form}: {found[form].mean():.2f} % ({took:.1f} s)", flush=True)
        tested = found[np.any(masks, axis=0)]
        by = tested.groupby(["N", "U_D"], as_index=False)
        cells = by.mean().assign(rows=by["rows"].sum()["rows"].astype(int), runs=name, question=question)
        parts.append(cells.assign(**{"held out": what}))
    together = pd.concat(parts)
    first = ["runs", "question", "held out", "N", "U_D", "rows"]
    return together[first + [c for c in together if c not in first]]


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per question and law: error, difference from the reference with its interval, and whether another law is better beyond its."""
    rows = []
    for (name, question), part in cells.groupby(["runs", "question"], sort=False):
        known = forms(SETS[name].vocabulary)
        weight, error = part["rows"].to_numpy(dtype=float), part[list(known)].to_numpy()
        counts = np.random.default_rng(0).multinomial(len(part), np.full(len(part), 1 / len(part)), size=RESAMPLES)
        drawn = (counts * weight) @ error / (counts @ weight)[:, None]  # (resamples, laws)
        mean = np.average(error, axis=0, weights=weight)
        reference = list(known).index(REFERENCE)
        for k, form in enumerate(known):
            low, high = np.quantile(drawn[:, k] - drawn[:, reference], [0.025, 0.975])
            beaten = (np.quantile(drawn[:, [k]] - drawn, 0.025, axis=0) > 0).any()
            if len(part) < FEWEST_CELLS:
                low, high, beaten = np.nan, np.nan, False
            rows.append({
                "runs": name, "question": question, "held out": part["held out"].iloc[0], "rows": int(weight.sum()), "cells": len(part),
                "law": form, "coefficients": free(*known[form]), "error": mean[k], "over best": mean[k] / mean.min(), "beaten": beaten,
                "difference": mean[k] - mean[reference], "lower": low, "upper": high,
            })  # fmt: skip
    return pd.DataFrame(rows)


def free(law: laws.Law, settings: dict[str, object]) -> int:
    """How many coefficients are fitted."""
    return sum(p.vary and not p.expr for p in law.make_params(**settings).values())


# ---- the page -------------------------------------------------------------------------------------------------

INTRODUCTION = f"""# Which law of repeated data?

<!-- Generated by docs/replication/rank.py; do not edit. -->

    python docs/replication/rank.py

made every number here. Each law is fitted to part of the runs (log-Huber, δ = 0.001, every row alike) and predicts the
rest; the error is the mean of |ln(predicted/observed)| in per cent. In brackets the law's error minus the reference's,
in points, with its 95 % interval: paired, (N, U_D) cells resampled {RESAMPLES:,} times, given the fits; none where
there are fewer than {FEWEST_CELLS} cells. Bold: the interval excludes zero; positive where the reference is better. The
reference is {REFERENCE}: `BoundedMemorization(memorized_loss=math.log(V))`, V the tokens in the vocabulary. On our
autoregressive runs losses rise above ln 106 = 4.66, so that neither is known: there `T = ln V` and `L_0 = ln V` stand for fitted ones.
The form of `Memorization` was found on Quokka's curves and p = 3/2 chosen on the first three sets: mildly optimistic.

Quokka's 22,881 checkpoints are thinned to {ROWS_PER_CURVE} per curve, even in log epochs and from 12 epochs on (earlier
ones are smoothed over, see [finding 6](README.md)): 48 curves stay 48 curves, and a cross-validation stays affordable.
Of datablations every C4 run is used, one seed of each; of arXiv 2607.25271 the Dolma runs with at least five unique
tokens per parameter; of our own runs the checkpoints at constant learning rate, each run from its first loss below {LETTERS_KNOWN} on.
"""


def page(table: pd.DataFrame) -> str:
    text = [INTRODUCTION, verdict(table)]
    for name, chosen in SETS.items():
        part = table[table["runs"] == name]
        if part.empty:
            continue
        text.append(f"## {chosen.title[0].upper() + chosen.title[1:]}")
        questions = list(dict.fromkeys(part["question"]))
        first = part.drop_duplicates("question").set_index("question")
        text.append("; ".join(
            f"{q}: {first.loc[q, 'held out']}, {first.loc[q, 'rows']} rows of {first.loc[q, 'cells']} cells" for q in questions
        ) + ".")  # fmt: skip
        lines = [f"| law | coefficients | {' | '.join(questions)} |", "|---|---|" + "---|" * len(questions)]
        for form in dict.fromkeys(part["law"]):
            mine = part[part["law"] == form].set_index("question")
            lines.append(
                f"| {form} | {mine['coefficients'].iloc[0]} | {' | '.join(cell(mine.loc[q]) for q in questions)} |"
            )
        text.append("\n".join(lines))
    return "\n\n".join(text) + "\n"


def cell(r: pd.Series) -> str:
    if r["law"] == REFERENCE:
        return f"{r['error']:.2f}"
    if np.isnan(r["lower"]):
        return f"{r['error']:.2f} ({r['difference']:+.2f})"
    shown = f"{r['difference']:+.2f} [{r['lower']:+.2f}, {r['upper']:+.2f}]"
    return f"{r['error']:.2f} ({'**' + shown + '**' if r['lower'] > 0 or r['upper'] < 0 else shown})"


def verdict(table: pd.DataFrame) -> str:
    """How far each law is from the best of each question, and where it beats the reference or is beaten."""
    questions = len(table.groupby(["runs", "question"]))
    lines = [
        f"Over {questions} questions on {table['runs'].nunique()} sets of runs. *Over the best*: the law's error over the lowest of any law on "
        "that question, geometric mean and worst. *Beaten*: questions on which some other law is better beyond its interval. *Better than the "
        f"reference*: questions on which the law is better beyond its interval than **{REFERENCE}**, with the difference in points.",
        "| law | coefficients | over the best: mean | worst | beaten | better than the reference |\n|---|---|---|---|---|---|",
    ]
    for form, part in table.groupby("law", sort=False):
        ratio = part["over best"]
        better = "; ".join(f"{r.runs}, {r.question}: {r.difference:+.2f}" for r in part[part["upper"] < 0].itertuples())
        lines[1] += (
            f"\n| {form} | {part['coefficients'].iloc[0]} | {np.exp(np.log(ratio).mean()):.2f} | {ratio.max():.1f} | "
            f"{int(part['beaten'].sum())} of {len(part)} | {better or ('–' if form == REFERENCE else 'nowhere')} |"
        )
    return "\n\n".join(lines)


def main() -> None:
    """Score, and write table and page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SETS, action="append")
    parser.add_argument("--page", action="store_true", help="write the page from ranking.csv, fit nothing")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    path = options.out / "ranking.csv"
    if not options.page:
        new = pd.concat([score(name) for name in options.only or SETS])
        old = pd.read_csv(path) if path.is_file() else new.head(0)
        together = pd.concat([old[~old["runs"].isin(new["runs"].unique())], new]).sort_values(
            "runs", key=lambda names: names.map(list(SETS).index), kind="stable"
        )
        together.to_csv(path, index=False, float_format="%.4g")
    (options.out / "ranking.md").write_text(page(summary(pd.read_csv(path))), encoding="utf-8")


if __name__ == "__main__":
    main()
