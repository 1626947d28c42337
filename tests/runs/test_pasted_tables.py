r"""Tables pasted from papers, notebooks and terminals: the same runs from each, without markup."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quokka_laws as ql
from quokka_laws.runs.files import read_table
from quokka_laws.runs.pasted_tables import pasted

RUNS = [(2e7, 4e8, 4.12), (2e7, 1.6e9, 3.87), (9e7, 4e8, 3.95), (9e7, 1.6e9, 3.61), (9e7, 6.4e9, 3.4)]
LATEX = r"""\begin{table}[t]
\caption{Losses of all models, in nats.}
\begin{tabular}{@{}l r{2cm} r@{}} % a comment & more
\toprule
\multicolumn{2}{c}{Setup} & \\ \cmidrule(lr){1-2}
\textbf{Params} & Tokens & Val.\ loss \\
\midrule
20M & $4\times 10^{8}$ & 4.12 \\
$2 \cdot 10^7$ & 1.6B & $3.87 \pm 0.01$ \\
\hline
90M & 400M & \textbf{3.95} \\[2pt]
90M & 1.6B & \underline{3.61}$^\dagger$ \\
90M & 6.4B & $\mathbf{3.4}$ \\
\bottomrule
\end{tabular}
\end{table}
"""
MARKDOWN = """---
license: mit
---
# Card

Some text | with a bar.

| `Params` | Tokens | Val<br>loss |
|:--|--:|:-:|
| 20M | 400M | 4.12 |
| 20M | 1.6B | 3.87 |
| 90M | 400M | **3.95** |
| 90M | $1.6 \\times 10^9$ | [3.61](runs/4) |
| 90M | 6.4B | *3.4* |

And text below it.
"""
POLARS = """shape: (5, 3)
┌────────┬────────┬──────────┐
│ params ┆ tokens ┆ val_loss │
│ ---    ┆ ---    ┆ ---      │
│ f64    ┆ f64    ┆ f64      │
╞════════╪════════╪══════════╡
│ 2e7    ┆ 4e8    ┆ 4.12     │
│ 2e7    ┆ 1.6e9  ┆ 3.87     │
│ 9e7    ┆ 4e8    ┆ 3.95     │
│ 9e7    ┆ 1.6e9  ┆ 3.61     │
│ 9e7    ┆ 6.4e9  ┆ 3.4      │
└────────┴────────┴──────────┘
"""
GRID = """+--------+--------+------+
| params | tokens | loss |
+========+========+======+
| 2e7    | 4e8    | 4.12 |
+--------+--------+------+
| 2e7    | 1.6e9  | 3.87 |
+--------+--------+------+
| 9e7    | 4e8    | 3.95 |
+--------+--------+------+
| 9e7    | 1.6e9  | 3.61 |
+--------+--------+------+
| 9e7    | 6.4e9  | 3.4  |
+--------+--------+------+
"""
PSQL = """ params | tokens | loss
--------+--------+------
    2e7 |    4e8 | 4.12
    2e7 |  1.6e9 | 3.87
    9e7 |    4e8 | 3.95
    9e7 |  1.6e9 | 3.61
    9e7 |  6.4e9 |  3.4
(5 rows)
"""
SPANNED = r"""\begin{tabular}{lrr} Model size & Tokens & Loss \\ \hline
\multirow{2}{*}{20M} & 400M & 4.12 \\
 & 1.6B & 3.87 \\ \hline
\multirow{3}{*}{\shortstack{90M}} & 400M & 3.95 \\ & 1.6B & 3.61 \\ & 6.4B & 3.4 \\ \end{tabular}"""


@pytest.mark.parametrize("text", [LATEX, MARKDOWN, POLARS, GRID, PSQL, SPANNED])
def test_the_same_runs_from_each(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.txt"
    path.write_text(text, encoding="utf-8")
    runs = ql.read_runs(path)
    assert np.allclose(runs[["N", "D", "loss"]], RUNS, rtol=1e-12)
    assert not runs.attrs["excluded"]


def test_the_table_with_a_loss_is_taken_and_the_others_are_said(tmp_path: Path) -> None:
    other = "| lr | batch |\n|---|---|\n| 1e-3 | 64 |\n\n"
    path = tmp_path / "README.md"
    path.write_text(other + MARKDOWN)
    table = read_table(path)
    assert len(table) == len(RUNS)
    assert "other_tables" in [remark["code"] for remark in table.attrs["remarks"]]


@pytest.mark.parametrize(
    "text", ["N,D,loss\n1e8,2e9,3.4\n", "a | b\n1 | 2\n", "no table\nat all\n", "", "-----\n\n====="]
)
def test_what_is_no_pasted_table(text: str) -> None:
    assert pasted(text.split("\n"), []) is None


def test_pages_and_other_languages_are_refused(tmp_path: Path) -> None:
    for name, text, said in (
        ("page.html", "<!DOCTYPE html><table><tr><td>1</td></tr></table>", "page of HTML"),
        ("runs.yaml", "- N: 1e8\n  loss: 3.4\n", "no table by its name"),
        ("runs.pkl", "\x80\x04", "a pickle"),
    ):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
        with pytest.raises(ql.RunsError, match=said):
            ql.read_runs(tmp_path / name)
