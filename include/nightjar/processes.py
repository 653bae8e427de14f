"""How much of the machine a process may use, and how a worker behaves towards the process that wants it."""

import os
import signal
import threading
import time

_WATCH_SECONDS = 0.5


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def serve(parent: int) -> None:
    """Leave interrupts to the parent, and end soon after it: one that is killed ends nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
