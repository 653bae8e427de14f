"""Users of like purchases: each user's nearest ones, and what they take (UP-CF, Faggioli et al. 2020)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from nightjar.recommending.histories import Histories
from nightjar.recommending.ranking import (
    Best,
    best_of_product,
    entries_at,
    keep_best,
    row_blocks,
    rows_of_length_one,
    rows_of_sum_one,
)

NEIGHBOURS = 50
# The power that makes only near neighbours count.
LOCALITY = 5
# Of each user's items, those that say most of what it takes now.
SEEDS = 100
# Enough to find like ones among.
MOST_USERS = 5_000


@dataclass(frozen=True)
class NearUsers:
    """weights: (users, others), how much each user's nearest ones count. shares: (others, items), what they take."""

    weights: csr_array
    shares: csr_array

    def suggest(self, count: int, owned: csr_array, users: range) -> Best:
        """Return the `count` items of each of the users that near ones take most, without those it has had."""
        return best_of_product(self.weights, self.shares, owned, count, users)

    def taken(self, user: npt.NDArray[np.int64], item: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return what share of what near users take is the item, (pairs,); the pairs sorted by user."""
        result = np.zeros(len(user))
        if not len(user):
            return result
        first = int(user[0])
        weights = csr_array(self.weights[first : int(user[-1]) + 1])
        for block in row_blocks(weights, self.shares):
            pairs = slice(*np.searchsorted(user, [first + block.start, first + block.stop]))
            product = csr_array(weights[block] @ self.shares)
            product.sort_indices()
            result[pairs] = entries_at(product, user[pairs] - first - block.start, item[pairs])
        return result


def near_users(histories: Histories) -> NearUsers:
    """Learn which users are near by the cosine of what they take now; a user is not near to itself."""
    recency = keep_best(histories.matrix(histories.recency[60]), SEEDS)
    shares, normed = rows_of_sum_one(recency), rows_of_length_one(recency)
    every = -(-recency.shape[0] // MOST_USERS)
    others = csr_array(normed[::every].T)
    parts = []
    for block in row_blocks(normed, others):
        cosines = csr_array(normed[block] @ others)
        row = np.repeat(np.arange(block.start, block.stop), np.diff(cosines.indptr))
        cosines.data[row == cosines.indices * every] = 0.0
        cosines.eliminate_zeros()
        parts.append(keep_best(cosines, NEIGHBOURS))
    weights = csr_array(vstack(parts, format="csr"))
    weights.data **= LOCALITY
    return NearUsers(rows_of_sum_one(weights), csr_array(shares[::every]))
