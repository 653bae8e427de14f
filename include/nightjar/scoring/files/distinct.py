"""Rows of which each has its own key; for a recommender, all rows of an entity together."""

from collections.abc import Iterator, Sequence

import numpy as np

from nightjar.scoring.files.cells import Mask
from nightjar.scoring.files.keys import Hashes, SeenKeys, key_hashes, run_starts
from nightjar.scoring.files.rejects import Rejects
from nightjar.scoring.files.rows import Rows, without_rows


def distinct_rows(batches: Iterator[Rows], keys: Sequence[str], rejects: Rejects) -> Iterator[Rows]:
    """Reject the rows whose key was on an earlier line: the first one is scored."""
    seen = SeenKeys()
    for rows in batches:
        yield _without(rows, keys, seen.repeated(_hashes(rows, keys)), "was on an earlier line", rejects)


def whole_entities(
    batches: Iterator[Rows], entity: Sequence[str], keys: Sequence[str], rejects: Rejects
) -> Iterator[Rows]:
    """Yield batches of which none ends between two rows of an entity.

    Rows that do not stand with the others of their entity are rejected, and those whose keys were on an earlier line.
    """
    seen = SeenKeys()
    rest: Rows | None = None
    for more in batches:
        rows = more if rest is None else rest.followed_by(more)
        if len(rows):
            whole, rest = rows.split(int(run_starts(_hashes(rows, entity))[-1]))
            yield _distinct_in(_together(whole, entity, seen, rejects), keys, rejects)
    if rest is not None:
        yield _distinct_in(_together(rest, entity, seen, rejects), keys, rejects)


def _together(rows: Rows, entity: Sequence[str], seen: SeenKeys, rejects: Rejects) -> Rows:
    hashes = _hashes(rows, entity)
    starts = run_starts(hashes)
    torn = np.repeat(seen.repeated(hashes[starts]), np.diff(np.append(starts, len(hashes))))
    reason = "has rows further up, apart from this one: sort the file by it"
    return _without(rows, entity, torn, reason, rejects)


def _distinct_in(rows: Rows, keys: Sequence[str], rejects: Rejects) -> Rows:
    return _without(rows, keys, SeenKeys().repeated(_hashes(rows, keys)), "was on an earlier line", rejects)


def _without(rows: Rows, keys: Sequence[str], mask: Mask, reason: str, rejects: Rejects) -> Rows:
    places = np.flatnonzero(mask).tolist()
    named = {row: ", ".join(f"{key} {rows.columns[key][row]}" for key in keys) for row in places}
    return without_rows(rows, {row: f"{name} {reason}" for row, name in named.items()}, rejects)


def _hashes(rows: Rows, keys: Sequence[str]) -> Hashes:
    return key_hashes([rows.columns[key] for key in keys])
