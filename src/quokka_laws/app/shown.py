"""What the worker hands to the page: plain values, without any of what made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

SHOWN = 1000
"""Rows of a table on the page."""
LONGEST = 200
"""Letters of a cell on the page."""
PICKED = "picked"
"""The name of what is selected in a chart."""


@dataclass(frozen=True)
class Offer:
    """Something to try with one click: what the button says, and the choices that it changes."""

    label: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """What was made of the files.

    Parameters
    ----------
    answer : str
        How many rows can be used, as ``quokka-laws check`` says it; empty where the files were refused.
    refused : str
        Why not, as the command line says it.
    offers : tuple of Offer
        What would mend the refusal.
    notes : tuple of str
        What was chosen, changed or is doubtful.
    routine : tuple of str
        Columns read under another name or derived, and conventions.
    left_out : DataFrame
        ``number``, ``row`` in words and ``why`` of each row that was left out.
    table : DataFrame
        The runs as read, with the number of their ``row``; the first of many.
    columns : tuple of str
        Of the files.
    mapping : dict of str to str
        Canonical name → column, as read.
    kind : {"table", "logs"}
        As what the files were read.
    rows : int
    """

    answer: str = ""
    refused: str = ""
    offers: tuple[Offer, ...] = ()
    notes: tuple[str, ...] = ()
    routine: tuple[str, ...] = ()
    left_out: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["number", "row", "why"]))
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    columns: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    kind: str = "table"
    rows: int = 0


@dataclass(frozen=True)
class Chart:
    """A chart: what it shows as a heading and a sentence, and how it is drawn."""

    title: str
    caption: str
    spec: dict[str, Any]
    picks: bool = False
    """Whether rows can be picked in it."""


@dataclass(frozen=True)
class Finding:
    """A sentence of what to know before relying on the answer, and what can be tried with one click."""

    text: str
    severity: str
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the page shows of a fit.

    Parameters
    ----------
    headline : str
        As ``quokka-laws fit`` words it.
    findings : tuple of Finding
    evidence : tuple of str
        Tables as text.
    charts : tuple of Chart
    fit : str
        The fit as JSON.
    budgets : tuple of float
        That the answer is for, asked or not.
    unique : tuple of float
    law : str
    repeated : bool
        Whether the law knows repetition.
    together : bool
        Whether the answer is that of all methods together.
    logs : bool
        Whether the files were read as logs.
    """

    headline: str
    findings: tuple[Finding, ...]
    evidence: tuple[str, ...]
    charts: tuple[Chart, ...]
    fit: str
    budgets: tuple[float, ...]
    unique: tuple[float, ...]
    law: str
    repeated: bool
    together: bool
    logs: bool


@dataclass(frozen=True)
class SideBySide:
    """Several laws on the same runs."""

    headline: str
    known: tuple[str, ...]
    evidence: str
    charts: tuple[Chart, ...]
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
