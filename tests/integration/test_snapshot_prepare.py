"""Preparing a child: versions, all or nothing, and statements that do what they would do to a table."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from nightjar import snapshots
from nightjar.snapshots import Snapshot, State, StoragePolicy, Version
from nightjar.snapshots import errors as refusals
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database
from tests.builders import shared_database
from tests.snapshot_builders import assert_refused, layers_of, rows_of, values_of

CARS = "SELECT i AS id, 'car' || i AS make, i * 10 AS price FROM generate_series(1, 4) i"
POLICIES = pytest.mark.parametrize("policy", [ALWAYS_COPY, NEVER_COPY], ids=["copy", "changes"])
ALTER, INSERT = "ALTER snapshot ADD year int", "INSERT INTO snapshot VALUES (9, 'new', 0)"
UPDATE, DELETE = "UPDATE snapshot SET price = 0", "DELETE FROM snapshot WHERE id = 1"
# Those of relations and columns around them, a keyword, and what needs quotes.
NAMES = ["snapshot", "base", "hidden", "rows", "query", "part", "stratum", "position", "select", "Mixed Case", 'quo"te']
NAMES += ["größe 車 🚗", "100% %s {0}", "1"]
_numbers = count()


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["dev"], "prepare") as made:
        yield made


def create(database: Database, query: str = CARS) -> Snapshot:
    return snapshots.create(database, f"cars{next(_numbers)}", query)


def prepare(
    database: Database, parent: Snapshot, *statements: str, policy: StoragePolicy | None = None, **options: Any
) -> Snapshot:
    return snapshots.prepare(database, parent.name, statements, policy=policy, **options)


# Versions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "version"),
    [
        ([UPDATE], "1.0.1"),
        ([DELETE], "1.1.0"),
        ([INSERT], "1.1.0"),
        ([ALTER], "2.0.0"),
        ([UPDATE, DELETE, UPDATE], "1.1.0"),
        ([UPDATE, INSERT, ALTER], "2.0.0"),
        (["ALTER snapshot DROP price", DELETE], "2.0.0"),
        (["UPDATE snapshot SET price = 0 WHERE false"], "1.0.1"),
        (["ALTER snapshot DROP COLUMN IF EXISTS year"], "2.0.0"),
    ],
)
def test_the_kind_of_statements_gives_the_version(database: Database, statements: list[str], version: str) -> None:
    parent = create(database)

    child = prepare(database, parent, *statements, comment="changed")

    assert (str(child.name.version), child.state, child.parent) == (version, State.PREPARED, str(parent.name))
    assert (child.comment, child.owner) == ("changed", "postgres")


def test_siblings_take_the_next_free_number_of_their_kind(database: Database) -> None:
    parent = create(database)
    taken = prepare(database, parent, UPDATE, version=Version(1, 0, 2))

    versions = [str(prepare(database, parent, UPDATE).name.version) for _ in range(3)]
    versions += [str(prepare(database, taken, kind).name.version) for kind in (UPDATE, DELETE, ALTER, ALTER, INSERT)]

    assert versions == ["1.0.1", "1.0.3", "1.0.4", "1.0.5", "1.1.0", "2.0.0", "3.0.0", "1.2.0"]


def test_a_purged_number_is_never_used_again(database: Database) -> None:
    parent = create(database)
    purged = prepare(database, parent, UPDATE)
    snapshots.purge(database, purged.name)

    assert str(prepare(database, parent, UPDATE).name.version) == "1.0.2"
    with pytest.raises(refusals.SnapshotExistsError, match=r"@1\.0\.1 exists already: choose another version"):
        prepare(database, parent, UPDATE, version=Version(1, 0, 1))


def test_the_number_after_the_largest_is_refused(database: Database) -> None:
    root = snapshots.create(database, "last", CARS, version=Version(1, 0, 999_999_999))

    assert_refused(database, refusals.VersionFormatError, "1000000000", lambda: prepare(database, root, UPDATE))


# All or nothing -----------------------------------------------------------------------------------------------


@POLICIES
def test_the_parent_stays_as_it_is(database: Database, policy: StoragePolicy) -> None:
    parent = create(database)
    rows = rows_of(database, parent)

    child = prepare(database, parent, UPDATE, DELETE, INSERT, "ALTER snapshot DROP make", policy=policy)

    assert rows_of(database, child) == [(2, 0), (3, 0), (4, 0), (9, 0)]
    assert rows_of(database, parent) == rows
    assert snapshots.find(database, parent.name) == parent
    assert snapshots.verify(database, parent.name).exact


@POLICIES
def test_a_failing_third_statement_leaves_nothing_of_the_others(database: Database, policy: StoragePolicy) -> None:
    parent = create(database)

    def misuse() -> object:
        return prepare(database, parent, ALTER, DELETE, "UPDATE snapshot SET price = 1 / (id - 3)", policy=policy)

    assert_refused(database, refusals.StatementError, "division by zero", misuse)


def test_rows_that_become_too_wide_are_refused(database: Database) -> None:
    columns = [f"c{number}" for number in range(1100)]
    wide = create(database, "SELECT " + ", ".join(f"NULL::bigint AS {name}" for name in columns))
    filling = "UPDATE snapshot SET " + ", ".join(f"{name} = 1" for name in columns)

    assert_refused(database, refusals.ColumnLimitError, "row is too big", lambda: prepare(database, wide, filling))


@pytest.mark.parametrize("query", [CARS, CARS + " WHERE false"], ids=["rows", "no_rows"])
@pytest.mark.parametrize(
    "change", ["DELETE FROM snapshot WHERE id > 9", "INSERT INTO snapshot SELECT 1, '', 1 WHERE false"]
)
def test_nothing_changed_stores_nothing(database: Database, query: str, change: str) -> None:
    parent = create(database, query)
    stored = layers_of(database)

    child = prepare(database, parent, change, "UPDATE snapshot SET price = 1 WHERE make IS NULL")

    assert (child.byte_count, child.content_hash) == (0, parent.content_hash)
    assert layers_of(database) == stored
    assert rows_of(database, child) == rows_of(database, parent)


@POLICIES
def test_no_rows_get_columns_and_rows(database: Database, policy: StoragePolicy) -> None:
    empty = create(database, CARS + " WHERE false")

    wider = prepare(database, empty, "ALTER snapshot ADD a numeric(6, 2) DEFAULT 5, DROP id", policy=policy)
    filled = prepare(database, wider, "INSERT INTO snapshot (a) VALUES (1.005)", policy=policy)
    emptied = prepare(database, filled, "DELETE FROM snapshot", policy=policy)

    assert [column.name for column in emptied.columns] == ["make", "price", "a"]
    assert (rows_of(database, wider), rows_of(database, emptied)) == ([], [])
    assert [str(value) for value in values_of(database, filled, "a")] == ["1.01"]
    assert emptied.content_hash == empty.content_hash
    assert snapshots.verify(database, emptied.name).matches


def test_a_long_chain_is_copied_at_times_and_stays_right(database: Database) -> None:
    latest = create(database, "SELECT i AS id, 0 AS changed FROM generate_series(1, 3000) i")
    root, copied = latest, []
    for number in range(1, 41):
        latest = prepare(database, latest, f"UPDATE snapshot SET changed = {number} WHERE id = {number}")
        with database.connect() as connection:
            shared = connection.execute(
                "SELECT count(*) AS layers FROM nightjar.snapshot_layer WHERE snapshot_id = %s", [latest.id]
            ).fetchone()
        assert shared is not None
        copied += [number] if shared["layers"] == 1 else []

    assert len(copied) == 1, "a full copy is rare, and happens"
    assert values_of(database, latest, "changed") == [0] * 2960 + list(range(1, 41))
    assert values_of(database, root, "changed") == [0] * 3000
    assert snapshots.verify(database, latest.name).matches


# Columns ------------------------------------------------------------------------------------------------------


@POLICIES
def test_a_column_that_is_dropped_and_added_again_is_another_one(database: Database, policy: StoragePolicy) -> None:
    parent = create(database)
    other_type = prepare(database, parent, "ALTER snapshot DROP price, ADD price text", policy=policy)
    dropped = prepare(database, parent, "ALTER snapshot DROP price", policy=policy)
    again = prepare(database, dropped, "ALTER snapshot ADD price int", policy=policy)
    child = prepare(database, again, "UPDATE snapshot SET price = 5 WHERE id = 1", policy=policy)
    last = prepare(database, child, "ALTER snapshot DROP price, ADD price int, DROP make", policy=policy)

    assert [values_of(database, one, "price") for one in (other_type, again, child, last)] == [
        [None] * 4,
        [None] * 4,
        [None, None, None, 5],
        [None] * 4,
    ]
    assert other_type.columns[-1].type == "text"
    assert all(snapshots.verify(database, one.name).matches for one in (other_type, again, child, last))


@pytest.mark.parametrize("name", NAMES)
def test_any_column_name_is_taken(database: Database, name: str) -> None:
    column = '"' + name.replace('"', '""') + '"'
    parent = create(database, f"SELECT i AS {column}, i AS other FROM generate_series(1, 5) i")

    child = prepare(
        database,
        parent,
        f"UPDATE snapshot SET {column} = snapshot.{column} + 1 WHERE {column} > 1",
        f"DELETE FROM snapshot AS query USING snapshot AS rows WHERE query.{column} = rows.other AND query.other = 4",
        f"INSERT INTO snapshot ({column}) SELECT max({column}) FROM snapshot",
        f"ALTER snapshot ADD more int, DROP {column}, ADD {column} int DEFAULT 7",
        policy=NEVER_COPY,
    )
    parts = snapshots.split(database, child.name, {"_a": 0.25, "_b": 0.75}, stratify=name, time_by=name)

    assert values_of(database, child, name) == [7] * 5
    assert values_of(database, child, "other") == [None, 1, 2, 3, 5]
    assert all(snapshots.verify(database, one.name).matches for one in (child, *parts))
