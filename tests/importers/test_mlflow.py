"""MLflow: a folder and a database written by the real client."""

from __future__ import annotations

import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from logs import RUNS, mlflow
from synthetic import TRUE_CHINCHILLA

import quokka_laws as ql
from quokka_laws.importers import import_runs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow and its dependencies


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that MLflow wrote when folders were its default."""
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow(tmp_path)
    return tmp_path / "mlruns"


def test_the_law_comes_back_from_a_folder(store: Path) -> None:
    runs = import_runs(store, tokens_per_step="tokens_per_step")
    assert len(runs) == len(RUNS)
    assert ql.fit(ql.laws.Chinchilla(), ql.read_runs(runs)).values == pytest.approx(TRUE_CHINCHILLA, rel=1e-6)


def test_a_database_and_runs_that_did_not_finish(tmp_path: Path) -> None:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mlflow(tmp_path, RUNS[:2], uri=uri)
    client = MlflowClient(tracking_uri=uri)
    for name, status in ((RUNS[0].name, "KILLED"), ("empty", "FINISHED")):
        made = client.create_run(client.search_experiments()[0].experiment_id, run_name=name).info.run_id
        if name != "empty":
            client.log_param(made, "n_params", "30M")
            client.log_batch(made, metrics=[Metric("val_loss", 3.0, 0, s) for s in range(1, 9)])
        client.set_terminated(made, status)
    runs = import_runs(tmp_path / "mlflow.db", tokens_per_step=1e6).set_index("run_id")
    assert runs["status"].value_counts().to_dict() == {"ok": 2, "stopped": 1, "no loss": 1}
    assert "no metrics were logged" in runs.loc["empty", "reason"]
    assert any(run.endswith("#2") for run in runs.index)  # two runs of one name
    assert [note["code"] for note in runs.attrs["notes"]] == ["another"]
    with pytest.raises(ql.RunsError, match=r"name it: .*mlflow\.db"):
        import_runs(tmp_path)


def test_a_formula_that_cannot_be_read(store: Path) -> None:
    with pytest.raises(ql.RunsError, match=r"tokens per step of run .*there is no 'batch'.*tokens_per_step"):
        import_runs(store, tokens_per_step="batch * 2048")


def test_what_is_not_a_store_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    text, other, folder = tmp_path / "mlflow.db", tmp_path / "other.db", tmp_path / "runs"
    text.write_text("no database")
    with pytest.raises(ql.RunsError, match=r"mlflow\.db: not a database"):
        import_runs(text)
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE runs (a)")
    with pytest.raises(ql.RunsError, match=r"other\.db is a database, but not one of MLflow"):
        import_runs(other)
    folder.mkdir()
    with pytest.raises(ql.RunsError, match="runs is not a store of MLflow"):
        import_runs(folder, kind="mlflow")
    assert list(folder.iterdir()) == []
    with pytest.raises(ql.RunsError, match="no such file or folder"):
        import_runs(tmp_path / "mlruns", kind="mlflow")


@pytest.mark.slow
def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ql.RunsError, match=f"http://127.0.0.1:{port}: MLflow cannot read it"):
        import_runs(f"http://127.0.0.1:{port}")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(ql.MissingDependencyError, match=r'pip install "quokka-laws\[mlflow\]"'):
        import_runs(tmp_path, kind="mlflow")
