"""Whole training curves: the law behind them, and where a run that is still going will end."""

from __future__ import annotations

from collections.abc import Sequence

import click
import pandas as pd

from quokka_laws.cli.common import QUANTITY, assignments
from quokka_laws.cli.options import SEED
from quokka_laws.cli.output import Output, output_options
from quokka_laws.fitting.curves import fit_curves
from quokka_laws.laws.schedules import relative_rate
from quokka_laws.results.format import human, right_aligned
from quokka_laws.runs.files import read_table


class Schedule(click.ParamType):  # type: ignore[type-arg]
    """The name of a schedule; what is known is said of an unknown one."""

    name = "schedule"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Checked by evaluating it."""
        try:
            relative_rate(value, 0.0)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


@click.command("curves")
@click.argument("logs", nargs=-1, required=True, metavar="LOGS...")
@assignments("--columns", help="Column names: N=n_params,D=tokens,loss=val_loss,lr=learning_rate,D_final=planned.")
@click.option(
    "--schedule",
    type=Schedule(),
    help="Of the learning rate: cosine, linear, constant or wsd; with their ends, cosine:0, wsd:0.1. Where a column lr shows it, for what lies ahead.",
)
@click.option("--final", "D_final", type=QUANTITY, help="Planned tokens, where no column D_final says them.")
@click.option("--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of the intervals.")
@SEED
@output_options
def curves_command(
    logs: Sequence[str],
    columns: dict[str, str],
    schedule: str | None,
    D_final: float | None,
    level: float,
    seed: int,
    out: Output,
) -> None:
    """Fit one law to whole training curves, and forecast the final loss of runs that are still going.

    LOGS are tables with one row a logged loss: run_id, N, D (tokens so far), loss, lr, and D_final, the planned tokens. Logs of
    TensorBoard, W&B and others become such a table with `quokka-laws import SOURCE --checkpoints -o logs.jsonl`.
    """
    tables = [read_table(path) for path in logs]
    table = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    found = fit_curves(table, columns=columns, schedule=schedule, D_final=D_final, level=level, seed=seed)
    rows = found.forecast() if found.running else found.summary.reset_index()
    if found.running:
        shown = rows.drop(columns=["level", "tried"])
        out.show(
            found.answer, found.known, rows, pretty=lambda _: right_aligned(_readable(shown)), below=[found.evidence()]
        )
    else:
        out.show(found.answer, found.known, rows)


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Sizes and tokens as people write them."""
    return table.assign(
        **{k: table[k].map(human) for k in ("N", "D", "D_final")},
        share=table["share"].map("{:.0%}".format),
        error_tried=table["error_tried"].map("{:.2%}".format),
    )
