"""Users of similar taste: latent factors of what users take, segments of users, and what is popular in each."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.cluster import MiniBatchKMeans
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from nightjar.recommending.histories import Histories
from nightjar.recommending.kernels import multiply_pairs
from nightjar.recommending.ranking import Best, best_of_product, keep_best

FACTORS = 64
USERS_PER_SEGMENT = 80
MOST_SEGMENTS = 64
FEWEST_BUYERS = 3
# How many items of a segment are told apart by popularity, over how many days, and how much its own users count.
POPULAR, POPULAR_DAYS, OF_SEGMENT = 300, 28, 0.8
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tastes:
    """user_factors: (users, factors); item_factors: (items, factors), whose products tell how well they fit.

    segment: (users,); popularity: (segments, items), the share of the segment's users who took an item lately.
    """

    user_factors: Matrix
    item_factors: Matrix
    segment: npt.NDArray[np.intp]
    popularity: csr_array

    def suggest(self, count: int, owned: csr_array, users: range) -> Best:
        """Return the `count` items of each of the users that are most popular in its segment, without those it had."""
        return best_of_product(self.members(), self.popularity, owned, count, users)

    def members(self) -> csr_array:
        """Return which users are in which segments, as a matrix of ones."""
        users = len(self.segment)
        return csr_array((np.ones(users), self.segment, np.arange(users + 1)), shape=(users, self.popularity.shape[0]))

    def affinity(self, user: npt.NDArray[np.intp], item: npt.NDArray[np.intp]) -> Matrix:
        """Return how well items fit users, (pairs,)."""
        result = np.zeros(len(user))
        multiply_pairs(self.user_factors, self.item_factors, user, item, result)
        return result


def tastes(histories: Histories, seed: int = 0) -> Tastes:
    """Learn tastes from histories: singular vectors of the recency-weighted matrix (Cremonesi et al. 2010).

    Users without histories are in a segment of their own, where what all users take is popular.
    """
    users = histories.shape[0]
    known = np.flatnonzero(np.bincount(histories.user, minlength=users))
    user_factors, item_factors = _factors(histories, seed)
    segments = int(np.clip(len(known) // USERS_PER_SEGMENT, 1, MOST_SEGMENTS))
    segment = np.full(users, segments, np.intp)
    if len(known) > segments:
        means = MiniBatchKMeans(segments, random_state=seed, n_init=1, batch_size=4096)
        segment[known] = means.fit_predict(normalize(user_factors[known]))
    return Tastes(user_factors, item_factors, segment, _popularity(histories, segment, segments + 1))


def _factors(histories: Histories, seed: int) -> tuple[Matrix, Matrix]:
    """Return factors of users and of items; zeros for items with too few buyers to tell."""
    users, items = histories.shape
    taken = histories.matrix(np.log1p(histories.recency[60]))
    buyers = np.bincount(taken.indices, minlength=items)
    common = np.flatnonzero(buyers >= FEWEST_BUYERS)
    count = min(FACTORS, users - 1, len(common) - 1)
    item_factors = np.zeros((items, max(count, 1)))
    if count < 1:
        return np.zeros((users, 1)), item_factors
    weighted = csr_array(taken[:, common])
    # Items that everybody takes tell little of taste.
    weighted.data *= np.log((1 + users) / (1 + buyers[common]))[weighted.indices]
    left, values, right = randomized_svd(weighted, count, n_iter=2, random_state=seed)
    item_factors[common] = right.T
    return left * values, item_factors


def _popularity(histories: Histories, segment: npt.NDArray[np.intp], count: int) -> csr_array:
    """Return the shares of each segment's users who took an item in 28 days, a fifth of it that of all users."""
    users, items = histories.shape
    lately = histories.last <= POPULAR_DAYS
    user, item = histories.user[lately], histories.item[lately]
    sizes = np.maximum(np.bincount(segment, minlength=count), 1)
    within = csr_array((1 / sizes[segment[user]], (segment[user], item)), shape=(count, items))
    overall = np.bincount(item, minlength=items) / users
    popular = np.argsort(-overall, kind="stable")[:POPULAR]
    row, column = np.repeat(np.arange(count), len(popular)), np.tile(popular, count)
    base = csr_array((overall[column], (row, column)), shape=(count, items))
    mixed = csr_array(OF_SEGMENT * within + (1 - OF_SEGMENT) * base)
    mixed.eliminate_zeros()
    return keep_best(mixed, POPULAR)
