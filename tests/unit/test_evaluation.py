"""Lists are scored as by hand, intervals hold what they say, and each task looks for its own items."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from nightjar.evaluation.baselines import BASELINES
from nightjar.evaluation.intervals import mean_of_users
from nightjar.evaluation.lists import Lists, Task, outcome_after, score_lists
from nightjar.evaluation.recommendations import user_groups
from nightjar.evaluation.spread import spread_of
from nightjar.recommending.histories import histories_before
from tests.interaction_builders import TODAY, some_interactions


def lists(*rows: tuple[int, int]) -> Lists:
    user, item = np.array(rows).T
    return Lists(user, item)


def test_ndcg_and_recall_are_those_of_the_textbook() -> None:
    wanted = csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]], float))

    found = score_lists(lists((0, 2), (0, 1), (0, 0), (1, 0), (2, 3)), wanted)

    assert found.user.tolist() == [0, 2]
    np.testing.assert_allclose(found.ndcg, [(1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)), 0])
    np.testing.assert_allclose(found.recall, [1, 0])


def test_places_behind_the_tenth_count_for_recall_alone() -> None:
    rows = [(0, item) for item in range(20)]

    found = score_lists(lists(*rows), csr_array(np.eye(1, 20, 10)))

    assert (found.ndcg.tolist(), found.recall.tolist()) == ([0.0], [1.0])


def test_a_list_of_more_than_twenty_wanted_items_can_be_perfect() -> None:
    found = score_lists(lists(*((0, item) for item in range(20))), csr_array(np.ones((1, 30))))

    assert (found.ndcg.tolist(), found.recall.tolist()) == ([1.0], [1.0])


def test_repeat_and_new_items_are_all_items() -> None:
    made = some_interactions()
    histories = histories_before(made, TODAY)
    owned = histories.matrix(np.ones(len(histories)))

    outcome = outcome_after(made, owned, TODAY, 14)

    whole, repeat, new = (outcome.of(task).toarray() for task in Task)
    np.testing.assert_array_equal(repeat + new, whole)
    assert whole.max() == 1
    assert np.all(owned.toarray()[new > 0] == 0)
    assert np.all(owned.toarray()[repeat > 0] > 0)


@pytest.mark.parametrize("name", BASELINES)
def test_each_baseline_finds_more_than_chance(name: str) -> None:
    made = some_interactions()
    histories = histories_before(made, TODAY)
    owned = histories.matrix(np.ones(len(histories)))
    outcome = outcome_after(made, owned, TODAY, 14)

    found = score_lists(Lists.of_scores(BASELINES[name](histories), owned, Task.ALL), outcome.of(Task.ALL))

    by_chance = 20 / len(made.items)
    assert found.recall.mean() > by_chance + 0.05


def test_the_interval_is_that_of_users_and_not_of_rows() -> None:
    draw = np.random.default_rng(0)
    of_user = draw.normal(size=50)

    once = mean_of_users(np.arange(50), of_user)
    again = mean_of_users(np.tile(np.arange(50), 20), np.tile(of_user, 20))

    deviation = of_user.std() / np.sqrt(50)
    for found in (once, again):
        np.testing.assert_allclose(found.mean, of_user.mean())
        np.testing.assert_allclose([found.mean - found.low, found.high - found.mean], 1.96 * deviation, rtol=0.2)
    assert np.isnan(mean_of_users(np.array([], int), np.array([])).mean)


def test_spread_tells_one_list_for_all_from_lists_of_their_own() -> None:
    on_offer = np.arange(4)
    category = np.array([0, 0, 1, 1])

    same = spread_of(lists((0, 0), (0, 1), (1, 0), (1, 1)), on_offer, category)
    own = spread_of(lists((0, 0), (0, 2), (1, 1), (1, 3)), on_offer, category)

    assert (same.coverage, same.categories) == (0.5, 1.0)
    assert (own.coverage, own.gini, own.categories) == (1.0, 0.0, 2.0)
    assert same.gini == 0.5
    assert spread_of(lists((0, 0)), on_offer, None).categories is None


def test_users_are_grouped_by_their_visits() -> None:
    groups = user_groups(np.array([0, 1, 2, 3, 10, 11, 50, 60]))

    assert groups.tolist() == [
        "no visit yet", "one visit", "few visits", "few visits", "some visits", "some visits", "many visits",
        "many visits",
    ]  # fmt: skip
