"""``fit.plot()``: the figure that suits a fit, or one by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.isoflop import fit_isoflops
from quokka_laws.fitting.profile import profile
from quokka_laws.reporting.plot.frontier import loss_against_compute
from quokka_laws.reporting.plot.repeated import epoch_curves, profile_plot, repeat_contours
from quokka_laws.reporting.plot.single_pass import isoflop_profiles, loss_contours, residuals
from quokka_laws.results.fit_result import FitResult, check_fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS: dict[str, Callable[..., Axes]] = {
    "frontier": loss_against_compute,
    "contours": loss_contours,
    "residuals": residuals,
    "isoflops": lambda fit, **options: isoflop_profiles(fit_isoflops(fit.runs), **options),
    "epochs": epoch_curves,
    "repeat_contours": lambda fit, U_D, **options: repeat_contours(fit, U_D, **options),
    "profile": lambda fit, name, **options: profile_plot(profile(fit, name), name, **options),
}


def figure(fit: FitResult, kind: str | None = None, **options: Any) -> Axes:
    """Draw a fit.

    Parameters
    ----------
    fit : FitResult
    kind : str, optional
        ``"frontier"`` (loss against compute), ``"contours"`` (loss over N and D), ``"epochs"`` (loss over epochs), ``"residuals"``, ``"isoflops"``,
        ``"repeat_contours"`` (with ``U_D=``) or ``"profile"`` (of one coefficient, ``name=``); what suits the law without it.
    **options
        Of the function that draws it, such as ``C=1e23`` or ``ax=``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ArgumentError
        For a kind that there is not.
    """
    check_fit(fit, "a figure")
    if kind is None:
        kind = "frontier" if fit.law.of_N_and_D else "epochs" if fit.law.of_repetition else "residuals"
    if kind not in KINDS:
        raise ArgumentError(f"kind = {kind!r}: a fit is drawn as {', '.join(map(repr, KINDS))}")
    return KINDS[kind](fit, **options)
