"""``fit --loss 'eval/*'``: one law to several losses, answered together."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from quokka_laws.cli.common import FAILED, fail
from quokka_laws.cli.options import load_runs
from quokka_laws.cli.output import Output, write_file, written
from quokka_laws.fitting.losses import runs_by_loss
from quokka_laws.laws import Law
from quokka_laws.results.loss_fits import LossFits
from quokka_laws.writing import make_folder


def answer_losses(
    law: Law | None,
    sources: Sequence[str],
    asked: Sequence[str],
    reading: dict[str, Any],
    *,
    C: tuple[float, ...],
    output: str | None,
    piped: bool,
    strict: bool,
    **settings: Any,
) -> None:
    """Fit each loss and answer: the budgets by each, coefficients side by side, differences, what to know."""
    from quokka_laws.fitting.fit import fit_losses
    from quokka_laws.reporting.losses import losses_answer, losses_evidence, losses_known
    from quokka_laws.reporting.page import report

    if output is not None and output != "-" and Path(output).suffix == ".json":
        raise click.UsageError(
            f"-o {output}: several losses go into a folder, one fit each; give -o {Path(output).stem}"
        )
    said: set[str] = set()

    def read(table: Any, name: str) -> Any:
        return load_runs(table, **{**reading, "columns": {**reading["columns"], "loss": name}}, said=said)

    source = sources[0] if len(sources) == 1 else list(sources)
    fits = fit_losses(law, runs_by_loss(source, asked, read), **settings)
    known = losses_known(fits, C)
    out = Output("json" if piped else "text", None, strict)
    out.text(losses_answer(fits, C)[0], known, *losses_evidence(fits, C))
    if piped:
        click.echo(_as_json(fits, draws=not sys.stdout.isatty()))
    if output is not None and output != "-":
        folder = make_folder(output)
        fits.save(folder)
        written(sorted(folder.glob("*.json")))
        command = shlex.join(["quokka-laws", *sys.argv[1:]])
        write_file(folder / "report.html", report(fits, C=C, command=command))
    if stuck := [loss for loss, fit in fits.items() if fit.status.name == "NOT_CONVERGED"]:
        fail(f"the fit of {', '.join(stuck)} did not converge", FAILED)
    out.finish(known)


def _as_json(fits: LossFits, *, draws: bool) -> str:
    plain = {loss: json.loads((fit if draws else replace(fit, draws=None)).to_json()) for loss, fit in fits.items()}
    return json.dumps({"losses": plain, "left_out": dict(fits.left_out)}, ensure_ascii=False)
