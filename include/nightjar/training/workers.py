"""Worker processes that work side by side: ended when the time is up, and when the process that wants them is gone."""

import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from loky import ProcessPoolExecutor, get_reusable_executor
from loky.backend import resource_tracker
from loky.process_executor import TerminatedWorkerError

from nightjar.errors import TrainingError
from nightjar.processes import cores, serve

# Fits run side by side, so each has one core.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_IDLE_SECONDS = 60

Result = TypeVar("Result")


def warm_up(task: Callable[[int], None]) -> None:
    """Start the workers and have each do a task, such as imports, that is no part of the time budget."""
    list(_executor().map(task, range(2 * cores())))


def side_by_side(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], deadline: float
) -> Generator[Result, None, None]:
    """Yield the results that are ready by a deadline (of the monotonic clock); what runs on is ended.

    Raises:
        TrainingError: a worker died.
    """
    executor = _executor()
    finished = False
    try:
        pending: set[Future[Result]] = {executor.submit(function, *arguments) for arguments in calls}
        while pending and (left := deadline - time.monotonic()) > 0:
            done, pending = wait(pending, timeout=left, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
        finished = not pending
    except TerminatedWorkerError as error:
        raise TrainingError(
            "A fit was killed, most likely for want of memory: train on fewer rows or declare cheaper candidates."
        ) from error
    finally:
        if not finished:
            executor.shutdown(wait=True, kill_workers=True)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Make a folder for what the workers read, and remove it in the end."""
    with tempfile.TemporaryDirectory(prefix="nightjar-search-") as folder:
        # A process of its own that removes the folder also when this one is killed.
        resource_tracker.register(folder, "folder")
        try:
            yield Path(folder)
        finally:
            resource_tracker.unregister(folder, "folder")


def _executor() -> ProcessPoolExecutor:
    return get_reusable_executor(
        max_workers=cores(), timeout=_IDLE_SECONDS, env=_ONE_THREAD, initializer=serve, initargs=(os.getpid(),)
    )
