"""Scores a night's shards side by side in threads of this process.

Threads are as fast as processes here, since COPY, numpy and ONNX Runtime work without the interpreter's lock, and none
outlives a process that is killed.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from threadpoolctl import threadpool_limits

from nightjar.scoring.commits import Commit
from nightjar.scoring.shards import ShardResult, score_shard
from nightjar.storage import Database
from nightjar.storage.interruptible import Interruptible
from nightjar.usecases import UseCase

_LOOK_SECONDS = 0.2


class _StoppedError(Exception):
    """Another shard failed, or the user interrupted."""


@dataclass
class _Rows:
    """The rows that all threads have read; once it is stopped, who adds to it ends."""

    count: int = 0
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rows: int) -> None:
        with self.lock:
            self.count += rows
        if self.stopped:
            raise _StoppedError


def score_shards(
    database: Database,
    use_case: UseCase,
    commit: Commit,
    ordinals: Sequence[int],
    *,
    workers: int,
    told: Callable[[int], None],
) -> None:
    """Score shards, at most `workers` of them at a time; the first that fails ends the others.

    told: called in this thread, several times a second, with the number of rows that were read so far.

    Raises:
        NightjarError: as the shard that failed first raised it.
    """
    interruptible, rows = Interruptible.of(database), _Rows()
    # Set around all of them: a limit that a thread restores would hold for the others too.
    with threadpool_limits(1), ThreadPoolExecutor(workers, "shard") as executor:
        futures: list[Future[ShardResult]] = []
        try:
            for ordinal in ordinals:
                futures.append(executor.submit(score_shard, interruptible, use_case, commit.id, ordinal, told=rows.add))
            _await(futures, rows, told)
        except BaseException:
            rows.stopped = True
            executor.shutdown(wait=False, cancel_futures=True)
            _end(futures, interruptible)
            raise


def _await(futures: Sequence[Future[ShardResult]], rows: _Rows, told: Callable[[int], None]) -> None:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=_LOOK_SECONDS, return_when=FIRST_EXCEPTION)
        told(rows.count)
        for future in futures:
            if future in done:
                future.result()


def _end(futures: Sequence[Future[ShardResult]], database: Interruptible) -> None:
    """Wait until no thread is at work: again and again, since one may have been between two statements."""
    # One that was cancelled before it began is done, but never told to those who wait for it.
    while pending := [future for future in futures if not future.done()]:
        database.interrupt()
        wait(pending, timeout=_LOOK_SECONDS)
