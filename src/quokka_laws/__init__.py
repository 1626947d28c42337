"""Fit and use scaling laws of language models: how large, on how many tokens, and how far to trust the answer.

>>> import quokka_laws as ql
>>> runs = ql.datasets.load_quokka_isoflops()
>>> fit = ql.fit(ql.laws.Chinchilla(), runs, bootstrap=100, seed=0)
>>> plan = ql.plan.compute_optimal(fit, C=1.1e23, level=0.9)
>>> list(plan.columns[:5])
['C', 'N', 'D', 'loss', 'tokens_per_param']
"""

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from quokka_laws._version import __version__

if TYPE_CHECKING:
    from quokka_laws import architectures, evaluation, importers, laws, plan, runs
    from quokka_laws.evaluation import (
        Average,
        Candidate,
        Comparison,
        Consensus,
        Forecast,
        Scores,
        Speedup,
        average,
        checklist,
        compare,
        consensus,
        forecast,
        hold_out_tasks,
        read_forecast,
        score,
        sensitivity,
        speedup,
    )
    from quokka_laws.exceptions import (
        ArgumentError,
        ExpressionError,
        FitError,
        MissingDependencyError,
        QuokkaError,
        RunsError,
    )
    from quokka_laws.fitting import (
        CurvesFit,
        downstream,
        fit,
        fit_curves,
        fit_hyperparameters,
        fit_isoflops,
        influence,
        profile,
    )
    from quokka_laws.importers import import_runs
    from quokka_laws.laws import law, schedules
    from quokka_laws.literature import conversions, datasets, published
    from quokka_laws.objective import L2, LogHuber, LogL1, LogL2, QuantileHuber
    from quokka_laws.reporting import explorer, plot, report, write_explorer
    from quokka_laws.results import (
        Downstream,
        FitResult,
        FitStatus,
        FittedLaw,
        HyperparameterFit,
        IsoflopFit,
        LossFits,
        read_downstream,
        read_fit,
        read_fits,
        read_hyperparameters,
    )
    from quokka_laws.runs import Conventions, check_runs, equal_run_weights, read_runs

# Where each public name lives: a room is imported when one of its names is first asked for, so that `import quokka_laws`
# and `quokka-laws --version` do not wait for pandas, scipy and matplotlib.
_ROOM_OF = {
    "ArgumentError": "exceptions",
    "Average": "evaluation",
    "Candidate": "evaluation",
    "Comparison": "evaluation",
    "Consensus": "evaluation",
    "Conventions": "runs",
    "CurvesFit": "fitting",
    "Downstream": "results",
    "ExpressionError": "exceptions",
    "FitError": "exceptions",
    "FitResult": "results",
    "FitStatus": "results",
    "FittedLaw": "results",
    "Forecast": "evaluation",
    "HyperparameterFit": "results",
    "IsoflopFit": "results",
    "L2": "objective",
    "LogHuber": "objective",
    "LogL1": "objective",
    "LogL2": "objective",
    "LossFits": "results",
    "MissingDependencyError": "exceptions",
    "QuantileHuber": "objective",
    "QuokkaError": "exceptions",
    "RunsError": "exceptions",
    "Scores": "evaluation",
    "Speedup": "evaluation",
    "architectures": "",
    "average": "evaluation",
    "check_runs": "runs",
    "checklist": "evaluation",
    "compare": "evaluation",
    "consensus": "evaluation",
    "conversions": "literature",
    "datasets": "literature",
    "downstream": "fitting",
    "equal_run_weights": "runs",
    "evaluation": "",
    "explorer": "reporting",
    "fit": "fitting",
    "fit_curves": "fitting",
    "fit_hyperparameters": "fitting",
    "fit_isoflops": "fitting",
    "forecast": "evaluation",
    "hold_out_tasks": "evaluation",
    "import_runs": "importers",
    "importers": "",
    "law": "laws",
    "influence": "fitting",
    "laws": "",
    "plan": "",
    "plot": "reporting",
    "profile": "fitting",
    "published": "literature",
    "read_downstream": "results",
    "read_fit": "results",
    "read_fits": "results",
    "read_forecast": "evaluation",
    "read_hyperparameters": "results",
    "read_runs": "runs",
    "report": "reporting",
    "runs": "",
    "schedules": "laws",
    "score": "evaluation",
    "sensitivity": "evaluation",
    "speedup": "evaluation",
    "write_explorer": "reporting",
}

__all__ = ["__version__", *_ROOM_OF]


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'quokka_laws' has no attribute {name!r}{_meant(name)}")
    room = _ROOM_OF[name]
    found = getattr(import_module(f"quokka_laws.{room}"), name) if room else import_module(f"quokka_laws.{name}")
    globals()[name] = found
    return found


_ASKED_OF_A_FIT = {
    "predict": 'fit.predict(N="7B", D="1.4T")',
    "summary": "fit.summary",
    "save": 'fit.save("fit.json")',
    **dict.fromkeys(("load", "read", "open"), 'ql.read_fit("fit.json") or ql.read_runs("runs.csv")'),
    **dict.fromkeys(("optimal", "optimum", "allocate"), "ql.plan.compute_optimal(fit, C=1e22)"),
    "bootstrap": "ql.fit(runs, bootstrap=1000)",
}


def _meant(name: str) -> str:
    """What was probably meant by a name that is not there: how it is done here, one of another room, or one that is spelt alike."""
    if name in _ASKED_OF_A_FIT:
        return f": {_ASKED_OF_A_FIT[name]}"
    rooms = () if name.startswith("_") else ("plan", "laws", "plot", "datasets", "runs")
    found = [f"ql.{room}.{name}" for room in rooms if name in getattr(__getattr__(room), "__all__", ())]
    found = found or [f"ql.{near}" for near in get_close_matches(name, __all__, n=3)]
    return f"; did you mean {' or '.join(found)}?" if found else "; dir(quokka_laws) lists what it has"


def __dir__() -> list[str]:
    return __all__
