"""The documentation names every command and loads nothing while it builds."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import quokka_laws as ql
from quokka_laws.cli.app import main

DOCS = Path(__file__).parents[2] / "docs"


def test_every_command_is_in_the_generated_reference() -> None:
    assert ".. click:: quokka_laws.cli.app:main" in (DOCS / "cli.md").read_text(encoding="utf-8")
    assert ":nested: full" in (DOCS / "cli.md").read_text(encoding="utf-8")
    assert not [name for name, command in main.commands.items() if command.hidden or not command.help]


def public(module: ModuleType) -> list[str]:
    """The names of ``__all__``, or the public functions written in the module."""
    own = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    return getattr(module, "__all__", [n for n in own if not n.startswith("_")])


@pytest.mark.parametrize(
    "module",
    [ql, ql.plan, ql.laws, ql.datasets, ql.conversions, ql.importers, ql.plot, ql.schedules],
    ids=lambda m: m.__name__,
)
def test_every_public_name_is_in_the_reference(module: ModuleType) -> None:
    listed = set(re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text(encoding="utf-8"), flags=re.MULTILINE))
    prefix = "" if module is ql else module.__name__.removeprefix("quokka_laws.") + "."
    names = [n for n in public(module) if not isinstance(getattr(module, n), ModuleType) and n != "__version__"]
    both = {n for n in names if n in listed and getattr(ql, n, None) is getattr(module, n)}  # ql.import_runs
    assert not [n for n in names if prefix + n not in listed and n not in both]
    assert not [n for n in names if not getattr(module, n).__doc__]


def commands(page: Path) -> list[list[str]]:
    """The `quokka-laws` lines of a page's code blocks, split as a shell would."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")  # lines that go on
    lines = re.findall(r"^(?:#\s+)?(quokka-laws .*)$", text, flags=re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", sorted([*DOCS.glob("**/*.md"), *DOCS.glob("tutorials/*.py")]), ids=lambda p: p.name)
def test_commands_on_the_pages_exist(page: Path) -> None:
    for _, name, *_ in commands(page):
        assert isinstance(main.commands.get(name), click.Command), f"{page.name}: quokka-laws {name}"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index.md", "how-to/report.md", "how-to/plan-next-runs.md", "explorer.md"])
def test_commands_of_a_page_run_in_their_order(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("quokka_laws.reporting.page.figures", lambda *_: ())  # tests of the report draw them
    runs = ql.datasets.load_quokka_isoflops()
    runs.to_csv("runs.csv", index=False)
    runs.assign(loss=runs["loss"] * 1.01).to_csv("newer-runs.csv", index=False)
    ql.datasets.load_quokka_repeated()[::60].to_csv("checkpoints.csv", index=False)
    runs.assign(gpu_hours=runs["C"] / 1e17).to_csv("pool.csv", index=False)
    runs[runs["C"] > 9e20].to_csv("dear.csv", index=False)
    Path("runs").mkdir()
    runs[["N", "D", "loss"]].to_json("runs/runs.jsonl", orient="records", lines=True)
    Path("fit.json").write_text(ql.fit(ql.laws.Chinchilla(), runs).to_json(), encoding="utf-8")
    for _, *words in commands(DOCS / page):
        target = words[words.index(">") + 1] if ">" in words else None
        done = CliRunner().invoke(main, words[: words.index(">")] if target else words)
        assert done.exit_code == 0, f"{words}: {done.output}"
        if target:
            Path(target).write_text(done.stdout, encoding="utf-8")
        for made in (w for w, before in zip(words[1:], words, strict=False) if before == "-o"):
            assert Path(made).stat().st_size > 500
