"""Published rules: their own vectors, units and powers by hand, what is missing, names."""

from __future__ import annotations

import numpy as np
import pytest

from quokka_laws.exceptions import ArgumentError
from quokka_laws.literature.power_rules import Rule, Rules, rules

VECTORS = [pytest.param(name, v, id=f"{name}-{i}") for name, rule in rules.items() for i, v in enumerate(rule.vectors)]
RULE = Rule(
    name="own", title="", year=2025, arxiv="", source="", status="confirmed: by hand", note="",
    formulas={"lr": {"k": 3.0, "powers": {"N": -0.5, "D": 0.25}, "units": {"N": 1e9}}}, vectors=(),
)  # fmt: skip


@pytest.mark.parametrize(("name", "vector"), VECTORS)
def test_printed_numbers(name: str, vector: dict) -> None:
    for quantity, expected in vector["expected"].items():
        assert rules[name](quantity, **vector["inputs"]) == pytest.approx(expected, rel=vector["rtol"])


def test_a_product_of_powers_in_its_units() -> None:
    found = RULE("lr", N=np.array([1e9, 4e9]), D=16.0)
    assert found.tolist() == pytest.approx([3.0 * 2.0, 3.0 * 0.5 * 2.0], rel=1e-14)
    assert RULE.needs("lr") == ("N", "D")
    assert RULE.checked


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"missing: D\b"):
        RULE("lr", N=1e9, D=None)


def test_every_rule_is_complete() -> None:
    for rule in rules.values():
        assert rule.title
        assert rule.year > 2015
        assert rule.status
        assert rule.formulas
        assert all(f["k"] > 0 and f["powers"] for f in rule.formulas.values())


def test_a_mapping_by_name() -> None:
    again = Rules()
    assert list(again) == list(rules)
    assert len(again) == len(list(rules))
    first = next(iter(rules))
    with pytest.raises(KeyError, match=first):
        rules[first[:-1] + "?"]
