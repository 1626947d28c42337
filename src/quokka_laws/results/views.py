"""Figures and pages of results, by name: what draws them lives on a higher floor of the house and is found when asked for.

A room never imports from a room above it, and a person expects ``fit.plot()``. So, as pandas finds the library that draws
its plots, a method asks here for a *view* by name, and the module that offers it is imported at that moment. Another package
can offer its own with :func:`register`.

>>> from quokka_laws.results import views
>>> sorted(views.BACKENDS)
['figure', 'hyperparameters', 'page']
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

BACKENDS = {
    "figure": "quokka_laws.reporting.plot:figure",  # (fit, kind, **options) -> matplotlib Axes
    "hyperparameters": "quokka_laws.reporting.plot.hyperparameters:hyperparameter_figure",  # (fit, kind, **options) -> Axes
    "page": "quokka_laws.reporting.page:report",  # (fit, output, **options) -> text
}


def register(view: str, target: str) -> None:
    """Let ``"package.module:function"`` draw a view from now on."""
    BACKENDS[view] = target


def view(name: str) -> Any:
    """The function that draws a view."""
    module, _, function = BACKENDS[name].partition(":")
    return getattr(import_module(module), function)
