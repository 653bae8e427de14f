"""A recommender as an estimator: candidates from what users took, ranked by a classifier trained point-in-time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier

from nightjar.errors import InteractionsError
from nightjar.recommending.candidates import Pairs
from nightjar.recommending.diversity import lessen_repetition
from nightjar.recommending.interactions import Interactions
from nightjar.recommending.table import CandidateTable, candidate_tables
from nightjar.recommending.topn import as_rows, top_items
from nightjar.usecases.items import DEFAULT_SOURCES, Sources

Matrix = npt.NDArray[np.float32]
# They stay in the processor's cache while tree after tree goes over them: half the time of all at once.
_ROWS_AT_A_TIME = 16_384


@dataclass(frozen=True)
class Ranked:
    """Recommendations, user by user, the best first; all (recommendations,).

    user, item: positions in the interactions' users and items; rank: from 1; repeat: whether the user had it before.
    """

    user: npt.NDArray[np.int64]
    item: npt.NDArray[np.int64]
    rank: npt.NDArray[np.int32]
    score: npt.NDArray[np.float64]
    repeat: npt.NDArray[np.bool_]


def default_ranker(seed: int = 0) -> HistGradientBoostingClassifier:
    """Return the classifier that ranks candidates unless another one is given."""
    return HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=100, max_leaf_nodes=31, min_samples_leaf=200, early_stopping=False,
        random_state=seed,
    )  # fmt: skip


class Recommender(BaseEstimator):  # type: ignore[misc]
    """Recommends what users will take within a horizon.

    Args:
        ranker: classifier of candidate pairs; a gradient boosting of trees when left out.
        sources: where candidates come from, and how many.
        dates: as-of dates that the ranker is trained on, `every_days` apart, the newest a horizon before the fit's.
        every_days: days between them.
        horizon_days: within how many days something is to be taken.
        new_only: recommend only what the user has not had.
        diversity: 0 to 1, by how much each item of a category lessens the next one of it in a user's list.
        negatives: share of the candidates not taken that the ranker is trained on.
        seed: of everything that is drawn.
    """

    def __init__(
        self,
        ranker: Any = None,
        *,
        sources: Sources = DEFAULT_SOURCES,
        dates: int = 12,
        every_days: int = 7,
        horizon_days: int = 7,
        new_only: bool = False,
        diversity: float = 0.0,
        negatives: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.ranker = ranker
        self.sources = sources
        self.dates = dates
        self.every_days = every_days
        self.horizon_days = horizon_days
        self.new_only = new_only
        self.diversity = diversity
        self.negatives = negatives
        self.seed = seed

    def fit(self, interactions: Interactions, as_of: int) -> "Recommender":
        """Train the ranker on what is known before a day, as days since 1970.

        Raises:
            InteractionsError: there is no day before it on which something was taken, or nothing that was taken was
                among the candidates.
        """
        rows, taken = [], []
        draw = np.random.default_rng(self.seed)
        newest = as_of - self.horizon_days
        for day in range(newest, newest - self.dates * self.every_days, -self.every_days):
            if day <= interactions.first_day:
                break
            for table in self._candidates(interactions, day):
                outcome, came = outcomes(interactions, table.pairs, day, day + self.horizon_days)
                # Users who do not come tell nothing of what they would choose.
                kept = outcome | (came & (draw.random(len(outcome)) < self.negatives))
                rows.append(table.take(kept).matrix())
                taken.append(outcome[kept])
        if not taken or not 0 < sum(map(np.sum, taken)) < sum(map(len, taken)):
            raise InteractionsError(
                f"Of the {self.horizon_days + self.dates * self.every_days} days before the date there is nothing to "
                "learn: no candidate was taken, or every one, and there is nothing to tell apart. Load earlier data or "
                "more items, or choose a later date."
            )
        matrix = np.concatenate(rows)
        # Of new items alone there is no history.
        self.told_ = ~np.isnan(matrix).all(axis=0)
        self.ranker_ = clone(self.ranker) if self.ranker is not None else default_ranker(self.seed)
        self.ranker_.fit(matrix[:, self.told_], np.concatenate(taken))
        return self

    def recommend(
        self, interactions: Interactions, as_of: int, *, count: int = 20, excluded: npt.NDArray[Any] | None = None
    ) -> Ranked:
        """Return the best items of all users as of a day, from what they took before it.

        excluded: keys of items that nobody is recommended.
        """
        best = [self._ranked(table, count) for table in self._candidates(interactions, as_of, excluded) if len(table)]
        if not best:
            raise InteractionsError("No candidate is left for anybody: exclude fewer items, or load earlier data.")
        return Ranked(*(np.concatenate([getattr(part, field.name) for part in best]) for field in fields(Ranked)))

    def _ranked(self, table: CandidateTable, count: int) -> Ranked:
        score = self._probabilities(table.matrix()[:, self.told_])
        order_by = score
        if self.diversity and table.category is not None:
            order_by = lessen_repetition(table.pairs.user, table.category, score, self.diversity)
        return ranked(table.pairs, score, count, order_by)

    def _probabilities(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        parts = range(0, len(matrix), _ROWS_AT_A_TIME)
        return np.concatenate(
            [self.ranker_.predict_proba(matrix[start : start + _ROWS_AT_A_TIME])[:, 1] for start in parts]
        )

    def _candidates(
        self, interactions: Interactions, day: int, excluded: npt.NDArray[Any] | None = None
    ) -> Iterator[CandidateTable]:
        for table in candidate_tables(interactions, day, self.sources, new_only=self.new_only, seed=self.seed):
            if excluded is None:
                yield table
            else:
                yield table.take(~np.isin(interactions.items[table.pairs.item], excluded))


def ranked(pairs: Pairs, score: npt.NDArray[np.float64], count: int, order_by: npt.NDArray[np.float64]) -> Ranked:
    """Return the `count` candidates of each user that are best by `order_by`, with their scores."""
    best = as_rows(top_items(pairs.user, pairs.item, score, count, order_by))
    items = int(pairs.item.max()) + 1
    had = pairs.own >= 0
    repeat = np.isin(best.entity * items + best.item, pairs.user[had] * items + pairs.item[had])
    return Ranked(best.entity, best.item, best.rank, best.score, repeat)


def outcomes(
    interactions: Interactions, pairs: Pairs, first: int, last: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which pairs were taken from a day on and before another, and whose users took anything; both (pairs,)."""
    within = (interactions.day >= first) & (interactions.day < last)
    user, item = interactions.user[within].astype(np.int64), interactions.item[within]
    items = len(interactions.items)
    return np.isin(pairs.user * items + pairs.item, user * items + item), np.isin(pairs.user, user)
