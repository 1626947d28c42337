"""Many pieces of work at once, through joblib: processes of this machine, or a cluster that ``joblib.parallel_config`` names.

Pieces are cut and numbered before anything is computed, and results come back in their order: they are the same bytes
whatever the number of workers. One worker is this process, without joblib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from quokka_laws._spelling import is_command_line, on_command_line
from quokka_laws.exceptions import ArgumentError

T = TypeVar("T")

TOGETHER = 16
SHARED = 50_000
"""Bytes of an array from which processes of one machine read the same memory, instead of a copy for each piece."""


def check_workers(workers: Any) -> None:
    """Raise :class:`ArgumentError` unless ``workers`` is a count, or −1 for every core."""
    if isinstance(workers, bool) or not isinstance(workers, int) or (workers < 1 and workers != -1):
        raise ArgumentError(f"workers = {workers!r}: how many processes to use, such as 4; -1 for every core")


def run_all(
    function: Callable[..., T],
    pieces: Sequence[tuple[Any, ...]],
    *,
    workers: int = 1,
    done: Callable[[int], None] | None = None,
) -> list[T]:
    """``[function(*piece) for piece in pieces]``, by several workers.

    Parameters
    ----------
    function : callable
        Known by name in its module, so that other processes find it.
    pieces : sequence of tuple
        Arguments of each call.
    workers : int
        Processes; −1 for every core. Inside ``joblib.parallel_config("ray")`` or ``"dask"``, tasks at a time on the cluster.
    done : callable, optional
        Told the number of each piece, in order, when it is finished.
    """
    results = []
    for number, result in enumerate(_results(function, pieces, workers)):
        results.append(result)
        if done:
            done(number)
    return results


def _results(function: Callable[..., T], pieces: Sequence[tuple[Any, ...]], workers: int) -> Any:
    if workers == 1 or len(pieces) < 2:
        return (function(*piece) for piece in pieces)
    import joblib

    # Pieces that travel together share what they have in common; several rounds for each worker keep all of them busy.
    together = max(1, min(TOGETHER, len(pieces) // (4 * joblib.effective_n_jobs(workers))))
    settings: dict[str, Any] = {"n_jobs": workers, "batch_size": together, "max_nbytes": SHARED}
    try:
        pool = joblib.Parallel(return_as="generator", **settings)
    except ValueError:  # Ray's backend hands all results over at the end
        pool = joblib.Parallel(**settings)
    return pool(joblib.delayed(_there)(is_command_line(), function, piece) for piece in pieces)


def _there(command_line: bool, function: Callable[..., T], piece: tuple[Any, ...]) -> T:
    """A call in another process, whose messages are spelt as here."""
    _keep_memory()
    with on_command_line(command_line):
        return function(*piece)


@cache
def _keep_memory() -> None:
    """Take and free 30 MB, once in each worker.

    Until glibc has seen a large piece freed it gives the memory of every array back to the system and asks for it anew, which
    takes a third of a worker's time; a process that has read a table has freed one.
    """
    bytearray(30_000_000)
