"""
2. Repeated data: when to stop
==============================

Tokens run out before compute does. Seen again they help a little less each time, and after enough epochs the validation
loss *rises*. Most scaling laws cannot say this: their loss falls for ever. This page fits a law that can, to 48 runs of
the Quokka paper that were trained until they overfitted, and asks it two questions: how many epochs for a given model,
and which model for the data at hand.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.reporting.plot.axes import STYLES

pd.options.display.float_format = "{:.4g}".format

checkpoints = ql.datasets.load_quokka_repeated()
print(f"{len(checkpoints)} checkpoints of {checkpoints['run_id'].nunique()} runs")
checkpoints.groupby("U_D")["N"].agg(["nunique", "min", "max"])

# %%
# Every row is a checkpoint: ``N``, unique tokens ``U_D``, ``epochs`` and validation loss. ``run_id`` says which rows
# belong together. That matters twice: neighbouring checkpoints carry almost the same news, so intervals must resample
# runs; and a run with a thousand checkpoints counts for twenty with fifty. Where that is wrong for your question,
# ``checkpoints.assign(weight=ql.equal_run_weights(checkpoints))`` gives each run the same say.
#
# To keep this page fast it uses every twentieth checkpoint.
few = checkpoints[checkpoints.groupby("run_id").cumcount() % 20 == 0].reset_index(drop=True)
fit = ql.fit(ql.laws.BoundedMemorization(), few, n_starts=4, bootstrap=40, seed=0)
print(fit.report())

# %%
# What to look at: the doubts. The rows *after* each minimum decide the exponents here: one formula covers both branches, so
# the overfitting rows also set alpha and beta. Good for predicting where the curves turn, bad for quoting ``alpha``.
#
# ``BoundedMemorization`` is where to start: :doc:`/how-to-choose` says why, and where another form is better. Its ``L_0`` is at its
# bound here, which is no fault: these losses end far below that of a model that has learned nothing. Fit at least two forms and
# compare, as at the end of this page.
#
# Do the curves turn where the runs do?
# -------------------------------------
_, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
for ax, unique in zip(axes, (1e7, 1e8), strict=True):
    nearest = few["U_D"].iloc[(np.log(few["U_D"] / unique)).abs().argmin()]
    plot.epoch_curves(fit, U_D=nearest, ax=ax)

# %%
# Dots are runs, lines the law. Larger models (dark) learn faster and turn sooner: with 10 million tokens the largest
# are past their best within a hundred epochs.
#
# How many epochs for this model?
# -------------------------------
# ``max_epochs`` finds the minimum along epochs, with intervals.
plan = ql.plan.max_epochs(fit, N=[1e8, 4e8, 1e9], U_D=1e8, level=0.9)
plan[["N", "U_D", "epochs", "epochs_lower", "epochs_upper", "loss"]]

# %%
# ``inf`` is an answer: for a model this small beside its data the law sees no turn, ever. It has been trained for at most
# a thousand epochs, so read it as "later than any of these runs went".
#
# Which model for this data?
# --------------------------
# With compute to spare, the unique tokens decide both. The star is the law's answer, the circle the lowest run.
unique = float(few["U_D"].iloc[(np.log(few["U_D"] / 1e8)).abs().argmin()])
_, ax = plt.subplots(layout="constrained")
plot.repeat_contours(fit, unique, ax=ax)

# %%
# The valley is long and flat: half the model for twice the epochs costs about 0.02 nats and is cheaper to serve.
plan = ql.plan.data_optimal(fit, U_D=[3e7, 1e8], level=0.9)
plan[["U_D", "N", "N_lower", "N_upper", "epochs", "epochs_lower", "epochs_upper", "loss"]]

# %%
# With a limit on compute too, ``compute_and_data_optimal`` may answer that part of it is better left ``unused``:
ql.plan.compute_and_data_optimal(fit, C=[1e18, 1e19, 1e20], U_D=1e8)[["C", "N", "epochs", "loss", "unused"]]

# %%
# How far can another form disagree?
# ----------------------------------
# The interval above is the uncertainty of one form's coefficients. Another form that fits about as well is the better
# test. The paper's own law of these runs:
published = ql.published["quokka-2025/repeated"]
epochs = np.geomspace(2, 2000, 200)
_, ax = plt.subplots(layout="constrained")
for law, (color, line, _) in zip((fit, published), STYLES, strict=False):
    ax.plot(epochs, law(N=4e8, U_D=1e8, epochs=epochs), color=color, ls=line, label=f"{law.label}, 100M tokens")
    ax.plot(epochs, law(N=4e8, U_D=1e9, epochs=epochs), color=color, ls=line, lw=0.8, label=f"{law.label}, 1B tokens")
ax.set(xscale="log", xlabel="epochs", ylabel="validation loss (nats/token)", title="N = 400M", ylim=(2.2, 6))
ax.legend(fontsize=8, frameon=False)

# %%
# Inside the runs (100 million tokens) the two turn at similar epochs. At 1 billion unique tokens, seven times more than
# any of these runs had, they part. That spread, not the bootstrap interval, is what is known out there.
#
# What goes wrong
# ---------------
# * **Runs that never rise.** Nothing then determines the rising branch; the report says so, and ``EffectiveData`` (loss
#   only falls) is all the data support. It refuses the question of how many epochs are too many.
# * **The first epochs.** Learning-rate warm-up is in them, and in no law. Fit from about two epochs on.
# * **Validation text that is also in training.** Then memorising looks like learning.
#
# On the command line:
#
# .. code-block:: bash
#
#    quokka-laws fit checkpoints.csv --law bounded-memorization -o fit.json
#    quokka-laws data-optimal fit.json -U 100M
#    quokka-laws report fit.json -U 100M -o report.html
