"""How well a recommender ranks, and which items go together."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nightjar.training.metrics import Evaluation, group_rows, ranked_hits

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
    ranked = ranked_hits(evaluation, RANKS)
    shown, bought = np.bincount(ranked.position), np.bincount(ranked.position, ranked.hit)
    first_hits = np.full(len(ranked.bought), RANKS)
    np.minimum.at(first_hits, ranked.group, np.where(ranked.hit == 1, ranked.position, RANKS))
    return [
        {
            "rank": position + 1,
            "shown": shown[position],
            "bought": bought[position] / shown[position],
            "hit_rate": (first_hits <= position).mean(),
        }
        for position in range(len(shown))
    ]


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
    baskets = group_rows(entity, day)
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
