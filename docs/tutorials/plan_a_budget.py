"""
3. Plan a budget
================

You have GPUs for two weeks, no sweep yet, and have to say how large a model to train. This page asks the published laws,
looks at how much they disagree, at how little it may matter, and at what serving the model changes.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import quokka_laws as ql
from quokka_laws.reporting.plot.axes import BLACK, BLUE

pd.options.display.float_format = "{:.4g}".format

C = ql.plan.hardware.flops(gpu="H100", count=64, hours=14 * 24, mfu=0.4)
print(f"64 H100 for two weeks at 40 % utilisation: {C:.3g} FLOPs")

# %%
# Utilisation is the number people flatter. Measure it on a short run of a model of the right size; 0.4 is a good day.
#
# Ask several laws
# ----------------
# Autoregressive and masked-diffusion laws answer different questions, so keep them apart: a diffusion model wants a
# smaller model and more tokens.
names = ("besiroglu-2024", "chinchilla-2022/isoflop", "llama3-2024", "quokka-2025/parametric", "quokka-2025/isoflop")
plans = pd.concat({name: ql.plan.compute_optimal(ql.published[name], C=C) for name in names}).droplevel(1)
plans[["N", "D", "tokens_per_param", "loss", "extrapolation"]]

# %%
# ``NaN`` in ``loss`` is a law published as an allocation only. Never compare the losses of different rows: tokenizer,
# text and kind of loss differ. Sizes can be compared.
_, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
y = np.arange(len(plans))[::-1]
flat = plans["N_flat_lower"].notna()
ax.hlines(y[flat], plans.loc[flat, "N_flat_lower"], plans.loc[flat, "N_flat_upper"], color="0.75", lw=7)
ax.plot(plans["N"], y, "o", color=BLUE, mec=BLACK)
ax.set_yticks(y, plans.index)
ax.set(
    xscale="log", xlabel=f"compute-optimal parameters N at C = {C:.2g} FLOPs", title="grey: within 0.1 % of the loss"
)

# %%
# Within each family the flat range of one law holds the others' answers. The optimum is shallow: what does it cost to
# miss it?
#
# What does a smaller model cost?
# -------------------------------
law = ql.published["besiroglu-2024"]
best = ql.plan.compute_optimal(law, C=C).iloc[0]
ql.plan.overtraining(law, C=C, factor=[1, 4, 16, 100]).T

# %%
# ``factor`` is tokens per parameter against the optimum's; at the same compute a factor of 4 is half the size. Half the
# size costs little extra loss and halves the price of every token served; a tenth is another matter. Drawn over the
# whole range:
sizes = best["N"] * np.geomspace(0.05, 20, 200)
loss = law(N=sizes, D=C / (6 * sizes))
_, ax = plt.subplots(layout="constrained")
ax.plot(sizes, 100 * (loss / loss.min() - 1), color=BLUE)
ax.axvspan(best["N_flat_lower"], best["N_flat_upper"], color="0.9", label="within 0.1 %")
ax.axhline(0.1, color="0.6", lw=0.8, ls=":")
ax.set(xscale="log", xlabel="parameters N, all of C spent", ylabel="loss above the best, %", ylim=(0, 4))
ax.legend(frameon=False)

# %%
# A model that will be served
# ---------------------------
# Ask for the cheapest way to a loss when a number of tokens will be generated. The more are served, the smaller the
# model and the longer its training.
served = ql.plan.inference_optimal(law, [1e11, 1e12, 1e13], loss=float(best["loss"]))
served.T

# %%
# What goes wrong
# ---------------
# * **A law's tokens are not your tokens.** A tokenizer with twice the vocabulary sees fewer tokens in the same text;
#   ``ql.conversions`` has what can be converted. The rest is a reason for a small sweep of your own.
# * **More data than there is.** If the plan's ``D`` exceeds your unique tokens, you are asking tutorial 2's question.
# * **Far extrapolation.** ``extrapolation`` of 100 means a hundred times the compute of the largest run behind the law.
#   At ten times, the forms of tutorial 5 miss held-out losses by one to three per cent; compare several.
#
# On the command line:
#
# .. code-block:: bash
#
#    quokka-laws plan --gpus 64xH100 --days 14 --mfu 0.4
#    quokka-laws laws besiroglu-2024
