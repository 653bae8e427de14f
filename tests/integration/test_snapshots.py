"""Dataset snapshots: created whole or not at all, found, moved between states, and never changed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Column, Snapshot, SnapshotName, State, Version
from nightjar.snapshots.errors import (
    SnapshotExistsError,
    SnapshotNameError,
    SnapshotNotFoundError,
    SnapshotQueryError,
    SnapshotStateError,
)
from nightjar.storage import Database, Role
from tests.builders import count_rows

CARS = "SELECT i AS id, 'car ' || i AS label, i * 1.5::numeric(8, 2) AS price FROM generate_series(1, 10) i"
Move = Callable[[Database, SnapshotName], Snapshot]


def stored_objects(database: Database) -> list[str]:
    """Names of everything that snapshots leave in the database, catalog rows included."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'snapshots' OR relname LIKE 'layer\\_%'"
            " UNION ALL SELECT 'row of ' || name FROM nightjar.snapshot ORDER BY 1"
        )
        return [row["name"] for row in rows]


def test_a_query_is_frozen_with_its_facts(dev_database: Database) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)

    made = snapshots.create(
        dev_database, "cars", CARS + ";", comment="Ten cars", use_case="churn_risk", as_of=date(2017, 12, 1)
    )

    assert (str(made.name), made.state, made.parent, made.row_count) == ("cars@1.0.0", State.PUBLISHED, None, 10)
    assert made.columns == (Column("id", "integer"), Column("label", "text"), Column("price", "numeric"))
    assert made.statements == (CARS,)
    assert (made.owner, made.comment) == ("postgres", "Ten cars")
    assert (made.use_case, made.as_of) == ("churn_risk", date(2017, 12, 1))
    assert made.byte_count >= 8192
    assert made.unreplayable is None
    assert before < made.created_at < datetime.now(UTC) + timedelta(seconds=1)
    assert len(made.content_hash) == 32
    assert snapshots.find(dev_database, made.name) == made
    with dev_database.connect(Role.TRAINER) as connection:
        rows = connection.execute(sql.SQL("SELECT * FROM {} ORDER BY id").format(made.name.view)).fetchall()
        comment = connection.execute("SELECT obj_description('snapshots.\"cars@1.0.0\"'::regclass) AS text").fetchone()
    assert len(rows) == 10
    assert rows[1]["label"] == "car 2"
    assert comment == {"text": "Ten cars"}


def test_types_keep_their_modifiers(dev_database: Database) -> None:
    made = snapshots.create(
        dev_database, "typed", "SELECT 1::numeric(8, 2) AS a, 'x'::varchar(3) AS b, now()::timestamptz(0) AS c"
    )

    assert [column.type for column in made.columns] == [
        "numeric(8,2)",
        "character varying(3)",
        "timestamp(0) with time zone",
    ]


def test_an_existing_name_needs_a_version_that_is_free(dev_database: Database) -> None:
    snapshots.create(dev_database, "cars", CARS)

    with pytest.raises(SnapshotExistsError, match=r"cars@1.0.0 exists already: give a version .*, such as 2.0.0"):
        snapshots.create(dev_database, "cars", CARS)
    with pytest.raises(SnapshotExistsError, match=r"cars@1.0.0 exists already: choose another version"):
        snapshots.create(dev_database, "cars", CARS, version=Version(1))
    made = snapshots.create(dev_database, "cars", CARS, version=Version(1, 0, 1))

    assert str(made.name) == "cars@1.0.1"


def test_a_missing_snapshot_is_refused_with_what_exists(dev_database: Database) -> None:
    for version in (Version(10), Version(9)):
        snapshots.create(dev_database, "cars", CARS, version=version)

    with pytest.raises(SnapshotNotFoundError, match=r"no snapshot 'cars@1.0.0'; there is cars@9.0.0, cars@10.0.0\."):
        snapshots.find(dev_database, SnapshotName("cars", Version(1)))
    with pytest.raises(SnapshotNotFoundError, match="none is named 'vans': see 'nightjar snapshot list'"):
        snapshots.find(dev_database, SnapshotName("vans", Version(1)))


def test_a_list_is_ordered_and_filtered(dev_database: Database) -> None:
    night = date(2017, 12, 1)
    for name, version in (("vans", 1), ("cars", 10), ("cars", 2)):
        snapshots.create(dev_database, name, CARS, version=Version(version))
    snapshots.create(dev_database, "bikes", CARS, use_case="churn_risk", as_of=night)
    snapshots.purge(dev_database, SnapshotName("vans", Version(1)))

    def names(**filters: object) -> list[str]:
        return [str(found.name) for found in snapshots.list_snapshots(dev_database, **filters)]  # type: ignore[arg-type]

    assert names() == ["bikes@1.0.0", "cars@2.0.0", "cars@10.0.0"]
    assert names(everything=True) == ["bikes@1.0.0", "cars@2.0.0", "cars@10.0.0", "vans@1.0.0"]
    assert names(use_case="churn_risk") == names(as_of=night) == ["bikes@1.0.0"]
    assert names(use_case="churn_risk", as_of=date(2017, 12, 2)) == []


def test_a_purged_version_is_not_used_again(dev_database: Database) -> None:
    made = snapshots.create(dev_database, "cars", CARS)
    snapshots.purge(dev_database, made.name)

    with pytest.raises(SnapshotExistsError):
        snapshots.create(dev_database, "cars", CARS)
    with pytest.raises(SnapshotStateError, match=r"cars@1.0.0 is purged"):
        snapshots.publish(dev_database, made.name)


def test_states_move_as_allowed(dev_database: Database) -> None:
    name = snapshots.create(dev_database, "cars", CARS).name
    [part] = snapshots.split(dev_database, name, {"_part": 0.5})
    moves: list[Move] = [snapshots.publish, snapshots.archive, snapshots.publish]

    assert part.state is State.PREPARED
    assert [move(dev_database, part.name).state for move in moves] == ["published", "archived", "published"]
    [other] = snapshots.split(dev_database, name, {"_other": 0.5})
    assert snapshots.archive(dev_database, other.name).state is State.ARCHIVED


def test_other_moves_are_refused(dev_database: Database) -> None:
    name = snapshots.create(dev_database, "cars", CARS).name

    with pytest.raises(SnapshotStateError, match=r"cars@1.0.0 is published: only archived or prepared snapshots can"):
        snapshots.publish(dev_database, name)
    snapshots.archive(dev_database, name)
    with pytest.raises(
        SnapshotStateError, match=r"is archived: only prepared or published snapshots can become archived"
    ):
        snapshots.archive(dev_database, name)
    for move in (snapshots.publish, snapshots.archive):
        with pytest.raises(SnapshotNotFoundError):
            move(dev_database, SnapshotName("vans", Version(1)))


CHANGES: tuple[LiteralString, ...] = (
    "UPDATE {0} SET id = 0",
    "DELETE FROM {0}",
    "INSERT INTO {0} SELECT * FROM {0}",
)


@pytest.mark.parametrize(
    ("role", "refusal"),
    [
        (Role.TRAINER, "permission denied"),
        (Role.OWNER, "is immutable"),
        # The login that migrated the database, whom no right stops.
        (None, "is immutable"),
    ],
)
def test_stored_rows_never_change(dev_database: Database, role: Role | None, refusal: str) -> None:
    made = snapshots.create(dev_database, "cars", CARS)
    table = sql.Identifier("nightjar_store", f"layer_{made.id}")
    statements = [sql.SQL(change).format(place) for change in CHANGES for place in (table, made.name.view)]

    for statement in [*statements, sql.SQL("TRUNCATE {}").format(table)]:
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match=refusal),
            dev_database.connect(role) as connection,
        ):
            connection.execute(statement)

    assert count_rows(dev_database, "snapshots", "cars@1.0.0") == 10


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1 / 0 AS a", "division by zero"),
        ("SELECT 'a'::integer AS a", "invalid input syntax"),
        ("SELECT rolpassword FROM pg_authid", "permission denied"),
        ("SELECT 1 AS a, 2 AS a", "more than once"),
        ("SELECT 1", "without a name: add AS name"),
        ("SELECT FROM generate_series(1, 3)", "has no columns"),
        ("SELECT :as_of AS a", "cannot be parsed|syntax error"),
        ("DROP TABLE nightjar.snapshot", "DROP is not a query"),
    ],
)
def test_a_query_that_fails_leaves_no_trace(untouched_dev: Database, query: str, message: str) -> None:
    before = stored_objects(untouched_dev)

    with pytest.raises(SnapshotQueryError, match=message) as caught:
        snapshots.create(untouched_dev, "broken", query)

    assert "\n" not in str(caught.value)
    assert stored_objects(untouched_dev) == before


def test_a_taken_version_leaves_no_trace(dev_database: Database) -> None:
    snapshots.create(dev_database, "cars", CARS)
    before = stored_objects(dev_database)

    with pytest.raises(SnapshotExistsError):
        snapshots.create(dev_database, "cars", "SELECT 2 AS a", version=Version(1))

    assert stored_objects(dev_database) == before


@pytest.mark.parametrize(
    "name", ["a; DROP SCHEMA nightjar CASCADE --", "$$; DROP ROLE x $$", "100% %s {0} [b]", "größe\\"]
)
def test_names_and_comments_are_never_run(dev_database: Database, name: str) -> None:
    comment = "'; DROP TABLE nightjar.snapshot; -- \" %s {} $$"

    made = snapshots.create(dev_database, name, 'SELECT 1 AS "x\'; DROP TABLE y; --"', comment=comment)
    parts = snapshots.split(dev_database, made.name, {"; --": 0.5}, time_by="x'; DROP TABLE y; --", seed=1)

    assert snapshots.find(dev_database, made.name).comment == comment
    assert [part.parent for part in parts] == [str(made.name)]
    assert count_rows(dev_database, "snapshots", str(made.name)) == 1


@pytest.mark.parametrize("name", ['cars"; DROP TABLE x --', "cars@1.0.0", "", "n" * 41])
def test_a_malformed_name_never_reaches_the_database(untouched_dev: Database, name: str) -> None:
    before = stored_objects(untouched_dev)

    with pytest.raises(SnapshotNameError):
        snapshots.create(untouched_dev, name, CARS)

    assert stored_objects(untouched_dev) == before


def test_json_has_the_documented_fields(dev_database: Database) -> None:
    made = snapshots.create(dev_database, "cars", CARS)
    [part] = snapshots.split(dev_database, made.name, {"_half": 0.5})

    assert made.as_json() == {
        "name": "cars", "version": "1.0.0", "state": "published", "parent": None, "rows": 10,
        "bytes": made.byte_count, "hash": made.content_hash, "owner": "postgres", "comment": None,
        "created": made.created_at.isoformat(), "statements": [CARS],
    }  # fmt: skip
    assert (part.as_json()["parent"], part.as_json()["rows"]) == ("cars@1.0.0", 5)
