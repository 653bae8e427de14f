"""How the benchmarks measure: rounds of ours and the rival in turn, medians."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 3


@dataclass(frozen=True)
class Result:
    """One line of the table; `goal` is what the ratio ours / rival should be."""

    work: str
    ours: float
    rival: float
    goal: str
    rival_name: str

    @property
    def ratio(self) -> float:
        """Ours over the rival's."""
        return self.ours / self.rival if self.rival else float("nan")


def seconds_in_turn(
    ours: Callable[[], object], rival: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Return the median seconds of both, run in turn so that a slower machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, into in zip((ours, rival), times, strict=True):
            started = time.perf_counter()
            work()
            into.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])
