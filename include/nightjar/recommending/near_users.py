"""Users of like purchases: each user's nearest ones, and what they take (UP-CF, Faggioli et al. 2020)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nightjar.recommending.histories import Histories
from nightjar.recommending.ranking import (
    Best,
    best_of_product,
    keep_best,
    product_at,
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
        return product_at(self.weights, self.shares, user, item)


def near_users(histories: Histories) -> NearUsers:
    """Learn which users are near by the cosine of what they take now; a user is not near to itself."""
    recency = keep_best(histories.matrix(histories.recency[60]), SEEDS)
    shares, normed = rows_of_sum_one(recency), rows_of_length_one(recency)
    every = -(-recency.shape[0] // MOST_USERS)
    users, others = recency.shape[0], csr_array(shares[::every])
    sampled = np.arange(0, users, every)
    itself = csr_array((np.ones(len(sampled)), (sampled, np.arange(len(sampled)))), shape=(users, len(sampled)))
    near = best_of_product(normed, csr_array(normed[::every].T), itself, NEIGHBOURS, range(users))
    weights = csr_array((near.value**LOCALITY, (near.row, near.column)), shape=itself.shape)
    return NearUsers(rows_of_sum_one(weights), others)
