"""Which columns are hyper-parameters: inferred or named, batches in tokens, and one sentence for what cannot be used."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from swept import BATCH, LR, both, rates

import quokka_laws as ql


def codes(fit: ql.HyperparameterFit) -> set[str]:
    return {d.code for d in fit.diagnostics}


def test_columns_of_any_name_are_inferred_from_what_varies() -> None:
    table = rates(0.001).rename(columns={"lr": "optimizer.learning_rate"}).assign(seed=0)
    fit = ql.fit_hyperparameters(table)
    assert fit.over == ("optimizer.learning_rate",)
    assert fit.kinds == {"optimizer.learning_rate": "lr"}
    assert "SWEPT_COLUMNS" in codes(fit)
    decay = ql.fit_hyperparameters(rates(0.001).rename(columns={"lr": "weight_decay"}), over="weight_decay")
    assert decay.kinds == {"weight_decay": ""}
    assert decay.coefficients.loc[("weight_decay", "N"), "value"] == pytest.approx(LR[1], abs=0.05)


def test_batches_in_tokens_by_name_by_size_by_a_length_or_not() -> None:
    table = both().drop(columns="seq_len")
    unknown = ql.fit_hyperparameters(table, ["lr", "batch"], bootstrap=100)
    assert (unknown.over[1], unknown.kinds["batch"]) == ("batch", "")
    assert "BATCH_UNIT_UNKNOWN" in codes(unknown)
    stated = ql.fit_hyperparameters(table, ["lr", "batch"], sequence_length=2048, bootstrap=100)
    assert stated.coefficients.loc[("batch_tokens", "D"), "value"] == pytest.approx(BATCH[2], abs=1e-3)
    large = table.assign(batch=table["batch"] * 2048)
    taken = ql.fit_hyperparameters(large, ["lr", "batch"], bootstrap=100)
    assert taken.kinds["batch"] == "batch_tokens"
    assert "BATCH_TAKEN_AS_TOKENS" in codes(taken)


TEXT = rates().assign(lr=lambda t: np.where(np.arange(len(t)) == 4, "high", t["lr"].astype(str)))


@pytest.mark.parametrize(
    ("table", "over", "kind", "says"),
    [
        (rates(), "learning_rate", ql.ArgumentError, "'learning_rate'"),
        (rates(), ["lr", "lr"], ql.ArgumentError, "each once"),
        (rates(), "loss", ql.ArgumentError, "loss is no hyper-parameter"),
        (rates(), [], ql.ArgumentError, "one or more"),
        (TEXT, "lr", ql.RunsError, "'high' in row 5"),
        (rates().assign(lr=lambda t: t["lr"].where(t.index != 6, 0.0)), "lr", ql.RunsError, "lr is 0 in row 7"),
        (rates().assign(lr=lambda t: t["lr"].where(t.index > 1, -1e-3)), "lr", ql.RunsError, "rows 1, 2"),
        (rates().assign(lr=3e-4), "lr", ql.RunsError, "0.0003 in every row"),
        (rates().assign(lr=lambda t: t["N"] * 1e-12), "lr", ql.RunsError, "does not vary within"),
        (rates(points=3), "lr", ql.RunsError, "the 4 runs"),
        (rates(points=5, off=4.0), "lr", ql.RunsError, "largest lr"),
        (rates(points=5, off=-4.0), "lr", ql.RunsError, "smallest lr"),
        (rates(), None, ql.RunsError, "no setting varies"),
    ],
)
def test_mistakes_get_a_sentence(table: pd.DataFrame, over: object, kind: type[Exception], says: str) -> None:
    if over is None:
        table = table.drop(columns="lr").assign(x=1.0)
        table["loss"] *= np.linspace(1, 1.01, len(table))
    with pytest.raises(kind, match=says):
        ql.fit_hyperparameters(table, over)  # type: ignore[arg-type]
