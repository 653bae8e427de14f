"""The best items of each entity, against a slow and obvious reference."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from nightjar.scoring.topn import top_items
from nightjar.usecases import Kind
from nightjar.usecases.declaration import Items, Key
from tests.night_builders import shop_use_case

# entity, item, probability
Pair = tuple[int, int, float]

some_pairs = st.lists(
    # Few different probabilities, so that ties are common.
    st.tuples(st.integers(1, 5), st.integers(1, 12), st.sampled_from([0.1, 0.2, 0.3])),
    unique_by=lambda pair: pair[:2],
    max_size=50,
)


def top(pairs: Sequence[Pair], count: int) -> dict[str, npt.NDArray[Any]]:
    use_case = shop_use_case(
        Kind.RECOMMENDER, items=Items(key=Key(name="product_id", type="integer"), label="label", top=count)
    )
    entity, item, probability = ([pair[place] for pair in pairs] for place in range(3))
    return top_items(
        use_case,
        {
            "customer_id": np.array(entity, dtype=np.int64),
            "product_id": np.array(item, dtype=np.int64),
            "probability": np.array(probability, dtype=float),
        },
    )


def as_rows(found: dict[str, npt.NDArray[Any]]) -> list[tuple[int, int, int, float]]:
    columns = (found[name].tolist() for name in ("customer_id", "product_id", "rank", "score"))
    return list(zip(*columns, strict=True))


def naive(pairs: Sequence[Pair], count: int) -> list[tuple[int, int, int, float]]:
    rows = []
    for entity, members in groupby(sorted(pairs), key=lambda pair: pair[0]):
        best = sorted(members, key=lambda pair: (-pair[2], pair[1]))[:count]
        rows += [(entity, item, rank, score) for rank, (_, item, score) in enumerate(best, start=1)]
    return rows


@given(some_pairs, st.integers(1, 6))
def test_equals_the_reference(pairs: list[Pair], count: int) -> None:
    assert as_rows(top(pairs, count)) == naive(pairs, count)


@given(some_pairs, st.randoms(use_true_random=False))
def test_order_of_the_pairs_does_not_matter(pairs: list[Pair], random: Any) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)

    assert as_rows(top(shuffled, 3)) == as_rows(top(pairs, 3))


def test_equal_scores_are_ordered_by_item() -> None:
    found = top([(1, 30, 0.5), (1, 10, 0.5), (1, 20, 0.5), (1, 40, 0.9)], 3)

    assert as_rows(found) == [(1, 40, 1, 0.9), (1, 10, 2, 0.5), (1, 20, 3, 0.5)]


def test_entity_with_fewer_items_gets_what_there_is() -> None:
    assert as_rows(top([(2, 7, 0.1), (1, 7, 0.2), (1, 8, 0.3)], 5)) == [(1, 8, 1, 0.3), (1, 7, 2, 0.2), (2, 7, 1, 0.1)]


def test_no_pairs_give_no_recommendations() -> None:
    found = top([], 3)

    assert {name: len(values) for name, values in found.items()} == {
        "customer_id": 0,
        "product_id": 0,
        "rank": 0,
        "score": 0,
    }


def test_rank_has_the_type_of_its_column() -> None:
    assert top([(1, 1, 0.5)], 3)["rank"].dtype == np.int32
