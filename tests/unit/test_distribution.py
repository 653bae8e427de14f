"""The population stability index and its usual reading."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.snapshots.distribution import (
    SMALLEST_SHARE,
    ComparedColumn,
    Shift,
    Side,
    population_stability_index,
    read_psi,
)

COUNTS = st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=25)


def test_it_is_what_a_hand_computes() -> None:
    # Shares 0.5, 0.3, 0.2 against 0.2, 0.3, 0.5: -0.3 ln 0.4 and 0.3 ln 2.5.
    assert population_stability_index([(50, 20), (30, 30), (20, 50)]) == pytest.approx(0.6 * log(2.5), abs=1e-12)


def test_an_empty_bin_counts_as_the_smallest_share() -> None:
    expected = (SMALLEST_SHARE - 0.5) * log(SMALLEST_SHARE / 0.5) + (1 - 0.5) * log(1 / 0.5)

    assert population_stability_index([(5, 0), (5, 7)]) == pytest.approx(expected, abs=1e-12)


@given(COUNTS, st.integers(1, 50))
def test_equal_shares_are_exactly_no_shift(counts: list[tuple[int, int]], times: int) -> None:
    left = [count for count, _ in counts]

    made = population_stability_index((count, count * times) for count in left)

    assert made == (0.0 if sum(left) else None)


@given(COUNTS)
def test_it_is_never_negative_and_none_without_rows(counts: list[tuple[int, int]]) -> None:
    made = population_stability_index(counts)

    if made is None:
        assert not all(sum(side) for side in zip(*counts, strict=True))
    else:
        assert made >= 0


@given(COUNTS, st.randoms(use_true_random=False))
def test_neither_sides_nor_order_matter(counts: list[tuple[int, int]], generator: object) -> None:
    made = population_stability_index(counts)
    swapped = population_stability_index([(right, left) for left, right in reversed(counts)])

    assert swapped == (None if made is None else pytest.approx(made, rel=1e-9, abs=1e-12))


def test_no_bins_are_no_rows() -> None:
    assert population_stability_index([]) is None


@pytest.mark.parametrize(
    ("psi", "reading"),
    [(0.0, "none"), (0.0999, "none"), (0.1, "some"), (0.25, "some"), (0.2501, "large"), (9.0, "large")],
)
def test_usual_reading(psi: float, reading: str) -> None:
    assert read_psi(psi) == reading
    assert Shift("a", "integer", psi, Side(0.0, 1), Side(0.0, 1)).reading == reading


def test_json_of_a_shift() -> None:
    shift = Shift("a", "date", None, Side(None, 0), Side(0.5, 2, "2017-01-02", "2017-01-01", "2017-01-03"))

    assert shift.as_json() == {
        "column": "a",
        "type": "date",
        "psi": None,
        "shift": None,
        "left": {"null_share": None, "distinct": 0, "mean": None, "min": None, "max": None},
        "right": {"null_share": 0.5, "distinct": 2, "mean": "2017-01-02", "min": "2017-01-01", "max": "2017-01-03"},
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (ComparedColumn("a", "integer", "int4"), '"source"."a"'),
        (ComparedColumn('A "b"', "text", "text"), '"source"."A ""b""" COLLATE "C"'),
        (ComparedColumn("a", "json", "json", comparable=False), '"source"."a"::text COLLATE "C"'),
    ],
)
def test_value_of_a_column_in_sql(column: ComparedColumn, value: str) -> None:
    assert column.value.as_string(None) == value
