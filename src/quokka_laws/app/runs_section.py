"""The first section of the page: files in, what was read and what was left out, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from quokka_laws.app.choices import FLOPS, UNITS, File, Reading
from quokka_laws.app.elements import bullets, offers, outcome, paragraph, refused
from quokka_laws.app.picking import of_rows
from quokka_laws.app.session import Session
from quokka_laws.app.shipped import SHIPPED
from quokka_laws.app.shown import SHOWN, Look
from quokka_laws.runs.rows import ROW
from quokka_laws.runs.units import KNOWN

CANONICAL = {
    "N": "N, parameters",
    "D": "D, tokens seen in training",
    "C": "C, training FLOPs",
    "loss": "loss",
    "U_D": "U_D, unique tokens",
    "epochs": "epochs",
    "run_id": "run_id, the run of a row",
}
COUNTED = ("N", "D")  # that tables give in millions or billions
KINDS: dict[str, str] = {"auto": "found out", "table": "a row for each run", "logs": "logs, a row for each step"}


def runs_section(now: Session) -> bool:
    """Take files in and show what was read; whether there are runs to fit."""
    st.header("Runs")
    given = st.file_uploader(
        "Drop a table of runs, or logs: CSV, TSV, Excel, JSON, JSON lines, Parquet, exports of W&B; several are read as one",
        accept_multiple_files=True,
        max_upload_size=max(1, int(now.desk.limits.bytes / 1e6)),
    )
    chosen = st.selectbox(
        "or take runs that ship with the package",
        range(len(SHIPPED)),
        index=None,
        format_func=lambda i: SHIPPED[i].title,
        placeholder="none",
    )
    now.use(_files(now, given or [], chosen))
    if not now.reading.files:
        paragraph(
            "A row for each run is best: parameters N, tokens D (or compute C) and the loss; further columns are welcome. "
            "Names of columns are recognised, and can be mended below once the table is there.",
            "note",
        )
        return False
    # The same containers on every run: what comes and goes in one leaves the selects in the next as they are, even open.
    said, gone, mend, read = (st.container() for _ in range(4))
    if now.seen is not None:
        with mend:
            now.reading = _mended(now, now.seen)
    job = now.job("look", now.reading)
    assert job is not None
    with said:
        current = outcome(job, now, "Reading")
        if current and job.result is not now.seen:
            now.seen = job.result
            st.rerun()
        if now.seen is None:
            return False
        if current:
            _said(now, now.seen)
    with gone:
        _left_out(now, now.seen)
    with read:
        _as_read(now, now.seen)
    return not now.seen.refused


def _said(now: Session, look: Look) -> None:
    """How many rows can be used, or why none, with what would mend it."""
    if look.refused:
        refused(look.refused)
        offers(look.offers, now, "mend")
        return
    paragraph(look.answer)
    bullets(look.notes)


def _files(now: Session, given: Sequence[Any], chosen: int | None) -> tuple[File, ...]:
    """The files to read: those that were dropped, else the shipped ones that were chosen."""
    for gone in set(now.uploads) - {one.file_id for one in given}:
        del now.uploads[gone]
    for one in given:
        if one.file_id not in now.uploads:
            taken = {file.name for file in now.uploads.values()}
            now.uploads[one.file_id] = now.desk.keep(_free(one.name, taken), one.getvalue())
    if given:
        return tuple(now.uploads[one.file_id] for one in given)
    if chosen is None:
        return ()
    known = next((file for file in now.reading.files if file.name == SHIPPED[chosen].file), None)
    return (known or now.desk.keep(SHIPPED[chosen].file, SHIPPED[chosen].csv()),)


def _free(name: str, taken: set[str]) -> str:
    """A name that no other file of the session has."""
    stem, dot, ending = name.partition(".")
    number = 2
    while name in taken:
        name, number = f"{stem}-{number}{dot}{ending}", number + 1
    return name


def _left_out(now: Session, look: Look) -> None:
    """Rows that were left out, with the reason; those that were left out by hand can be picked and brought back."""
    if not len(look.left_out):
        return
    with st.expander(f"{len(look.left_out)} rows left out, and why", key="left-out"):
        told = look.left_out.drop(columns="number")
        if not now.reading.rows:
            st.dataframe(told, hide_index=True, width="stretch")
            return
        event: Any = st.dataframe(
            told, hide_index=True, width="stretch", on_select="rerun", selection_mode="multi-row", key=now.key("gone")
        )
        numbers = look.left_out["number"].iloc[event.selection.rows]
        rows = [int(number) for number in numbers if number in now.reading.rows]
        if len(rows) < len(numbers):
            paragraph("Only rows that were left out by hand are brought back here.", "note")
        offers(of_rows(now.reading, rows), now, "gone-rows")


def _as_read(now: Session, look: Look) -> None:
    """The runs, which can be picked and left out."""
    if not len(look.table.columns):
        return
    more = f", the first {SHOWN}" if look.rows > SHOWN else ""
    with st.expander(f"{look.rows} rows as read{more}", key="as-read"):
        digits = {c: st.column_config.NumberColumn(format="%.5g") for c in look.table.select_dtypes("number")}
        picks = ROW not in look.columns
        event: Any = st.dataframe(
            look.table,
            hide_index=True,
            width="stretch",
            column_config={**digits, ROW: st.column_config.NumberColumn(format="%d", pinned=True)},
            on_select="rerun" if picks else "ignore",
            selection_mode="multi-row",
            key=now.key("table"),
        )
        if picks:
            picked = look.table[ROW].iloc[event.selection.rows]
            offers(of_rows(now.reading, map(int, picked)), now, "rows")
            if picked.empty:
                paragraph("Tick rows to leave them out.", "note")
        bullets(look.routine)


# ---- mending ----------------------------------------------------------------------------------------------------


def _mended(now: Session, look: Look) -> Reading:
    """Which column is what, which rows count, and in what units."""
    now.mending = now.mending or bool(look.refused) or not {"N", "D", "loss"} <= set(look.table.columns)
    with st.expander("Columns, rows and units", expanded=now.mending):
        choice = _columns(now, look, now.reading)
        choice = _rows(now, look, choice)
        choice = _units(now, choice)
        return _logs(now, look, choice)


def _columns(now: Session, look: Look, choice: Reading) -> Reading:
    said = dict(choice.columns)
    places = st.columns(2)
    for number, (canonical, title) in enumerate(CANONICAL.items()):
        column, _, unit = said.get(canonical, "").rpartition(":")
        if said.get(canonical, "") in look.columns or unit not in UNITS:
            column, unit = said.get(canonical, ""), ""
        known = look.mapping.get(canonical)
        blank = (
            f"as recognised: {known}" if known else "derived" if canonical in look.table.columns else "not in the table"
        )
        options = list(
            dict.fromkeys(["", *look.columns, column])
        )  # the same as long as the files are, else it is a new select
        with places[number % 2]:
            where, beside = st.columns([3, 2]) if canonical in COUNTED else (st.container(), None)
            taken = where.selectbox(
                title,
                options,
                index=options.index(column),
                format_func=partial(_or, blank),
                key=now.key(f"column-{canonical}"),
            )
            if beside is not None:
                units = list(UNITS)
                unit = beside.selectbox(
                    f"{canonical} is in",
                    units,
                    index=units.index(unit),
                    format_func=UNITS.__getitem__,
                    key=now.key(f"unit-{canonical}"),
                )
        if unit and not taken:
            taken = known or ""
        choice = choice.mapped(canonical, taken or "", unit if taken else "")
    return choice


def _kind(look: Look, name: str) -> str:
    return KINDS[name] + (f" ({KINDS[look.kind]})" if name == "auto" else "")


def _or(blank: str, name: str) -> str:
    return name or blank


def _rows(now: Session, look: Look, choice: Reading) -> Reading:
    left, right = st.columns(2)
    drop = left.multiselect(
        "Leave out rows where",
        list(choice.drop) or [],
        default=list(choice.drop),
        accept_new_options=True,
        placeholder="D / N < 4",
        help="A condition on columns, or the word duplicates; type it and press Enter.",
        key=now.key("drop"),
    )
    keep = right.text_input(
        "Keep only rows where", choice.keep, placeholder="optimizer == 'adamw'", key=now.key("keep")
    )
    swept = [c for c in look.columns if c not in look.mapping.values()]
    best = left.multiselect(
        "Keep the lowest loss of each N and D over",
        sorted({*swept, *choice.best_of}),
        default=list(choice.best_of),
        help="Columns of a sweep, such as the learning rate.",
        key=now.key("best-of"),
    )
    return replace(choice, drop=tuple(drop), keep=keep or "", best_of=tuple(best))


def _units(now: Session, choice: Reading) -> Reading:
    left, middle, right = st.columns(3)
    units = ["", *KNOWN]
    unit = left.selectbox(
        "The loss is in",
        units,
        index=units.index(choice.loss_unit) if choice.loss_unit in units else 0,
        format_func=lambda name: name or "as its column says, else nats/token",
        key=now.key("loss-unit"),
    )
    per_token = middle.number_input(
        "Bytes of text a token",
        min_value=0.01,
        max_value=1e4,
        value=choice.bytes_per_token,
        placeholder="for losses per byte",
        key=now.key("bytes-per-token"),
    )
    rules = [*FLOPS, *([] if choice.flops in FLOPS else [choice.flops])]
    flops = right.selectbox(
        "FLOPs of a run",
        rules,
        index=rules.index(choice.flops),
        accept_new_options=True,
        help="6ND, another number with ND, or as given in the table.",
        key=now.key("flops"),
    )
    return replace(choice, loss_unit=unit or "", bytes_per_token=per_token, flops=flops or "6ND")


def _logs(now: Session, look: Look, choice: Reading) -> Reading:
    left, middle, right = st.columns(3)
    kinds = list(KINDS)
    kind = left.selectbox(
        "The files hold",
        kinds,
        index=kinds.index(choice.kind),
        format_func=partial(_kind, look),
        key=now.key("kind"),
    )
    logs = look.kind == "logs" or kind == "logs"
    if not logs:
        return replace(choice, kind=kind)
    tokens = middle.text_input(
        "Tokens a step (logs)", choice.tokens_per_step, placeholder="global_batch * 2048", key=now.key("tokens")
    )
    names = right.text_input("Names of runs (logs)", choice.names, placeholder="{C}_{N:M}_{D:B}", key=now.key("names"))
    return replace(choice, kind=kind, tokens_per_step=tokens.strip(), names=names.strip())
