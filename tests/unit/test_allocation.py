"""Sizes of the parts of a stratified split: whole rows for every stratum and in total, near to their quotas."""

import random
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product
from math import ceil, floor

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nightjar.snapshots.allocation import allocate, share
from nightjar.snapshots.errors import RatioError

STRATA = st.lists(st.integers(0, 60) | st.integers(0, 10_000_000), max_size=30)
SMALL_STRATA = st.lists(st.integers(0, 12), min_size=1, max_size=4)


@st.composite
def ratios_of(draw: st.DrawFn, smallest: int = 1, largest: int = 5, *, complete: bool | None = None) -> list[float]:
    """Draw ratios that add up to 1, or to less."""
    weights = draw(st.lists(st.integers(1, 40), min_size=smallest, max_size=largest))
    rest = 0 if complete else draw(st.integers(0 if complete is None else 1, 40))
    return [weight / (sum(weights) + rest) for weight in weights]


def largest_remainder(total: int, ratios: Sequence[float]) -> list[int]:
    exact = [share(ratio) * total for ratio in ratios]
    sizes = [floor(quota) for quota in exact]
    for part in sorted(range(len(exact)), key=lambda part: (sizes[part] - exact[part], part))[
        : floor(sum(exact)) - sum(sizes)
    ]:
        sizes[part] += 1
    return sizes


def totals(sizes: Sequence[Sequence[int]], parts: int) -> list[int]:
    return [sum(row[part] for row in sizes) for part in range(parts)]


@given(STRATA, ratios_of())
@example([5, 7], [2 / 7, 2 / 7, 1 / 35, 1 / 5, 1 / 5])
def test_every_cell_and_every_total_is_its_quota_rounded_down_or_up(strata: list[int], ratios: list[float]) -> None:
    sizes = allocate(strata, ratios)

    for stratum, row in zip(strata, sizes, strict=True):
        for cell, ratio in zip(row, ratios, strict=True):
            assert floor(share(ratio) * stratum) <= cell <= ceil(share(ratio) * stratum)
    for total, ratio in zip(totals(sizes, len(ratios)), ratios, strict=True):
        assert floor(share(ratio) * sum(strata)) <= total <= ceil(share(ratio) * sum(strata))


@given(STRATA, ratios_of(complete=True))
def test_a_stratum_is_complete_when_the_ratios_sum_to_one(strata: list[int], ratios: list[float]) -> None:
    assert [sum(row) for row in allocate(strata, ratios)] == strata


@given(STRATA, ratios_of(complete=False))
def test_ratios_below_one_in_sum_leave_rows_out(strata: list[int], ratios: list[float]) -> None:
    sizes = allocate(strata, ratios)
    together = sum(map(share, ratios))

    for stratum, row in zip(strata, sizes, strict=True):
        assert floor(together * stratum) <= sum(row) <= min(stratum, ceil(together * stratum))
    assert sum(map(sum, sizes)) == floor(together * sum(strata))


@given(STRATA, ratios_of(largest=3, complete=True) | ratios_of(largest=2))
def test_few_parts_get_exactly_the_largest_remainders(strata: list[int], ratios: list[float]) -> None:
    assert totals(allocate(strata, ratios), len(ratios)) == largest_remainder(sum(strata), ratios)


@settings(deadline=None)
@given(SMALL_STRATA, ratios_of(3, 4))
@example([18, 16], [1 / 4, 1 / 4, 1 / 6])
@example([5, 7], [2 / 7, 2 / 7, 1 / 35, 1 / 5, 1 / 5])
def test_many_parts_get_the_largest_remainders_that_any_cells_add_up_to(strata: list[int], ratios: list[float]) -> None:
    quotas = [share(ratio) * sum(strata) for ratio in ratios]
    possible = {tuple(totals(sizes, len(ratios))) for sizes in roundings(strata, ratios)}

    def distances(sums: Sequence[int]) -> list[Fraction]:
        """Return the remainders that are rounded up, largest first."""
        return sorted((quota % 1 for quota, total in zip(quotas, sums, strict=True) if total > quota), reverse=True)

    made = tuple(totals(allocate(strata, ratios), len(ratios)))
    wanted = tuple(largest_remainder(sum(strata), ratios))
    assert made in possible
    assert made == wanted or wanted not in possible
    assert distances(made) == max(map(distances, possible))


def roundings(strata: Sequence[int], ratios: Sequence[float]) -> Iterator[list[list[int]]]:
    """Yield all tables that keep the laws, whatever the totals by largest remainder."""
    shares = [*map(share, ratios), 1 - sum(map(share, ratios))]
    total = sum(strata)
    rows = []
    for size in strata:
        floors = [floor(one * size) for one in shares]
        open_cells = [index for index, one in enumerate(shares) if one * size % 1]
        rows.append(
            [
                [floors[index] + (index in raised) for index in range(len(shares))]
                for raised in combinations(open_cells, size - sum(floors))
            ]
        )
    for table in product(*rows):
        sums = totals(table, len(shares))
        near = all(abs(Fraction(made) - one * total) < 1 for made, one in zip(sums, shares, strict=True))
        if near and sums[-1] == ceil(shares[-1] * total):
            yield [list(row[:-1]) for row in table]


@given(st.integers(0, 10_000_000), ratios_of(largest=8))
def test_a_single_stratum_is_cut_by_largest_remainder(total: int, ratios: list[float]) -> None:
    assert allocate([total], ratios) == [largest_remainder(total, ratios)]


@given(STRATA, ratios_of(), st.randoms(use_true_random=False))
def test_the_same_strata_give_the_same_sizes(strata: list[int], ratios: list[float], generator: random.Random) -> None:
    first = allocate(strata, ratios)
    allocate(generator.sample(strata, len(strata)), ratios)

    assert allocate(tuple(strata), tuple(ratios)) == first


@given(STRATA, st.integers(0, 1000), ratios_of())
def test_an_empty_stratum_changes_nothing(strata: list[int], place: int, ratios: list[float]) -> None:
    place %= len(strata) + 1
    with_empty = [*strata[:place], 0, *strata[place:]]

    sizes = allocate(with_empty, ratios)

    assert sizes.pop(place) == [0] * len(ratios)
    assert sizes == allocate(strata, ratios)


@given(STRATA, ratios_of(largest=1))
def test_one_part_alone(strata: list[int], ratios: list[float]) -> None:
    assert sum(row[0] for row in allocate(strata, ratios)) == floor(share(ratios[0]) * sum(strata))


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=5), st.lists(st.integers(0, 99), max_size=9))
def test_any_floats_will_do(ratios: list[float], strata: list[int]) -> None:
    assume(sum(map(share, ratios)) <= 1)

    made = totals(allocate(strata, ratios), len(ratios))

    assert sum(made) == floor(sum(map(share, ratios)) * sum(strata))


@pytest.mark.parametrize(
    ("strata", "ratios", "expected"),
    [
        ([7, 7], [0.8, 0.2], [[6, 1], [5, 2]]),
        ([7, 8], [0.8, 0.2], [[6, 1], [6, 2]]),
        ([8, 7], [0.8, 0.2], [[6, 2], [6, 1]]),
        ([10, 20], [0.1, 0.2, 0.7], [[1, 2, 7], [2, 4, 14]]),
        ([3, 6, 9], [1 / 3, 1 / 3, 1 / 3], [[1, 1, 1], [2, 2, 2], [3, 3, 3]]),
        ([1, 1, 1], [1 / 3, 1 / 3, 1 / 3], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ([4, 4, 4], [1 / 3, 1 / 3, 1 / 3], [[2, 1, 1], [1, 2, 1], [1, 1, 2]]),
        ([2, 2], [0.25], [[1], [0]]),
        ([100, 3, 0], [1.0], [[100], [3], [0]]),
        ([1], [0.5, 0.5], [[1, 0]]),
        ([], [0.8, 0.2], []),
        ([0, 0], [0.8, 0.2], [[0, 0], [0, 0]]),
        ([5, 6], [], [[], []]),
        ([5, 7], [2 / 7, 2 / 7, 1 / 35, 1 / 5, 1 / 5], [[2, 1, 0, 1, 1], [2, 2, 0, 2, 1]]),
    ],
)
def test_examples(strata: list[int], ratios: list[float], expected: list[list[int]]) -> None:
    assert allocate(strata, ratios) == expected


@pytest.mark.parametrize("ratios", [[0.8, 0.2], [0.7, 0.1, 0.1, 0.1], [0.123, 0.3, 0.2, 0.17]])
def test_many_strata_take_a_few_seconds_at_most(ratios: list[float]) -> None:
    generator = random.Random(4)
    strata = [generator.randint(0, 40) for _ in range(100_000)]

    started = time.monotonic()
    made = totals(allocate(strata, ratios), len(ratios))

    assert time.monotonic() - started < 15, "seconds; about one on an idle machine"
    assert made == largest_remainder(sum(strata), ratios)


def test_a_ratio_is_read_as_the_fraction_that_was_meant() -> None:
    assert [share(1 / 3), share(0.1), share(0.8)] == [Fraction(1, 3), Fraction(1, 10), Fraction(4, 5)]


def test_ratios_above_one_in_sum_are_refused() -> None:
    with pytest.raises(RatioError, match=r"add up to 1\.01: they may be at most 1 together"):
        allocate([1, 2], [0.8, 0.21])
