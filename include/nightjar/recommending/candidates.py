"""Which pairs of users and items are worth ranking, and what is known of each."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nightjar.recommending.histories import Histories
from nightjar.recommending.patterns import Patterns
from nightjar.recommending.ranking import best_of_rows, positions_of
from nightjar.usecases.items import Sources


@dataclass(frozen=True)
class Pairs:
    """Pairs of users and items, sorted by user and item; all (pairs,).

    own: position of the pair in the histories, -1 for what the user never had. similarity, popularity: how much the
    user's items, and its segment, speak for the item, 0 where they do not. rank: the pair's place among the user's
    own items, from 0; how many there are at most for others.
    """

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    own: npt.NDArray[np.int64]
    rank: npt.NDArray[np.float64]
    similarity: npt.NDArray[np.float64]
    popularity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.user)


def candidate_pairs(histories: Histories, patterns: Patterns, sources: Sources, users: range) -> Pairs:
    """Return the candidates of a range of users.

    histories: of these users.
    """
    items = histories.shape[1]
    owned = histories.matrix(np.ones(len(histories)))
    own = best_of_rows(histories.matrix(histories.recency[60] + histories.visit_recency[10] / 2), sources.own)
    place = np.arange(len(own.row)) - np.searchsorted(own.row, np.arange(histories.shape[0]))[own.row]
    suggested = patterns.similar.suggest(sources.similar, owned, users)
    popular = patterns.liked.suggest(sources.popular, owned, users)
    near = patterns.near.suggest(sources.near, owned, users)
    keys = [part.row * items + part.column for part in (own, suggested, popular, near)]
    pairs, position = np.unique(np.concatenate(keys), return_inverse=True)
    first, second, third, _ = np.split(position, np.cumsum([len(part) for part in keys])[:-1])
    histories_of = histories.user.astype(np.int64) * items + histories.item
    rank, similarity, popularity = np.full(len(pairs), float(sources.own)), np.zeros(len(pairs)), np.zeros(len(pairs))
    rank[first], similarity[second], popularity[third] = place, suggested.value, popular.value
    own_place = positions_of(histories_of, pairs)
    return Pairs(pairs // items, pairs % items, own_place, rank, similarity, popularity)
