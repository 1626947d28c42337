"""What a notebook shows of a result: a heading, a line of facts, a table, and what is doubtful."""

from __future__ import annotations

import html
from collections.abc import Iterable

import pandas as pd


def card(title: str, facts: str, table: pd.DataFrame, *, diagnostics: Iterable[str] = (), index: bool = False) -> str:
    """HTML of a result, without any dependency beyond pandas.

    Parameters
    ----------
    title, facts : str
    table : DataFrame
        Numbers are shown with five digits, blanks as a dash.
    diagnostics : iterable of str
    index : bool
        Whether the table's index says something.
    """
    shown = table.to_html(index=index, float_format="{:.5g}".format, na_rep="–", border=0)
    said = "".join(f"<li>{html.escape(diagnostic)}</li>" for diagnostic in diagnostics)
    head = f"<b>{html.escape(title)}</b><br>{html.escape(facts)}"
    return f"<div>{head}{shown}{f'<ul>{said}</ul>' if said else ''}</div>"
