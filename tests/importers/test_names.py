"""Run names as facts."""

from __future__ import annotations

import pytest

import quokka_laws as ql
from quokka_laws.importers import NamePattern


@pytest.mark.parametrize(
    ("pattern", "name", "facts"),
    [
        ("quokka", "3e18_66_7.576e9", {"C": 3e18, "N": 66e6, "D": 7.576e9}),
        ("quokka", "3e+18_66_7.576B", {"C": 3e18, "N": 66e6, "D": 7.576e9}),
        (
            "quokka-repeated",
            "217_50M_800_0.1_2000_8_256_2e-4",
            {"N": 217e6, "U_D": 5e7, "epochs": 800, "anneal": 0.1, "warmup": 2000}
            | {"micro_batch": 8, "global_batch": 256, "lr": 2e-4},
        ),
        ("{C}_{N}_{D}", "1e20_1.3B_12.8B", {"C": 1e20, "N": 1.3e9, "D": 1.28e10}),
        ("llama-{N}-{D:B}tok-{tag}", "llama-160M-3.2tok-α", {"N": 1.6e8, "D": 3.2e9, "tag": "α"}),
        ("{N:M}_{}", "125_anything at all", {"N": 1.25e8}),
        ("N{N:M}", "sweep/N125M/seed1", {"N": 1.25e8}),
        ("N{N:M}", "n125", {}),
        ("{N:M}_{D}", "125-2e9", {}),
    ],
)
def test_names(pattern: str, name: str, facts: dict[str, object]) -> None:
    found = NamePattern(pattern)(name)
    assert found == {k: pytest.approx(v) if isinstance(v, float) else v for k, v in facts.items()}


def test_a_unit_that_cannot_be_is_said() -> None:
    with pytest.raises(ql.RunsError, match=r"run 3e18_66_7.576: C = 3e\+18 is 1e9 times 6·N·D.*'\{D:B\}' \(billions\)"):
        NamePattern("quokka")("3e18_66_7.576")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("runs", "has no field such as {N}"),
        ("{size}_{seed}", "has no field such as {N}"),
        ("{N:Q}", "unit 'Q' is none of K, M, B, T"),
        ("{N}_{N:M}", "cannot be read"),
    ],
)
def test_patterns_that_cannot_be_read(pattern: str, said: str) -> None:
    with pytest.raises(ql.RunsError, match=said):
        NamePattern(pattern)


def test_a_pattern_that_could_match_in_too_many_ways_is_refused_at_once() -> None:
    with pytest.raises(ql.RunsError, match="could match its name in"):
        NamePattern("{}_{}_{}_{}_{}_{}_{}_{N}")("a_" * 60 + "x")
    with pytest.raises(ql.RunsError, match="could match its name in"):
        NamePattern("{N}{D}{C}{U_D}{epochs}{a}{b}")("1" * 60)
    assert NamePattern("quokka-repeated")("38_1B_4_0.1_100_8_256_3e-4")["N"] == 38e6
