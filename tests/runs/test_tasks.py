"""Columns of accuracies: which they are, in which unit, with whose chance and questions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quokka_laws.exceptions import ArgumentError
from quokka_laws.runs.tasks import BENCHMARKS, column_of, per_task, plain_task, read_task, task_columns


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("hellaswag", "hellaswag"),
        ("HellaSwag/acc_norm", "hellaswag"),
        ("arc_challenge_acc_norm,none", "arc_challenge"),
        ("mmlu_5shot", "mmlu"),
        ("gsm8k_exact_match", "gsm8k"),
        ("my_own_quiz", "my_own_quiz"),
    ],
)
def test_the_benchmark_behind_a_name(name: str, plain: str) -> None:
    assert plain_task(name) == plain


def test_one_column_of_each_benchmark() -> None:
    names = [
        "loss",
        "hellaswag_acc",
        "hellaswag_acc_norm",
        "hellaswag_acc_norm_stderr",
        "hellaswag_questions",
        "piqa",
        "quiz",
    ]
    assert task_columns(pd.DataFrame(columns=names)) == ["hellaswag_acc_norm", "piqa"]


def test_a_metric_by_its_benchmark() -> None:
    table = pd.DataFrame(
        {"hellaswag_acc_norm": [0.3], "hellaswag_questions": [10], "piqa_acc": [0.5], "piqa_acc_norm": [0.5]}
    )
    assert column_of(table, "hellaswag") == "hellaswag_acc_norm"
    with pytest.raises(ArgumentError, match="piqa_acc, piqa_acc_norm could all be meant"):
        column_of(table, "piqa")


def test_text_per_cent_and_empty_cells() -> None:
    task = read_task(pd.DataFrame({"piqa": ["61.5 %", "", None, "70%"]}), "piqa", None, None)
    assert task.accuracy.tolist() == pytest.approx([0.615, 0.7])
    assert task.rows.tolist() == [0, 3]
    assert task.percent
    assert (task.chance, task.questions.tolist()) == (BENCHMARKS["piqa"][0], [BENCHMARKS["piqa"][1]] * 2)


def test_questions_from_the_column_beside() -> None:
    table = pd.DataFrame({"quiz": [0.3, 0.5], "quiz_questions": [100, 200]})
    assert read_task(table, "quiz", 0.25, None).questions.tolist() == [100, 200]
    assert np.isnan(read_task(table[["quiz"]], "quiz", 0.25, None).questions).all()


def test_rows_under_chance_are_named() -> None:
    table = pd.DataFrame({"quiz": [0.05, 0.26, 0.4]}, index=["a", "b", "c"])
    assert read_task(table, "quiz", 0.25, 1000).under_chance == ("a",)


def test_values_by_task() -> None:
    assert per_task(0.25, ["a", "b"], "chance") == {"a": 0.25, "b": 0.25}
    assert per_task({"a": 0.5}, ["a", "b"], "chance") == {"a": 0.5, "b": None}
