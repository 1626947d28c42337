"""
4. Calibrate with the trainer
=============================

No runs at all? ``reference_trainer`` makes them: a ladder of small models on your own text, of masked-diffusion,
uniform-diffusion or autoregressive kind, each with its own row of results. On two processor cores the preset ``cpu-demo``
takes a minute or two (:doc:`/trainer` has the time measured); from there it is the same commands on bigger machines.

.. code-block:: bash

   pip install ".[trainer]"
   python -m reference_trainer sweep --preset cpu-demo --corpus my-text.txt --out runs
   quokka-laws fit runs/autoregressive/runs.jsonl --keep "group == 'grid'"

This page reads runs made that way, which ship with the package: byte-level models of seven thousand to half a million
parameters, each trained with a learning rate found for its width. They are toys, and honest ones: everything that goes wrong at scale
goes wrong here too, faster.
"""

import matplotlib.pyplot as plt
import pandas as pd

import quokka_laws as ql
from quokka_laws import plot
from quokka_laws.reporting.plot.axes import shades

pd.options.display.float_format = "{:.4g}".format

kinds = ("autoregressive", "masked", "uniform")
rows = pd.concat([ql.datasets.load_calibration(kind) for kind in kinds], ignore_index=True)
rows.groupby(["group", "objective", "phase"]).size().unstack(fill_value=0)

# %%
# What a sweep holds
# ------------------
# ``probe`` rows look for learning rates, ``grid`` rows span sizes and token counts for the fit, by three seeds. ``held-out`` rows are
# larger and are kept for the end. ``repeated`` rows see little text many times. ``phase`` says whether the
# loss was taken at constant learning rate (``trunk``) or after a cool-down to zero (``cooled``).
#
# **The two phases are never fitted together.** Annealing lowers a loss by an amount that depends on the tokens per
# parameter, so one surface does not go through both. ``ql.fit`` takes the cooled rows for a law of N and D, the trunk for
# a law of repeated data, and lists what it left out:
every = ql.read_runs(rows, keep="objective == 'autoregressive' and group != 'probe'")
fit = ql.fit(ql.laws.Chinchilla(), every)
fit.excluded.groupby("reason").size().rename("rows").to_frame()

# %%
# Nor fit an exact loss together with a bound. A masked-diffusion model reports an upper bound on its loss; the same number does not
# mean the same quality. One objective at a time, and only runs that know more than the frequencies of letters, which leave 3.08 nats:
one_kind = "group == 'grid' and objective == '{}' and loss < 2.93"
fits = {
    objective: ql.fit(ql.read_runs(rows, keep=one_kind.format(objective)), bootstrap=1000, seed=0)
    for objective in ("autoregressive", "masked")
}
print(fits["autoregressive"].report())

# %%
# What to look at
# ---------------
# ``E`` and the exponents have wide intervals: the points are cooled branches of fifteen trunks, five sizes by three
# seeds, so ``ql.fit`` resamples fifteen runs, not 111.
# What a small sweep *can* do is predict runs a few times larger. Look at the fit first:
_, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for ax, (objective, fit) in zip(axes, fits.items(), strict=True):
    plot.residuals(fit, ax=ax)
    ax.set_title(objective)

# %%
# Then at the runs that were held out: three times larger than anything fitted, in size and in compute. ``kind="run"`` asks for the
# interval of one new run, noise included.
held_out = rows[rows["group"] == "held-out"].set_index("objective")
answers = {
    objective: fit.predict(
        N=held_out.loc[objective, "N"], D=held_out.loc[objective, "D"], level=0.9, kind="run"
    ).assign(observed=held_out.loc[objective, "loss"].to_numpy())
    for objective, fit in fits.items()
}
table = pd.concat(answers)[["N", "D", "loss", "loss_lower", "loss_upper", "observed"]]
table.assign(error=table["loss"] / table["observed"] - 1)

# %%
# Put the error beside the noise: the standard deviation over seeds of the same cell, as a share of the loss.
cells = rows[rows["group"] == "grid"].groupby(["objective", "N", "D"])["loss"]
noise = cells.agg(["count", "mean", "std"]).query("count >= 3")
(noise["std"] / noise["mean"]).groupby("objective").quantile([0.1, 0.5, 0.9]).unstack()

# %%
# All twelve predictions are within one per cent and inside their intervals, and miss by little more than seeds of one cell differ.
# Masked models, and uniform ones more, differ most between seeds where they have just left, or not yet, the plateau where a model knows
# the frequencies of letters only.
#
# Watch a loss turn
# -----------------
# The repeated runs were evaluated along the way. With 8,192 unique bytes, the wider an autoregressive model the sooner and the harder it
# turns, and the narrowest ends lowest. Masked diffusion on the same bytes takes thirty times the epochs to turn (width 64), or hardly
# turns within the 1,024 epochs trained (16 and 32). At widths 32 and 64 it then stands lower than autoregression of any width ever did.
_, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
for ax, (objective, runs) in zip(
    axes, rows.query("group == 'repeated' and U_D == 8192 and objective != 'uniform'").groupby("objective"), strict=True
):
    curves = runs.groupby("width")
    for (width, run), color in zip(curves, shades(len(curves)), strict=True):
        ax.plot(run["epochs"], run["loss"], "o-", ms=3, color=color, label=f"width {width}")
    ax.set(xscale="log", xlabel="epochs", ylim=(2, 5), title=f"{objective}, 8,192 unique bytes")
axes[0].set_ylabel("validation loss (nats/byte)")
axes[0].legend(frameon=False)

# %%
# What goes wrong
# ---------------
# * **Learning rates tuned at one size only.** The error grows with distance from it and bends the exponent. The presets
#   scale it with width; check two sizes by hand before trusting a ladder.
# * **Too little validation text.** Its error is common to all runs, so it hides from residuals and moves ``E``.
# * **A ladder of one D/N.** Cheap, tidy, and unable to separate ``alpha`` from ``beta``.
#
# :doc:`/calibration` has the whole study: three objectives, every seed, the held-out runs, and what so little compute
# cannot determine. :doc:`/trainer` says what each number of the trainer means.
