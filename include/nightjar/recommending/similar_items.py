"""Items that the same users take: item-to-item neighbours (Linden et al. 2003), and what they suggest to users."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from nightjar.recommending.histories import Histories
from nightjar.recommending.ranking import Best, best_of_product, entries_at, keep_best, row_blocks, rows_of_sum_one

NEIGHBOURS = 30
# Of each user's items, those that say most of what it takes now; more of them cost much and tell little.
SEEDS = 50
# Enough to tell which items go together.
MOST_USERS = 20_000
FEWEST_BUYERS = 3
# Buyers in common by which a similarity is shrunk towards zero.
SHRINKAGE = 5.0
_LOOKUPS = 4_000_000


@dataclass(frozen=True)
class SimilarItems:
    """neighbours: (items, items), each row an item's nearest ones. seeds: (users, items), what users take now."""

    neighbours: csr_array
    seeds: csr_array

    def suggest(self, count: int, owned: csr_array, users: range) -> Best:
        """Return the `count` items of each of the users most similar to those it takes, without those it has had.

        A suggestion's value is the mean of its similarities to the user's items, weighted by how lately and how often
        the user took them.
        """
        return best_of_product(self.seeds, self.neighbours, owned, count, users)

    def strongest(self, user: npt.NDArray[np.int64], item: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return which of the user's items speaks most for an item, (pairs,); -1 where none does."""
        found = np.full(len(user), -1)
        starts, lengths = self.seeds.indptr[user], np.diff(self.seeds.indptr)[user]
        block = np.cumsum(lengths, dtype=np.int64) // _LOOKUPS
        for pairs in np.split(np.arange(len(user)), np.flatnonzero(np.diff(block)) + 1):
            place = _ranges(starts[pairs], lengths[pairs])
            pair = np.repeat(pairs, lengths[pairs])
            seed = self.seeds.indices[place]
            value = self.seeds.data[place] * entries_at(self.neighbours, seed, item[pair])
            known = lengths[pairs][lengths[pairs] > 0]
            most = np.maximum.reduceat(value, np.cumsum(known) - known) if len(known) else value
            strongest = np.flatnonzero((value > 0) & (value == np.repeat(most, known)))
            # Of equal ones the first, so the last to be written.
            found[pair[strongest][::-1]] = seed[strongest][::-1]
        return found


def _ranges(start: npt.NDArray[Any], length: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return start, start + 1 … of each length, one after the other."""
    before = np.cumsum(length) - length
    result: npt.NDArray[np.int64] = np.arange(length.sum()) + np.repeat(start - before, length)
    return result


def similar_items(histories: Histories) -> SimilarItems:
    """Learn from histories which items the same users take."""
    recency = histories.matrix(histories.recency[60])
    seeds = keep_best(recency, SEEDS)
    taken = csr_array(seeds[:: -(-seeds.shape[0] // MOST_USERS)])
    taken.data = np.sqrt(np.minimum(taken.data, 3.0))
    buyers = np.bincount(taken.indices, minlength=taken.shape[1])
    taken.data[buyers[taken.indices] < FEWEST_BUYERS] = 0.0
    taken.eliminate_zeros()
    norms = np.sqrt(np.bincount(taken.indices, taken.data**2, minlength=taken.shape[1]))
    normed = taken.copy()
    normed.data /= norms[normed.indices]
    by_item = csr_array(normed.T)
    parts = [_nearest(csr_array(by_item[rows] @ normed), rows.start, buyers) for rows in row_blocks(by_item, normed)]
    return SimilarItems(csr_array(vstack(parts, format="csr")), rows_of_sum_one(seeds))


def _nearest(cosines: csr_array, start: int, buyers: npt.NDArray[np.intp]) -> csr_array:
    row = np.repeat(np.arange(cosines.shape[0]), np.diff(cosines.indptr)) + start
    cosines.data[row == cosines.indices] = 0.0
    fewer = np.minimum(buyers[row], buyers[cosines.indices])
    cosines.data *= fewer / (fewer + SHRINKAGE)
    cosines.eliminate_zeros()
    return keep_best(cosines, NEIGHBOURS)
