"""The best items of each entity, from scored pairs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Recommendations:
    """The best items of entities that have equally many, best first.

    entity: (entities,) keys. items: (entities, number) keys. scores: (entities, number).
    """

    entity: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


@dataclass(frozen=True)
class RankedItems:
    """The same as rows: entity by entity, the best first, all (recommendations,). rank: from 1."""

    entity: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    rank: npt.NDArray[np.int32]
    score: npt.NDArray[np.float64]


def as_rows(groups: Iterable[Recommendations]) -> RankedItems:
    """Return recommendations one by one, entities in their order."""
    parts = [_rows_of(group) for group in groups]
    if not parts:
        return RankedItems(np.array([], int), np.array([], int), np.array([], np.int32), np.array([]))
    entity, item, rank, score = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((rank, entity))
    return RankedItems(entity[order], item[order], rank[order], score[order])


def _rows_of(group: Recommendations) -> tuple[npt.NDArray[Any], ...]:
    entities, number = group.items.shape
    ranks = np.tile(np.arange(1, number + 1, dtype=np.int32), entities)
    return np.repeat(group.entity, number), group.items.ravel(), ranks, group.scores.ravel()


def top_items(
    entity: npt.NDArray[Any],
    item: npt.NDArray[Any],
    score: npt.NDArray[Any],
    top: int,
    order_by: npt.NDArray[Any] | None = None,
) -> Iterator[Recommendations]:
    """Yield each entity's best items, entities with equally many of them together.

    Equal scores are ordered by item, so that the same pairs give the same recommendations.

    Args:
        entity: of each pair, shape (pairs,).
        item: the same.
        score: the same.
        top: the most items that an entity gets.
        order_by: what is best, in place of the score: the same.
    """
    if not len(entity):
        return
    order = np.lexsort((item, -(score if order_by is None else order_by), entity))
    sorted_entities = entity[order]
    starts = np.flatnonzero(np.r_[True, sorted_entities[1:] != sorted_entities[:-1]])
    counts = np.minimum(np.diff(np.r_[starts, len(order)]), top)
    for count in np.unique(counts):
        first = starts[counts == count]
        pairs = order[first[:, None] + np.arange(count)]
        yield Recommendations(entity[pairs[:, 0]], item[pairs], score[pairs])
