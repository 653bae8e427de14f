"""Spreads recommendations over categories."""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def lessen_repetition(
    entity: npt.NDArray[Any], category: npt.NDArray[Any], score: npt.NDArray[Any], diversity: float
) -> Vector:
    """Return scores that fall with each better item of the same category: times (1 - diversity) for each of them.

    Ordered by them, the list is what choosing item by item gives, each time the best one after that discount, as in
    maximal marginal relevance (Carbonell and Goldstein 1998) with a similarity that is 1 within a category, else 0.

    Args:
        entity: of each pair, shape (pairs,).
        category: the same.
        score: the same, not negative.
        diversity: from 0, which leaves scores as they are, to 1, where no category comes twice
            before each has come once.
    """
    if not len(entity):
        return np.array([])
    order = np.lexsort((-score, category, entity))
    entities, categories = entity[order], category[order]
    new = np.r_[True, (entities[1:] != entities[:-1]) | (categories[1:] != categories[:-1])]
    start = np.flatnonzero(new)
    better = np.arange(len(order)) - start[np.cumsum(new) - 1]
    lessened = np.empty(len(order))
    # Never quite nothing, so that what comes after the first of each category is still in order.
    lessened[order] = score[order] * np.maximum(1.0 - diversity, 1e-9) ** better
    return lessened
