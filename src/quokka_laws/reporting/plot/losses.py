"""Figure of several losses: one small panel each, on one axis of losses, runs and what the fit says of them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quokka_laws.reporting.plot.axes import BLUE, QUANTITIES, ink, log_axes, loss_label, new_axes
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.loss_fits import LossFits

ACROSS = 3
WIDE_RANGE = 20.0  # of a column: from here on a logarithmic axis


def loss_panels(fits: LossFits) -> Axes:
    """Losses of the runs, and as fitted, along compute or the law's first variable; one panel for each loss.

    Returns
    -------
    matplotlib Axes
        The first panel; its figure holds them all.
    """
    count = len(fits)
    across = min(ACROSS, count)
    down = -(-count // across)
    picture = Figure(figsize=(2.9 * across + 0.5, 2.3 * down + 0.5), layout="constrained")
    panels = picture.subplots(down, across, squeeze=False, sharex=True)
    for ax, (loss, fit) in zip(panels.ravel(), fits.items(), strict=False):
        loss_panel(fit, loss, ax=ax)
    for ax in panels.ravel()[count:]:
        ax.set_visible(False)
    first = fits[fits.first]
    name = along(first)
    picture.supxlabel(QUANTITIES.get(name, (name,))[0], fontsize="medium")
    picture.supylabel(loss_label(first), fontsize="medium")
    panels[0, 0].legend(frameon=False, fontsize="small")
    return panels[0, 0]


def loss_panel(fit: FitResult, loss: str, *, ax: Axes | None = None) -> Axes:
    """Losses of the runs of one fit, and as fitted, along compute or the law's first variable."""
    ax = ax or new_axes(3.3, 2.6)
    name = along(fit)
    table = fit.residuals.sort_values(name)
    x = table[name].to_numpy(dtype=float)
    ax.plot(x, table["loss"], "o", color=BLUE, ms=4, alpha=0.8, label="run")
    ax.plot(x, table["predicted"], "_", color=ink(), ms=9, label="fit")
    if (x > 0).all() and x.max() / x.min() > WIDE_RANGE:
        log_axes(ax, x=name)
        ax.set_xlabel("")  # one for all panels
    ax.set_title(f"{loss}  ({100 * fit.rms_residual:.2g} % rms)", fontsize="small")
    ax.tick_params(labelsize="small")
    return ax


def along(fit: FitResult) -> str:
    """Compute where it varies, else the first variable that does."""
    for name in ("C", *fit.law.variables):
        if name in fit.runs and np.ptp(fit.runs[name].to_numpy(dtype=float)) > 0:
            return name
    return fit.law.variables[0]
