"""A figure as SVG for a page: text as text, no ground of its own, ids that several figures can share a page with.

One drawing serves both themes: on a dark page lightness is turned round and hues stay (``THEME``), so black ink becomes white and
a scale from faint to strong keeps its order.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FONT = "system-ui, 'DejaVu Sans', Verdana, sans-serif"
THEME = "@media screen and (prefers-color-scheme: dark) { svg.figure { filter: invert(1) hue-rotate(180deg) brightness(1.12); } }"


def inline(ax: Axes, label: str) -> str:
    """The ``<svg>`` element of an axes' figure for a page that holds ``THEME``, as wide as its place.

    Parameters
    ----------
    ax : Axes
    label : str
        What a screen reader says; also what makes the ids of its parts its own.
    """
    import matplotlib as mpl

    figure = cast("Figure", ax.figure)
    for part in figure.axes:
        for words in (*part.texts, part.title):  # names of rows and laws are nobody's formulas
            words.set_parse_math(False)
    # Laid out once with the fast renderer; savefig would draw everything a second time to measure letters.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    buffer = io.StringIO()
    salt = re.sub(r"\W+", "-", label)
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    if engine is not None:
        figure.set_layout_engine(engine)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)  # every label once more, as a comment
    text = re.sub(r" ?font-family: [^;\"]*;?", "", text)  # the page's own, or the root's
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    head, _, body = text.partition(">")
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    # Names are local to a figure: several share one page.
    body = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{salt}-", body)
    return f'{head} class="figure" font-family="{FONT}" role="img" aria-label="{escape(label)}">{body}'


def theme_aware(ax: Axes, label: str) -> str:
    """The same as a file that follows the theme of whoever shows it."""
    head, _, body = inline(ax, label).partition(">")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}><style>{THEME}</style>{body}'
