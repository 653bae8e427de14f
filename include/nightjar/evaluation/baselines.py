"""What a recommender has to beat: scores of users and items by well-known rules, from histories alone."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from nightjar.recommending.histories import Histories
from nightjar.recommending.ranking import keep_best, rows_of_length_one, rows_of_sum_one
from nightjar.recommending.similar_items import similar_items
from nightjar.recommending.tastes import tastes

# Items that a popularity list is cut off at; longer than any list once a user's own items are taken out.
_POPULAR = 400
_BLOCK = 512
# Of UP-CF: the power that makes only near neighbours count, and how many there are.
_LOCALITY, _NEIGHBOURS = 5, 100


def popularity(histories: Histories) -> csr_array:
    """Return what most users took in 28 days, the same for all users."""
    users, items = histories.shape
    buyers = np.bincount(histories.item[histories.last <= 28], minlength=items).astype(float)
    return _same_for_all(buyers, users)


def segment_popularity(histories: Histories) -> csr_array:
    """Return what most users of the user's segment took in 28 days."""
    liked = tastes(histories)
    return csr_array(liked.members() @ liked.popularity)


def own_frequency(histories: Histories) -> csr_array:
    """Return how often each user took each item."""
    return histories.matrix(histories.purchases)


def recent_frequency(histories: Histories) -> csr_array:
    """Return how often each user took each item, each time worth half after 60 days."""
    return histories.matrix(histories.recency[60])


def item_neighbours(histories: Histories) -> csr_array:
    """Return what is near the items that each user takes, by the cosine of their users (Linden et al. 2003)."""
    learnt = similar_items(histories)
    return csr_array(learnt.seeds @ learnt.neighbours)


def user_neighbours(histories: Histories) -> csr_array:
    """Return what near users take, by the cosine of recency-weighted shares (UP-CF, Faggioli et al. 2020).

    Every user is its own nearest neighbour. The work grows with the square of the number of users.
    """
    recency = histories.matrix(histories.recency[60])
    shares, normed = rows_of_sum_one(recency), rows_of_length_one(recency)
    turned = csr_array(normed.T)
    parts = []
    for start in range(0, recency.shape[0], _BLOCK):
        near = keep_best(csr_array(normed[start : start + _BLOCK] @ turned), _NEIGHBOURS)
        near.data **= _LOCALITY
        parts.append(csr_array(near @ shares))
    return csr_array(vstack(parts, format="csr"))


BASELINES: Mapping[str, Callable[[Histories], csr_array]] = {
    "popularity": popularity,
    "popularity in segment": segment_popularity,
    "own frequency": own_frequency,
    "own frequency, 60-day half-life": recent_frequency,
    "item neighbours": item_neighbours,
    "user neighbours (UP-CF)": user_neighbours,
}


def _same_for_all(values: npt.NDArray[np.float64], users: int) -> csr_array:
    first = np.argsort(-values, kind="stable")[:_POPULAR]
    first = np.sort(first[values[first] > 0])
    indptr = np.arange(users + 1) * len(first)
    return csr_array((np.tile(values[first], users), np.tile(first, users), indptr), shape=(users, len(values)))
