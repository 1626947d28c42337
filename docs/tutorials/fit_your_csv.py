"""
1. Fit your CSV
===============

You have a table: model sizes, tokens seen, final losses. At the end of this page you have a law with intervals, the
model to train at your next budget, and a list of reasons to doubt it. The same in two commands is at the bottom.

The runs here are the 87 masked-diffusion models of the Quokka paper, digitised from its Figure 2. To make them look
like yours, they are first written to a CSV with other column names and one damaged row.
"""

from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import pandas as pd

import quokka_laws as ql
from quokka_laws import plot

pd.options.display.float_format = "{:.4g}".format  # enough for reading

path = Path(mkdtemp()) / "runs.csv"
yours = ql.datasets.load_quokka_isoflops().rename(columns={"N": "n_params", "D": "train_tokens", "loss": "val_loss"})
yours = yours[["n_params", "train_tokens", "val_loss"]].astype({"val_loss": object})
yours.loc[4, "val_loss"] = "diverged"
yours.to_csv(path, index=False)
yours.head()

# %%
# Read it
# -------
# Common names such as ``params`` or ``tokens`` are recognised; anything else is named once. A row that cannot be used
# is an error that says which row, which column, and what was found there. Nothing is dropped silently:
columns = {"N": "n_params", "D": "train_tokens", "loss": "val_loss"}
try:
    ql.read_runs(path, columns=columns)
except ql.RunsError as error:
    print(error)

# %%
# You decide what to leave out, and the reason travels with the result. A condition may use any column. A missing value
# never equals itself, so ``loss != loss`` selects rows without a loss. (Rows whose ``status`` column says that the run failed are
# left out by themselves.) State the conventions as well: they are
# recorded with every answer, and questions to several laws warn where losses do not mean the same.
runs = ql.read_runs(
    path,
    columns=columns,
    drop={"diverged": "loss != loss"},
    N_counts="total",
    loss_split="training",
    loss_kind="ELBO bound",
)
print(len(runs), "rows;", runs.attrs["excluded"])
runs.head()

# %%
# ``C`` was not in the table; it is ``6·N·D`` unless you say ``flops=``. All numbers are in raw units: parameters,
# tokens, FLOPs, nats per token.
#
# Look at the runs first
# ----------------------
# Two things decide what can be learnt: how far the runs reach in compute, and how much the ratio of tokens to
# parameters varies. If every run had D/N = 20, capacity and data could not be told apart, whatever the number of runs.
_, ax = plt.subplots(layout="constrained")
points = ax.scatter(runs["N"], runs["D"], c=runs["loss"], cmap="viridis_r", edgecolor="k", lw=0.3)
for ratio in (4, 20, 100, 1000):
    ax.plot(runs["N"], ratio * runs["N"], ":", color="0.6", lw=0.8)
    right = min(1.5e10, 4e11 / ratio)
    ax.annotate(f"D/N = {ratio}", (right, ratio * right), fontsize=8, color="0.4", ha="right", va="bottom")
ax.figure.colorbar(points, label="training loss (nats/token)")
ax.set(xscale="log", yscale="log", xlabel="parameters N", ylabel="tokens D", ylim=(6e8, 5e11))

# %%
# Fit
# ---
# ``Chinchilla`` is ``E + A/N^alpha + B/D^beta``. Starts are found automatically. ``bootstrap=300`` refits the law to
# resampled runs, each to its own optimum: that is where the intervals come from.
fit = ql.fit(ql.laws.Chinchilla(), runs, bootstrap=300, seed=0)
print(fit.report())

# %%
# What to look at, in this order:
#
# 1. **status** and **rival minima**. Converged, with none: the optimum is *the* optimum.
# 2. **DOUBTFUL**. Here, 13 runs with fewer than four tokens per parameter decide the exponent. Few people would train
#    such models, and yet they move the answer.
# 3. The **intervals**. ``A`` and ``alpha`` are each uncertain and strongly correlated, which is usual and harmless:
#    predictions are better determined than coefficients.
#
# Look at the residuals
# ---------------------
# A law that is right leaves noise. One that is not leaves structure.
_, ax = plt.subplots(layout="constrained")
plot.residuals(fit, ax=ax)

# %%
# Here is structure: the yellow points, runs with few tokens per parameter, lie far below zero, and the rest curve up at
# both ends. The law cannot bend enough for both. So fit again without them, and see what the next budget's answer does:
usual = ql.fit(ql.laws.Chinchilla(), runs[runs["D"] / runs["N"] >= 4].reset_index(drop=True), bootstrap=300, seed=0)
for name, law in (("all runs", fit), ("D/N >= 4", usual)):
    at = ql.plan.compute_optimal(law, C=1e22, level=0.9).iloc[0]
    print(f"{name:9s} N = {at['N']:.3g} ({at['N_lower']:.3g} to {at['N_upper']:.3g}), loss {at['loss']:.3f}")

# %%
# The answer
# ----------
# Use the fit you can defend. ``extrapolation`` is how many times farther than your largest run the budget reaches;
# ``N_flat_lower … N_flat_upper`` are the sizes whose loss is within 0.1 % of the best. Inside that range choose by
# what the model costs to serve, not by the third digit of ``N``.
plan = ql.plan.compute_optimal(usual, C=[1e21, 1e22, 1e23], level=0.9)
plan[["C", "N", "N_lower", "N_upper", "D", "tokens_per_param", "loss", "N_flat_lower", "N_flat_upper", "extrapolation"]]

# %%
_, ax = plt.subplots(layout="constrained")
plot.loss_contours(usual, C=1e22, ax=ax)

# %%
# How much would another choice have moved it?
# --------------------------------------------
# ``sensitivity`` refits under every other reasonable choice: objective, left-out budgets, outliers, tied exponents.
# If your conclusion survives the whole column, it is a conclusion.
table = ql.sensitivity(usual, C=1e22)
_, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
plot.sensitivity(table, fit=usual, C=1e22, ax=ax)

# %%
# What goes wrong
# ---------------
# * **Losses of different kinds in one table**: training with validation, learning rate still high with annealed. The
#   fit looks fine and the exponents are those of the mixture. Fit one kind at a time (``keep="phase == 'cooled'"``).
# * **N without embeddings in some rows.** Small models move most; so does the exponent. State ``N_counts``.
# * **Checkpoints of one run as if they were runs.** Give a ``run_id`` column: then whole runs are resampled.
# * **A few runs.** Five coefficients need far more than five runs; below that the fit refuses, and just above it the
#   intervals say so.
#
# On the command line
# -------------------
# .. code-block:: bash
#
#    quokka-laws check runs.csv --columns N=n_params,D=train_tokens,loss=val_loss
#    quokka-laws report runs.csv --columns N=n_params,D=train_tokens,loss=val_loss --drop "D / N < 4" -C 1e22 -o report.html
#
# The report is one HTML file with everything on this page.
usual.to_json(path.with_name("fit.json"))
print(ql.read_fit(path.with_name("fit.json")).values == usual.values)
