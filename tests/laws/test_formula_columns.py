"""Formulas against columns: mistyped names have a caret, Greek letters are coefficients, domains are looked at."""

from __future__ import annotations

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.exceptions import ExpressionError

COLUMNS = {"N": np.ones(3), "sparsity": np.array([0.0, 0.5, -0.1]), "alpha2": np.ones(3), "loss": np.ones(3)}


def test_a_name_that_is_all_but_a_columns() -> None:
    with pytest.raises(ExpressionError, match=r"(?s)'sparsty'.*sparsity.*\^{7}"):
        ql.law("E + A/N^alpha + w*sparsty").for_table(COLUMNS)
    assert ql.law("E + A/N^alpha").for_table(COLUMNS).variables == ("N",)  # not alpha2, mistyped


def test_a_setting_for_a_column() -> None:
    with pytest.raises(ExpressionError, match="sparsity"):
        ql.law("E + A/N^alpha + w*sparsity", start={"sparsity": 1.0}).for_table(COLUMNS)


def test_rows_outside_the_domain_are_named() -> None:
    faults = ql.law("E + w*log(sparsity) + A/N^a").for_table(COLUMNS).domain_faults(COLUMNS)
    assert len(faults) == 1
    assert "rows 1, 3" in faults[0]
    assert ql.law("E + w*sqrt(sparsity) + A/N^a").for_table(COLUMNS).domain_faults(COLUMNS)[0].count("row 3") == 1
    assert not ql.law("E + w*sparsity + A/N^a").for_table(COLUMNS).domain_faults(COLUMNS)
