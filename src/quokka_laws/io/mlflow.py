"""MLflow: a folder ``mlruns``, a database ``mlflow.db`` or a tracking server, through MLflow's own client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.io.curves import Curve
from quokka_laws.io.fields import curve, unreadable
from quokka_laws.io.options import Options

ALLOW = "MLFLOW_ALLOW_FILE_STORE"  # newer versions ask before they read folders
PAGE = 1000


def read(source: str, options: Options) -> Iterator[Curve]:
    """One curve per run, its parameters as facts; deleted runs are not read.

    Raises
    ------
    MissingDependencyError
        Without ``mlflow``.
    RunsError
        When the store cannot be read.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingDependencyError('reading MLflow needs its client: pip install "quokka-laws[mlflow]"') from None
    path = Path(source)
    uri = source if "://" in source else (f"sqlite:///{path.resolve()}" if path.is_file() else path.resolve().as_uri())
    with _folders_allowed():
        try:
            client = MlflowClient(tracking_uri=uri)
            experiments = [e.experiment_id for e in client.search_experiments()]
            runs: list[Any] = []
            token = None
            while experiments:
                page = client.search_runs(experiments, max_results=PAGE, page_token=token)
                runs += page
                token = page.token
                if not token:
                    break
            for run in options.track(runs, "runs"):
                yield _run(client, run, source, options)
        except MlflowException as error:
            raise RunsError(f"{source}: MLflow cannot read it: {str(error).splitlines()[0]}") from None


def _run(client: Any, run: Any, source: str, options: Options) -> Curve:
    name = run.info.run_name or run.info.run_id
    where = f"{source} ({run.info.run_id})"
    rows: dict[int, dict[str, float]] = {}
    for metric in run.data.metrics:
        for point in client.get_metric_history(run.info.run_id, metric):
            rows.setdefault(point.step, {})[metric] = point.value if np.isfinite(point.value) else np.inf
    if not rows:
        return unreadable(name, where, ["no metrics were logged"])
    logged = pd.DataFrame.from_records([rows[step] for step in sorted(rows)]).drop(columns="step", errors="ignore")
    logged.insert(0, "step", [float(step) for step in sorted(rows)])
    ended = "" if run.info.status == "FINISHED" else f"MLflow calls the run {run.info.status.lower()}"
    return curve(name, logged, where, facts=run.data.params, ended=ended, **options.of(name))


@contextmanager
def _folders_allowed() -> Iterator[None]:
    before = os.environ.get(ALLOW)
    os.environ[ALLOW] = "true"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(ALLOW, None)
        else:
            os.environ[ALLOW] = before
