"""Published rules that are not laws of the loss: products of powers that advise a learning rate, a batch, a threshold."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quokka_laws._typing import Array
from quokka_laws.exceptions import ArgumentError
from quokka_laws.literature.datasets import data_folder


@dataclass(frozen=True)
class Rule:
    """``quantity = k·Π (x/unit)^power`` for each quantity it advises.

    Parameters
    ----------
    name, title, arxiv, source, status, note : str
    year : int
    formulas : dict
        By quantity (``lr``, ``batch_tokens``, ``C``): ``k``, ``powers`` by variable and the ``units`` they are in.
    vectors : tuple of dict
        Inputs and values to check against.
    """

    name: str
    title: str
    year: int
    arxiv: str
    source: str
    status: str
    note: str
    formulas: dict[str, dict[str, Any]]
    vectors: tuple[dict[str, Any], ...]

    @property
    def checked(self) -> bool:
        """Whether the numbers could be checked against the paper."""
        return self.status.startswith(("confirmed", "reproduced"))

    def needs(self, quantity: str) -> tuple[str, ...]:
        """Variables of one formula."""
        return tuple(self.formulas[quantity]["powers"])

    def __call__(self, quantity: str, **data: Any) -> Array:
        """One quantity at raw data (N, D, C, U_D, loss)."""
        formula = self.formulas[quantity]
        if missing := [v for v in formula["powers"] if data.get(v) is None]:
            raise ArgumentError(f"{self.name} needs {', '.join(self.needs(quantity))}; missing: {', '.join(missing)}")
        units = formula.get("units", {})
        value = np.asarray(formula["k"], dtype=float)
        for variable, power in formula["powers"].items():
            value = value * (np.asarray(data[variable], dtype=float) / units.get(variable, 1.0)) ** power
        return np.asarray(value)


class Rules(Mapping[str, Rule]):
    """Published rules by name."""

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        text = (data_folder() / "published" / "rules.json").read_text(encoding="utf-8")
        return {r["name"]: Rule(**{**r, "vectors": tuple(r["vectors"])}) for r in json.loads(text)["rules"]}

    def __getitem__(self, name: str) -> Rule:
        if name not in self._rules:
            near = difflib.get_close_matches(name, self._rules, n=1, cutoff=0.3)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise KeyError(f"no published rule is called {name!r}{hint} Known: {', '.join(self._rules)}")
        return self._rules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


rules = Rules()
