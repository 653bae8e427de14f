"""Verification: replays give the same rows, what cannot be replayed says why, and tampering is found."""

from collections.abc import Iterator
from itertools import count
from typing import Any, LiteralString

import pytest
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Snapshot, StoragePolicy, Verification
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database
from tests.builders import shared_database
from tests.snapshot_builders import assert_refused, run_sql, traces

CARS = (
    "SELECT i AS id, i % 4 AS make, i * 1.5 AS price, '2017-01-01'::date + i % 10 AS day FROM generate_series(1, 60) i"
)
UNLOCKED = ["SET LOCAL session_replication_role = replica", "ALTER TABLE {0} DISABLE TRIGGER ALL"]
_numbers = count()


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["dev"], "verify") as made:
        run_sql(made, "CREATE TABLE live AS SELECT i AS id FROM generate_series(1, 5) i")
        run_sql(made, "CREATE TABLE snapshot AS TABLE live; CREATE VIEW over_live AS TABLE live")
        run_sql(made, "GRANT SELECT ON live, snapshot, over_live TO nightjar_trainer")
        run_sql(made, "CREATE FUNCTION draw() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        yield made


def create(database: Database, query: str = CARS) -> Snapshot:
    return snapshots.create(database, f"cars{next(_numbers)}", query)


def assert_replayed(found: Verification, start: Snapshot | None = None) -> None:
    """The stored rows are exact, and the replay, from nothing or from this snapshot, gives them."""
    assert (found.exact, found.matches, found.passed) == (True, True, True)
    assert found.replayed_from == (start and start.name)
    assert found.recorded_hash == found.found_hash


# Replays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        CARS,
        "VALUES (1, 'a'), (2, NULL)",
        "WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM n WHERE a < 9) SELECT * FROM n",
        "SELECT '2017-10-29 02:30'::timestamp::timestamptz AS a, '2017-12-01'::date AS b, 0.1::float8 + 0.2 AS c",
        "SELECT 1 AS a WHERE false",
        "SELECT 'known today' AS a, 'random()' AS b -- now()",
    ],
)
def test_what_reads_nothing_is_exact_and_replayable(database: Database, query: str) -> None:
    found = snapshots.verify(database, create(database, query).name)

    assert_replayed(found)
    assert (found.replayable, found.reason) == (True, None)


@pytest.mark.parametrize(
    ("policy", "options"),
    [
        (NEVER_COPY, {}),
        (ALWAYS_COPY, {"seed": 7}),
        (NEVER_COPY, {"stratify": "make"}),
        (ALWAYS_COPY, {"stratify": ["make", "day"], "time_by": "day"}),
        (NEVER_COPY, {"group_by": "make"}),
        (ALWAYS_COPY, {"group_by": "day", "time_by": "day"}),
        (NEVER_COPY, {"time_by": "day"}),
    ],
)
def test_parts_and_what_is_made_of_them_are_replayed(
    database: Database, policy: StoragePolicy, options: dict[str, Any]
) -> None:
    parent = create(database)
    parts = snapshots.split(database, parent.name, {"_a": 0.7, "_b": 0.2}, policy=policy, **options)
    samples = snapshots.sample(database, parent.name, {"_c": 0.7, "_d": 0.7}, policy=policy, **options)
    statements = ["DELETE FROM snapshot WHERE make = 1", "ALTER snapshot ADD a int DEFAULT 1"]
    child = snapshots.prepare(database, parts[0].name, statements, policy=policy)
    [of_child] = snapshots.sample(database, child.name, {"_e": 0.5}, policy=policy, **options)

    for made in (*parts, *samples, child, of_child):
        found = snapshots.verify(database, made.name)
        assert_replayed(found)
        assert found.replayable


# What cannot be replayed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT * FROM live", "it read live, which may have changed since"),
        ("SELECT * FROM over_live JOIN public.live USING (id)", "it read over_live, public.live, which"),
        ("SELECT * FROM snapshot", "it read snapshot, which may have changed since"),
        ("SELECT random() AS a", "it used random, which gives another value each time"),
        ("SELECT gen_random_uuid() AS a, clock_timestamp() AS b", "it used clock_timestamp, gen_random_uuid, which"),
        ("SELECT now() AS a", "it used now, which"),
        ("SELECT 'today'::date AS a", "it used 'today', which"),
        ("SELECT timestamp ' NOW ' AS a", "it used 'now', which"),
        ("SELECT CURRENT_DATE AS a", "it used current_date, which"),
        ("SELECT current_user::text AS a", "it used current_user, which"),
        ("SELECT draw() AS a", "it used draw, which"),
    ],
)
def test_what_varies_is_named_and_its_children_are_replayed(database: Database, query: str, reason: str) -> None:
    root = create(database, query)
    child = snapshots.prepare(database, root.name, ["ALTER snapshot ADD more text DEFAULT 'b'"], policy=NEVER_COPY)

    found, of_child = snapshots.verify(database, root.name), snapshots.verify(database, child.name)

    assert (found.exact, found.replayable, found.matches, found.passed) == (True, False, None, True)
    assert str(found.reason).startswith(f"{root.name}: {reason}")
    assert_replayed(of_child, start=root)
    assert (of_child.replayable, of_child.reason) == (False, found.reason)


def test_a_replay_begins_after_the_last_statement_that_varies(database: Database) -> None:
    root = create(database)
    drawn = snapshots.prepare(database, root.name, ["UPDATE snapshot SET price = random()"])
    joined = snapshots.prepare(database, drawn.name, ["DELETE FROM snapshot USING live WHERE live.id = snapshot.id"])
    last = snapshots.prepare(database, joined.name, ["UPDATE snapshot SET make = 0"])

    found = snapshots.verify(database, last.name)

    assert_replayed(found, start=joined)
    assert str(found.reason).startswith(f"{drawn.name}: it used random")
    assert snapshots.verify(database, joined.name).matches is None


def test_a_snapshot_of_a_snapshot_reads_nothing_that_changes(database: Database) -> None:
    root = create(database, "SELECT * FROM live")

    found = snapshots.verify(database, create(database, f"SELECT id FROM {root.name.view.as_string()}").name)

    assert_replayed(found)
    assert found.replayable


# States -------------------------------------------------------------------------------------------------------


def test_an_archived_snapshot_is_verified_and_a_purged_one_refused(database: Database) -> None:
    root = create(database)
    child = snapshots.prepare(database, root.name, ["DELETE FROM snapshot WHERE id = 1"])
    for name in (root.name, child.name):
        snapshots.archive(database, name)
        assert_replayed(snapshots.verify(database, name))
    snapshots.purge(database, root.name)

    assert_replayed(snapshots.verify(database, child.name))
    assert_refused(database, SnapshotStateError, "is purged", lambda: snapshots.verify(database, root.name))


def test_a_verification_leaves_no_trace(database: Database) -> None:
    parent = create(database)
    child = snapshots.prepare(database, parent.name, ["DELETE FROM snapshot WHERE id = 1"], policy=NEVER_COPY)
    before = traces(database)

    snapshots.verify(database, child.name)

    assert traces(database) == before


# Tampering ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unlock", UNLOCKED)
@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE {0} SET price = price + 0.5 WHERE id = 5",
        "UPDATE {0} SET price = NULL WHERE id = 5",
        "UPDATE {0} a SET price = b.price FROM {0} b WHERE (a.id, b.id) IN ((5, 6), (6, 5))",
        "UPDATE {0} SET make = price, price = make WHERE id = 5",
        "DELETE FROM {0} WHERE id = 5",
        "INSERT INTO {0} SELECT * FROM {0} WHERE id = 5",
        "DELETE FROM {0}",
    ],
)
def test_tampering_with_stored_rows_is_found(
    database: Database, unlock: LiteralString, tampering: LiteralString
) -> None:
    root = create(database)
    child = snapshots.prepare(database, root.name, ["DELETE FROM snapshot WHERE id < 3"], policy=NEVER_COPY)
    layer = sql.Identifier("nightjar_store", f"layer_{root.id}")
    with database.connect() as superuser:
        for statement in (unlock, tampering):
            superuser.execute(sql.SQL(statement).format(layer))

    for name in (root.name, child.name):
        found = snapshots.verify(database, name)
        assert (found.exact, found.matches, found.passed) == (False, True, False)
        assert found.found_hash != found.recorded_hash
