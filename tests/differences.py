"""Pairs of snapshots to compare, and the index of their shift by hand."""

import json
from math import log

from nightjar import snapshots
from nightjar.snapshots import Version
from nightjar.snapshots.diff import Diff, diff
from nightjar.snapshots.distribution import Shift
from nightjar.storage import Database

_SMALLEST_SHARE = 0.0001
_numbers = iter(range(1_000_000))


def compare(database: Database, left: str, right: str, key: tuple[str, ...] = ()) -> Diff:
    """Freeze two queries as snapshots of a new name and compare them."""
    name = f"pair{next(_numbers)}"
    names = [
        snapshots.create(database, name, query, version=Version(major)).name for major, query in ((1, left), (2, right))
    ]
    made = diff(database, names[0], names[1], key=key)
    json.dumps(made.as_json(), allow_nan=False)
    assert made.as_text().splitlines()
    return made


def shift_of(made: Diff, column: str) -> Shift:
    """Return what was found of one column."""
    [shift] = [shift for shift in made.shifts if shift.column == column]
    return shift


def psi(*shares: tuple[float, float]) -> float:
    """Return the population stability index of shares per bin; a bin of equal shares may be left out."""
    floored = [(max(left, _SMALLEST_SHARE), max(right, _SMALLEST_SHARE)) for left, right in shares]
    return sum((right - left) * log(right / left) for left, right in floored)
