"""The recommender as an estimator: it learns, is deterministic, and keeps to what it is asked for."""

from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nightjar.errors import InteractionsError
from nightjar.recommending.diversity import lessen_repetition
from nightjar.recommending.interactions import interactions_of
from nightjar.recommending.recommender import Recommender
from nightjar.usecases.items import Sources
from tests.interaction_builders import TODAY, some_interactions

RANKER = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=2000))


def recommender(**changes: Any) -> Recommender:
    few: dict[str, Any] = {"sources": Sources(own=15, similar=8, near=8, popular=8), "dates": 4, "horizon_days": 14}
    return Recommender(RANKER, **(few | changes))


def test_favourites_come_first() -> None:
    made = some_interactions()

    found = recommender().fit(made, TODAY).recommend(made, TODAY, count=5)

    assert np.bincount(found.user).tolist() == [5] * len(made.users)
    later = set(zip(made.user[made.day >= TODAY].tolist(), made.item[made.day >= TODAY].tolist(), strict=True))
    hits = [(user, item) in later for user, item in zip(found.user.tolist(), found.item.tolist(), strict=True)]
    # Of 40 items a user takes about 5 in two weeks.
    assert np.mean(hits) > 0.3
    scores = found.score.reshape(-1, 5)
    assert np.all(np.diff(scores, axis=1) <= 0)


def test_the_same_input_gives_the_same_recommendations_in_any_order() -> None:
    made = some_interactions()
    shuffled = np.random.default_rng(1).permutation(len(made))
    again = interactions_of(
        made.users[made.user[shuffled]], made.items[made.item[shuffled]], made.day[shuffled],
        basket=made.user[shuffled].astype(np.int64) * 10_000 + made.visit[shuffled], quantity=made.quantity[shuffled],
    )  # fmt: skip

    one, other = (recommender().fit(rows, TODAY).recommend(rows, TODAY) for rows in (made, again))

    np.testing.assert_array_equal(one.item, other.item)
    np.testing.assert_array_equal(one.score, other.score)


def test_only_what_is_new_is_recommended_where_that_is_asked_for() -> None:
    made = some_interactions()
    had = set(zip(made.user[made.day < TODAY].tolist(), made.item[made.day < TODAY].tolist(), strict=True))

    found = recommender(new_only=True).fit(made, TODAY).recommend(made, TODAY)

    assert len(found.item)
    assert not found.repeat.any()
    assert not had & set(zip(found.user.tolist(), found.item.tolist(), strict=True))


def test_excluded_items_are_not_recommended() -> None:
    made = some_interactions()
    model = recommender().fit(made, TODAY)

    found = model.recommend(made, TODAY, excluded=made.items[:20])

    assert found.item.min() >= 20
    with pytest.raises(InteractionsError, match="No candidate is left for anybody"):
        model.recommend(made, TODAY, excluded=made.items)


def test_more_diversity_means_more_categories() -> None:
    made = some_interactions(categories=8)
    assert made.category is not None
    shown = []
    for diversity in (0.0, 0.5, 1.0):
        found = recommender(diversity=diversity).fit(made, TODAY).recommend(made, TODAY, count=6)
        shown.append(len(set(zip(found.user.tolist(), made.category[found.item].tolist(), strict=True))))

    assert shown[0] < shown[1] < shown[2]


def test_repetition_is_lessened_as_choosing_one_by_one_does() -> None:
    draw = np.random.default_rng(0)
    category, score = draw.integers(0, 4, 30), draw.random(30)

    lessened = lessen_repetition(np.zeros(30), category, score, 0.3)

    left, chosen, seen = list(range(30)), [], dict.fromkeys(range(4), 0)
    while left:
        best = max(left, key=lambda place: score[place] * 0.7 ** seen[int(category[place])])
        seen[int(category[best])] += 1
        chosen.append(best)
        left.remove(best)
    assert np.argsort(-lessened, kind="stable").tolist() == chosen


def test_one_user_is_enough() -> None:
    draw = np.random.default_rng(0)
    made = interactions_of(np.full(100, 4), draw.integers(0, 6, 100), np.arange(0, 200, 2))

    found = recommender(negatives=1.0, dates=8, horizon_days=7).fit(made, 200).recommend(made, 200, count=3)

    assert len(found.item) == 3


def test_one_item_leaves_nothing_to_choose() -> None:
    made = interactions_of(np.arange(100) % 6, np.full(100, 4), np.arange(0, 200, 2))

    with pytest.raises(InteractionsError, match="nothing to tell apart"):
        recommender().fit(made, 200)


def test_a_date_before_the_data_is_refused() -> None:
    with pytest.raises(InteractionsError, match="Load earlier data"):
        recommender().fit(some_interactions(), 3)
