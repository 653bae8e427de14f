"""Fields of a file as values: exact, in the usual spellings, and the same whatever stands beside them."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nightjar.scoring.files.cells import DATE, DATE_WITH_ZONE, NUMBER, feature_values, matches
from nightjar.scoring.files.keys import SeenKeys, key_hashes, key_values
from nightjar.storage.copy_reader import CopyColumn, Encoding

SPEND, SINCE, CARD = (
    CopyColumn(name, encoding)
    for name, encoding in (("spend", Encoding.NUMBER), ("since", Encoding.DAYS), ("card", Encoding.BOOLEAN))
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def values(column: CopyColumn, *texts: str | None) -> list[Any]:
    """Return the values of texts, "wrong" for those that are none."""
    found, wrong = feature_values(column, pa.array(texts, pa.string()))
    return ["wrong" if wrong is not None and wrong[row] else float(found[row]) for row in range(len(texts))]


@given(some.floats(allow_nan=False))
def test_numbers_are_read_exactly(number: float) -> None:
    # The second time beside a text that is none, which has all of them looked at more closely.
    assert values(SPEND, repr(number), "x") == [number, "wrong"]
    assert values(SPEND, repr(number)) == [number]


@settings(max_examples=300)
@given(some.text(alphabet="0123456789+-.eE_ xXnaif,'", max_size=8))
def test_what_is_a_number_does_not_depend_on_its_neighbours(text: str) -> None:
    [alone], [beside, _] = values(SPEND, text), values(SPEND, text, "x")

    assert alone == beside or (math.isnan(alone) and math.isnan(beside))
    assert (alone == "wrong") == (not matches(text, NUMBER))


@given(some.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), some.sampled_from(["Z", "+00", "-03:30", "+0545"]))
def test_moments_are_days_since_1970(moment: datetime, zone: str) -> None:
    text = moment.isoformat(sep=" ")
    seconds = (moment.replace(tzinfo=UTC) - EPOCH) / timedelta(seconds=1)
    shift = timedelta(0) if zone in ("Z", "+00") else datetime.fromisoformat(f"2000-01-01 00:00{zone}").utcoffset()

    assert values(SINCE, text, None) == [pytest.approx(seconds / 86400, abs=1e-9), pytest.approx(np.nan, nan_ok=True)]
    expected = (seconds - (shift or timedelta(0)).total_seconds()) / 86400
    assert values(SINCE, text + zone, "x") == [pytest.approx(expected, abs=1e-9), "wrong"]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1970-01-02", 1.0),
        ("9999-12-31", 2932896.0),
        ("2024-02-29", 19782.0),
        ("2023-02-29", "wrong"),
        ("2023-04-31", "wrong"),
        ("1970-01-01T12", 0.5),
        ("1970-01-01 12:00:00+12:00", 0.0),
        ("19700102", "wrong"),
        ("1970-1-2", "wrong"),
        ("1970-01-01 24:00", "wrong"),
        ("today", "wrong"),
        ("infinity", "wrong"),
    ],
)
def test_dates_are_those_of_the_calendar(text: str, days: Any) -> None:
    assert values(SINCE, text) == [days]
    assert values(SINCE, text, "1970-01-01", "x") == [days, 0.0, "wrong"]
    assert days == "wrong" or matches(text, DATE) or matches(text, DATE_WITH_ZONE)


def test_booleans_are_read_in_the_usual_spellings() -> None:
    assert values(CARD, "true", "T", "Yes", "y", "ON", "1", " true ") == [1.0] * 7
    assert values(CARD, "false", "F", "No", "n", "off", "0") == [0.0] * 6
    assert values(CARD, "maybe", "2", "") == ["wrong"] * 3


@pytest.mark.parametrize(
    ("type_name", "right", "wrong"),
    [
        ("integer", {"-7": -7, "007": 7, " 7 ": 7, "2147483647": 2**31 - 1}, ["7.0", "1e3", "0x7", "2147483648"]),
        ("bigint", {"9223372036854775807": 2**63 - 1}, ["9223372036854775808", "", "seven"]),
        ("text", {"a b": "a b", " x ": " x ", "ü": "ü"}, []),
        (
            "uuid",
            {"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
            ["a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99"],
        ),
    ],
)  # fmt: skip
def test_keys_are_of_their_declared_type(type_name: str, right: dict[str, Any], wrong: list[str]) -> None:
    found, mask = key_values(type_name, pa.array([*right, *wrong, None], pa.string()))

    assert found[: len(right)].tolist() == list(right.values())
    assert mask is not None
    assert mask.tolist() == [False] * len(right) + [True] * (len(wrong) + 1)


@given(some.lists(some.lists(some.integers(-5, 5), max_size=9), max_size=9), some.booleans())
def test_keys_that_come_again_are_found(batches: list[list[int]], several: bool) -> None:
    seen, known = SeenKeys(), set()
    for batch in batches:
        key = np.array(batch, dtype=np.int64)
        columns = [key, np.array([f"k{number}" for number in batch], dtype=object)] if several else [key]
        expected = []
        for number in batch:
            expected.append(number in known)
            known.add(number)
        assert seen.repeated(key_hashes(columns)).tolist() == expected
