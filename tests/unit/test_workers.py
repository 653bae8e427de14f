"""Worker processes: they inherit nothing, and do not outlive the process that wants them, however that ends."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nightjar.errors import TrainingError
from nightjar.training.workers import shared_folder, side_by_side, warm_up

WORKERS = """
import os, signal, time
import psutil
from nightjar.training.workers import side_by_side, warm_up
warm_up(time.sleep)
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
"""
ENDS = {
    # An Airflow task ends so: what threads registered for the end of the program is not run.
    "without its exit handlers": "os._exit(0)",
    "by SIGTERM amid its tasks": (
        "from threading import Timer; Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM)).start(); "
        "list(side_by_side(time.sleep, [(600,)] * 9, time.monotonic() + 600))"
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_workers_end_soon_after_their_parent(end: str) -> None:
    done = subprocess.run([sys.executable, "-c", WORKERS + end], stdout=subprocess.PIPE, text=True, check=False)
    pids = [int(pid) for pid in done.stdout.split()]

    deadline = time.monotonic() + 10
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert len(pids) >= 2
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_workers_inherit_no_connection_and_no_lock(tmp_path: Path) -> None:
    """What an Airflow task holds open: connections to databases, files that it has locked."""
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.set_inheritable(ours.fileno(), True)
        held = {os.path.realpath(f"/proc/self/fd/{each.fileno()}") for each in (ours, theirs, file)}

        # A lambda goes to the workers as it is: this module cannot be imported there.
        [found] = side_by_side(
            lambda: [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")],
            [()], time.monotonic() + 60,
        )  # fmt: skip

    assert len(held) == 3
    assert found
    assert not held & set(found)


def test_workers_have_one_thread_each_and_leave_interrupts_to_their_parent() -> None:
    [(threads, handler)] = side_by_side(
        lambda: (os.environ["OMP_NUM_THREADS"], signal.getsignal(signal.SIGINT)), [()], time.monotonic() + 60
    )

    assert (threads, handler) == ("1", signal.SIG_IGN)


def test_what_is_not_ready_by_the_deadline_is_ended() -> None:
    warm_up(time.sleep)
    before = time.monotonic()

    results = list(side_by_side(time.sleep, [(0,), (600,), (600,), (600,)], time.monotonic() + 1))

    assert results == [None]
    assert time.monotonic() - before < 20
    assert list(side_by_side(abs, [(-1,)], time.monotonic() + 60)) == [1]


def test_tasks_that_nobody_waits_for_are_ended() -> None:
    results = side_by_side(time.sleep, [(0,), (600,), (600,)], time.monotonic() + 600)
    before = time.monotonic()

    next(results)
    results.close()

    assert time.monotonic() - before < 20


def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(TrainingError, match="want of memory"):
        list(side_by_side(lambda: os.kill(os.getpid(), signal.SIGKILL), [()], time.monotonic() + 60))


def test_the_folder_goes_with_its_block() -> None:
    with pytest.raises(KeyboardInterrupt), shared_folder() as folder:
        _interrupted_in(folder)

    assert not folder.exists()


def _interrupted_in(folder: Path) -> None:
    (folder / "rows.npy").write_text("rows")
    raise KeyboardInterrupt
