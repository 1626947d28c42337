"""Your own logs as a table of runs: TensorBoard, W&B, Hugging Face, MLflow, CSV, JSON lines, Parquet.

>>> import quokka_laws as ql
>>> runs = ql.import_runs("runs/", name="{N:M}_{D:B}", final="smooth:301")  # doctest: +SKIP
>>> fit = ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs))  # doctest: +SKIP

``detect`` says what a source is; one module per kind yields curves; ``curves`` makes points of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import ArgumentError, ExpressionError, RunsError
from quokka_laws.importers.curves import Curve, Final, IncompleteError, metrics_agree, points, unusable
from quokka_laws.importers.detect import reader
from quokka_laws.importers.names import NamePattern
from quokka_laws.importers.options import Options, read_facts
from quokka_laws.runs import words
from quokka_laws.runs.expressions import number_of
from quokka_laws.runs.quantities import is_quantity, parse_quantity
from quokka_laws.runs.remarks import Remark

STATUSES = ("diverged", "stopped", "gap", "not cooled")


def import_runs(
    sources: str | Path | Sequence[str | Path],
    *,
    kind: str | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    facts: str | Path | None = None,
    tokens_per_step: float | str | None = None,
    final: str = "last:1",
    checkpoints: bool = False,
    accept: Collection[str] = (),
    progress: bool = False,
) -> pd.DataFrame:
    """Logs of training runs as a table for :func:`quokka_laws.read_runs`.

    Parameters
    ----------
    sources : path or str, or several
        Folders or files; ``"entity/project"`` for W&B, an address for an MLflow server.
    kind : str, optional
        One of ``tensorboard``, ``wandb``, ``huggingface``, ``mlflow``, ``megatron``, ``torchtitan``, ``log`` (other printed
        logs), ``lm-eval``, ``table``; found out without it.
    columns : mapping, optional
        Canonical name → name in the logs: ``loss``, ``step``, ``D`` (tokens seen so far), ``lr``, ``run_id``, and
        facts about a run: ``N``, ``C``, ``U_D``, ``epochs``, ``max_steps``. Common names are recognised.
    name : str, optional
        Pattern of run names, ``"{C}_{N:M}_{D}"`` (``:M`` for millions), or ``"quokka"``, ``"quokka-repeated"``.
    facts : path, optional
        Table with one row per run: ``run_id`` and N, D, C, U_D, epochs.
    tokens_per_step : number or str, optional
        Global batch × sequence length; or a formula of what is known of the run: ``"global_batch * 2048"``.
    final : str
        How the loss is read off a curve: ``"last:K"``, ``"smooth:W"``, ``"cooldown"``; see
        :mod:`quokka_laws.importers.curves`.
    checkpoints : bool
        A row for every logged loss; ``run_id`` keeps them together in the bootstrap.
    accept : collection of str
        Of ``diverged``, ``stopped``, ``gap``, ``not cooled``: keep such runs as usable.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    DataFrame
        One row per run (or checkpoint). Runs that cannot be used are kept with ``status`` and ``reason``, and
        ``read_runs`` leaves them out by these. ``attrs["notes"]`` has what was noticed about all,
        ``attrs["unread"]`` which files of a folder could not be read, and why.

    Raises
    ------
    RunsError
        When a source cannot be read, holds no runs, or nothing tells the loss or the tokens.
    MissingDependencyError
        When the library of a source is not installed.
    """
    method = Final.parse(final)
    if unknown := sorted(set(accept) - set(STATUSES)):
        raise ArgumentError(f"accept {', '.join(unknown)} is none of {', '.join(STATUSES)}")
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    options = Options(
        columns=dict(columns or {}),
        pattern=NamePattern(name) if name else None,
        facts=read_facts(facts) if facts else {},
        progress=progress,
    )
    rows: list[dict[str, Any]] = []
    metrics: list[str] = []
    planned: list[int] = []  # rows whose tokens are those that were planned
    seen: dict[str, int] = {}
    for source in given:
        for item in reader(source, kind)(options):
            if not isinstance(item, Curve):
                rows.append(item)
                continue
            per_step = _per_step(tokens_per_step, item)
            if per_step is None and "D" not in item.table and (stated := _stated(item)):
                name_, per_step = stated
                item = replace(
                    item, remarks=(*item.remarks, Remark("tokens_per_step", {"column": name_, "value": per_step}))
                )
            try:
                made = points(item, final=method, checkpoints=checkpoints, tokens_per_step=per_step)
            except IncompleteError as error:
                made = [unusable(item, "incomplete", str(error))]
            if "D" not in item.table and per_step is None:
                planned.append(len(rows))
            metrics += [item.metric] if item.metric else []
            seen[item.run_id] = count = seen.get(item.run_id, 0) + 1
            if count > 1:
                options.notes.append(Remark("another", {"name": item.run_id, "became": f"{item.run_id}#{count}"}))
            rows += [{**row, "run_id": f"{item.run_id}#{count}"} if count > 1 else row for row in made]
    if not rows and options.unread:
        raise RunsError("; ".join(options.unread))
    if not rows:
        raise RunsError(f"{', '.join(map(str, given))}: no runs were found")
    if all(row.get("status") in ("no loss", "incomplete") for row in rows):
        why = f"none of {len(rows)} runs can be used. {rows[0]['source']}: {rows[0]['reason']}"
        raise RunsError(f"{why}. {_unmatched(options, len(rows))}" if options.unmatched else why)
    metrics_agree(metrics)
    table = pd.DataFrame.from_records(rows)
    _suspect_plans(table, planned)
    if accept and "status" in table:
        taken = table["status"].isin(list(accept))
        table.loc[taken, "remark"] = table.loc[taken, "status"] + " (accepted): " + table.loc[taken, "reason"]
        table.loc[taken, ["status", "reason"]] = ["ok", ""]
    if options.unmatched:
        options.notes.append(_unmatched(options, len(rows)))
    table.attrs["notes"] = [note.to_dict() for note in options.notes]
    table.attrs["unread"] = options.unread
    return table


def _per_step(given: float | str | None, item: Curve) -> float | None:
    if given is None:
        return None
    try:
        return parse_quantity(given)
    except ValueError:
        pass
    try:
        value = number_of(str(given), item.facts)
    except ExpressionError as error:
        raise RunsError(f"{item.source}: tokens per step of run {item.run_id}: {error}") from None
    if not 0 < value < np.inf:
        raise RunsError(
            f"{item.source}: tokens per step {given!r} is {value:g} for run {item.run_id}; expected a positive number"
        )
    return value


def _stated(item: Curve) -> tuple[str, float] | None:
    """Tokens of a step as the settings of a run say them, if one does."""
    found = [(k, v) for k, v in item.facts.items() if words.tokens_per_step(k) and is_quantity(v)]
    return (found[0][0], parse_quantity(found[0][1])) if len(found) == 1 and item.axis == "step" else None


def _suspect_plans(table: pd.DataFrame, planned: list[int]) -> None:
    """Where tokens are only planned, a run that stopped early shows as one with too many tokens per step."""
    if not {"D", "step", "status"} <= set(table):
        return
    known = table.index.isin(planned) & table["status"].eq("ok")
    if known.sum() < 3:
        return
    per_step = table["D"].astype(float) / table["step"].astype(float)
    ratio = per_step / per_step[known].median()
    if (known & ratio.between(0.99, 1.01)).sum() < 0.6 * known.sum():
        return  # batches differ
    for i in table.index[known & (ratio > 1.05)]:
        doubt = str(Remark("planned", {"ratio": float(ratio[i])}))
        table.loc[i, "remark"] = "; ".join(filter(None, [table.loc[i, "remark"], doubt]))


def _unmatched(options: Options, total: int) -> Remark:
    assert options.pattern is not None
    names = [*options.unmatched[:3], *(["…"] if len(options.unmatched) > 3 else [])]
    facts = {"n": len(options.unmatched), "of": total, "pattern": options.pattern.pattern, "names": names}
    return Remark("unmatched", facts)
