"""Where jobs are trained: worker processes here, a Ray cluster, or Slurm through submitit. About ten lines each.

A launcher takes jobs and the number of workers, and yields what :func:`~reference_trainer.jobs.train_job` returned for
each, as they end.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.queues import SimpleQueue

from reference_trainer.errors import TrainerError
from reference_trainer.jobs import Job, end_with_parent, train_job

Outcomes = Iterator[dict[str, str]]


def local(jobs: list[Job], workers: int) -> Outcomes:
    """Worker processes on this machine; the largest jobs come first so that no core idles at the end."""
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    workers = max(1, min(workers, len(jobs)))
    numbers = context.SimpleQueue() if any(job.execution.device == "cuda" for job in jobs) else None
    for number in range(workers if numbers is not None else 0):
        numbers.put(number)  # type: ignore[union-attr]
    with ProcessPoolExecutor(workers, context, partial(_begin, numbers)) as pool:
        futures = [pool.submit(train_job, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise TrainerError(
                "a worker was killed (for want of memory?); what it trained is saved: the same command continues, "
                "with fewer --workers if memory was short"
            ) from None
        except BaseException:
            for future in futures:
                future.cancel()
            for process in list((pool._processes or {}).values()):
                process.terminate()  # SIGTERM: they save and stop
            raise


def _begin(numbers: SimpleQueue[int] | None) -> None:
    """A worker ends with the sweep; this machine's CUDA devices are dealt out to the workers."""
    end_with_parent()
    if numbers is not None:
        import torch

        torch.cuda.set_device(numbers.get() % torch.cuda.device_count())


def ray(jobs: list[Job], workers: int) -> Outcomes:
    """Ray tasks; a task whose worker died is retried and resumes from its checkpoint."""
    try:
        import ray as engine
    except ImportError:
        raise TrainerError('the ray launcher needs ray: pip install "quokka-laws[ray]"') from None
    if not engine.is_initialized():
        engine.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    gpus = 1 if any(job.execution.on_cuda for job in jobs) else 0
    task = engine.remote(num_cpus=1, num_gpus=gpus, max_retries=3)(train_job)
    waiting = [task.remote(job) for job in jobs]
    while waiting:
        ready, waiting = engine.wait(waiting, num_returns=1)
        yield from engine.get(ready)


def submitit(jobs: list[Job], workers: int, *, cluster: str | None = None) -> Outcomes:
    """Slurm array through submitit (or its local executor where there is no Slurm)."""
    try:
        import submitit as engine
    except ImportError:
        raise TrainerError('the submitit launcher needs submitit: pip install "quokka-laws[submitit]"') from None
    if not jobs:
        return
    executor = engine.AutoExecutor(folder=f"{jobs[0].out}/submitit", cluster=cluster)
    gpus = 1 if jobs[0].execution.on_cuda else 0
    executor.update_parameters(
        timeout_min=60 * 24, cpus_per_task=1, gpus_per_node=gpus, slurm_array_parallelism=workers
    )
    for handle in executor.map_array(train_job, jobs):
        yield handle.result()


LAUNCHERS: dict[str, Callable[[list[Job], int], Outcomes]] = {"local": local, "ray": ray, "submitit": submitit}
