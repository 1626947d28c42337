"""Parts of the page that every section uses: text of the user's that stays text, a bar that can be stopped, offers as buttons."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

import streamlit as st

from quokka_laws.app.desk import Job, State
from quokka_laws.app.session import Session
from quokka_laws.app.shown import Offer

OFTEN = 0.4  # seconds between two looks at a job

STYLE = """<style>
.stMainBlockContainer { max-width: 66rem; padding-top: 2.5rem; }
.ql-answer { border-left: .3rem solid #d55e00; padding: .4rem 0 .4rem 1rem; }
.ql-answer p { margin: 0 0 .5rem 0; font-size: 1.2rem; line-height: 1.5; }
.ql-refused { border-left: .3rem solid #c62828; padding: .4rem 0 .4rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.ql-note { opacity: .85; overflow-wrap: anywhere; }
.ql-text { overflow-wrap: anywhere; margin: 0; }
.ql-list { padding-left: 1.3rem; margin: 0; overflow-wrap: anywhere; }
.ql-table { overflow-x: auto; font-size: .75rem; line-height: 1.45; margin: 0 0 1rem 0; }
@media (min-width: 768px) { .ql-table { white-space: pre-wrap; } }
</style>"""


def plain(text: str) -> str:
    """Text as Markdown that shows it as it is, for labels: nothing in it is a link, a picture or a formula."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", re.sub(r"\s+", " ", text))


def paragraph(text: str, kind: str = "text") -> None:
    """A paragraph of text as it is."""
    st.html(f'<p class="ql-{kind}">{html.escape(text)}</p>')


def headline(text: str) -> None:
    """The answer; lines that were broken to fit a terminal are joined."""
    lines = re.sub(r"\n +", " ", text).split("\n")
    st.html('<div class="ql-answer">' + "".join(f"<p>{html.escape(line)}</p>" for line in lines) + "</div>")


def refused(text: str) -> None:
    """Why something was not done."""
    st.html(f'<div class="ql-refused" role="alert">{html.escape(text)}</div>')


def bullets(texts: Iterable[str]) -> None:
    """Sentences as a list."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    if items:
        st.html(f'<ul class="ql-list">{items}</ul>')


def table_of_text(text: str, label: str) -> None:
    """A table made for a terminal, which scrolls where it is too wide."""
    st.html(f'<pre class="ql-table" tabindex="0" role="region" aria-label="{label}">{html.escape(text)}</pre>')


def offers(found: Iterable[Offer], now: Session, key: str) -> None:
    """A button for each offer."""
    for number, offer in enumerate(found):
        st.button(plain(offer.label), key=now.key(f"{key}-{number}"), on_click=now.take, args=(offer,))


def outcome(job: Job, now: Session, doing: str) -> bool:
    """Whether a job is done; until then a bar with a button that stops it, and afterwards why there is no result."""
    if job.running:
        _bar(job, now, doing)
        return False
    if job.state is State.DONE:
        return True
    if job.state is State.STOPPED:
        paragraph(f"{doing}: stopped.", "note")
    elif job.state is State.FAULT:
        refused("This is a fault of quokka-laws, not of yours. For a report of it:")
        table_of_text(job.said, "details of the fault")
    else:
        refused(job.said)
    return False


@st.fragment(run_every=OFTEN)
def _bar(job: Job, now: Session, doing: str) -> None:
    if not job.running:
        st.rerun()
    waits = job.state is State.WAITING
    what, share = ("waiting for other computations on this machine", 0.0) if waits else job.progress
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.progress(share, text=plain(f"{doing}{': ' + what if what else ' …'}"))
    if right.button("Stop", key=f"stop-{job.task}"):
        now.desk.stop(job)
        st.rerun()
