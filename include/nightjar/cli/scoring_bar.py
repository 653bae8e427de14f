"""How far a run of scoring is: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from nightjar.cli.output import progress as tell

if TYPE_CHECKING:
    from nightjar.scoring.progress import Progress as State
    from nightjar.scoring.progress import Watch

_LINE_SECONDS = 10


@contextmanager
def scoring_bar() -> Iterator["Watch"]:
    """Show the steps of a run, the rows and their number per second."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines().watch
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task, clock = bar.add_task("", total=1, told=""), _Clock()

        def watch(state: "State") -> None:
            if clock.is_new(state):
                bar.reset(task, total=1, told="")
            bar.update(task, description=state.step, completed=state.share, told=clock.speed(state))

        yield watch


class _Clock:
    """Knows when the present step began."""

    def __init__(self) -> None:
        self._step = ""
        self._since = 0.0

    def is_new(self, state: "State") -> bool:
        """Return whether a step begins with this state, and start the clock if so."""
        if state.step == self._step:
            return False
        self._step, self._since = state.step, time.monotonic()
        return True

    def speed(self, state: "State") -> str:
        """Return the rows of the step so far, and how many a second that is."""
        seconds = time.monotonic() - self._since
        return f"{state.rows:,} rows, {state.rows / seconds:,.0f} rows/s" if state.rows and seconds else ""


class _Lines:
    """Tells of each step once, and of its rows every few seconds and at its end."""

    def __init__(self) -> None:
        self._clock = _Clock()
        self._told = 0.0
        self._ended = False

    def watch(self, state: "State") -> None:
        """Tell what is new."""
        if self._clock.is_new(state):
            tell(state.step)
            self._told, self._ended = time.monotonic(), False
        speed, now = self._clock.speed(state), time.monotonic()
        if speed and not self._ended and (now - self._told >= _LINE_SECONDS or state.share >= 1):
            tell(f"{state.step}: {speed}, {state.share:.0%}")
            self._told, self._ended = now, state.share >= 1
