"""Lists of recommended items, and how well they meet what was taken afterwards."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nightjar.recommending.interactions import Interactions
from nightjar.recommending.ranking import best_of_rows
from nightjar.recommending.recommender import Ranked

Vector = npt.NDArray[np.float64]
NDCG_RANKS, RECALL_RANKS = 10, 20


class Task(StrEnum):
    """Which items are recommended and looked for: all, those that the user had before, or those it had not."""

    ALL = "all items"
    REPEAT = "repeat items"
    NEW = "new items"


@dataclass(frozen=True)
class Lists:
    """Recommended items, user by user, the best first; both (recommendations,)."""

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]

    @classmethod
    def of_scores(cls, scores: csr_array, owned: csr_array, task: Task) -> "Lists":
        """Return the best items by a matrix of scores, of those that the task is about."""
        had = scores.multiply(owned.astype(bool).astype(float))
        chosen = {Task.ALL: scores, Task.REPEAT: had, Task.NEW: scores - had}[task]
        kept = csr_array(chosen)
        kept.data[kept.data < 1e-15] = 0.0
        kept.eliminate_zeros()
        best = best_of_rows(kept, RECALL_RANKS)
        return cls(best.row.astype(np.int64), best.column.astype(np.int64))

    @classmethod
    def of_ranked(cls, ranked: Ranked) -> "Lists":
        """Return what a recommender gave."""
        return cls(ranked.user, ranked.item)


@dataclass(frozen=True)
class Outcome:
    """What users took within a horizon, as a matrix of users and items of ones; and what they had before it."""

    taken: csr_array
    owned: csr_array

    def of(self, task: Task) -> csr_array:
        """Return what a task looks for."""
        if task is Task.ALL:
            return self.taken
        had = csr_array(self.taken.multiply(self.owned.astype(bool).astype(float)))
        found = had if task is Task.REPEAT else csr_array(self.taken - had)
        found.eliminate_zeros()
        return found


def outcome_after(interactions: Interactions, owned: csr_array, day: int, horizon_days: int) -> Outcome:
    """Return what was taken from a day on, within a horizon."""
    within = (interactions.day >= day) & (interactions.day < day + horizon_days)
    user, item = interactions.user[within], interactions.item[within]
    taken = csr_array((np.ones(len(user)), (user, item)), shape=owned.shape)
    taken.sum_duplicates()
    taken.data[:] = 1.0
    return Outcome(taken, owned)


@dataclass(frozen=True)
class Scores:
    """Of each user who took something that the task looks for: its position, NDCG and recall; all (users,)."""

    user: npt.NDArray[np.int64]
    ndcg: Vector
    recall: Vector


def score_lists(lists: Lists, wanted: csr_array) -> Scores:
    """Return NDCG@10 with binary relevance and recall@20, the latter over min(20, items taken)."""
    users, items = wanted.shape
    taken = np.diff(wanted.indptr)
    keys = np.repeat(np.arange(users), taken) * items + wanted.indices
    position = np.arange(len(lists.user)) - np.searchsorted(lists.user, np.arange(users))[lists.user]
    hit = np.isin(lists.user * items + lists.item, keys)
    discounts = 1 / np.log2(np.arange(NDCG_RANKS) + 2)
    first = hit & (position < NDCG_RANKS)
    gain = np.bincount(lists.user[first], discounts[position[first]], minlength=users)
    found = np.bincount(lists.user[hit & (position < RECALL_RANKS)], minlength=users)
    some = np.flatnonzero(taken)
    ideal = np.cumsum(discounts)[np.minimum(taken[some], NDCG_RANKS) - 1]
    return Scores(some, gain[some] / ideal, found[some] / np.minimum(taken[some], RECALL_RANKS))
