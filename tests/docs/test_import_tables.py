"""Every refusal that the page on tables lists is one that a table provokes, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import quokka_laws as ql

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "import-tables.md"
GOOD = pd.DataFrame({"N": [1e8, 2e8, 4e8], "D": [2e9, 8e9, 3e9], "loss": [3.4, 3.1, 3.2]})
NAMED = GOOD.rename(columns={"loss": "ppl"})

PROVOKED: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "no_loss": (GOOD.rename(columns={"loss": "value"}), {}),
    "logs_inside": (pd.DataFrame({"N": [1e8], "log": [[{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.9}]]}), {}),
    "several_losses": (GOOD.rename(columns={"loss": "eval_c4_loss"}).assign(eval_wiki_loss=3.0), {}),
    "negative_loss": (GOOD.assign(loss=-GOOD["loss"]), {}),
    "no_names": (GOOD.set_axis([0, 1, 2], axis=1), {}),
    "accuracy": (GOOD.rename(columns={"loss": "acc"}), {"columns": {"loss": "acc"}}),
    "no_perplexity": (NAMED.assign(ppl=[0.9, 0.8, 0.7]), {}),
    "flops": (GOOD.assign(C=1e18), {}),
    "epochs": (GOOD.assign(U_D=1e9, epochs=[2, 8, 4]), {}),
    "mixed_units": (GOOD.assign(N=[125, 2e8, 4e8]), {}),
    "wrong_unit": (GOOD.assign(N=[100, 200, 400]), {}),
    "duplicates": (pd.concat([GOOD, GOOD]), {}),
    "equal_names": (pd.concat([GOOD, GOOD[["loss"]]], axis=1), {}),
    "no_usable_rows": (GOOD.assign(loss=np.nan), {}),
    "unknown_unit": (GOOD, {"loss_unit": "furlongs"}),
    "no_column": (GOOD, {"columns": {"N": "parms"}}),
    "not_canonical": (GOOD, {"columns": {"M": "N"}}),
    "no_rows_left": (GOOD, {"drop": "N > 0"}),
}


def test_the_page_lists_what_is_refused() -> None:
    refused = PAGE.read_text(encoding="utf-8").partition("## What is refused")[2]
    assert set(re.findall(r"^\|[^|]*\| `(\w+)` \|", refused, flags=re.MULTILINE)) == set(PROVOKED)


@pytest.mark.parametrize("code", PROVOKED)
def test_a_table_provokes_it(code: str) -> None:
    table, options = PROVOKED[code]
    with pytest.raises(ql.RunsError) as caught:
        ql.read_runs(table, **options)
    assert code in [fault.code for fault in caught.value.faults]
