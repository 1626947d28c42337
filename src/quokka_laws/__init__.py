"""Fit and use scaling laws of language models: how large, on how many tokens, and how far to trust the answer.

>>> import quokka_laws as ql
>>> runs = ql.datasets.load_quokka_isoflops()
>>> fit = ql.fit(ql.laws.Chinchilla(), runs, bootstrap=100, seed=0)
>>> plan = ql.plan.compute_optimal(fit, C=1.1e23, interval=0.9)
>>> list(plan.columns[:5])
['C', 'N', 'D', 'loss', 'tokens_per_param']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from quokka_laws import conversions, datasets, design, io, laws, plan
from quokka_laws._version import __version__
from quokka_laws.average import Average, average
from quokka_laws.checklist import checklist
from quokka_laws.compare import Comparison, compare
from quokka_laws.conventions import Conventions
from quokka_laws.exceptions import FitError, MissingDependencyError, QuokkaError, RunsError
from quokka_laws.fitting import fit
from quokka_laws.holdout import Candidate
from quokka_laws.isoflop import IsoflopFit, fit_isoflops
from quokka_laws.objective import L2, LogHuber, LogL1, LogL2
from quokka_laws.published import published
from quokka_laws.results import FitResult, FitStatus, FittedLaw, read_fit
from quokka_laws.runs import check_runs, equal_say, read_runs
from quokka_laws.sensitivity import sensitivity

if TYPE_CHECKING:
    from quokka_laws import explore, plot, plot_repeated, report, schedules
else:

    def __getattr__(name: str) -> Any:
        """Modules that few need are imported when first asked for."""
        if name in __all__:
            return import_module(f"quokka_laws.{name}")
        raise AttributeError(f"module 'quokka_laws' has no attribute {name!r}; it has {', '.join(__all__)}")


__all__ = [
    "L2",
    "Average",
    "Candidate",
    "Comparison",
    "Conventions",
    "FitError",
    "FitResult",
    "FitStatus",
    "FittedLaw",
    "IsoflopFit",
    "LogHuber",
    "LogL1",
    "LogL2",
    "MissingDependencyError",
    "QuokkaError",
    "RunsError",
    "__version__",
    "average",
    "check_runs",
    "checklist",
    "compare",
    "conversions",
    "datasets",
    "design",
    "equal_say",
    "explore",
    "fit",
    "fit_isoflops",
    "io",
    "laws",
    "plan",
    "plot",
    "plot_repeated",
    "published",
    "read_fit",
    "read_runs",
    "report",
    "schedules",
    "sensitivity",
]


def __dir__() -> list[str]:
    return __all__
