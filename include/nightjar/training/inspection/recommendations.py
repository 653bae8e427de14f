"""How well a recommender ranks, and which items go together."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nightjar.training.metrics import Evaluation

RANKS = 20
ITEMS = 200
NEIGHBOURS = 5

Keys = npt.NDArray[np.int64]
Days = npt.NDArray[np.float64]


def hit_rates(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return how often items were bought by their rank, over entities and dates that bought something.

    Returns:
        rank (from 1), shown: lists that are that long, bought: the share of them whose item at this rank was bought,
        hit_rate: the share of all lists with an item that was bought at this rank or before.
    """
    data = evaluation.dataset
    group = _groups(data.entity, data.day)
    sought = np.bincount(group, data.target) > 0
    rows = np.flatnonzero(data.candidate & sought[group])
    order = rows[np.lexsort((-evaluation.output[rows], group[rows]))]
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    rank = np.arange(len(order)) - np.repeat(starts, lengths) + 1
    hit = data.target[order] == 1
    best = np.minimum.reduceat(np.where(hit, rank, len(order) + 1), starts) if len(starts) else np.array([])
    found = []
    for number in range(1, min(RANKS, int(rank.max(initial=0))) + 1):
        here = rank == number
        found.append(
            {"rank": number, "shown": here.sum(), "bought": hit[here].mean(), "hit_rate": (best <= number).mean()}
        )
    return found


def item_neighbours(entity: Keys, day: Days, item: Keys) -> list[dict[str, Any]]:
    """Return the items most often bought together with each of the most bought ones.

    Together means by the same entity for the same as-of date. The nearest neighbours are those of the largest cosine
    of the two items' buyers (Linden et al. 2003), for two sets together / sqrt(buyers x other's buyers).

    Args:
        entity: (purchases,) keys.
        day: (purchases,) as-of dates as days since 1970.
        item: (purchases,) keys.

    Returns:
        item, buyers, neighbour, place (from 1), together: entities and dates with both, cosine, and lift: how many
        times more often than if they were bought independently.
    """
    if not len(item):
        return []
    keys, codes = np.unique(item, return_inverse=True)
    baskets = _groups(entity, day)
    held = csr_array((np.ones(len(codes)), (baskets, codes)), shape=(baskets.max() + 1, len(keys)))
    # The same purchase twice is still one.
    held.data[:] = np.minimum(held.data, 1.0)
    buyers = held.sum(axis=0)
    popular = np.argsort(-buyers, kind="stable")[:ITEMS]
    together = (held[:, popular].T @ held).tocsr()
    found = []
    for row, code in enumerate(popular.tolist()):
        common = together[[row]].toarray()[0]
        common[code] = 0
        cosines = common / np.sqrt(buyers[code] * buyers)
        for place, other in enumerate(np.argsort(-cosines, kind="stable")[:NEIGHBOURS].tolist(), start=1):
            if common[other] == 0:
                break
            found.append(
                {
                    "item": keys[code],
                    "buyers": int(buyers[code]),
                    "neighbour": keys[other],
                    "place": place,
                    "together": int(common[other]),
                    "cosine": cosines[other],
                    "lift": common[other] * held.shape[0] / (buyers[code] * buyers[other]),
                }
            )
    return found


def _groups(entity: Keys, day: Days) -> npt.NDArray[np.intp]:
    """Return the number of each row's entity and date, from 0."""
    _, entities = np.unique(entity, return_inverse=True)
    days, day_codes = np.unique(day, return_inverse=True)
    groups: npt.NDArray[np.intp] = np.unique(entities * len(days) + day_codes, return_inverse=True)[1]
    return groups
