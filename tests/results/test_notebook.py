"""Notebook views of every result: the numbers, the doubts, nothing unescaped, no dependency beyond pandas."""

from __future__ import annotations

import sys
from dataclasses import replace

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.results.diagnostic import Diagnostic, Known


def test_every_result_has_a_view(
    noisy_fit: ql.FitResult, quokka87: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)  # pandas' styled tables would need it
    laws = [ql.laws.Chinchilla(), ql.Candidate(ql.laws.Chinchilla(), {"beta": {"expr": "alpha"}}, "one exponent")]
    shown = {
        "E + A/N^alpha": noisy_fit,
        "besiroglu-2024": ql.published["besiroglu-2024"],
        "IsoFLOP profiles": ql.fit_isoflops(quokka87),
        "Comparison": ql.compare(laws, quokka87, holdout=[3, 10], bootstrap=0),
        "Average": ql.average(laws, quokka87),
    }
    for words, result in shown.items():
        text = result._repr_html_()
        assert words in text
        assert text.count("<table") == 1


def test_numbers_and_doubts_are_shown(noisy_fit: ql.FitResult) -> None:
    text = replace(noisy_fit, name="a<b", diagnose=Known((Diagnostic("x", numbers={"text": "D/N < 4"}),)))._repr_html_()
    assert "a&lt;b" in text
    assert "<li>D/N &lt; 4</li>" in text
    for value in noisy_fit.values.values():
        assert f"{value:.5g}" in text
