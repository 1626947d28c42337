"""Task accuracy: the command that fits it to runs with scores and predicts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from quokka_laws.cli.common import BUDGETS, SIZES, TOKENS, Real, assignments, quiet, say
from quokka_laws.cli.literature import known_about, resolve_fit
from quokka_laws.cli.options import BOOTSTRAP, SEED, LawName, load_runs, runs_options
from quokka_laws.cli.output import Output, check_output, output_options, write_file, written
from quokka_laws.evaluation.task_holdout import closer_methods, hold_out_tasks
from quokka_laws.exceptions import ArgumentError
from quokka_laws.fitting.downstream import LEVEL, downstream
from quokka_laws.objective import LogHuber
from quokka_laws.plan.compute import compute_optimal
from quokka_laws.results.downstream import MEAN, METHODS, Downstream
from quokka_laws.results.downstream_storage import read_downstream, to_json
from quokka_laws.results.fit_result import FitResult
from quokka_laws.results.format import left_aligned, times
from quokka_laws.runs.quantities import parse_quantity

BEYOND = 10.0
DISTANCES = (3.0, 10.0)


class PerTask(click.ParamType):  # type: ignore[type-arg]
    """``0.25`` for all tasks, or ``hellaswag=0.25,piqa=0.5``."""

    name = "value | task=value,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Text → one value, or a mapping."""
        if not isinstance(value, str):
            return value
        if "=" not in value:
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not (left.strip() and mark and right.strip()) for left, mark, right in pairs):
            self.fail(f"{value!r}: write one value, or task=value, several separated by commas", param, ctx)
        return {left.strip(): right.strip() for left, _, right in pairs}


@click.command("downstream")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@click.option(
    "--metric", help="Columns of accuracies, separated by commas; the known benchmarks of the table by default."
)
@click.option(
    "--chance", type=PerTask(), help="Score of a guesser, 0.25 for four choices; known for common benchmarks."
)
@click.option("--questions", type=PerTask(), help="How many questions a task has, or a column of it.")
@click.option("--ceiling", type=PerTask(), help="Hold the highest accuracy there is; fitted by default.")
@click.option("--fit", "law", metavar="FIT", help="The law of the loss, fit.json; fitted to RUNS by default.")
@click.option(
    "--law",
    "to_fit",
    type=LawName(),
    help="The law to fit to the losses of RUNS, by name or as a formula; chosen without it.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="two-stage",
    show_default=True,
    help="Which answers; both are shown.",
)
@SIZES
@TOKENS
@BUDGETS
@assignments("--at", help="Any other variable of the law of the loss: sparsity=0.9.")
@click.option("--run", "of_run", is_flag=True, help="Intervals of the score of one new run, not of the curve.")
@click.option(
    "--hold-out",
    metavar="DISTANCES",
    help="Predict the largest runs from those of so many times less compute.  [default: 3,10]",
)
@click.option("--figure", type=click.Path(), help="Draw accuracy against loss there (png, svg, pdf).")
@click.option("--level", type=Real(0, 1), default=LEVEL, show_default=True, help="Confidence level of intervals.")
@BOOTSTRAP
@SEED
@runs_options
@output_options
def downstream_command(
    runs: tuple[str, ...],
    metric: str | None,
    chance: Any,
    questions: Any,
    ceiling: Any,
    law: str | None,
    to_fit: Any,
    method: Any,
    N: tuple[float, ...],
    D: tuple[float, ...],
    C: tuple[float, ...],
    at: dict[str, str],
    of_run: bool,
    hold_out: str | None,
    figure: str | None,
    level: float,
    bootstrap: int,
    seed: int,
    out: Output,
    **reading: Any,
) -> None:
    """Predict the accuracy of tasks at N and D, or at the best N of a budget -C; ten times the largest run without either.

    RUNS is a table with a column of scores per task, as `quokka-laws import` makes of lm-evaluation-harness's results. -o
    downstream.json keeps it for `predict --metric` and `report`.
    """
    from quokka_laws.fitting.fit import fit as fit_law

    check_output(figure)
    if law and to_fit is not None:
        raise click.UsageError("--fit gives a law that is fitted already, --law one to fit: give one")
    distances = _distances(hold_out)
    table = load_runs(runs, **reading)
    if law:
        fitted = resolve_fit(law, "downstream")
    else:
        settings: dict[str, Any] = {"bootstrap": bootstrap, "seed": seed, "progress": not quiet()}
        chosen = to_fit is None
        fitted = (
            fit_law(table, **settings) if chosen else fit_law(to_fit, table, objective=LogHuber("auto"), **settings)
        )
    metrics = [m.strip() for m in metric.split(",") if m.strip()] if metric else None
    found = downstream(
        table,
        fitted,
        metrics,
        _numbers("--chance", chance),
        questions,
        ceiling=_numbers("--ceiling", ceiling),
        method=method,
        level=level,
        seed=seed,
        progress=not quiet(),
    )
    notes = []
    try:
        found = hold_out_tasks(found, table, distances, progress=not quiet())
    except ArgumentError as error:
        notes = [str(error)] if hold_out else []
    point = asked(fitted, N, D, C, at)
    predicted = found.predict(kind="run" if of_run else "mean", **point)
    known = [
        *_outside(predicted),
        *found.known(),
        *(d.sentence() for d in closer_methods(found)),
        *notes,
        *known_about(fitted),
    ]
    below = [predicted_table(predicted, method), tasks_table(found), held_out_table(found)]
    out.text(found.said(predicted), known, *([] if out.data_on_stdout else below))
    if out.path is not None and out.form == "json":
        write_file(out.path, to_json(found))
    else:
        out.data(predicted)
    if figure is not None:
        from quokka_laws.reporting.plot.downstream import downstream_figure

        downstream_figure(found, Path(figure))
        written([Path(figure)])
    out.finish(known)


def predict_tasks(path: str, metric: str | None, point: dict[str, Any], level: float | None, out: Output) -> None:
    """Answer `predict` from task accuracy on disk."""
    found = read_downstream(path)
    metrics = [m.strip() for m in metric.split(",") if m.strip()] if metric else None
    predicted = found.predict(metric=metrics, level=level, **point)
    named = found.predictable if metrics is None or MEAN in metrics else tuple(found.task(m) for m in metrics)
    known = [
        *_outside(predicted),
        *(d.sentence() for task in named for d in task.diagnostics),
        *known_about(found.fit),
    ]
    below = [] if out.data_on_stdout else [predicted_table(predicted, found.method)]
    out.text(found.said(predicted), known, *below)
    out.data(predicted)
    out.finish(known)


def _distances(text: str | None) -> tuple[float, ...]:
    if text is None:
        return DISTANCES
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--hold-out {text}: factors of compute, separated by commas, such as 3,10") from None


def _numbers(option: str, given: Any) -> Any:
    """Text of an option as numbers; per cent are taken."""

    def number(text: Any) -> float:
        try:
            plain = str(text).strip()
            value = parse_quantity(plain.removesuffix("%").strip())
            return value / 100.0 if plain.endswith("%") else value
        except ArgumentError:
            raise click.UsageError(f"{option} {text}: expected a share such as 0.25") from None

    if isinstance(given, dict):
        return {task: number(text) for task, text in given.items()}
    return None if given is None else number(given)


def asked(
    fit: FitResult, N: tuple[float, ...], D: tuple[float, ...], C: tuple[float, ...], at: dict[str, str]
) -> dict[str, Any]:
    """Where to predict: as given, else at the best N of a budget, else at ten times the largest run."""
    point: dict[str, Any] = {k: list(v) for k, v in (("N", N), ("D", D)) if v}
    point |= {name: text if name in fit.law.groups else parse_quantity(text) for name, text in at.items()}
    if point:
        return {**point, **({"C": list(C)} if C else {})}
    budgets = list(C) or [BEYOND * fit.fitted_range["C"][1]]
    if set(fit.law.takes) <= {"C"}:
        return {"C": budgets}
    if not set(fit.law.takes) <= {"N", "D"}:
        raise click.UsageError(f"{fit.label} is a law of {', '.join(fit.law.takes)}: say where, -N, -D or --at")
    best = compute_optimal(fit, np.array(budgets), level=None)
    say(f"at the compute-optimal size of C = {', '.join(f'{c:.3g}' for c in budgets)}")
    return {"N": best["N"].tolist(), "D": best["D"].tolist()}


def _outside(predicted: pd.DataFrame) -> list[str]:
    farthest = float(predicted["extrapolation"].max())
    return [f"The prediction lies {times(farthest)} outside the runs behind it."] if farthest > 1.0 else []


def predicted_table(predicted: pd.DataFrame, method: str) -> str:
    """Predictions with both methods and the errors of one score."""
    level = f"{100 * predicted['level'].iloc[0]:.3g} %"
    told = predicted[predicted["why"] == ""]
    if told.empty:
        return ""
    other = next(m for m in METHODS if m != method)
    shown = pd.DataFrame({"task": told["task"]})
    for k in told.columns[1 : told.columns.get_loc("loss")]:
        shown[str(k)] = told[k]
    shown["loss"] = told["loss"].map("{:.4f}".format)
    shown[method] = told["accuracy"].map("{:.3f}".format)
    shown[level] = [f"{a:.3f} … {b:.3f}" for a, b in zip(told["accuracy_lower"], told["accuracy_upper"], strict=True)]
    shown[other] = told["beside"].map(_or_dash)
    shown["± questions"] = told["error_questions"].map(_or_dash)
    shown["± seeds"] = told["error_seeds"].map(_or_dash)
    return left_aligned(shown.set_index("task"))


def tasks_table(found: Downstream) -> str:
    """What was found of each task."""
    t = found.table
    shown = pd.DataFrame({"chance": t["chance"].map("{:.3g}".format), "runs": t["runs"]})
    shown["seen"] = [f"{a:.3f} … {b:.3f}" for a, b in zip(t["lowest"], t["highest"], strict=True)]
    shown["ceiling"] = [
        "–" if c != c else f"{c:.3f} ({a:.3f} … {b:.3f})"
        for c, a, b in zip(t["ceiling"], t["ceiling_lower"], t["ceiling_upper"], strict=True)
    ]
    shown["rms"], shown["rms direct"] = t["rms"].map(_or_dash), t["rms_direct"].map(_or_dash)
    shown["predictable"] = np.where(t["predictable"], "yes", t["why"])
    shown.index = pd.Index(t["task"], name="task")
    return left_aligned(shown)


def held_out_table(found: Downstream) -> str:
    """What became of held-out runs."""
    if found.held_out is None:
        return ""
    t = found.held_out.rename(columns={"holdout": "held out", "held_out": "of"})
    shown = t[["task", "held out", "fitted", "of", "method"]].copy()
    shown["error"], shown["bias"] = t["error"].map(_or_dash), t["bias"].map(lambda v: "–" if v != v else f"{v:+.4f}")
    shown[f"inside {100 * found.level:.3g} %"] = t["inside"].map(lambda v: "–" if v != v else f"{v:.0%}")
    shown["why not"] = t["why"]
    if (t["why"] == "").all():
        shown = shown.drop(columns="why not")
    return left_aligned(shown.set_index("task"))


def _or_dash(value: float) -> str:
    return "–" if value != value else f"{value:.4f}"
