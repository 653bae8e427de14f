"""How far a run of scoring is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What is being done, the rows that were scored in this step, and the share of the step that is done, 0 to 1."""

    step: str
    rows: int = 0
    share: float = 0.0


Watch = Callable[[Progress], None]


def unwatched(_: Progress) -> None:
    """Take no notice."""
