"""Parameter counts against published labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape, Transformer, counts
from reference_trainer.paper_shapes import TABLE_6, quokka_shape, source_count

DATA = Path(__file__).parents[2] / "data" / "quokka2025"


def labels(name: str) -> set[int]:
    """Model sizes of a digitised figure in millions."""
    (path,) = DATA.glob(f"{name}.csv*")
    return {round(n / 1e6) for n in pd.read_csv(path)["N"].unique()}


def real_millions() -> set[int]:
    """Every number stored but the mask row, which autoregressive models of the table do not have."""
    return {round((counts(s)["N_allocated"] - s.width) / 1e6) for s in map(quokka_shape, TABLE_6)}


def test_all_labels_of_figure_4_are_real_counts() -> None:
    assert len(labels("repeated")) == 24
    assert labels("repeated") <= real_millions()


def test_all_sizes_of_the_isoflop_figure_are_real_counts_too() -> None:
    assert len(labels("isoflop")) == 40
    assert labels("isoflop") <= real_millions()


@pytest.mark.parametrize(
    ("label", "table_6", "figure_4"), [(14, 2, 14), (35, 14, 34), (140, 106, 145), (1143, 1002, 1086)]
)
def test_one_model_has_two_names(label: int, table_6: int, figure_4: int) -> None:
    """Pairs of names of the paper: nominal 12·L·d² in Table 6, real counts in Figure 4."""
    found = counts(quokka_shape(label))
    assert round(found["N_12Ld2"] / 1e6) == table_6
    assert round((found["N_allocated"] - TABLE_6[label][0]) / 1e6) == figure_4


def test_six_rows_have_an_attention_narrower_than_the_model() -> None:
    narrow = [label for label, (width, head, heads, _) in TABLE_6.items() if head * heads != width]
    assert narrow == [20, 35, 11452, 12569, 13735, 14940]


def test_there_are_55_shapes_and_the_inferred_one_is_the_only_fit() -> None:
    """Sizes printed by the study the table comes from, for rows on both sides of the one that its file does not have."""
    assert len(TABLE_6) == 55
    printed = {7: 7, 140: 146, 1018: 981, 2639: 2494, 2980: 2809, 3090: 3090, 3530: 3263, 3802: 3574, 9293: 8672}
    for label, millions in printed.items():
        width, _, _, depth = TABLE_6[label]
        assert source_count(width, depth) / 1e6 == pytest.approx(millions, abs=0.6)
    widths = {width for width, *_ in TABLE_6.values()}
    fits = [(w, d) for w in widths for d in range(20, 60) if abs(source_count(w, d) / 1e6 - 3090) < 1]
    assert fits == [(2688, 34)]


@pytest.mark.parametrize("causal", [False, True])
def test_counts_are_what_is_stored(causal: bool) -> None:
    shape = Shape(48, 2, 256, 32, causal=causal)
    assert counts(shape)["N_allocated"] == sum(p.numel() for p in Transformer(shape, [0]).parameters())


def test_exact_flops_are_6nd_plus_attention() -> None:
    both = [counts(Shape(64, 2, 256, 128, causal=c)) for c in (False, True)]
    scores = 12 * 2 * 64 * 128
    assert both[0]["flops_per_token"] == 6 * both[0]["N_total"] + scores
    assert both[1]["flops_per_token"] == 6 * both[1]["N_total"] + scores // 2


def test_unknown_label_is_named() -> None:
    with pytest.raises(TrainerError, match="no model labelled 8M"):
        quokka_shape(8)
