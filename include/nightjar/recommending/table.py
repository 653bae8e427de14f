"""The candidates of all users as of a day, with what is known of each: one call from interactions to features."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from nightjar.recommending.activity import item_activity, user_activity
from nightjar.recommending.candidates import Pairs, candidate_pairs
from nightjar.recommending.histories import histories_before
from nightjar.recommending.interactions import Interactions
from nightjar.recommending.pair_features import Columns, pair_features
from nightjar.recommending.patterns import find_patterns
from nightjar.recommending.similar_items import SimilarItems
from nightjar.usecases.items import Sources

# A hundred candidates of each with 50 features: some 250 MB.
USERS_AT_A_TIME = 5_000


@dataclass(frozen=True)
class CandidateTable:
    """Candidate pairs, their features by name, and the category of each pair's item where it is known; all (pairs,).

    similar: from which `similar_to` follows.
    """

    pairs: Pairs
    columns: Columns
    similar: SimilarItems
    category: npt.NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def matrix(self) -> npt.NDArray[np.float32]:
        """Return the features as a matrix, (pairs, features)."""
        return np.column_stack([values.astype(np.float32) for values in self.columns.values()])

    def take(self, rows: npt.NDArray[np.bool_]) -> "CandidateTable":
        """Return the pairs of a mask."""
        pairs = Pairs(*(getattr(self.pairs, field.name)[rows] for field in fields(Pairs)))
        category = None if self.category is None else self.category[rows]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return CandidateTable(pairs, columns, self.similar, category)

    def similar_to(self) -> npt.NDArray[np.int64]:
        """Return which of its user's items speaks most for each pair, (pairs,); -1 where none does."""
        result = np.full(len(self), -1)
        suggested = self.pairs.similarity > 0
        result[suggested] = self.similar.strongest(self.pairs.user[suggested], self.pairs.item[suggested])
        return result


def candidate_tables(
    interactions: Interactions,
    day: int,
    sources: Sources,
    *,
    new_only: bool = False,
    seed: int = 0,
    users: range | None = None,
) -> Iterator[CandidateTable]:
    """Yield the candidates of users, some users at a time, from what was taken before a day alone.

    new_only: whether what a user has had is no candidate. users: whose; all by default.
    """
    histories = histories_before(interactions, day)
    patterns = find_patterns(histories, seed)
    active, items = user_activity(interactions, day), item_activity(histories)
    chosen = range(len(interactions.users)) if users is None else users
    for start in range(0, len(chosen), USERS_AT_A_TIME):
        some = chosen[start : start + USERS_AT_A_TIME]
        own = histories.of_users(some)
        pairs = candidate_pairs(own, patterns, sources, some)
        columns = pair_features(pairs, own, active, items, patterns, interactions.category)
        category = None if interactions.category is None else interactions.category[pairs.item]
        table = CandidateTable(pairs, columns, patterns.similar, category)
        yield table.take(pairs.own < 0) if new_only else table
