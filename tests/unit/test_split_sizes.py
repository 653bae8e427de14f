"""Sizes of the parts of a split: largest remainder, so that they add up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.snapshots.split import cumulative_sizes

TOTALS = st.integers(0, 10_000_000)
WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=8)


def sizes(total: int, ratios: list[float]) -> list[int]:
    ends = cumulative_sizes(total, ratios)
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


@given(TOTALS, WEIGHTS)
def test_parts_are_complete_when_the_ratios_sum_to_one(total: int, weights: list[int]) -> None:
    ratios = [weight / sum(weights) for weight in weights]

    assert sum(sizes(total, ratios)) == total


@given(TOTALS, WEIGHTS)
def test_every_size_is_its_exact_share_rounded_down_or_up(total: int, weights: list[int]) -> None:
    ratios = [weight / sum(weights) for weight in weights]

    for size, weight in zip(sizes(total, ratios), weights, strict=True):
        assert abs(size - Fraction(weight * total, sum(weights))) < 1


@given(TOTALS, st.lists(st.decimals("0.001", 1, places=3).map(float), min_size=1, max_size=8))
def test_ratios_below_one_in_sum_leave_rows_out(total: int, ratios: list[float]) -> None:
    exact = [Fraction(str(ratio)) for ratio in ratios]
    if sum(exact) > 1:
        ratios, exact = ratios[:1], exact[:1]

    assert sum(sizes(total, ratios)) == int(sum(exact) * total)
    assert all(size >= 0 for size in sizes(total, ratios))


@given(TOTALS, WEIGHTS)
def test_ends_never_go_back(total: int, weights: list[int]) -> None:
    ends = cumulative_sizes(total, [weight / sum(weights) for weight in weights])

    assert ends == sorted(ends)
    assert ends[-1] == total


@pytest.mark.parametrize(
    ("total", "ratios", "expected"),
    [
        (10, [0.8, 0.2], [8, 2]),
        (14, [0.8, 0.2], [11, 3]),
        (7, [0.8, 0.2], [6, 1]),
        (10, [0.1, 0.2, 0.7], [1, 2, 7]),
        (9, [1 / 3, 1 / 3, 1 / 3], [3, 3, 3]),
        (12, [5 / 6, 1 / 6], [10, 2]),
        (10, [1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
        (1, [0.5, 0.5], [1, 0]),
        (0, [0.8, 0.2], [0, 0]),
        (100, [0.5], [50]),
        (100, [1e-05], [0]),
        (5, [1.0], [5]),
    ],
)
def test_examples(total: int, ratios: list[float], expected: list[int]) -> None:
    assert sizes(total, ratios) == expected
