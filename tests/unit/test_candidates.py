"""Candidates and their features: what was taken before a day, and nothing later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from nightjar.recommending.histories import histories_before
from nightjar.recommending.interactions import Interactions, interactions_of
from nightjar.recommending.near_users import near_users
from nightjar.recommending.ranking import best_of_product, best_of_rows
from nightjar.recommending.similar_items import similar_items
from nightjar.recommending.table import CandidateTable, candidate_tables
from nightjar.usecases.items import Sources
from tests.interaction_builders import TODAY, some_interactions

SOURCES = Sources(own=10, similar=5, near=5, popular=5)


def candidate_table(made: Interactions, day: int, sources: Sources) -> CandidateTable:
    [table] = candidate_tables(made, day, sources)
    return table


def until(made: Interactions, day: int) -> Interactions:
    known = made.day < day
    baskets = made.user[known].astype(np.int64) * 10_000 + made.visit[known]
    past = interactions_of(
        made.users[made.user[known]], made.items[made.item[known]], made.day[known],
        basket=baskets, quantity=made.quantity[known], users=made.users,
    )  # fmt: skip
    return past.with_categories(made.items, made.items % 5)


def test_candidates_know_nothing_of_later_days() -> None:
    made = some_interactions(categories=5)

    whole, past = (candidate_table(one, TODAY, SOURCES) for one in (made, until(made, TODAY)))

    assert len(past.pairs.user) == len(whole.pairs.user)
    for name, values in whole.columns.items():
        np.testing.assert_allclose(values, past.columns[name], err_msg=name)


def test_each_source_gives_as_many_as_asked_and_no_pair_twice() -> None:
    made = some_interactions()
    owned = histories_before(made, TODAY)

    table = candidate_table(made, TODAY, SOURCES)

    pairs = table.pairs
    keys = pairs.user * len(made.items) + pairs.item
    assert np.all(np.diff(keys) > 0)
    own = np.bincount(pairs.user[pairs.own >= 0], minlength=len(made.users))
    had = np.bincount(owned.user, minlength=len(made.users))
    assert own.tolist() == np.minimum(had, 10).tolist()
    others = np.bincount(pairs.user[pairs.own < 0], minlength=len(made.users))
    assert 5 <= others.min() <= others.max() <= 15


def test_users_some_at_a_time_have_the_candidates_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = some_interactions(categories=5)
    whole = candidate_table(made, TODAY, SOURCES)
    monkeypatch.setattr("nightjar.recommending.table.USERS_AT_A_TIME", 7)

    parts = list(candidate_tables(made, TODAY, SOURCES))

    assert len(parts) == 9
    np.testing.assert_array_equal(np.concatenate([part.similar_to() for part in parts]), whole.similar_to())
    for name in ("user", "item", "rank"):
        joined = np.concatenate([getattr(part.pairs, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole.pairs, name))
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(np.concatenate([part.columns[name] for part in parts]), values, err_msg=name)


def test_one_users_candidates_are_those_it_has_among_all() -> None:
    made = some_interactions(categories=5)
    whole = candidate_table(made, TODAY, SOURCES)

    [alone] = candidate_tables(made, TODAY, SOURCES, users=range(17, 18))

    of_it = whole.take(whole.pairs.user == 17)
    np.testing.assert_array_equal(alone.pairs.item, of_it.pairs.item)
    for name, values in of_it.columns.items():
        np.testing.assert_array_equal(alone.columns[name], values, err_msg=name)


def test_a_user_without_history_gets_what_is_popular() -> None:
    made = interactions_of(
        np.array([1, 2, 3, 1]), np.array([5, 5, 5, 6]), np.array([190, 191, 192, 193]), users=np.array([1, 2, 3, 4])
    )

    pairs = candidate_table(made, TODAY, SOURCES).pairs

    cold = pairs.user == 3
    assert made.items[pairs.item[cold]].tolist() == [5, 6]
    assert np.all(pairs.own[cold] == -1)


def test_the_item_that_speaks_most_is_one_of_the_users_own() -> None:
    made = some_interactions()
    histories = histories_before(made, TODAY)
    learnt = similar_items(histories)
    owned = histories.matrix(np.ones(len(histories)))
    best = learnt.suggest(5, owned, range(len(made.users)))

    found = learnt.strongest(best.row, best.column)

    dense = learnt.neighbours.toarray()
    for user, item, strongest in zip(best.row, best.column, found, strict=True):
        weights = learnt.seeds[[user]].toarray()[0] * dense[:, item]
        assert weights[strongest] == weights.max() > 0


def test_near_users_are_the_others_that_take_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightjar.recommending.near_users.NEIGHBOURS", 7)
    monkeypatch.setattr("nightjar.recommending.ranking._ENTRIES", 500)
    histories = histories_before(some_interactions(), TODAY)

    near = near_users(histories)

    recency = histories.matrix(histories.recency[60]).toarray()
    normed = recency / np.linalg.norm(recency, axis=1, keepdims=True)
    cosines = normed @ normed.T
    np.fill_diagonal(cosines, 0.0)
    weights = np.where(cosines >= np.sort(cosines)[:, [-7]], cosines, 0.0) ** 5
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(near.weights.toarray(), weights, atol=1e-12)
    expected = weights @ (recency / recency.sum(axis=1, keepdims=True))
    user, item = (place.ravel() for place in np.indices(expected.shape))
    np.testing.assert_allclose(near.taken(user, item), expected.ravel(), atol=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_best_of_rows_are_those_of_a_sort(seed: int, count: int, columns: int) -> None:
    dense = np.random.default_rng(seed).integers(0, 4, (5, columns)).astype(float)

    found = best_of_rows(csr_array(dense), count)

    expected = []
    for row, values in enumerate(dense.tolist()):
        places = [column for column, value in enumerate(values) if value]
        best = sorted(places, key=lambda column, values=values: (-values[column], column))[:count]  # type: ignore[misc]
        expected += [(row, column, values[column]) for column in best]
    assert list(zip(found.row.tolist(), found.column.tolist(), found.value.tolist(), strict=True)) == expected


def test_the_best_of_a_product_are_those_of_the_whole_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightjar.recommending.ranking._ENTRIES", 50)
    left, right = (
        csr_array(random_array(shape, density=0.2, rng=seed)) for seed, shape in ((1, (30, 12)), (2, (12, 40)))
    )
    owned = csr_array(random_array((30, 40), density=0.3, rng=3))

    found = best_of_product(left, right, owned, 4, range(30))

    whole = (left @ right).toarray()
    whole[owned.toarray() != 0] = 0
    expected = best_of_rows(csr_array(whole), 4)
    np.testing.assert_array_equal(found.row, expected.row)
    np.testing.assert_array_equal(found.column, expected.column)
    np.testing.assert_allclose(found.value, expected.value)


@pytest.mark.parametrize("day", [0, 1])
def test_before_the_first_day_nothing_is_a_candidate(day: int) -> None:
    made = interactions_of(np.array([1, 2]), np.array([5, 6]), np.array([3, 4]))

    assert len(candidate_table(made, day, SOURCES)) == 0
