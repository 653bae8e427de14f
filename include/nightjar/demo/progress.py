"""Progress on the terminal: what is going on, since when, and how long each stage took."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints lines with the seconds since the start; collects the stages' times."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self.stages: list[tuple[str, float]] = []

    def say(self, message: str) -> None:
        """Print one line."""
        with self._lock:
            print(f"[{time.monotonic() - self._started:4.0f} s] {message}", flush=True)  # noqa: T201

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and note how long it took."""
        self.say(name)
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        self.stages.append((name, seconds))
        self.say(f"{name}: done in {seconds:.1f} s")

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started
