"""Comparisons of two snapshots: columns, rows, and how far values shifted; checked against what is known by hand."""

from collections.abc import Iterator
from typing import Any

import pytest

from nightjar import snapshots
from nightjar.snapshots import SnapshotName, Version
from nightjar.snapshots.diff import Retyped, diff
from nightjar.snapshots.diff_rows import Rows
from nightjar.snapshots.errors import DiffKeyError, SnapshotNotFoundError, SnapshotStateError
from nightjar.snapshots.records import Column
from nightjar.storage import Database
from tests.builders import shared_database
from tests.differences import compare, shift_of

LEFT, RIGHT = SnapshotName("pair", Version(1)), SnapshotName("pair", Version(2))


@pytest.fixture(scope="module")
def server(servers: dict[str, Database]) -> Iterator[Database]:
    """A database for pairs of snapshots, each of a name of its own."""
    with shared_database(servers["dev"], "differences") as database:
        yield database


# Columns ----------------------------------------------------------------------------------------------------------


def test_columns_are_added_dropped_and_retyped_whatever_their_order(server: Database) -> None:
    made = compare(
        server,
        "SELECT 1 AS id, 2 AS moved, 'a'::text AS gone, 3::integer AS wider, 1.5::numeric(8, 2) AS cost",
        "SELECT 2 AS moved, 1 AS id, 3::bigint AS wider, 1.5::numeric(10, 2) AS cost, true AS new",
    )

    assert made.added == (Column("new", "boolean"),)
    assert made.dropped == (Column("gone", "text"),)
    assert made.retyped == (
        Retyped("wider", "integer", "bigint"),
        Retyped("cost", "numeric(8,2)", "numeric(10,2)"),
    )
    assert [shift.column for shift in made.shifts] == ["id", "moved"]
    assert made.rows == Rows(1, 1, 0, 0, 0, 1)


def test_no_common_columns(server: Database) -> None:
    made = compare(server, "SELECT i AS a FROM generate_series(1, 3) i", "SELECT i AS b FROM generate_series(1, 5) i")

    assert (made.key, made.shifts) == ((), ())
    assert made.rows == Rows(3, 5, added=2, removed=0, changed=None, unchanged=3)
    assert "Distributions: no common columns" in made.as_text()


# Rows -------------------------------------------------------------------------------------------------------------

CARS = "SELECT i AS id, i % 3 AS doors, i * 1.5 AS price FROM generate_series(1, 100) i"
OTHER_CARS = """
SELECT i AS id, CASE WHEN i IN (20, 21) THEN NULL ELSE i % 3 END AS doors,
       i * 1.5 + CASE WHEN i BETWEEN 21 AND 30 THEN 1 ELSE 0 END AS price
FROM generate_series(11, 104) i
"""


def test_rows_are_matched_by_the_first_unique_column(server: Database) -> None:
    made = compare(server, CARS, OTHER_CARS)

    assert made.key == ("id",)
    assert made.rows == Rows(100, 94, added=4, removed=10, changed=11, unchanged=79)
    assert made.changed_values == {"doors": 2, "price": 10}


def test_a_key_that_is_given_is_used(server: Database) -> None:
    made = compare(server, CARS, OTHER_CARS, key=("price",))

    assert made.key == ("price",)
    # Moved up by 1, no price of 21 to 30 meets another one; they are removed and added.
    assert made.rows == Rows(100, 94, added=4 + 10, removed=10 + 10, changed=1, unchanged=79)
    assert made.changed_values == {"doors": 1}


def test_up_to_three_first_columns_identify_a_row(server: Database) -> None:
    grid = "SELECT i % 2 AS a, i / 2 % 3 AS b, i / 6 AS c, i % 4 AS d FROM generate_series(0, 47) i"

    made = compare(server, grid, grid.replace("i % 4", "i % 5"))

    assert made.key == ("a", "b", "c")
    assert made.rows.changed == made.changed_values["d"] == sum(i % 4 != i % 5 for i in range(48))


@pytest.mark.parametrize("spoiled", ["nullif(id, 7)", "least(id, 99)"])
def test_a_column_with_null_or_repeated_values_is_not_taken_as_key(server: Database, spoiled: str) -> None:
    made = compare(server, CARS, CARS.replace("i AS id", f"{spoiled.replace('id', 'i')} AS id"))

    assert made.key == ("id", "doors", "price")[: 0 if "null" in spoiled else 2]


def test_whole_rows_are_compared_as_multisets(server: Database) -> None:
    made = compare(
        server,
        "SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (1, 'a'), (2, NULL), (2, NULL), (3, 'c')) v (a, b)",
        "SELECT * FROM (VALUES (1, 'a'), (2, NULL), (2, NULL), (2, NULL), (4, 'd'), (4, 'd')) v (a, b)",
    )

    assert made.key == ()
    assert made.rows == Rows(6, 6, added=3, removed=3, changed=None, unchanged=3)
    assert made.changed_values == {}
    assert made.as_json()["rows"]["changed"] is None


def test_null_is_equal_to_null_and_to_nothing_else(server: Database) -> None:
    values = "SELECT i AS id, {} AS a FROM generate_series(1, 9) i"

    same = compare(server, values.format("NULL::text"), values.format("NULL::text"))
    other = compare(server, values.format("NULL::text"), values.format("''::text"))

    assert same.rows == Rows(9, 9, 0, 0, changed=0, unchanged=9)
    assert other.rows == Rows(9, 9, 0, 0, changed=9, unchanged=0)


def test_a_snapshot_does_not_differ_from_itself(server: Database) -> None:
    cars = snapshots.create(server, "itself", CARS)

    made = diff(server, cars.name, cars.name)

    assert made.rows == Rows(100, 100, 0, 0, 0, 100)
    assert [shift.psi for shift in made.shifts] == [0.0, 0.0, 0.0]
    assert (made.added, made.dropped, made.retyped, made.changed_values) == ((), (), (), {})


@pytest.mark.parametrize("key", [(), ("a",)])
def test_no_rows(server: Database, key: tuple[str, ...]) -> None:
    empty, one = "SELECT 1 AS a, 'x' AS b WHERE false", "SELECT 1 AS a, 'x' AS b"

    for left, right in ((empty, one), (one, empty), (empty, empty)):
        made = compare(server, left, right, key)

        assert made.key == ("a",)
        assert (made.rows.added, made.rows.removed) == (int(right == one), int(left == one))
        assert [shift.psi for shift in made.shifts] == [None, None]
        assert [shift.reading for shift in made.shifts] == [None, None]
        assert shift_of(made, "a").left.null_share == (0.0 if left == one else None)


# Keys that are refused ----------------------------------------------------------------------------------------------

PLAIN = "SELECT i AS id, i % 2 AS half, nullif(i, 3) AS gaps, i::{} AS typed FROM generate_series(1, 6) i"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("idd",), "keys@1.0.0 has no column 'idd' for the key. Did you mean 'id'"),
        (("half",), "The key half = '0' occurs 3 times in keys@1.0.0: choose columns that identify one row"),
        (("half", "half"), "half = '0' occurs 3 times"),
        (("gaps",), "The key column 'gaps' holds NULL in keys@1.0.0: choose columns that never do"),
        (("id", "gaps"), "The key column 'gaps' holds NULL"),
        (("typed",), "The key column 'typed' is integer in keys@1.0.0 and bigint in keys@2.0.0"),
    ],
)
def test_a_key_that_identifies_no_row_is_refused(server: Database, key: tuple[str, ...], message: str) -> None:
    names = [SnapshotName("keys", Version(1)), SnapshotName("keys", Version(2))]
    known = [known.name for known in snapshots.list_snapshots(server)]
    for name, typed in zip(names, ("integer", "bigint"), strict=True):
        if name not in known:
            snapshots.create(server, name.name, PLAIN.format(typed), version=name.version)

    with pytest.raises(DiffKeyError) as refusal:
        diff(server, names[0], names[1], key=key)

    assert message in str(refusal.value)


def test_a_key_of_one_side_only_is_refused(server: Database) -> None:
    with pytest.raises(DiffKeyError, match=r"@2.0.0 has no column 'a' for the key"):
        compare(server, "SELECT 1 AS a, 1 AS b", "SELECT 1 AS b", key=("a",))
    with pytest.raises(DiffKeyError, match=r"a = '1', b = 'x' occurs 2 times in pair\d+@2.0.0"):
        compare(server, "SELECT 1 AS a, 'x' AS b", "SELECT 1 AS a, 'x' AS b FROM generate_series(1, 2)", ("a", "b"))


def test_rows_too_wide_to_be_matched_are_compared_as_a_whole(server: Database) -> None:
    wide = f"SELECT i AS id, {', '.join(f'i AS c{place}' for place in range(801))} FROM generate_series(1, 2) i"

    with pytest.raises(DiffKeyError, match=r"have 802 columns in common, a key can match rows of at most 800"):
        compare(server, wide, wide, key=("id",))
    made = compare(server, wide, wide)
    assert (made.key, made.rows) == ((), Rows(2, 2, 0, 0, changed=None, unchanged=2))


# Snapshots ------------------------------------------------------------------------------------------------------------


def test_only_snapshots_with_rows_can_be_compared(dev_database: Database) -> None:
    kept = snapshots.create(dev_database, LEFT.name, CARS, version=LEFT.version)
    gone = snapshots.create(dev_database, RIGHT.name, CARS, version=RIGHT.version)
    snapshots.archive(dev_database, kept.name)

    assert diff(dev_database, kept.name, gone.name).rows.unchanged == 100
    with dev_database.connect() as connection:
        connection.execute("SET LOCAL nightjar.purging = 'on'")
        connection.execute("UPDATE nightjar.snapshot SET state = 'purged' WHERE major = 2")
    for left, right in ((kept, gone), (gone, kept)):
        with pytest.raises(SnapshotStateError, match=r"pair@2.0.0 is purged, its rows are gone"):
            diff(dev_database, left.name, right.name)
    with pytest.raises(SnapshotNotFoundError, match=r"no snapshot 'pair@3.0.0'"):
        diff(dev_database, kept.name, SnapshotName("pair", Version(3)))


def test_json_has_the_documented_fields(server: Database) -> None:
    made = compare(server, CARS, OTHER_CARS + " UNION ALL SELECT 500, 1, 'NaN'").as_json()

    assert list(made) == ["left", "right", "key", "columns", "rows", "changed_values", "distributions"]
    assert list(made["columns"]) == ["added", "dropped", "retyped"]
    assert list(made["rows"]) == ["left", "right", "added", "removed", "changed", "unchanged"]
    price: dict[str, Any] = made["distributions"][2]
    assert list(price) == ["column", "type", "psi", "shift", "left", "right"]
    assert price["left"] == {"null_share": 0.0, "distinct": 100, "mean": 75.75, "min": "1.5", "max": "150.0"}
    assert (price["type"], price["right"]["mean"], price["right"]["max"]) == ("numeric", None, "NaN")


def test_text_tells_what_changed(server: Database) -> None:
    made = compare(server, CARS, OTHER_CARS.replace("AS id,", "AS id, 'red'::text AS colour,"))
    lines = made.as_text().splitlines()

    assert lines[0] == f"{made.left} -> {made.right}"
    assert lines[2:4] == [
        "Rows: 100 -> 94, matched by id",
        "  4 added, 10 removed, 11 changed, 79 unchanged",
    ]
    assert lines[5:7] == ["Columns:", "  added  colour  text"]
    assert lines[9].split() == ["column", "PSI", "shift", "nulls", "distinct", "mean", "min", "max", "changed"]
    psis = [float(line.split()[1]) for line in lines[10:]]
    assert psis == sorted(psis, reverse=True)
    assert len(lines) == 13
