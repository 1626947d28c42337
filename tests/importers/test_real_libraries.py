"""Logs that the real libraries wrote, each in a test that is skipped where the library is not installed.

lm-evaluation-harness is imported with a stand-in for ``datasets``, which it needs for its tasks and not for its results.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

import quokka_laws as ql
from quokka_laws.importers import detect, import_runs

SIZES = (20_000_000, 60_000_000)


class Trial(SimpleNamespace):
    """What Ray's loggers need of a trial."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def loss(size: int, step: int) -> float:
    return 2.0 + 400 / size**0.35 + 1 / step**0.5


def test_optunas_table_of_trials(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: object) -> float:
        size = trial.suggest_categorical("n_params", SIZES)  # type: ignore[attr-defined]
        trial.suggest_float("lr", 1e-4, 1e-2, log=True)  # type: ignore[attr-defined]
        trial.set_user_attr("train_tokens", 20 * size)  # type: ignore[attr-defined]
        if trial.number == 2:  # type: ignore[attr-defined]
            raise optuna.TrialPruned
        if trial.number == 4:  # type: ignore[attr-defined]
            raise RuntimeError("out of memory")
        return loss(size, 100 + trial.number)  # type: ignore[attr-defined]

    study.optimize(objective, n_trials=8, catch=RuntimeError)
    study.trials_dataframe().to_csv(tmp_path / "trials.csv")
    with pytest.raises(ql.RunsError, match=r"columns=\{'loss': 'value'\}"):
        ql.read_runs(tmp_path / "trials.csv")
    runs = ql.read_runs(tmp_path / "trials.csv", columns={"loss": "value"})
    assert len(runs) == 6
    assert set(runs["N"]) == set(map(float, SIZES))
    assert (runs["D"] == 20 * runs["N"]).all()
    assert sorted(record["reason"] for record in runs.attrs["excluded"]) == ["state fail", "state pruned"]


@pytest.mark.slow
def test_lightnings_csv_logger(tmp_path: Path) -> None:
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    for size in SIZES:
        logger = loggers.CSVLogger(tmp_path)
        logger.log_hyperparams({"n_params": size, "lr": 3e-4})
        for step in range(0, 200, 20):
            logger.log_metrics({"train_loss": loss(size, step + 1) - 0.1}, step=step)
            logger.log_metrics({"val_loss": loss(size, step + 1), "epoch": 0}, step=step)
        logger.save()
    runs = import_runs(tmp_path / "lightning_logs", tokens_per_step=1000)
    assert runs["run_id"].tolist() == ["version_0", "version_1"]
    assert runs["N"].tolist() == list(SIZES)
    assert runs["loss"].tolist() == pytest.approx([loss(size, 181) for size in SIZES])


@pytest.mark.slow
def test_keras_csv_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callbacks = pytest.importorskip("keras.callbacks")
    for size in SIZES:
        logger = callbacks.CSVLogger(str(tmp_path / f"N{size}_D4e8.csv"))
        logger.set_model(SimpleNamespace(stop_training=False))
        logger.on_train_begin()
        for epoch in range(5):
            logger.on_epoch_end(epoch, {"loss": loss(size, epoch + 1) - 0.1, "val_loss": loss(size, epoch + 1)})
        logger.on_train_end()
    runs = import_runs(tmp_path, name="N{N}_D{D}")
    assert sorted(runs["N"]) == list(SIZES)
    assert sorted(runs["loss"]) == pytest.approx(sorted(loss(size, 5) for size in SIZES))
    assert set(runs["D"]) == {4e8}


@pytest.mark.slow
def test_ray_tunes_files_of_a_trial(tmp_path: Path) -> None:
    pytest.importorskip("ray.tune")
    from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback

    for k, size in enumerate(SIZES):
        folder = tmp_path / f"train_{k}_n_params={size}"
        folder.mkdir()
        config = {"n_params": size, "lr": 1e-3}
        trial = Trial(trial_id=f"t{k}", config=config, evaluated_params=config, local_path=str(folder))
        trial.init_local_path, trial.checkpoint = (lambda: None), None
        for logger in (CSVLoggerCallback(), JsonLoggerCallback()):
            logger.log_trial_start(trial)
            for step in range(1, 11):
                result = {"training_iteration": step, "val_loss": loss(size, step), "tokens_seen": 1000 * step}
                logger.log_trial_result(
                    step, trial, {**result, "trial_id": f"t{k}", "done": step == 10, "config": config}
                )
            logger.log_trial_end(trial)
    runs = import_runs(tmp_path)
    assert runs["run_id"].tolist() == ["t0", "t1"]
    assert runs["N"].tolist() == list(SIZES)
    assert runs["D"].tolist() == [10_000, 10_000]


@pytest.mark.slow
def test_results_of_the_evaluation_harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lm_eval")
    if "datasets" not in sys.modules:
        stand_in, metadata = ModuleType("datasets"), ModuleType("datasets.utils.metadata")
        stand_in.load_dataset, metadata.MetadataConfigs = None, dict  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "datasets", stand_in)
        monkeypatch.setitem(sys.modules, "datasets.utils", ModuleType("datasets.utils"))
        monkeypatch.setitem(sys.modules, "datasets.utils.metadata", metadata)
    tracking = pytest.importorskip("lm_eval.loggers.evaluation_tracker")
    for size, bits in zip(SIZES, (1.1, 1.0), strict=True):
        tracker = tracking.EvaluationTracker(output_path=str(tmp_path))
        arguments = {"pretrained": f"lab/m{size}", "revision": "step1000"}
        tracker.general_config_tracker.log_experiment_args(
            model_source="hf", model_args=arguments, system_instruction=None, chat_template=None, fewshot_as_multiturn=False
        )  # fmt: skip
        wiki = {"alias": "wikitext", "bits_per_byte,none": bits, "bits_per_byte_stderr,none": "N/A"}
        results = {"results": {"wikitext": wiki}, "versions": {"wikitext": 2}, "n-samples": {}}
        config = {"model": "hf", "model_args": arguments, "model_num_parameters": size}
        tracker.save_results_aggregated({**results, "config": config})
    assert detect(tmp_path) == "lm-eval"
    runs = import_runs(tmp_path).sort_values("N")
    assert runs["N"].tolist() == list(SIZES)
    assert runs["loss"].tolist() == [1.1, 1.0]
    assert runs["step"].tolist() == [1000, 1000]
    assert set(runs["loss_unit"]) == {"bits/byte"}
    assert isinstance(runs, pd.DataFrame)
