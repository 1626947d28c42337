"""From a budget to a decision: every function takes a fit, the name of a published law, or a list, and returns a DataFrame."""

from quokka_laws.exceptions import FarOutside
from quokka_laws.plan import hardware
from quokka_laws.plan.best import best
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.plan.crossover import critical_compute, crossover, iso_loss, loss_gap
from quokka_laws.plan.design import ladder, next_runs, simulate
from quokka_laws.plan.hyperparameters import hyperparameters, hyperparameters_beside
from quokka_laws.plan.inference import inference_optimal
from quokka_laws.plan.repeated import compute_and_data_optimal, data_optimal, loss_of_repeating, max_epochs
from quokka_laws.plan.side_by_side import ConventionsDiffer
from quokka_laws.plan.targets import compute_to_loss, deadweight, overtraining, tokens_to_loss

__all__ = [
    "ConventionsDiffer",
    "FarOutside",
    "best",
    "compute_and_data_optimal",
    "compute_optimal",
    "compute_to_loss",
    "critical_compute",
    "crossover",
    "data_optimal",
    "deadweight",
    "hardware",
    "hyperparameters",
    "hyperparameters_beside",
    "inference_optimal",
    "iso_loss",
    "ladder",
    "loss_gap",
    "loss_of_repeating",
    "max_epochs",
    "next_runs",
    "overtraining",
    "simulate",
    "tokens_to_loss",
]


def __dir__() -> list[str]:
    return __all__
