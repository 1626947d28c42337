"""The command line: parses, calls the library, prints. Data on stdout, prose and progress on stderr."""

from __future__ import annotations

import os

import click

from quokka_laws._version import __version__
from quokka_laws.cli.common import QUANTITY, log_to_stderr
from quokka_laws.cli.group import Doors

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# Commands under the headings of the documentation: where each lives, and what `quokka-laws --help` says of it. A command's
# file is imported when the command is used, so that the program starts at once.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Runs": {
        "check": ("runs", "Check RUNS without fitting: what would be used, what would not, and why."),
        "import": ("runs", "Turn logs into a table of runs."),
        "count": ("architectures", "Count the parameters and FLOPs of a configuration."),
        "ladder": ("design", "Choose the runs of a first sweep."),
        "design": ("design", "Choose the runs to train next."),
    },
    "Fit": {
        "demo": ("fit", "Fit the 87 runs of the Quokka paper that ship with the package."),
        "fit": ("fit", "Fit a law to RUNS."),
        "isoflops": ("fit", "Fit IsoFLOP profiles to RUNS."),
        "curves": ("curves", "Fit whole training curves: where will a run that is still going end?"),
    },
    "Plan": {
        "plan": ("plan", "Model and tokens for a budget, by several laws side by side."),
        "best": ("best", "The lowest loss over any variables of a law, at any cost."),
        "allocate": ("plan", "Compute-optimal N and D at a budget from a FIT."),
        "predict": ("plan", "Predict the loss at N and D from a FIT."),
        "architecture": ("architectures", "Choose layers, width and heads for N parameters."),
        "reach": ("questions", "What it costs to reach a LOSS."),
        "overtrain": ("questions", "What a smaller model trained for longer costs at the same compute."),
        "deadweight": ("questions", "The share of compute that an allocation wastes."),
        "crossover": ("questions", "Where two LAWS meet on limited data."),
        "speedup": ("recipes", "Recipe A or B: how much compute one saves, and how sure that is."),
        "epochs": ("questions", "After how many epochs training stops helping."),
        "data-optimal": ("questions", "The model and epochs that make the most of unique tokens."),
        "downstream": ("downstream", "Predict the accuracy of tasks, from RUNS with scores."),
        "hyperparameters": ("hyperparameters", "The best learning rate and batch, from a sweep or from papers."),
    },
    "Trust": {
        "compare": ("trust", "Fit several laws to the cheap runs, predict the expensive ones."),
        "average": ("trust", "Predict by several laws stacked on held-out budgets."),
        "sensitivity": ("trust", "Refit under other choices: which conclusion moves, and by how much."),
        "checklist": ("trust", "What a reader needs to reproduce a FIT."),
        "forecast": ("forecasts", "Write a prediction down before the run."),
        "score": ("forecasts", "What became of FORECASTS: error, interval, score."),
    },
    "Literature": {
        "laws": ("literature", "List published laws, or show one."),
    },
    "Pages": {
        "app": ("serve", "Open the application in the browser: drop a table, read the answer."),
        "report": ("pages", "Write a fit as one self-contained page."),
        "explore": ("pages", "Write a page with sliders."),
        "plot": ("pages", "Draw the figures of a FIT."),
    },
}


@click.group(cls=Doors, sections=COMMANDS, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="quokka-laws")
@click.option(
    "--max-file-size", type=QUANTITY, metavar="BYTES", help="Largest file that is read, unpacked.  [default: 500M]"
)
@click.option("-v", "--verbose", is_flag=True, help="Log what is done to stderr.")
@click.option("-q", "--quiet", is_flag=True, help="The answer and nothing else: no prose, no progress bars.")
@click.pass_context
def main(ctx: click.Context, max_file_size: float | None, verbose: bool, quiet: bool) -> None:
    """Scaling laws of language models: fit your sweep, get the optimum, see how far to trust it.

    Start with `quokka-laws demo`, then `quokka-laws check runs.csv` and `quokka-laws fit runs.csv -C 1e23`. Where a command
    takes a FIT or a law, a file and the name of a published law will do.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 with --strict where anything is doubtful, 70 a fault of ours.
    """
    ctx.obj = {"quiet": quiet}
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    log_to_stderr(verbose)
    if max_file_size is not None:
        from quokka_laws.runs.files import up_to

        ctx.with_resource(up_to(max_file_size))


if __name__ == "__main__":
    main()
