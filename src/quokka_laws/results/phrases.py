"""Pieces that sentences of diagnostics share: rows by name, a chance, what to try."""

from __future__ import annotations

from collections.abc import Sequence

ROWS_NAMED, CELLS_NAMED = 8, 3


def listed(rows: Sequence[str]) -> str:
    """``rows a, b, c``; many are cut short with their number."""
    shown = ", ".join(rows[:ROWS_NAMED])
    more = f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else ""
    return f"row{'s' if len(rows) != 1 else ''} {shown}{more}"


def cells_named(cells: Sequence[str]) -> str:
    """Pairs of N and D, the first few of many."""
    more = f" and {len(cells) - CELLS_NAMED} more" if len(cells) > CELLS_NAMED else ""
    return "; ".join(cells[:CELLS_NAMED]) + more


def chance(p: float) -> str:
    """``p = 0.03``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def to_try(tries: Sequence[str], start: str = "Try") -> str:
    """`` Try a or b.``, or the full stop alone where there is nothing to try."""
    joint = "" if start == ":" else " "
    return f"{joint}{start} {' or '.join(tries)}." if tries else "" if joint else "."
