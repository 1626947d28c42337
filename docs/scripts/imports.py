"""Run the commands of docs/how-to/import-*.md and write what they say into the text block after each.

    python docs/scripts/imports.py

Each page has a folder of logs, written here by the library that the page is about, of runs that follow a known law;
`tests/test_docs_import.py` checks that the pages are current and that the fit finds the law.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, chdir, nullcontext
from pathlib import Path

from click.testing import CliRunner

from quokka_laws.cli.app import main

HOW_TO = Path(__file__).parents[1] / "how-to"
PAGES = sorted(HOW_TO.glob("import-*.md"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import logs  # noqa: E402
import wandb_server  # noqa: E402

_BLOCK = re.compile(r"```bash\n(?P<code>.*?)```(?P<said>\n\n```text\n(?P<text>.*?)```)?", flags=re.DOTALL)


def tensorboard(folder: Path) -> None:
    """A sweep, a run that was cut off and one that diverged."""
    logs.tensorboard(folder / "runs")
    cut, diverged = logs.Run(60e6, 4000), logs.Run(61e6, 4000)
    logs.tensorboard(folder / "runs", [cut])
    path = next((folder / "runs" / cut.name).iterdir())
    path.write_bytes(path.read_bytes()[:1500])
    path.rename(path.with_name("events.out.tfevents.1"))
    logs.tensorboard(folder / "runs", [diverged], spike=True)


def wandb(folder: Path) -> None:
    """Exports of a chart; the project itself is served by :func:`environment`."""
    logs.wide(folder / "wandb_export.csv")


def huggingface(folder: Path) -> None:
    """One output folder with its tokens counted, one without."""
    logs.huggingface(folder / "output")
    logs.huggingface(folder / "uncounted", tokens=False)


def mlflow(folder: Path) -> None:
    """A folder and a database."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    logs.mlflow(folder)
    del os.environ["MLFLOW_ALLOW_FILE_STORE"]
    logs.mlflow(folder, uri=f"sqlite:///{folder}/mlflow.db")


def tables(folder: Path) -> None:
    """A file per run, and one file with all."""
    logs.jsonl(folder / "logs")
    logs.long(folder / "all.csv")


FOLDERS: dict[str, Callable[[Path], None]] = {
    "import-tensorboard": tensorboard,
    "import-wandb": wandb,
    "import-huggingface": huggingface,
    "import-mlflow": mlflow,
    "import-tables": tables,
}


def steps_only(run: logs.Run) -> dict[str, object]:
    """A run of a W&B project that logs steps, not tokens; what a step is made of is in its config."""
    whole = logs.recorded(run)
    history = [{k: v for k, v in row.items() if k != "tokens"} for row in whole["history"]]
    return whole | {"history": history, "config": whole["config"] | {"global_batch": 128, "sequence": 2048}}


def executed(page: Path, folder: Path) -> str:
    """The page with what its commands say now in a folder of logs."""
    FOLDERS[page.stem](folder)
    server: AbstractContextManager[str] = nullcontext("")
    if page.stem == "import-wandb":
        server = wandb_server.serving([steps_only(run) for run in logs.RUNS])
    with server as address, chdir(folder):
        key = {"WANDB_BASE_URL": address, "WANDB_API_KEY": "0" * 40, "WANDB_ERROR_REPORTING": "false"}

        def run(match: re.Match[str]) -> str:
            if match["code"].startswith("pip "):
                return match[0]
            said = "".join(command(line, key) for line in match["code"].replace("\\\n", "").splitlines())
            if match["said"] is None:
                return match[0]
            return f"```bash\n{match['code']}```\n\n```text\n{said}```"

        return _BLOCK.sub(run, page.read_text(encoding="utf-8"))


def command(line: str, environment: dict[str, str]) -> str:
    """Run one line of ``quokka-laws`` commands with pipes and ``> FILE``; what a person sees of it."""
    line, _, file = line.partition(" > ")
    text, said = None, ""
    for part in line.split(" | "):
        program, *arguments = shlex.split(part)
        assert program == "quokka-laws", line
        done = CliRunner(env=environment).invoke(main, arguments, input=text)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        text, said = done.stdout, said + done.stderr
    if file:
        Path(file).write_text(text or "", encoding="utf-8")
        return said
    return (text or "") + said


if __name__ == "__main__":
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(executed(page, Path(folder)), encoding="utf-8")
        print(page.name)
