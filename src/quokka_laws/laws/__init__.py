"""Functional forms. Start with :class:`Chinchilla`; ``docs/how-to-choose.md`` says when to leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quokka_laws.laws.base import Coefficient, Law
from quokka_laws.laws.broken import BrokenPowerLaw
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.laws.farseer import Farseer
from quokka_laws.laws.kaplan import Kaplan, KaplanSteps
from quokka_laws.laws.memorization import Memorization
from quokka_laws.laws.overfit import AdditiveOverfit, PowerOverfit, SaturatingOverfit, SoftplusOverfit
from quokka_laws.laws.power import PowerLaw
from quokka_laws.laws.precision import LowPrecision
from quokka_laws.laws.repeated import EffectiveData, QuokkaRepeated, Repeated

__all__ = [
    "AdditiveOverfit",
    "BrokenPowerLaw",
    "Chinchilla",
    "Coefficient",
    "EffectiveData",
    "Farseer",
    "Kaplan",
    "KaplanSteps",
    "Law",
    "LowPrecision",
    "Memorization",
    "PowerLaw",
    "PowerOverfit",
    "QuokkaRepeated",
    "Repeated",
    "SaturatingOverfit",
    "Skaling",
    "SoftplusOverfit",
    "from_name",
    "from_spec",
    "registry",
]

_LAWS: tuple[type[Law], ...] = (
    Chinchilla,
    Skaling,
    Kaplan,
    KaplanSteps,
    PowerLaw,
    BrokenPowerLaw,
    Farseer,
    LowPrecision,
    EffectiveData,
    QuokkaRepeated,
    AdditiveOverfit,
    SoftplusOverfit,
    PowerOverfit,
    SaturatingOverfit,
    Memorization,
)


def registry() -> dict[str, type[Law]]:
    """Every law by the name the command line uses."""
    return {law.name: law for law in _LAWS}


def from_name(name: str) -> Law:
    """The law called ``name`` with its default options; ``ValueError`` suggests the nearest name otherwise."""
    import difflib

    laws = registry()
    if name not in laws:
        near = difflib.get_close_matches(name, laws, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no law is called {name!r}{hint} Known laws: {', '.join(laws)}")
    return laws[name]()


def from_spec(spec: Mapping[str, Any]) -> Law:
    """Rebuild a law from :meth:`Law.to_spec`."""
    options = {k: from_spec(v) if isinstance(v, Mapping) else v for k, v in spec.items() if k != "name"}
    cls = type(from_name(spec["name"]))
    return cls(**options)
