"""One question, several laws: rows side by side so that disagreement is visible, in one convention where that can be had."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import pandas as pd

from quokka_laws._spelling import either
from quokka_laws.exceptions import ArgumentError, FitError
from quokka_laws.literature.conversions import convert
from quokka_laws.literature.registry import law_of
from quokka_laws.results.intervals import with_level
from quokka_laws.runs.conventions import UNSTATED, Conventions

P = ParamSpec("P")

_COMPARED = {
    "loss_unit": "units of the loss",
    "loss_kind": "kinds of loss (an ELBO bound is not an exact NLL)",
    "loss_split": "losses (training and validation)",
    "tokenizer": "tokenizers (a loss per token depends on it)",
    "N_counts": "ways of counting N",
    "flops": "FLOP rules",
}
OMEGA_KNOWN = "GPT-2 BPE"
"""The vocabulary for which the relation of total and non-embedding parameters was published."""


class ConventionsDiffer(UserWarning):
    """Laws side by side do not count the same things; the message says what was converted and what does not compare."""


PER_TOKEN = {"loss_unit", "tokenizer"}
"""Conventions that losses in bits/byte no longer differ in."""


def differences(conventions: Sequence[Conventions]) -> dict[str, str]:
    """What a set of laws counts differently: convention → in words; unstated conventions do not count as different."""
    found = {}
    for name, words in _COMPARED.items():
        stated = sorted({getattr(c, name) for c in conventions} - {UNSTATED})
        if name == "tokenizer" and {c.loss_unit for c in conventions} == {"bits/byte"}:
            continue
        if len(stated) > 1:
            found[name] = f"{words}: {', '.join(stated)}"
    return found


def align(laws: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Laws counting N alike where the conversion is known, and sentences: what was converted, how the rest could be.

    Where some count total parameters and others non-embedding ones of GPT-2's vocabulary, the latter are asked in total ones
    (:func:`quokka_laws.literature.conversions.convert`). Compute of laws in FLOPs per token is ``M·D = 6·(M/6)·D`` already.
    """
    said, found = [], list(laws)
    if {"total", "non-embedding"} <= {f.conventions.N_counts for f in laws}:
        for i, f in enumerate(laws):
            if f.conventions.N_counts != "non-embedding":
                continue
            if f.conventions.tokenizer == OMEGA_KNOWN:
                found[i] = convert(f, total_N=True)
                said.append(f"N and C of {f.label} were converted from non-embedding to total parameters.")
            else:
                said.append(
                    f"{f.label} counts non-embedding parameters of another vocabulary, so its N is smaller than the others' for the "
                    f"same model{either('; ql.conversions.convert(law, total_N=True, omega=…) converts it', '')}."
                )
    apart = differences([f.conventions for f in found])
    if apart:
        said.append(f"These laws differ in {'; '.join(apart.values())}.")
    if PER_TOKEN & apart.keys():
        said.append(
            f"Losses per token of different tokenizers compare in bits/byte: {either('ql.conversions.convert(law, tokens_per_byte=…)', '--tokens-per-byte')}."
        )
    return found, said


def several(
    question: Callable[Concatenate[Any, P], pd.DataFrame],
) -> Callable[Concatenate[Any, P], pd.DataFrame]:
    """Let a planning function take what people have: a fit, the name of a published law, a fit's file, or a list of them.

    A list gives one block of rows each, with a first column ``law``. Its laws are aligned first (:func:`align`); what was
    converted and what still differs is a :class:`ConventionsDiffer` warning. One loss as the target of losses in different
    units or tokenizers is refused. Tables with intervals get a column ``level``.
    """
    signature = inspect.signature(question)
    repeated = "U_D" in signature.parameters

    @wraps(question)
    def asked(fit: Any, /, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        bound = signature.bind(fit, *args, **kwargs)
        bound.apply_defaults()
        given, level = bound.arguments, bound.arguments.get("level")
        if not isinstance(fit, list | tuple):
            return with_level(question(law_of(fit, repeated=repeated), *args, **kwargs), level)
        if not fit:
            raise ArgumentError("no law was given: pass a fit, the name of a published law, or a list of them")
        laws, said = align([law_of(one, repeated=repeated) for one in fit])
        if given.get("loss") is not None:
            _refuse_one_target([f.conventions for f in laws])
        if said:
            warnings.warn(" ".join(said), ConventionsDiffer, stacklevel=2)
        tables = []
        for f in laws:
            table = question(f, *args, **kwargs)
            table.insert(0, "law", f.label)
            tables.append(table)
        return with_level(pd.concat(tables, ignore_index=True), level)

    return asked


def _refuse_one_target(conventions: Sequence[Conventions]) -> None:
    apart = [words for name, words in differences(conventions).items() if name in PER_TOKEN]
    if apart:
        raise FitError(
            f"one loss cannot be the target of laws that differ in {'; '.join(apart)}: put them in bits/byte first, "
            f"{either('ql.conversions.convert(law, tokens_per_byte=…)', '--tokens-per-byte')}; or ask them one by one"
        )
