"""Learning rates and batches of several papers: the rules' own numbers, side by side."""

from __future__ import annotations

import numpy as np
import pytest
from swept import LR, SIZES, TOKENS, best, both, rates

import quokka_laws as ql
from quokka_laws.exceptions import ArgumentError
from quokka_laws.literature.power_rules import rules
from quokka_laws.plan.hyperparameters import hyperparameters, hyperparameters_beside


def test_each_row_is_its_rule() -> None:
    table = hyperparameters("1B", "100B", loss=2.5, unchecked=True)  # type: ignore[arg-type]
    assert len(table) == len(set(table["rule"])) > 2
    given = {"N": 1e9, "D": 1e11, "C": 6e20, "loss": 2.5}
    for row in table.itertuples():
        rule = rules[row.rule]
        for quantity in ("lr", "batch_tokens"):
            found = getattr(row, quantity)
            if quantity in rule.formulas:
                assert found == pytest.approx(float(rule(quantity, **given)), rel=1e-12)
            else:
                assert np.isnan(found)


def test_rules_that_could_not_be_checked_are_left_out_unless_asked_for() -> None:
    checked = set(hyperparameters(1e9, 1e11)["rule"])
    every = set(hyperparameters(1e9, 1e11, unchecked=True)["rule"])
    assert checked == {name for name in every if rules[name].checked}


def test_rules_of_the_loss_say_nothing_without_one() -> None:
    of_loss = [n for n, r in rules.items() if r.checked and any("loss" in r.needs(q) for q in r.formulas)]
    table = hyperparameters(1e9, 1e11).set_index("rule")
    for name in set(of_loss) & set(table.index):
        for quantity in {"lr", "batch_tokens"} & set(rules[name].formulas):
            if "loss" in rules[name].needs(quantity):
                assert np.isnan(table.loc[name, quantity])


def test_advice_is_of_a_size_that_people_use() -> None:
    table = hyperparameters(7e9, 1e12)
    assert table["lr"].dropna().between(1e-6, 1e-1).all()
    assert table["batch_tokens"].dropna().between(1e4, 1e8).all()


@pytest.mark.parametrize("wrong", [{"N": -1}, {"D": "many"}, {"loss": 0.0}, {"N": [1e9, 2e9]}])
def test_what_is_no_positive_number(wrong: dict) -> None:
    with pytest.raises(ArgumentError):
        hyperparameters(**{"N": 1e9, "D": 1e11, **wrong})


def test_published_rules_beside_a_law_of_ones_own() -> None:
    fit = ql.fit_hyperparameters(both(), ["lr", "batch"], bootstrap=100)
    table = hyperparameters_beside(fit, N=1e9, D=1e11).set_index("rule")
    assert table.index[0] == "these runs"
    assert table.loc["these runs", "lr"] == pytest.approx(best(LR, 1e9, 1e11), rel=1e-3)
    assert table.loc["step-law-2025", ["lr_N", "lr_D", "batch_tokens_D"]].tolist() == [-0.713, 0.307, 0.571]
    assert table.loc["deepseek-2024", ["lr_N", "lr_D"]].tolist() == [-0.125, -0.125]
    assert np.isnan(table.loc["bjorck-2024", "batch_tokens"])
    assert "kaplan-2020/critical-batch" not in table.index
    largest = hyperparameters_beside(fit).set_index("rule")
    assert largest.loc["these runs", "lr"] == pytest.approx(best(LR, max(SIZES), max(TOKENS)), rel=1e-3)


def test_nothing_stands_beside_a_weight_decay() -> None:
    fit = ql.fit_hyperparameters(rates().rename(columns={"lr": "weight_decay"}), "weight_decay", bootstrap=100)
    assert len(hyperparameters_beside(fit)) == 0
