"""What is asked of a law: which variables are chosen, given or limited, what they cost, and their coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from quokka_laws._expression_tree import Node, names
from quokka_laws._expressions import Grammar, fault, nearest, parse
from quokka_laws._spelling import either, option
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import jet
from quokka_laws.laws.base import COMPLETED
from quokka_laws.laws.formula_roles import Roles
from quokka_laws.laws.formula_terms import Evaluator
from quokka_laws.laws.formula_text import FUNCTIONS, renamed_in
from quokka_laws.results.fitted_law import FittedLaw
from quokka_laws.runs.quantities import parse_quantity

GRAMMAR = Grammar(functions=FUNCTIONS, number=parse_quantity, what="cost")
REACH = 1e6  # factor outside the fitted runs within which a variable without bounds is sought
NARROW = 20.0  # a variable whose runs span less than this factor is sought among its runs only
MOST_CHOICES = 200


@dataclass(frozen=True)
class Question:
    """A law, the variables to choose for it, what is known of the others, and a cost.

    Parameters
    ----------
    fit : FittedLaw
    over : tuple of str
        Variables to choose that move continuously.
    cost : Node, optional
    given : dict
        Values of other variables, also of the cost.
    limits : dict
        Where each of ``over`` is sought.
    choices : dict
        Variables to choose among values.
    """

    fit: FittedLaw
    over: tuple[str, ...]
    cost: Node | None
    given: dict[str, Any]
    limits: dict[str, tuple[float, float]]
    choices: dict[str, tuple[float, ...]]

    @classmethod
    def of(
        cls,
        fit: FittedLaw,
        over: list[str],
        cost: str | None,
        given: dict[str, Any],
        bounds: dict[str, tuple[float, float]],
        choices: dict[str, Sequence[float]],
    ) -> Self:
        """What was asked, checked.

        Raises
        ------
        ArgumentError
            For a variable that is neither chosen nor given, or both, or not one of the law or the cost.
        """
        law = fit.law
        tree = None if cost is None else renamed_in(parse(cost, GRAMMAR), law.own_names)
        known = [*law.takes, *(COMPLETED if {"N"} & set(law.takes) or {"D"} & set(law.takes) else ())]
        in_cost = [] if tree is None else list(dict.fromkeys(n.name for n in names(tree)))
        if not over:
            raise ArgumentError(f"name the variables to choose: {option('over', ['N', 'D'])}")
        if both := sorted(set(over) & set(given)):
            raise ArgumentError(
                f"{', '.join(both)}: either chosen ({either('over=', '--over')}) or given ({either('given=', '--given')}), not both"
            )
        if twice := sorted({v for v in over if over.count(v) > 1}):
            raise ArgumentError(f"{either('over=', '--over')} names {', '.join(twice)} twice")
        for name in over:
            if name not in (*known, *in_cost):
                near = nearest(name, known)
                raise ArgumentError(
                    f"{fit.label} has no variable {name!r}{f'; did you mean {near}?' if near else ''} It has {', '.join(law.takes)}"
                )
        if tree is not None:
            for node in names(tree):
                if node.name not in (*over, *given, *_derived({*over, *given})):
                    near = nearest(node.name, [*over, *given])
                    hint = f"did you mean {near}?" if near else f"give it: given={{{node.name!r}: …}}"
                    raise fault(
                        str(cost), node.start, f"{node.name} of the cost is neither chosen nor given; {hint}", node.end
                    )
        reached = {*over, *given, *_derived({*over, *given})}
        if missing := [v for v in law.takes if v not in reached]:
            raise ArgumentError(
                f"{fit.label} is a law of {', '.join(law.takes)}: say {', '.join(missing)} (given={{{missing[0]!r}: …}}), or choose "
                f"{'it' if len(missing) == 1 else 'them'} (over=)"
            )
        numbers: dict[str, Any] = {}
        for name, value in given.items():
            if name in law.groups:
                numbers[name] = str(value)
                continue
            try:
                numbers[name] = float(parse_quantity(value))
            except ValueError as error:
                raise ArgumentError(f"given {name}: {error}") from None
        for what, names_ in (("bounds", bounds), ("choices", choices)):
            if unknown := sorted(set(names_) - set(over)):
                raise ArgumentError(
                    f"{what} of {', '.join(unknown)}: not among the variables to choose ({', '.join(over)})"
                )
        limits = {name: _limits(fit, name, bounds.get(name)) for name in over if name not in choices}
        values = {name: tuple(float(v) for v in choices[name]) for name in over if name in choices}
        if np.prod([len(v) for v in values.values()], dtype=float) > MOST_CHOICES:
            raise ArgumentError(f"choices make more than {MOST_CHOICES} combinations; give fewer values")
        return cls(fit, tuple(n for n in over if n not in values), tree, numbers, limits, values)

    # ---- coordinates ------------------------------------------------------------------------------------------

    def is_log(self, name: str) -> bool:
        """Whether a variable is sought by its logarithm."""
        return self.limits[name][0] > 0

    def natural(self, name: str, z: Any) -> Any:
        """Coordinate → variable."""
        return np.exp(z) if self.is_log(name) else z

    def ends(self, name: str) -> tuple[float, float]:
        """Limits of a coordinate."""
        low, high = self.limits[name]
        return (float(np.log(low)), float(np.log(high))) if self.is_log(name) else (low, high)

    def at_limit(self, name: str, z: float) -> bool:
        """Whether a coordinate lies at a limit."""
        low, high = self.ends(name)
        return bool(z <= low + 1e-9 or z >= high - 1e-9)

    def inputs(self, z: Any, chosen: Mapping[str, float]) -> dict[str, Any]:
        """What the law and the cost see: arrays (problems, 1), or jets for a list of them."""
        x: dict[str, Any] = {}
        columns = z if isinstance(z, list) else [z[:, [i]] for i in range(z.shape[1])]
        for name, column in zip(self.over, columns, strict=True):
            if self.is_log(name):
                x[f"log_{name}"] = column
            else:
                x[f"raw {name}"] = column
        for name, value in {**self.given, **chosen}.items():
            if name in self.fit.law.groups:
                x[f"level {name}"] = self.fit.law._codes(name, np.array([[value]]))  # type: ignore[attr-defined]
                continue
            with np.errstate(all="ignore"):
                x[f"log_{name}"] = np.log(np.array([[value]]))
            if name not in COMPLETED:
                x[f"raw {name}"] = np.array([[value]])
        if "log_D" not in x and {"log_U_D", "log_epochs"} <= x.keys():
            x["log_D"] = x["log_U_D"] + x["log_epochs"]
        if "log_epochs" not in x and {"log_U_D", "log_D"} <= x.keys():
            x["log_epochs"] = x["log_D"] - x["log_U_D"]
        if "log_epochs" in x:
            x["epochs"] = jet.exp(x["log_epochs"])
        if "log_C" not in x and {"log_N", "log_D"} <= x.keys():
            x["log_C"] = x["log_N"] + x["log_D"] + np.log(self.fit.conventions.flops_per_ND)
        return x

    def log_cost(self, x: Mapping[str, Any]) -> Any:
        """Logarithm of the cost of what :meth:`inputs` returned."""
        assert self.cost is not None
        roles = Roles(self.cost, tuple(n.name for n in names(self.cost)))
        return Evaluator(roles, {}, x, {}).log(self.cost)

    @property
    def priced(self) -> set[str]:
        """Variables that the cost depends on."""
        found = {n.name for n in names(self.cost)} if self.cost is not None else set()
        return found | (_parents(found) if found & {"C", "D", "epochs"} else set())


def _derived(known: set[str]) -> set[str]:
    """Canonical variables that follow from those known."""
    found = set()
    if {"U_D", "epochs"} <= known:
        found.add("D")
    if {"D", "U_D"} <= known:
        found.add("epochs")
    if {"N", "D"} <= known | found:
        found.add("C")
    return found


def _parents(names_: set[str]) -> set[str]:
    """Variables that a derived one of the cost may be derived from."""
    found = set()
    if "C" in names_:
        found |= {"N", "D", "U_D", "epochs"}
    if names_ & {"D", "epochs"}:
        found |= {"U_D", "epochs", "D"}
    return found


def _limits(fit: FittedLaw, name: str, asked: tuple[float, float] | None) -> tuple[float, float]:
    """Where a variable is sought."""
    if asked is not None:
        low, high = (float(parse_quantity(v)) for v in asked)
        if not low < high:
            raise ArgumentError(f"bounds of {name} are {low:g} and {high:g}: the first has to be the smaller")
        if low <= 0 and name in COMPLETED:
            raise ArgumentError(f"bounds of {name} are {low:g} and {high:g}: {name} is positive")
        return low, high
    if name in fit.fitted_range:
        low, high = fit.fitted_range[name]
        if low > 0 and (name in COMPLETED or high / low >= NARROW):
            return (1.0 if name == "epochs" else low / REACH), high * REACH
        return low, high
    if name in COMPLETED:
        return (1.0, 1e6) if name == "epochs" else (1e3, 1e20)
    raise ArgumentError(
        f"the runs behind {fit.label} do not say where {name} may lie: bounds={{{name!r}: (low, high)}}"
    )
