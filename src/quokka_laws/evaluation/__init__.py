"""Which law to believe, and how far."""

from quokka_laws.evaluation.averaging import Average, average
from quokka_laws.evaluation.comparison import Comparison, compare
from quokka_laws.evaluation.compute_multiplier import Speedup
from quokka_laws.evaluation.consensus import Consensus, consensus
from quokka_laws.evaluation.forecasts import Forecast, Scores, forecast, read_forecast, score
from quokka_laws.evaluation.holdout import Candidate
from quokka_laws.evaluation.recipes import speedup
from quokka_laws.evaluation.reproducibility import checklist
from quokka_laws.evaluation.sensitivity_analysis import sensitivity
from quokka_laws.evaluation.task_holdout import hold_out_tasks

__all__ = [
    "Average",
    "Candidate",
    "Comparison",
    "Consensus",
    "Forecast",
    "Scores",
    "Speedup",
    "average",
    "checklist",
    "compare",
    "consensus",
    "forecast",
    "hold_out_tasks",
    "read_forecast",
    "score",
    "sensitivity",
    "speedup",
]


def __dir__() -> list[str]:
    return __all__
