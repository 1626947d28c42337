"""Figure of several losses: one small panel each, on one axis of losses, runs and what the fit says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quokka_laws.exceptions import ArgumentError
from quokka_laws.reporting.plot.axes import BLUE, QUANTITIES, ink, log_axes, loss_label, new_axes
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.loss_fits import LossFits

ACROSS = 3
WIDE_RANGE = 20.0  # of a column: from here on a logarithmic axis


def loss_panels(fits: LossFits, *, ax: Axes | Sequence[Axes] | None = None) -> Axes:
    """Losses of the runs, and as fitted, along compute or the law's first variable; one panel for each loss.

    Parameters
    ----------
    fits : LossFits
    ax : Axes or sequence of Axes, optional
        One for each loss, in the order of ``fits``, such as ``plt.subplots(1, 3)[1]``; a new figure without them.

    Returns
    -------
    matplotlib Axes
        The first panel; its figure holds them all.

    Raises
    ------
    ArgumentError
        If there are fewer axes than losses.
    """
    panels = _grid(len(fits)) if ax is None else np.ravel(np.asarray(ax, dtype=object)).tolist()
    if len(panels) < len(fits):
        raise ArgumentError(
            f"ax = {len(panels)} axes for {len(fits)} losses ({', '.join(fits)}): give one for each, "
            f"plt.subplots(1, {len(fits)})[1]"
        )
    for panel, (loss, fit) in zip(panels, fits.items(), strict=False):
        loss_panel(fit, loss, ax=panel)
    first = fits[fits.first]
    across, up = QUANTITIES.get(along(first), (along(first),))[0], loss_label(first)
    if ax is None:
        panels[0].figure.supxlabel(across, fontsize="medium")
        panels[0].figure.supylabel(up, fontsize="medium")
    for panel in () if ax is None else panels[: len(fits)]:
        panel.set_xlabel(across, parse_math=False)
        panel.set_ylabel(up)
    panels[0].legend(frameon=False, fontsize="small")
    return panels[0]


def _grid(count: int) -> list[Axes]:
    """Panels of a new figure that share their axis."""
    across = min(ACROSS, count)
    down = -(-count // across)
    picture = Figure(figsize=(2.9 * across + 0.5, 2.3 * down + 0.5), layout="constrained")
    panels = picture.subplots(down, across, squeeze=False, sharex=True).ravel()
    for ax in panels[count:]:
        ax.set_visible(False)
    return list(panels)


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
