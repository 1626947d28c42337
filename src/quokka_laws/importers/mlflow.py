"""MLflow: a folder ``mlruns``, a database ``mlflow.db`` or a tracking server, through MLflow's own client."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quokka_laws.exceptions import MissingDependencyError, RunsError
from quokka_laws.importers.curves import Curve
from quokka_laws.importers.fields import curve, unreadable
from quokka_laws.importers.options import Options
from quokka_laws.runs.remarks import Remark

# Newer versions ask before they read folders; a server that is not there is tried for minutes.
SETTINGS = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
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
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise MissingDependencyError('reading MLflow needs its client: pip install "quokka-laws[mlflow]"') from None
    path = Path(source)
    if "://" not in source:
        _check(path)
    uri = source if "://" in source else (f"sqlite:///{path.resolve()}" if path.is_file() else path.resolve().as_uri())
    with _settings():
        try:
            client = MlflowClient(tracking_uri=uri)
            runs, token = [], None
            experiments = [e.experiment_id for e in client.search_experiments()]
            while experiments:
                page = client.search_runs(experiments, max_results=PAGE, page_token=token)
                runs += page
                token = page.token
                if not token:
                    break
        except Exception as error:  # MLflow's, SQLAlchemy's and requests' kinds
            raise RunsError(f"{source}: MLflow cannot read it: {(str(error).splitlines() or [''])[0]}") from None
        for run in options.track(runs, "runs"):
            yield _run(client, run, source, options)


def _check(path: Path) -> None:
    """MLflow fills a folder or database that is not a store with an empty one of its own: look before it does."""
    if path.is_dir():
        if not any(path.glob("*/meta.yaml")):
            raise RunsError(f"{path} is not a store of MLflow (no experiment in it has a meta.yaml); name its mlruns")
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise RunsError(f"{path}: not a database that can be read ({error})") from None
    if not {"experiments", "runs", "metrics"} <= tables:
        raise RunsError(f"{path} is a database, but not one of MLflow: it has no tables of experiments and runs")


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
    finished = run.info.status == "FINISHED"
    ended = "" if finished else Remark("state_of", {"source": "MLflow", "word": run.info.status.lower()})
    return curve(name, logged, where, facts=run.data.params, ended=ended, **options.of(name))


@contextmanager
def _settings() -> Iterator[None]:
    """MLflow's own settings for the time of reading, unless the user has set them."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
