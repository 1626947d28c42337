"""Workers: the same results in the same order, whatever their number and wherever they are; a bad count is refused."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import joblib
import pytest

import quokka_laws as ql
from quokka_laws._parallel import check_workers, run_all
from quokka_laws._spelling import is_command_line, on_command_line
from quokka_laws.evaluation.holdout import Candidate
from quokka_laws.laws import Chinchilla, Skaling

PAIRS = [(k, 2) for k in range(20)]
SQUARES = [k**2 for k in range(20)]


@contextmanager
def threads() -> Iterator[None]:
    """Workers without the second that processes take to start."""
    with joblib.parallel_config("threading"):
        yield


@pytest.mark.parametrize("workers", [1, 3, -1])
def test_results_come_in_order(workers: int) -> None:
    told: list[int] = []
    with threads():
        assert run_all(operator.pow, PAIRS, workers=workers, done=told.append) == SQUARES
    assert told == list(range(20))


@pytest.mark.parametrize("workers", [0, -2, 1.5, True, "4"])
def test_a_count_that_is_none_is_refused(workers: object) -> None:
    with pytest.raises(ql.ArgumentError, match=str(workers)):
        check_workers(workers)
    with pytest.raises(ql.ArgumentError):
        ql.fit("chinchilla", ql.datasets.load_quokka_isoflops(), workers=workers)


def test_messages_are_spelt_there_as_here() -> None:
    for inside in (False, True):
        with on_command_line(inside), threads():
            assert run_all(is_command_line, [(), ()], workers=2) == [inside, inside]


def answers(workers: int) -> list[object]:
    """Everything that takes workers, on the shipped runs."""
    runs = ql.datasets.load_quokka_isoflops()
    laws = [Candidate(Chinchilla()), Candidate(Skaling())]
    fit = ql.fit("chinchilla", runs, bootstrap=40, workers=workers)
    compared = ql.compare(laws, runs, holdout=(3.0, 10.0), bootstrap=20, workers=workers)
    mean = ql.average(laws, runs, holdout=(4.0, 16.0), workers=workers)
    choices = ql.sensitivity(fit, 1e22, workers=workers)
    assert fit.draws is not None
    return [t.to_csv() for t in (fit.draws, compared.table, mean.predict(N=1e10, D=1e12), choices)]


def test_the_number_of_workers_changes_no_byte() -> None:
    with threads():
        assert answers(3) == answers(1)


@pytest.mark.slow
def test_processes_give_the_same_bytes() -> None:
    assert answers(2) == answers(1)


@pytest.mark.slow
def test_ray_gives_the_same_bytes() -> None:
    ray = pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        from ray.util.joblib import register_ray

        register_ray()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        try:
            with joblib.parallel_config("ray"):
                there = answers(2)
        finally:
            ray.shutdown()
    assert there == answers(1)


@pytest.mark.slow
def test_dask_gives_the_same_bytes() -> None:
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster),
            joblib.parallel_config("dask"),
        ):
            there = answers(2)
    assert there == answers(1)
