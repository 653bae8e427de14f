"""The best items of each entity, from scored pairs."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.usecases import UseCase


def top_items(use_case: UseCase, pairs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return each entity's best items with rank (1 is best) and score.

    Args:
        use_case: a recommender.
        pairs: entity key, item key and probability, each of shape (pairs,).

    Returns:
        The same keys with rank and score, each of shape (recommendations,), by entity and rank. Equal
        scores are ordered by item, so that the same pairs give the same recommendations.
    """
    assert use_case.items is not None
    entity, item = use_case.row_key
    order = np.lexsort((pairs[item], -pairs["probability"], pairs[entity]))
    entities = pairs[entity][order]
    starts = np.flatnonzero(np.r_[True, entities[1:] != entities[:-1]]) if len(entities) else np.array([], dtype=int)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)])) + 1
    best = order[rank <= use_case.items.top]
    return {
        entity: pairs[entity][best],
        item: pairs[item][best],
        "rank": rank[rank <= use_case.items.top].astype(np.int32),
        "score": pairs["probability"][best],
    }
