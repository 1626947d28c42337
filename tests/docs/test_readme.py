"""README tells the truth: its blocks run, its output is what the demo prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main

README = Path(__file__).parents[2] / "README.md"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)


def test_printed_demo_is_the_demos_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the marks of what is left out, README shows whole passages of it, in their order."""
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(main, ["demo"]).stdout
    passages = blocks("text")[0].strip().removesuffix("[…]").split("[…]\n")
    assert len(passages) > 1
    at = 0
    for passage in passages:
        at = printed.index(passage, at) + len(passage)


def test_the_first_page_of_the_site_shows_the_same_answer() -> None:
    page = (README.parent / "docs" / "index.md").read_text(encoding="utf-8")
    shown = re.findall(r"```\{code-block\} text\n(.*?)```", page, flags=re.S)[0]
    assert shown.strip().removesuffix("[…]").strip() in blocks("text")[0]


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = ql.datasets.load_quokka_isoflops().drop(columns="C")
    runs.rename(columns={"N": "n_params", "D": "train_tokens", "loss": "val_loss"}).to_csv("runs.csv", index=False)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block.replace("bootstrap=1000", "bootstrap=20").replace("bootstrap=100,", "bootstrap=3,"), names)
    assert isinstance(names["fit"], ql.FitResult)


def test_command_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("quokka_laws.reporting.page.figures", lambda *_: ())  # tests of the report draw them
    ql.datasets.load_quokka_isoflops().to_csv("runs.csv", index=False)
    own = [b for b in blocks("bash") if "runs.csv" in b or b.startswith("quokka-laws plan")]
    lines = [line for block in own for line in block.splitlines() if line.startswith("quokka-laws")]
    assert len(lines) == 7
    for line in lines:
        result = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"


def test_first_block_runs_the_main_job_and_the_second_the_tests() -> None:
    first, second, *_ = blocks("bash")
    assert first == 'pip install ".[report]" && quokka-laws demo\n'
    assert second == 'pip install -e ".[test]" && pytest\n'


def test_package_docstring_runs() -> None:
    import doctest

    assert doctest.testmod(ql).failed == 0
    import quokka_laws.runs.read

    assert doctest.testmod(quokka_laws.runs.read).failed == 0
