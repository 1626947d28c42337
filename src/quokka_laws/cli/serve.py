"""The command that serves the application in the browser."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import click

from quokka_laws.cli.common import QUANTITY
from quokka_laws.exceptions import MissingDependencyError

LOCAL = "127.0.0.1"
LARGEST_FILE, LONGEST = "QUOKKA_LAWS_LARGEST_FILE", "QUOKKA_LAWS_LONGEST"
"""Variables of the environment that tell the page its limits, bytes and seconds."""


@click.command("app")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port of the page.")
@click.option(
    "--address", default=LOCAL, show_default=True, help="Address to listen at; 0.0.0.0 lets other machines look."
)
@click.option("--open/--no-open", "opens", default=True, show_default=True, help="Open the page in a browser.")
@click.option(
    "--largest-file", type=QUANTITY, default="200M", show_default=True, metavar="BYTES", help="Largest file taken."
)
@click.option(
    "--longest", type=QUANTITY, default="600", show_default=True, metavar="SECONDS", help="Longest computation."
)
def app_command(port: int, address: str, opens: bool, largest_file: float, longest: float) -> None:
    """Open the application in the browser: drop a table of runs, read the answer, hand on the report.

    Nothing leaves this machine. Files live in a folder of each session and are deleted when it ends. End it with Ctrl-C.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MissingDependencyError('the application needs streamlit: pip install "quokka-laws[app]"')
    from streamlit.web import cli

    os.environ[LARGEST_FILE] = f"{largest_file:.0f}"
    os.environ[LONGEST] = f"{longest:g}"
    page = Path(__file__).parents[1] / "app" / "page.py"
    sys.argv = ["streamlit", "run", str(page), *settings(port, address, opens, largest_file)]
    cli.main()


def settings(port: int, address: str, opens: bool, largest_file: float) -> list[str]:
    """Options of the server: no statistics to its makers, no watching of files, pages for this machine alone."""
    given = {
        "server.port": port,
        "server.address": address,
        "server.headless": not opens,
        "server.showEmailPrompt": False,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": max(1, int(largest_file / 1e6)),
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        # A search for garbage takes a tenth of a second, and would follow every look at a job: on a busy machine the page
        # would take as much of the processor as the work it waits for.
        "runner.postScriptGC": False,
    }
    options = [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in given.items()]
    if address == LOCAL:
        # A page of another site that resolves to this address is no page of this machine.
        options += ["--server.allowedHosts=localhost", f"--server.allowedHosts={LOCAL}"]
    return options
