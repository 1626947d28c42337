"""Facts hidden in run names, ``3e18_134M_3.7B``: the one place where a name is taken apart.

A pattern is a name with fields in braces, ``{C}_{N:M}_{D}``. Canonical names (``N``, ``D``, ``C``, ``U_D``,
``epochs``) are quantities; ``:K``, ``:M``, ``:B`` or ``:T`` says what a bare number counts, and a unit written in the
name itself wins. Other fields are kept as columns. ``{}`` matches anything and keeps nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import parse

from quokka_laws.exceptions import RunsError
from quokka_laws.runs.columns import INPUTS
from quokka_laws.runs.quantities import parse_quantity

PATTERNS = {
    # Released logs of the Quokka paper: {FLOPs}_{size in M}_{tokens} and, for repeated data,
    # {size in M}_{tokens}_{repetition}_{anneal}_{warmup}_{micro batch}_{global batch}_{lr}.
    "quokka": "{C}_{N:M}_{D}",
    "quokka-repeated": "{N:M}_{U_D}_{epochs}_{anneal}_{warmup}_{micro_batch}_{global_batch}_{lr}",
}
UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
MOST_WAYS = 2_000_000  # a second of trying
_FIELD = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_QUANTITY = r"\d[\d.,]*(?:[eE][+-]?\d+)?[kKmMbBgGtTpP]?"


class NamePattern:
    """A compiled pattern; call it with a run's name.

    Raises
    ------
    RunsError
        If the pattern cannot be read.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = PATTERNS.get(pattern, pattern)
        fields = _FIELD.findall(self.pattern)
        if not fields or not any(name in INPUTS for name, _ in fields):
            raise RunsError(
                f"name pattern {pattern!r} has no field such as {{N}}; write e.g. '{{C}}_{{N:M}}_{{D}}' with fields "
                f"{', '.join(INPUTS)} and units K, M, B, T, or use one by name: {', '.join(PATTERNS)}"
            )
        if unknown := [unit for _, unit in fields if unit and unit not in UNITS]:
            raise RunsError(f"name pattern {pattern!r}: unit {unknown[0]!r} is none of {', '.join(UNITS)}")
        self._between = re.split(r"\{[^{}]*\}", self.pattern)[1:-1]
        # A canonical field without a unit is a quantity, too.
        typed = re.sub(rf"\{{({'|'.join(INPUTS)})\}}", r"{\1:one}", self.pattern)
        types = {"one": _quantity(1.0), **{unit: _quantity(factor) for unit, factor in UNITS.items()}}
        try:
            self._parser = parse.compile(typed, types, case_sensitive=True)
        except (ValueError, NotImplementedError, parse.RepeatedNameError) as error:
            raise RunsError(f"name pattern {pattern!r} cannot be read: {error}") from None

    def __call__(self, name: str) -> dict[str, Any]:
        """Facts in a name, or in the nearest part of a path that matches; empty if none does.

        Raises
        ------
        RunsError
            If C, N and D of the name contradict each other by a unit, or the pattern could match in too many ways.
        """
        for part in (name, *reversed(re.split(r"[\\/]", name))):
            if (ways := self._ways(part)) > MOST_WAYS:
                raise RunsError(
                    f"run {name[:80]}: the pattern {self.pattern!r} could match its name in {ways:.1g} ways; put what all names share "
                    "between the fields, or leave out fields that are not needed"
                )
            if found := self._parser.parse(part):
                facts = {k: _plain(v) for k, v in found.named.items()}
                _check_units(name, facts)
                return facts
        return {}

    def _ways(self, name: str) -> int:
        """In how many ways what stands between the fields can lie in a name, at most: as often as a search may turn back."""
        places = [name.count(text) if text else len(name) for text in self._between]
        return math.comb(max(places, default=0), len(places))


def _quantity(factor: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = parse_quantity(text)
        return value if text[-1].isalpha() else value * factor

    typed: Callable[[str], float] = parse.with_pattern(_QUANTITY)(convert)
    return typed


def _plain(value: Any) -> Any:
    try:
        return float(value)
    except ValueError:
        return value


def _check_units(name: str, facts: dict[str, Any]) -> None:
    if not {"C", "N", "D"} <= set(facts):
        return
    ratio = facts["C"] / (6 * facts["N"] * facts["D"])
    power = round(float(np.log10(ratio)))
    if power and power % 3 == 0 and 0.5 < ratio / 10.0**power < 2:
        raise RunsError(
            f"run {name}: C = {facts['C']:g} is 1e{power} times 6·N·D = 6·{facts['N']:g}·{facts['D']:g}; a unit is "
            "missing or wrong: say what numbers count, as in '{N:M}' (millions) or '{D:B}' (billions)"
        )
