"""Rows that were picked in a table or a chart: what can be done with them, as buttons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from quokka_laws.app.choices import Reading
from quokka_laws.app.shown import Offer

NAMED = 6  # rows on a button


def of_rows(choice: Reading, picked: Iterable[int], verb: str = "Leave out") -> tuple[Offer, ...]:
    """What picked rows, by number, offer: to leave out those that are there, to bring back those left out by hand.

    ``verb`` is what the first button says.
    """
    chosen, gone = set(picked), set(choice.rows)
    offers = []
    if more := chosen - gone:
        offers.append(Offer(f"{verb} {named(more)}", {"reading": _with(choice, gone | more)}))
    if back := chosen & gone:
        offers.append(Offer(f"Bring back {named(back)}", {"reading": _with(choice, gone - back)}))
    return tuple(offers)


def bring_back(choice: Reading) -> tuple[Offer, ...]:
    """To bring back all rows that were left out by hand."""
    return of_rows(choice, choice.rows)


def named(rows: Iterable[int | str]) -> str:
    """``row 3``, ``rows 3, 5``, or how many they are."""
    names = list(rows)
    if len(names) > NAMED:
        return f"these {len(names)} rows"
    if all(isinstance(name, int) for name in names):
        names = sorted(names)
    return f"row{'s' if len(names) != 1 else ''} {', '.join(map(str, names))}"


def _with(choice: Reading, rows: set[int]) -> Reading:
    return replace(choice, rows=tuple(sorted(rows)))
