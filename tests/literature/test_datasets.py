"""The repeated-data runs of arXiv 2607.25271: every row, as published, with their attribution."""

from __future__ import annotations

import hashlib

import pytest

import quokka_laws as ql
from quokka_laws.literature.datasets import data_folder


def test_the_table_is_the_one_that_data_readme_states() -> None:
    content = (data_folder() / "reuse2026" / "runs.csv").read_bytes()
    readme = (data_folder() / "README.md").read_text(encoding="utf-8")
    assert f"{hashlib.sha256(content).hexdigest()}  reuse2026/runs.csv" in readme
    attribution = (data_folder() / "reuse2026" / "README.md").read_text(encoding="utf-8")
    for needed in ("2607.25271", "Apache-2.0", "sunnytqin/OLMo-core", "6af5e1908d2ea68ee43945572e81c9faadbaf43c"):
        assert needed in attribution


def test_rows_and_conventions() -> None:
    every = ql.datasets.load_reuse2026()
    assert every["corpus"].value_counts().to_dict() == {"dolma": 250, "dclm": 52}
    runs = ql.datasets.load_reuse2026("dolma")
    assert (len(runs), len(ql.datasets.load_reuse2026("dclm"))) == (250, 52)
    assert runs.attrs["conventions"]["loss_kind"] == "exact NLL"
    assert (runs["D"] == runs["U_D"] * runs["epochs"]).all()
    assert runs["U_D"].to_numpy() == pytest.approx((runs["chinchilla_scale"] * 20 * runs["N"]).to_numpy())
    assert (runs["N_total"] > runs["N"]).all()
    # Rows of the authors' own export, chinchilla_triple_fit_data_repeat.csv.
    for N, scale, epochs, loss in ((14e6, 0.25, 8, 6.0321), (30e6, 16.0, 16, 3.5457), (60e6, 4.0, 8, 3.225)):
        row = runs[(runs["N"] == N) & (runs["chinchilla_scale"] == scale) & (runs["epochs"] == epochs)]
        assert row["loss"].tolist() == [loss]


def test_hardly_trained_runs_may_be_left_out_and_are_counted() -> None:
    runs = ql.datasets.load_reuse2026("dolma", least_U_per_N=5)
    assert len(runs) == 173
    assert any(note["n"] == 77 for note in runs.attrs["notes"])
    with pytest.raises(ValueError, match="'c4' is not among dolma, dclm"):
        ql.datasets.load_reuse2026("c4")  # type: ignore[arg-type]
