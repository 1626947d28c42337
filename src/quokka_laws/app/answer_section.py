"""The rest of the page: what is asked, the answer and how far to trust it, laws side by side, and what to hand on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from quokka_laws.app.choices import Question, Reading
from quokka_laws.app.commands import FIT, REPORT, command_line, python
from quokka_laws.app.elements import bullets, headline, offers, outcome, paragraph, plain, refused, table_of_text
from quokka_laws.app.picking import bring_back, of_rows
from quokka_laws.app.session import Session
from quokka_laws.app.shipped import SHIPPED
from quokka_laws.app.shown import PICKED, Answer, Chart, SideBySide
from quokka_laws.laws import from_name, registry
from quokka_laws.objective import BY_NAME
from quokka_laws.runs.rows import ROW

MOST_REFITS = 10_000
FORMULA = "a formula"


def question_section(now: Session) -> None:
    """What is asked of the runs, and the button that asks it."""
    st.header("Question")
    left, middle, right = st.columns(3)
    budget = left.text_input(
        "Budget: training FLOPs of one run",
        now.question.C,
        placeholder="ten times your largest run",
        help="1e23, 100 PF-days, or several: 1e22, 1e23",
        key=now.key("budget"),
    )
    unique = middle.text_input(
        "Unique tokens there are",
        now.question.U_D,
        placeholder="for laws of repeated data: 100B",
        key=now.key("unique"),
    )
    law = _law(now, right)
    question = replace(now.question, law=law, C=budget.strip(), U_D=unique.strip())
    with st.expander("How it is fitted"):
        question = _how(now, question)
    now.question = question
    faults = question.faults()
    if law:
        try:
            from_name(law)
        except ValueError as error:
            faults.append(str(error))
    for fault in faults:
        refused(fault)
    missing = law == "" and st.session_state.get(now.key("law")) == FORMULA
    st.button("Fit", type="primary", on_click=now.ask, disabled=bool(faults) or missing, key="fit")


def _law(now: Session, place: st.delta_generator.DeltaGenerator) -> str:
    names = ["", *registry(), FORMULA]
    own = now.question.law not in names
    law = place.selectbox(
        "Law",
        names,
        index=names.index(FORMULA if own else now.question.law),
        format_func=lambda name: name or "choose for me",
        key=now.key("law"),
    )
    if law != FORMULA:
        return law or ""
    return place.text_input(
        "Formula", now.question.law if own else "", placeholder="E + A/N^alpha + B/D^beta", key=now.key("formula")
    ).strip()


def _how(now: Session, question: Question) -> Question:
    left, middle, right = st.columns(3)
    refits = left.number_input("Refits for intervals", 0, MOST_REFITS, question.refits, 100, key=now.key("refits"))
    seed = middle.number_input("Random seed", 0, 2**32 - 1, question.seed, key=now.key("seed"))
    costs = ["", *BY_NAME]
    objective = right.selectbox(
        "Cost of a residual",
        costs,
        index=costs.index(question.objective),
        format_func=lambda name: name or "huber with a law named, else auto",
        key=now.key("objective"),
    )
    outliers = st.checkbox(
        "Leave out rows that stand out from the law and carry its answer", question.outliers, key=now.key("outliers")
    )
    return replace(question, refits=int(refits), seed=int(seed), objective=objective or "", outliers=outliers)


# ---- the answer -------------------------------------------------------------------------------------------------


def answer_section(now: Session) -> None:
    """The answer to what was asked, once it is there."""
    if now.asked is None:
        return
    st.header("Answer")
    reading, question = now.asked
    said, findings, more = (st.container() for _ in range(3))
    with said:
        job = now.job("answer", reading, question)
        assert job is not None
        if not outcome(job, now, "Fitting"):
            return
        answer: Answer = job.result
        if now.asked != (now.reading, now.question):
            paragraph("This is the answer to what was chosen before. Press Fit for that to what is chosen now.", "note")
        headline(answer.headline)
        _undo(now)
    with findings:
        _doubts(now, answer)
    figures, tables, laws, hand_on = more.tabs(["Figures", "Tables", "Laws side by side", "Hand on"])
    with figures:
        _charts(answer.charts, now, "fit")
    with tables:
        for part in answer.evidence:
            table_of_text(part, "table of the fit")
    with laws:
        _side_by_side(now, reading, question)
    with hand_on:
        _hand_on(now, reading, question, answer)


def _doubts(now: Session, answer: Answer) -> None:
    """What to know before relying on the answer, and what can be tried."""
    if answer.findings:
        st.subheader("Before you rely on it")
    for number, finding in enumerate(answer.findings):
        paragraph(f"{number + 1}. {finding.text}")
        offers(finding.offers, now, f"finding-{number}")
    if any(" --" in finding.text and not finding.offers for finding in answer.findings):
        paragraph(
            "Options such as --drop are added to the command under Hand on, where there is no button for them.",
            "note",
        )


def _undo(now: Session) -> None:
    """What was left out on request, with a button that takes it back."""
    assert now.asked is not None
    reading, question = now.asked
    if question.outliers:
        st.button("Fit with the outlying rows again", key="with-outliers", on_click=_with_outliers, args=(now,))
    offers(bring_back(reading), now, "bring-back")
    for number, condition in enumerate(reading.drop):
        label = plain(f"Take back the rows where {condition}")
        st.button(label, key=f"take-back-{number}", on_click=_take_back, args=(now, condition))


def _with_outliers(now: Session) -> None:
    now.question = replace(now.question, outliers=False)
    now.version += 1
    now.ask()


def _take_back(now: Session, condition: str) -> None:
    now.reading = replace(now.reading, drop=tuple(c for c in now.reading.drop if c != condition))
    now.version += 1
    now.ask()


def _charts(charts: tuple[Chart, ...], now: Session, key: str) -> None:
    for number, chart in enumerate(charts):
        st.subheader(chart.title)
        if chart.picks:
            _picked(chart, now, f"{key}-{number}")
        else:
            st.vega_lite_chart(None, chart.spec, width="stretch", key=f"{key}-{number}", alt=chart.caption)
            paragraph(chart.caption, "note")


def _picked(chart: Chart, now: Session, key: str) -> None:
    """A chart in which rows are picked, and the buttons that say what can be done with them."""
    assert now.asked is not None
    event: Any = st.vega_lite_chart(
        None, chart.spec, width="stretch", key=now.key(key), on_select="rerun", selection_mode=PICKED
    )
    paragraph(chart.caption, "note")
    rows = [int(point[ROW]) for point in event.selection.get(PICKED, [])]
    offers(of_rows(now.asked[0], rows, "Fit without"), now, f"{key}-picked")


def _side_by_side(now: Session, reading: Reading, question: Question) -> None:
    """Several laws fitted to the cheaper runs and judged on the dearer."""
    laws = st.multiselect(
        "Laws", list(registry()), placeholder="those that suit the runs", help="None: those that suit the runs."
    )
    arguments = (reading, tuple(laws), question)
    wanted = st.button("Set side by side", key="compare")
    job = now.job("side_by_side", *arguments, start=wanted)
    if job is None:
        paragraph(
            "Each law is fitted to the cheaper runs and predicts the more expensive ones. The law that predicts them best is the one to believe.",
            "note",
        )
        return
    if outcome(job, now, "Setting laws side by side"):
        found: SideBySide = job.result
        headline(found.headline)
        bullets(found.known)
        _charts(found.charts, now, "laws")
        table_of_text(found.evidence, "laws side by side")


def _hand_on(now: Session, reading: Reading, question: Question, answer: Answer) -> None:
    """The report, the fit, and what reproduces the page."""
    command = command_line(reading, question, logs=answer.logs)
    script = python(
        reading,
        question,
        logs=answer.logs,
        budgets=answer.budgets,
        unique=answer.unique if answer.repeated else (),
        together=answer.together,
    )
    left, right = st.columns(2)
    with left:
        _report(now, reading, question, command)
    right.download_button(f"Download {FIT}", answer.fit, FIT, "application/json", on_click="ignore")
    paragraph("The same on the command line, in the folder of your files:", "note")
    st.code(command, language="bash", wrap_lines=True)
    st.download_button("Download reproduce.sh", command, "reproduce.sh", "text/x-sh", on_click="ignore")
    paragraph("The same in Python:", "note")
    st.code(script, language="python", wrap_lines=True)
    st.download_button("Download reproduce.py", script, "reproduce.py", "text/x-python", on_click="ignore")
    for name in reading.sources:
        if name in {one.file for one in SHIPPED}:
            data = (now.desk.folder / name).read_bytes()
            st.download_button(f"Download {name}", data, name, "text/csv", on_click="ignore")


def _report(now: Session, reading: Reading, question: Question, command: str) -> None:
    wanted = st.button("Make the report", key="report", type="primary")
    job = now.job("report", reading, question, command, start=wanted)
    if job is not None and outcome(job, now, "Writing the report"):
        st.download_button(f"Download {REPORT}", job.result, REPORT, "text/html", on_click="ignore")
