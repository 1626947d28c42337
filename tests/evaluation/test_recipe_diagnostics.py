"""What to know of a comparison of recipes: pairs, losses of two kinds, multipliers that the law alone says."""

from __future__ import annotations

import numpy as np
import pandas as pd
from two_recipes import recipes

import quokka_laws as ql
from quokka_laws.results.diagnostic import Severity


def test_what_pairing_saves_is_said() -> None:
    paired = {d.code: d for d in ql.speedup(recipes(shared=0.9, sizes=9), bootstrap=100).diagnostics}
    assert paired["PAIRED"].numbers["pairs"] == 9
    assert paired["PAIRED"].numbers["shared"] > 0.5
    other = {d.code for d in ql.speedup(recipes(other_sizes=True), bootstrap=100).diagnostics}
    assert "UNPAIRED" in other
    assert "PAIRED" not in other


def test_repeated_tokens_are_no_fresh_ones() -> None:
    runs = recipes()
    found = ql.speedup(runs.assign(U_D=runs["D"] / 40), bootstrap=100)
    (said,) = (d for d in found.diagnostics if d.code == "REPETITION_IGNORED")
    assert said.numbers["count"] == len(runs)
    assert "this comparison takes a repeated token for a fresh one" in said.sentence()


def test_far_from_the_runs_it_rests_on_the_law() -> None:
    found = ql.speedup(recipes(), C=[1e19, 1e23], bootstrap=100)
    assert found.table["rests_on"].tolist() == ["runs", "law"]
    (far,) = (d for d in found.diagnostics if d.code == "SPEEDUP_FROM_LAW")
    assert far.severity is Severity.WARNING
    assert far.numbers["factor"] > 10


def test_recipes_without_a_loss_in_common_rest_on_the_law() -> None:
    runs = recipes(1.2)
    cheap, dear = runs[runs["recipe"] == "A"].head(4), runs[runs["recipe"] == "B"].tail(4)
    found = ql.speedup(pd.concat([cheap, dear]), bootstrap=100)
    assert "NO_OVERLAP_IN_LOSS" in {d.code for d in found.diagnostics}
    assert (found.table["rests_on"] == "law").all()
    assert len(found.known) == 1


def test_a_bound_and_an_exact_loss_do_not_compare() -> None:
    runs = recipes()
    runs["loss_kind"] = np.where(runs["recipe"] == "A", "exact NLL", "ELBO bound")
    found = ql.speedup(runs, bootstrap=100)
    (doubt,) = (d for d in found.diagnostics if d.code == "LOSSES_OF_TWO_KINDS")
    assert doubt.severity is Severity.ERROR
    assert "1.2" not in found.answer
    assert "even the bound of B" in found.answer
    runs["loss_kind"] = np.where(runs["recipe"] == "B", "exact NLL", "ELBO bound")
    assert "even" not in ql.speedup(runs, bootstrap=100).answer
