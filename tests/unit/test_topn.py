"""The best items of each entity, against a slow and obvious reference."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightjar.recommending.topn import as_rows, top_items

# entity, item, probability
Pair = tuple[int, int, float]

some_pairs = st.lists(
    # Few different probabilities, so that ties are common.
    st.tuples(st.integers(1, 5), st.integers(1, 12), st.sampled_from([0.1, 0.2, 0.3])),
    unique_by=lambda pair: pair[:2],
    max_size=50,
)


Row = tuple[int, int, int, float]


def top(pairs: Sequence[Pair], count: int) -> list[Row]:
    """Return entity, item, rank and score of each recommendation."""
    entity, item, score = (np.array([pair[place] for pair in pairs]) for place in range(3))
    rows = as_rows(top_items(entity, item, score, count))
    return list(zip(*(values.tolist() for values in (rows.entity, rows.item, rows.rank, rows.score)), strict=True))


def naive(pairs: Sequence[Pair], count: int) -> list[Row]:
    rows = []
    for entity, members in groupby(sorted(pairs), key=lambda pair: pair[0]):
        best = sorted(members, key=lambda pair: (-pair[2], pair[1]))[:count]
        rows += [(entity, item, rank, score) for rank, (_, item, score) in enumerate(best, start=1)]
    return rows


@given(some_pairs, st.integers(1, 6))
def test_equals_the_reference(pairs: list[Pair], count: int) -> None:
    assert top(pairs, count) == naive(pairs, count)


@given(some_pairs, st.randoms(use_true_random=False))
def test_order_of_the_pairs_does_not_matter(pairs: list[Pair], random: Any) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)

    assert top(shuffled, 3) == top(pairs, 3)


def test_equal_scores_are_ordered_by_item() -> None:
    found = top([(1, 30, 0.5), (1, 10, 0.5), (1, 20, 0.5), (1, 40, 0.9)], 3)

    assert found == [(1, 40, 1, 0.9), (1, 10, 2, 0.5), (1, 20, 3, 0.5)]


def test_entity_with_fewer_items_gets_what_there_is() -> None:
    assert top([(2, 7, 0.1), (1, 7, 0.2), (1, 8, 0.3)], 5) == [(1, 8, 1, 0.3), (1, 7, 2, 0.2), (2, 7, 1, 0.1)]


def test_no_pairs_give_no_recommendations() -> None:
    assert top([], 3) == []


def test_entities_with_equally_many_items_come_together() -> None:
    entity, item, score = np.array([1, 1, 2, 3, 3]), np.array([7, 8, 7, 8, 9]), np.linspace(0, 1, 5)

    found = [(group.entity.tolist(), group.items.shape) for group in top_items(entity, item, score, 2)]

    assert found == [([2], (1, 1)), ([1, 3], (2, 2))]
