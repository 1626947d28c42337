"""Which law to believe, and how far."""

from quokka_laws.evaluation.averaging import Average, average
from quokka_laws.evaluation.comparison import Comparison, compare
from quokka_laws.evaluation.consensus import Consensus, consensus
from quokka_laws.evaluation.holdout import Candidate
from quokka_laws.evaluation.reproducibility import checklist
from quokka_laws.evaluation.sensitivity_analysis import sensitivity

__all__ = [
    "Average",
    "Candidate",
    "Comparison",
    "Consensus",
    "average",
    "checklist",
    "compare",
    "consensus",
    "sensitivity",
]


def __dir__() -> list[str]:
    return __all__
