"""Two laws on the same data and compute, published rules, conversions."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.literature.power_rules import rules
from quokka_laws.plan import critical_compute, crossover, hyperparameters, iso_loss, loss_gap

ONE = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37}


def repeated(R_D: float, name: str, E: float = 1.8, kind: str = "exact NLL") -> ql.FittedLaw:
    law = ql.laws.EffectiveData(parameters=False)
    conventions = ql.Conventions(loss_kind=kind, tokenizer="GPT-2 BPE")
    return ql.FittedLaw(law, {**ONE, "E": E, "R_D": R_D}, conventions, {"C": (1e18, 1e21)}, name=name)


def test_a_data_hungry_law_wins_only_with_little_compute() -> None:
    """The second repeats well but starts 0.1 nats behind: it must win once data run out."""
    first, second = repeated(5.0, "forgets"), repeated(500.0, "repeats", E=1.9)
    row = crossover(first, second, 1e9).iloc[0]
    assert (row["below"], row["above"], row["comparable"]) == ("forgets", "repeats", "yes")
    sides = loss_gap(first, second, row["C"] * np.array([0.5, 1.0, 2.0]), 1e9)
    assert sides["winner"].tolist()[::2] == ["forgets", "repeats"]
    assert sides["gap"].iloc[1] == pytest.approx(0, abs=1e-10)
    assert row["extrapolation"] == pytest.approx(max(row["C"] / 1e21, 1))
    more = crossover(first, second, [1e9, 4e9])
    assert more["C"].iloc[1] > 4 * more["C"].iloc[0]


def test_no_crossing() -> None:
    row = crossover(repeated(5.0, "worse", E=2.0), repeated(5.0, "better"), 1e9).iloc[0]
    assert np.isnan(row["C"])
    assert row["above"] == "better"


def test_iso_loss_frontier() -> None:
    law = repeated(15.0, "law")
    frontier = iso_loss(law, 2.8, [1e6, 1e9, 1e11])
    assert np.isinf(frontier["C"].iloc[0])
    assert frontier["C"].iloc[1] > frontier["C"].iloc[2]
    found = loss_gap(law, repeated(15.0, "same"), frontier["C"].iloc[1], 1e9)
    assert found["loss_law"].iloc[0] == pytest.approx(2.8, rel=1e-10)


def test_a_law_without_repetition_sees_each_token_once() -> None:
    single = ql.FittedLaw(ql.laws.Chinchilla(), ONE, ql.Conventions(), name="single")
    table = loss_gap(single, repeated(15.0, "repeats", kind="unstated"), 1e21, 1e9)
    assert table["loss_single"].iloc[0] == pytest.approx(float(single(N=1e21 / 6e9, D=1e9)), rel=1e-12)
    assert table["winner"].iloc[0] == "repeats"
    assert table["comparable"].iloc[0].startswith("unknown")


def test_far_outside_its_runs_a_law_wins_nothing() -> None:
    first, second = repeated(5.0, "forgets"), repeated(500.0, "repeats")
    with pytest.warns(ql.plan.FarOutside, match="×20 outside the runs of forgets or repeats at U_D = 1e\\+09"):
        table = loss_gap(first, second, [1e20, 2e22], 1e9)
    assert table["extrapolation"].tolist() == pytest.approx([1, 20])
    assert table["winner"].tolist() == ["repeats", ""]
    assert table["note"].tolist() == ["", "forgets is ×20 outside its runs; repeats is ×20 outside its runs"]
    with pytest.warns(ql.plan.FarOutside, match="×200 outside"):
        critical_compute(2e10)


def test_what_does_not_compare_is_said_or_refused() -> None:
    bound = repeated(500.0, "diffusion", kind="ELBO bound")
    with pytest.warns(ql.plan.ConventionsDiffer, match="ELBO bound"):
        table = loss_gap(repeated(5.0, "ar"), bound, 1e20, 1e9)
    assert table["comparable"].iloc[0].startswith("no: kinds of loss")
    assert (table["winner"] == "").all()
    assert (
        table["note"].iloc[0] == "losses do not compare, but even the bound of diffusion is below the exact loss of ar"
    )
    bits = ql.FittedLaw(bound.law, bound.values, ql.Conventions(loss_unit="bits/byte"), name="bits")
    with pytest.raises(ql.FitError, match="bits/byte: convert one first"):
        loss_gap(bound, bits, 1e20, 1e9)


@pytest.mark.parametrize(
    ("name", "vector"), [pytest.param(n, v, id=f"{n}-{i}") for n in rules for i, v in enumerate(rules[n].vectors)]
)
def test_rule_vectors(name: str, vector: dict[str, dict[str, float]]) -> None:
    for quantity, expected in vector["expected"].items():
        assert rules[name](quantity, **vector["inputs"]) == pytest.approx(expected, rel=vector["rtol"])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(rules))
def test_rules_are_complete(name: str) -> None:
    rule = rules[name]
    assert rule.source
    assert rule.status
    assert rule.note
    assert rule.arxiv
    assert rule.vectors or not rule.checked
    with pytest.raises(ql.ArgumentError, match="needs"):
        rule(next(iter(rule.formulas)))


def test_published_critical_compute_is_marked() -> None:
    table = critical_compute([1e8, 1e9])
    assert table["C"].tolist() == pytest.approx([4.72e19, 7.05e21], rel=0.02)
    assert table["status"].str.startswith("secondary").all()
    assert table["extrapolation"].tolist() == [1, 10]


def test_hyperparameters() -> None:
    table = hyperparameters(1e9, 1e11).set_index("rule")
    assert table.loc["step-law-2025", "lr"] == pytest.approx(0.001632499, rel=1e-6)
    assert np.isnan(table.loc["bjorck-2024", "batch_tokens"])
    assert "minicpm-2024" not in table.index
    assert "prabhudesai-2025/critical-compute" not in table.index
    more = hyperparameters(1e9, 1e11, loss=2.5, unchecked=True).set_index("rule")
    assert more.loc["minicpm-2024", "status"] == "unconfirmed"
    assert more.loc["kaplan-2020/critical-batch", "batch_tokens"] > 0
    with pytest.raises(ValueError, match="N = -1"):
        hyperparameters(-1, 1e9)
    with pytest.raises(KeyError, match="did you mean step-law-2025"):
        rules["step-law"]


def test_conversions() -> None:
    assert ql.conversions.flops_from_pf_days(1) == 8.64e19
    assert ql.conversions.total_from_non_embedding([1e6, 1e9]).tolist() == pytest.approx([5.7491e6, 1.047491e9])
    N = np.geomspace(1e4, 1e12, 9)
    there = ql.conversions.total_from_non_embedding(N)
    np.testing.assert_allclose(ql.conversions.non_embedding_from_total(there), N, rtol=1e-12)
    assert ql.conversions.flops_per_token(12, 768, 2048) / (6 * 12 * 12 * 768**2) == pytest.approx(1.444, rel=1e-3)
    assert ql.conversions.bits_per_byte(np.log(2), tokens_per_byte=0.25) == 0.25
    assert ql.conversions.nats_per_token(0.25, tokens_per_byte=0.25) == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match="tokens_per_byte = 0"):
        ql.conversions.bits_per_byte(1.0, tokens_per_byte=0)
