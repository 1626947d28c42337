"""The page itself: sections from files to what is handed on. Run by ``quokka-laws app``, or ``streamlit run`` of this file."""

from __future__ import annotations

import streamlit as st

from quokka_laws._version import __version__
from quokka_laws.app.answer_section import answer_section, question_section
from quokka_laws.app.elements import STYLE, paragraph
from quokka_laws.app.runs_section import runs_section
from quokka_laws.app.session import session


def main() -> None:
    """Draw the page for whoever looks at it."""
    st.set_page_config(page_title="quokka-laws", page_icon="📉", layout="wide")
    st.html(STYLE)
    now = session()
    st.title("Scaling laws from your runs")
    paragraph(
        "How large a model, on how many tokens, and how far to trust the answer. Files are kept in a folder of this session "
        "alone and deleted when it ends.",
        "note",
    )
    runs, question, answer = (st.container() for _ in range(3))
    with runs:
        ready = runs_section(now)
    if ready:
        with question:
            question_section(now)
        with answer:
            answer_section(now)
    paragraph(f"quokka-laws {__version__}", "note")


if __name__ == "__main__":
    main()
