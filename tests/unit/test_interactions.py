"""Interactions are cleaned, ordered and summed up as a plain loop over their rows would do it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightjar.errors import InteractionsError
from nightjar.recommending.histories import histories_before
from nightjar.recommending.interactions import interactions_of

ROWS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 30), st.integers(-1, 3)), min_size=1, max_size=60
)


@given(rows=ROWS, day=st.integers(0, 31))
@settings(max_examples=150, deadline=None)
def test_histories_are_those_of_a_loop(rows: list[tuple[int, int, int, int]], day: int) -> None:
    kept = [row for row in rows if row[3] >= 0]
    if not kept:
        with pytest.raises(InteractionsError, match="returns"):
            interactions_of(*np.array(rows).T[:3], quantity=np.array(rows)[:, 3])
        return
    made = interactions_of(*np.array(rows).T[:3], quantity=np.array(rows)[:, 3])

    found = histories_before(made, day)

    expected: dict[tuple[int, int], set[int]] = {}
    for user, item, when, _ in kept:
        if when < day:
            expected.setdefault((user, item), set()).add(when)
    pairs = list(zip(made.users[found.user].tolist(), made.items[found.item].tolist(), strict=True))
    assert pairs == sorted(expected)
    for place, pair in enumerate(pairs):
        days = sorted(expected[pair], reverse=True)
        gaps = -np.diff(days)
        visits = sorted({when for user, _, when, _ in kept if user == pair[0] and when < day}, reverse=True)
        assert (found.purchases[place], found.last[place], found.first[place]) == (
            len(days), day - days[0], day - days[-1],
        )  # fmt: skip
        assert found.visits_since[place] == visits.index(days[0])
        assert found.recent[7][place] == sum(day - when <= 7 for when in days)
        np.testing.assert_allclose(found.recency[30][place], sum(0.5 ** ((day - when) / 30) for when in days))
        if len(gaps):
            assert found.last_gap[place] == gaps[0]
            np.testing.assert_allclose(found.mean_gap[place], gaps.mean())
        else:
            assert np.isnan(found.mean_gap[place])
        if len(gaps) > 1:
            np.testing.assert_allclose(found.gap_deviation[place], gaps.std(), atol=1e-6)


def test_rows_of_a_basket_are_merged_and_returns_left_out() -> None:
    made = interactions_of(
        np.array([1, 1, 1, 2]), np.array([5, 5, 6, 5]), np.array([3, 3, 3, 4]),
        basket=np.array([10, 10, 10, 11]), quantity=np.array([1.0, 2.0, np.nan, -1.0]),
    )  # fmt: skip

    assert (made.user.tolist(), made.item.tolist(), made.quantity.tolist()) == ([0, 0], [0, 1], [3.0, 1.0])
    assert made.size.tolist() == [2, 2]
    assert (made.cleaned.returns, made.cleaned.duplicates) == (1, 1)


def test_two_baskets_of_a_day_are_two_visits() -> None:
    made = interactions_of(np.array([1, 1, 1]), np.array([5, 5, 5]), np.array([3, 3, 2]), basket=np.array([9, 8, 7]))

    assert made.visit.tolist() == [2, 1, 0]
    assert made.visit_day.tolist() == [2, 3, 3]


def test_users_without_interactions_are_known() -> None:
    made = interactions_of(np.array([2]), np.array([5]), np.array([3]), users=np.array([1, 2, 3]))

    assert made.users.tolist() == [1, 2, 3]
    assert histories_before(made, 10).shape == (3, 1)


def test_items_without_a_category_have_one_in_common() -> None:
    made = interactions_of(np.array([1, 1, 1, 1]), np.array([5, 6, 7, 8]), np.array([1, 1, 1, 1]))

    found = made.with_categories(np.array([8, 5, 99]), np.array(["tea", "bread", "tea"]))

    assert found.category is not None
    assert found.category.tolist() == [0, 2, 2, 1]
    assert replace(found, category=None).category is made.category


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (([], [], []), "no interactions"),
        (([1], [2], [np.nan]), "1 interactions have no day"),
        (([1, 2], [2], [3]), "differ in length: 2 users, 1 items, 1 days"),
    ],
)
def test_what_cannot_be_read_is_refused(rows: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(InteractionsError, match=message):
        interactions_of(*(np.array(column) for column in rows))
