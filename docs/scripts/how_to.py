"""Run the code blocks of docs/index.md, docs/how-to/plan-*.md and pages of OWN that a text block follows, and write there what they print.

    python docs/scripts/how_to.py

Blocks of one page share their names and one folder, with the tables that lie beside the page; shell blocks hold `quokka-laws` commands, one a line.
`tests/test_docs_planning.py` checks that the pages are current.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import tempfile
import warnings
from pathlib import Path

from click.testing import CliRunner

from quokka_laws.cli.app import main

DOCS = Path(__file__).parents[1]
OWN = [
    "several-losses.md",
    "own-law.md",
    "mixture-of-experts.md",
    "compare-recipes.md",
    "forecast.md",
    "accuracy-of-tasks.md",
    "count-configurations.md",
    "wandb-to-configuration.md",
    "loss-goes-up-again.md",
    "which-rows-are-wrong.md",
    "learning-rate-and-batch.md",
]
PAGES = [DOCS / "index.md", *sorted((DOCS / "how-to").glob("plan-*.md")), *(DOCS / "how-to" / name for name in OWN)]
_BLOCK = re.compile(
    r"(```(?P<language>python|bash)\n(?P<code>(?:(?!```).)*)```\n\n```text\n)(?P<output>.*?)(```)", flags=re.DOTALL
)


def executed(page: Path) -> str:
    """The page with the output its code prints now."""
    names: dict[str, object] = {}

    def run(match: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if match["language"] == "python":
                exec(match["code"], names)
            else:
                print("\n".join(command(line) for line in match["code"].splitlines()))
        notes = "".join(f"{w.category.__name__}: {w.message}\n" for w in caught)
        text = "\n".join(line.rstrip() for line in printed.getvalue().rstrip().splitlines())
        return f"{match[1]}{text}\n{notes}{match[5]}"

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for table in page.parent.glob("*.csv"):  # what a page reads lies beside it
            shutil.copy(table, folder)
        os.chdir(folder)
        try:
            return _BLOCK.sub(run, page.read_text(encoding="utf-8"))
        finally:
            os.chdir(before)


def command(line: str) -> str:
    """What a quokka-laws command prints on a terminal."""
    name, *arguments = shlex.split(line)
    if name != "quokka-laws":
        raise ValueError(f"{line!r}: only quokka-laws commands can be run here")
    done = CliRunner().invoke(main, arguments)
    return str(done.stdout + done.stderr)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(executed(page), encoding="utf-8")
        print(page.name)
