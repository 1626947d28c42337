"""A law of one's own, as the documentation writes it, can be fitted, planned with, drawn and read back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from synthetic import sweep

import quokka_laws as ql
from quokka_laws.laws import Chinchilla, Law, from_name, registry
from quokka_laws.laws.base import NAMED
from quokka_laws.reporting.explorer import explorer
from quokka_laws.reporting.javascript import law_source

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
TRUTH = {"E": 1.5, "K": 90.0, "q": 1.6, "B": 1500.0, "beta": 0.35}


@pytest.fixture
def law() -> Iterator[Law]:
    """The law of the page; forgotten afterwards, because other tests ask for all laws."""
    (code,) = (
        c for c in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if "Law)" in c
    )
    scope: dict[str, type[Law]] = {"__name__": "page"}  # type: ignore[dict-item]
    exec(code, scope)
    yield scope["LogLaw"]()
    del NAMED["log-law"]


def test_the_law_of_the_page_does_what_any_law_does(law: Law) -> None:
    fit = ql.fit(law, sweep(law, TRUTH, runs=80), bootstrap=10)
    assert fit.values == pytest.approx(TRUTH, rel=1e-5)
    plan = ql.plan.compute_optimal(fit, [1e20, 1e22], level=0.9)
    for row in plan.itertuples():
        near = fit(N=row.N * np.array([0.99, 1.0, 1.01]), D=row.D / np.array([0.99, 1.0, 1.01]))
        assert near.argmin() == 1
    assert ql.plan.compute_to_loss(fit, plan["loss"])["C"].tolist() == pytest.approx([1e20, 1e22], rel=1e-6)
    assert ql.plan.inference_optimal(fit, 1e12, C=1e22)["N"].iloc[0] < plan["N"].iloc[1]
    assert law_source(law).count("Math.log(t0)") == 1
    assert "log-law" in explorer([fit])
    again = ql.read_fit(fit.to_json())
    assert again.law == law
    assert from_name("log-law") == law


def test_a_name_has_one_law() -> None:
    with pytest.raises(TypeError, match=r"a law called 'chinchilla' exists, quokka_laws.laws.chinchilla.Chinchilla"):

        @dataclass(frozen=True)
        class Mine(Chinchilla):
            """Reads back as its parent: refused."""

    assert registry()["chinchilla"] is Chinchilla


def test_bases_and_laws_that_need_options_have_no_name_on_the_command_line() -> None:
    shipped = {getattr(ql.laws, name) for name in ql.laws.__all__ if isinstance(getattr(ql.laws, name), type)}
    assert set(registry().values()) == {
        c for c in shipped if issubclass(c, Law) and c not in (Law, ql.laws.Repeated, ql.laws.Formula)
    }


def test_a_converted_law_is_read_back() -> None:
    converted = ql.conversions.convert(ql.published["kaplan-2020/joint"], total_N=True)
    assert isinstance(converted, ql.FittedLaw)
    assert ql.laws.from_spec(converted.law.to_spec()) == converted.law
