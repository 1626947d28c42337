"""Fits as text: the numbers they were given, in their places, within the width."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.results.diagnostic import Diagnostic
from quokka_laws.results.format import WIDTH
from quokka_laws.results.law_choice import LawChoice
from quokka_laws.results.text import (
    BEFORE,
    choice_sentences,
    coefficient_table,
    evidence,
    fit_answer,
    fit_report,
    isoflop_report,
    isoflop_sentences,
    numbered,
    paragraphs,
    short_report,
)


def test_lists_are_numbered_and_wrapped() -> None:
    text = numbered(["one", "word " * 60])
    lines = text.splitlines()
    assert lines[:2] == [BEFORE, "  1  one"]
    assert lines[2].startswith("  2  word")
    assert lines[3].startswith("     word")
    assert max(map(len, lines)) <= WIDTH
    assert numbered([]) == ""


def test_empty_parts_are_left_out() -> None:
    assert paragraphs("a", "", "b") == "a\n\nb"


def test_the_answer_has_the_numbers_and_the_exponents(noisy_fit: ql.FitResult) -> None:
    text = fit_answer(noisy_fit)
    v = noisy_fit.values
    a = v["beta"] / (v["alpha"] + v["beta"])
    assert f"C^{a:.3f}" in text
    assert f"C^{1 - a:.3f}" in text
    for name in noisy_fit.law.names:
        assert f"{name} = {v[name]:.3g}" in text.replace("\n ", "")
    assert f"{100 * noisy_fit.rms_residual:.2g} %" in text.replace("\n ", "")


def test_evidence_counts_rows_starts_and_refits(noisy_fit: ql.FitResult) -> None:
    text = evidence(noisy_fit)
    assert "50 rows fitted, 0 excluded" in text
    assert "50 of 50 refits" in text
    assert f"{noisy_fit.starts['at_optimum']} of {noisy_fit.starts['solved']} starts" in text
    assert f"{noisy_fit.objective_value:.9g}" in text


def test_the_table_of_coefficients(noisy_fit: ql.FitResult) -> None:
    lines = coefficient_table(noisy_fit).splitlines()
    assert len(lines) == 6
    for line, (name, row) in zip(lines[1:], noisy_fit.summary.iterrows(), strict=True):
        assert line.split()[:2] == [name, f"{row['value']:.6g}"]
        assert f"{row['lower']:.4g} … {row['upper']:.4g}" in line


def test_a_report_is_its_parts_in_order(noisy_fit: ql.FitResult) -> None:
    text = fit_report(noisy_fit)
    assert text.startswith(fit_answer(noisy_fit))
    assert text.endswith(evidence(noisy_fit))
    assert max(map(len, short_report(noisy_fit).splitlines())) <= WIDTH


def choice(reason: str, laws: list[str]) -> LawChoice:
    table = pd.DataFrame(
        {"law": laws, "BIC_difference": [0.0, 12.34][: len(laws)], "C": 1e22, "N": [7e9, 8e9][: len(laws)]}
    )
    return LawChoice(table, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["criterion", "few runs", "repeated data"])
def test_which_law_was_taken(reason: str) -> None:
    (said,) = choice_sentences(choice(reason, ["chinchilla", "skaling"]))
    assert "chinchilla" in said
    numbers = ("skaling", "12.3", "8B", "7B", "1e+22")
    assert all((n in said) == (reason == "criterion") for n in numbers)


def test_profiles_list_every_budget(quokka87: pd.DataFrame) -> None:
    iso = ql.fit_isoflops(quokka87)
    text = isoflop_report(iso)
    assert f"{iso.values['a']:.4f}" in text
    assert all(f"{C:.3g}" in text for C in iso.optima["C"])
    assert "95 %" not in text.split("\n\n")[0]


def test_of_many_refused_budgets_the_first_is_told(quokka87: pd.DataFrame) -> None:
    iso = ql.fit_isoflops(quokka87)
    refused = tuple(Diagnostic("x", numbers={"text": f"budget {i}"}) for i in range(5))
    assert len(isoflop_sentences(iso)) == len(iso.diagnostics)
    many = isoflop_sentences(replace(iso, refused=refused))
    few = isoflop_sentences(replace(iso, refused=refused[:3]))
    assert len(few) - len(many) == 2
    assert f"5 of {5 + len(iso.optima)}" in many[0]
