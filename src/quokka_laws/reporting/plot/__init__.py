"""Figures: every function draws on the axes it is given, or on new ones, and returns them."""

from quokka_laws.reporting.plot.axes import new_axes, save
from quokka_laws.reporting.plot.comparison import held_out_errors
from quokka_laws.reporting.plot.downstream import accuracy_over_loss
from quokka_laws.reporting.plot.forecasts import forecast_scores
from quokka_laws.reporting.plot.frontier import loss_against_compute
from quokka_laws.reporting.plot.hyperparameters import hyperparameter_bowls, hyperparameter_law
from quokka_laws.reporting.plot.kinds import figure
from quokka_laws.reporting.plot.losses import loss_panels
from quokka_laws.reporting.plot.recipes import recipe_losses, recipe_multiplier
from quokka_laws.reporting.plot.repeated import epoch_curves, held_out_runs, profile_plot, repeat_contours
from quokka_laws.reporting.plot.single_pass import (
    isoflop_profiles,
    loss_contours,
    prediction_errors,
    residuals,
    sensitivity,
)

__all__ = [
    "accuracy_over_loss",
    "epoch_curves",
    "figure",
    "forecast_scores",
    "held_out_errors",
    "held_out_runs",
    "hyperparameter_bowls",
    "hyperparameter_law",
    "isoflop_profiles",
    "loss_against_compute",
    "loss_contours",
    "loss_panels",
    "new_axes",
    "prediction_errors",
    "profile_plot",
    "recipe_losses",
    "recipe_multiplier",
    "repeat_contours",
    "residuals",
    "save",
    "sensitivity",
]


def __dir__() -> list[str]:
    return __all__
