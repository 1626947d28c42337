"""Functional forms. Start with :class:`Chinchilla`; ``docs/how-to-choose.md`` says when to leave it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from quokka_laws._spelling import either
from quokka_laws.exceptions import ArgumentError
from quokka_laws.laws import schedules
from quokka_laws.laws.base import NAMED, Coefficient, Law
from quokka_laws.laws.bounded import Bounded
from quokka_laws.laws.broken import BrokenPowerLaw
from quokka_laws.laws.chinchilla import Chinchilla, Skaling
from quokka_laws.laws.exposure import ExposureOverfit
from quokka_laws.laws.farseer import Farseer
from quokka_laws.laws.forms import FORMS, Form, form_law
from quokka_laws.laws.formula import Formula
from quokka_laws.laws.kaplan import Kaplan, KaplanSteps
from quokka_laws.laws.memorization import BoundedMemorization, Memorization
from quokka_laws.laws.overfit import AdditiveOverfit, PowerOverfit, SaturatingOverfit, SoftplusOverfit
from quokka_laws.laws.power import PowerLaw
from quokka_laws.laws.precision import LowPrecision
from quokka_laws.laws.repeated import DataReuse, EffectiveData, QuokkaRepeated, Repeated
from quokka_laws.laws.written import law, looks_like_formula

__all__ = [
    "FORMS",
    "AdditiveOverfit",
    "Bounded",
    "BoundedMemorization",
    "BrokenPowerLaw",
    "Chinchilla",
    "Coefficient",
    "DataReuse",
    "EffectiveData",
    "ExposureOverfit",
    "Farseer",
    "Form",
    "Formula",
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
    "as_law",
    "from_name",
    "from_spec",
    "is_named",
    "law",
    "names",
    "registry",
    "schedules",
]


LONGEST = 60
"""Characters of a value that a message still shows."""


def registry() -> dict[str, type[Law]]:
    """Every law by the name the command line uses: those that ship, and one of your own once its class is defined.

    Laws with options that have no default are made by code, not by name, and left out.
    """
    return {name: NAMED[name] for name in sorted(NAMED) if all(map(_optional, fields(NAMED[name])))}


def _optional(option: Field[Any]) -> bool:
    return option.default is not MISSING or option.default_factory is not MISSING


def from_name(name: str) -> Law:
    """The law called ``name`` with its default options, or a formula's; ``ValueError`` suggests the nearest name otherwise."""
    if (form := form_law(name)) is not None:
        return form
    if looks_like_formula(name):
        return Formula(name)
    return _class_of(name if name in registry() else name.lower(), registry())()


def names() -> list[str]:
    """Every name that :func:`from_name` knows: laws, then forms."""
    return [*registry(), *FORMS]


def is_named(given: object) -> bool:
    """Whether a text is the name of a law or form, or a formula."""
    return isinstance(given, str) and (
        given.lower() in registry() or form_law(given) is not None or looks_like_formula(given)
    )


def as_law(given: Any) -> Law:
    """A law from what people write for one: a law, its class, or its name.

    Raises
    ------
    ArgumentError
        If it is none of these, or a class that needs arguments.
    """
    if isinstance(given, Law):
        return given
    if isinstance(given, str):
        return from_name(given)
    if isinstance(given, type) and issubclass(given, Law):
        try:
            return given()
        except TypeError as error:
            raise ArgumentError(f"{given.__name__} needs arguments ({error}): give {given.__name__}(…)") from None
    raise ArgumentError(
        f"{_shown(given)} is no law: give one, such as {either('ql.laws.Chinchilla()', 'chinchilla')}, its name or a formula"
    )


def _shown(given: Any) -> str:
    """What was given, as it is written where that is short."""
    written = repr(given)
    return written if len(written) <= LONGEST and "\n" not in written else type(given).__name__


def from_spec(spec: Mapping[str, Any]) -> Law:
    """Rebuild a law from :meth:`Law.to_spec`."""
    if spec["name"] in FORMS:
        return FORMS[spec["name"]].law()
    options = {k: from_spec(v) if isinstance(v, Mapping) else v for k, v in spec.items() if k != "name"}
    return _class_of(spec["name"], NAMED)(**options)


def _class_of(name: str, known: Mapping[str, type[Law]]) -> type[Law]:
    if name not in known:
        near = difflib.get_close_matches(name.partition("(")[0], [*known, *FORMS], n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ArgumentError(
            f"no law is called {name!r}{hint} Known laws: {', '.join([*known, *FORMS])}; import the module of a law of your own first"
        )
    return known[name]


def __dir__() -> list[str]:
    return __all__
