"""A purge frees what only one snapshot shows; all others keep every row, their rights and their comments."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from nightjar import registry, snapshots
from nightjar.snapshots import Snapshot, State, StoragePolicy
from nightjar.snapshots.errors import SnapshotInUseError
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database, Role
from tests.builders import SHOPPERS, count_rows, log_in, register_model
from tests.snapshot_builders import assert_refused, layers_of, rows_of, run_sql, traces

CARS = "SELECT i AS id, 'car' || i AS make, i * 10 AS price FROM generate_series(1, 40) i"
POLICIES = pytest.mark.parametrize("policy", [ALWAYS_COPY, NEVER_COPY], ids=["copy", "changes"])
MEMBERS = ["root", "inserted", "updated", "deleted", "altered", "leaf", "part"]


def family(database: Database, policy: StoragePolicy) -> dict[str, Snapshot]:
    """A root, its children by each kind of statement, and a part; they share what the policy lets them share."""

    def prepare(parent: Snapshot, *statements: str) -> Snapshot:
        return snapshots.prepare(database, parent.name, statements, policy=policy)

    root = snapshots.create(database, "cars", CARS)
    inserted = prepare(root, "INSERT INTO snapshot SELECT id + 100, make, price FROM snapshot WHERE id < 5")
    updated = prepare(inserted, "UPDATE snapshot SET price = 0 WHERE id IN (1, 2, 103)")
    deleted = prepare(updated, "DELETE FROM snapshot WHERE id IN (3, 104)")
    altered = prepare(updated, "ALTER snapshot DROP make, ADD make int DEFAULT 5, ADD year int")
    leaf = prepare(deleted, "UPDATE snapshot SET make = NULL WHERE id = 4", "DELETE FROM snapshot WHERE id = 101")
    [part] = snapshots.split(database, deleted.name, {"_part": 0.9}, policy=policy)
    return dict(zip(MEMBERS, (root, inserted, updated, deleted, altered, leaf, part), strict=True))


@contextmanager
def unchanged(database: Database, members: Mapping[str, Snapshot]) -> Iterator[None]:
    """What is done inside leaves the rows of these snapshots as they are."""
    before = {name: rows_of(database, snapshot) for name, snapshot in members.items()}
    yield
    for name, snapshot in members.items():
        assert rows_of(database, snapshot) == before[name], name
        found = snapshots.find(database, snapshot.name)
        assert (found.row_count, found.content_hash) == (snapshot.row_count, snapshot.content_hash)
        assert snapshots.verify(database, snapshot.name).matches, name


@POLICIES
@pytest.mark.parametrize(
    "gone", [["root"], ["updated"], ["leaf"], ["root", "inserted"], ["deleted", "updated", "part"]]
)
def test_all_others_keep_every_row(dev_database: Database, policy: StoragePolicy, gone: list[str]) -> None:
    members = family(dev_database, policy)
    others = {name: snapshot for name, snapshot in members.items() if name not in gone}

    with unchanged(dev_database, others):
        for name in gone:
            assert snapshots.purge(dev_database, members[name].name).state is State.PURGED

    assert set(snapshots.list_snapshots(dev_database)) == {
        snapshots.find(dev_database, o.name) for o in others.values()
    }
    listed = snapshots.list_snapshots(dev_database, everything=True)
    assert {str(known.name) for known in listed} == {str(member.name) for member in members.values()}
    for name in gone:
        with pytest.raises(psycopg.errors.UndefinedTable):
            rows_of(dev_database, members[name])


@POLICIES
def test_no_layer_outlives_the_last_that_shows_it(dev_database: Database, policy: StoragePolicy) -> None:
    members = family(dev_database, policy)
    for name in ("updated", "root", "part", "leaf", "altered", "inserted", "deleted"):
        snapshots.purge(dev_database, members.pop(name).name)
        shown = {row for member in members.values() for row in rows_of(dev_database, member, "id")}
        assert bool(layers_of(dev_database)) == bool(shown)

    assert count_rows(dev_database, "nightjar", "layer") == count_rows(dev_database, "nightjar", "snapshot_layer") == 0


def test_rows_that_nobody_shows_any_longer_are_deleted(dev_database: Database) -> None:
    root = snapshots.create(dev_database, "cars", CARS)
    few = snapshots.prepare(dev_database, root.name, ["DELETE FROM snapshot WHERE id > 30"], policy=NEVER_COPY)
    fewer = snapshots.prepare(dev_database, few.name, ["DELETE FROM snapshot WHERE id > 10"], policy=NEVER_COPY)
    layer = f"layer_{root.id}"

    stored = [layers_of(dev_database)]
    for snapshot in (root, few, fewer):
        snapshots.purge(dev_database, snapshot.name)
        stored.append(layers_of(dev_database))

    assert stored == [{layer: 40}, {layer: 30}, {layer: 10}, {}]


def test_a_layer_that_a_sibling_shows_whole_keeps_its_rows(dev_database: Database) -> None:
    root = snapshots.create(dev_database, "cars", CARS)
    few = snapshots.prepare(dev_database, root.name, ["DELETE FROM snapshot WHERE id > 5"], policy=NEVER_COPY)
    more = snapshots.prepare(dev_database, root.name, ["INSERT INTO snapshot DEFAULT VALUES"], policy=NEVER_COPY)

    with unchanged(dev_database, {"few": few, "more": more}):
        snapshots.purge(dev_database, root.name)
    assert layers_of(dev_database) == {f"layer_{root.id}": 40, f"layer_{more.id}": 1}
    with unchanged(dev_database, {"few": few}):
        snapshots.purge(dev_database, more.name)
    assert layers_of(dev_database) == {f"layer_{root.id}": 5}


def test_children_take_over_parent_and_statements(dev_database: Database) -> None:
    members = family(dev_database, NEVER_COPY)
    root, inserted, updated = members["root"], members["inserted"], members["updated"]

    snapshots.purge(dev_database, inserted.name)
    middle = snapshots.find(dev_database, updated.name)
    snapshots.purge(dev_database, root.name)
    first = snapshots.find(dev_database, updated.name)
    snapshots.purge(dev_database, updated.name)
    last = {name: snapshots.find(dev_database, members[name].name) for name in ("deleted", "altered")}

    assert (middle.parent, middle.statements) == (str(root.name), inserted.statements + updated.statements)
    assert (first.parent, first.statements) == (None, (CARS, *middle.statements))
    for name, found in last.items():
        assert (found.parent, found.statements) == (None, first.statements + members[name].statements)
        verified = snapshots.verify(dev_database, found.name)
        assert (verified.replayed_from, verified.matches) == (None, True)


def test_a_child_of_what_could_not_be_replayed_says_why(dev_database: Database) -> None:
    run_sql(dev_database, "CREATE TABLE live AS SELECT 1 AS id; GRANT SELECT ON live TO nightjar_trainer")
    root = snapshots.create(dev_database, "live", "SELECT * FROM live")
    child = snapshots.prepare(dev_database, root.name, ["UPDATE snapshot SET id = 2"])

    snapshots.purge(dev_database, root.name)

    verified = snapshots.verify(dev_database, child.name)
    assert (verified.exact, verified.replayable, verified.matches) == (True, False, None)
    assert verified.reason == "live@1.0.1: it read live, which may have changed since"


# Who needs it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "_train", "_test"])
def test_what_a_model_was_trained_on_stays_until_the_model_goes(dev_database: Database, suffix: str) -> None:
    models = [register_model(dev_database, seed=seed) for seed in (0, 1)]
    name = SHOPPERS.with_suffix(suffix)

    message = rf"^shoppers{suffix}@1\.0\.0 cannot be purged: registered models need it \(churn_risk@1, churn_risk@2\)"
    assert_refused(dev_database, SnapshotInUseError, message, lambda: snapshots.purge(dev_database, name))
    for model in models:
        registry.drop(dev_database, model.name)

    assert snapshots.purge(dev_database, name).state is State.PURGED


def test_what_a_view_reads_stays(dev_database: Database) -> None:
    root = snapshots.create(dev_database, "cars", CARS)
    child = snapshots.prepare(dev_database, root.name, ["DELETE FROM snapshot WHERE id > 5"], policy=NEVER_COPY)
    run_sql(dev_database, 'CREATE VIEW cheap AS SELECT * FROM snapshots."cars@1.0.0" WHERE price < 50')

    message = r"^cars@1\.0\.0 cannot be purged: .*other objects depend on it \(view public.cheap depends"
    assert_refused(dev_database, SnapshotInUseError, message, lambda: snapshots.purge(dev_database, root.name))
    run_sql(dev_database, "DROP VIEW cheap")

    with unchanged(dev_database, {"child": child}):
        snapshots.purge(dev_database, root.name)


def test_what_is_being_read_stays_for_as_long(dev_database: Database) -> None:
    root = snapshots.create(dev_database, "cars", CARS)

    def purge() -> Snapshot:
        return snapshots.purge(dev_database, root.name, patience_seconds=0.5)

    with dev_database.connect(Role.TRAINER) as reading:
        reading.execute(sql.SQL("SELECT * FROM {}").format(root.name.view)).fetchone()
        assert_refused(dev_database, SnapshotInUseError, "being read by a running query: try again when it ends", purge)
        assert len(reading.execute(sql.SQL("SELECT * FROM {}").format(root.name.view)).fetchall()) == 40

    assert purge().state is State.PURGED


def test_reading_a_child_does_not_keep_its_parent(dev_database: Database) -> None:
    root = snapshots.create(dev_database, "cars", CARS)
    child = snapshots.prepare(dev_database, root.name, ["DELETE FROM snapshot WHERE id > 5"], policy=NEVER_COPY)
    query = sql.SQL("SELECT * FROM {}").format(child.name.view)

    with dev_database.connect(Role.TRAINER) as reading:
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = reading.execute(query).fetchall()
        snapshots.purge(dev_database, root.name, patience_seconds=2)
        assert reading.execute(query).fetchall() == before
    assert layers_of(dev_database) == {f"layer_{root.id}": 5}


def test_rights_and_comments_outlive_the_parent(dev_database: Database) -> None:
    root = snapshots.create(dev_database, "cars", CARS)
    child = snapshots.prepare(
        dev_database, root.name, ["DELETE FROM snapshot WHERE id > 5"], comment="Five", policy=NEVER_COPY
    )
    view = child.name.view.as_string()
    joined = f"SELECT a.id, b.make FROM {view} a JOIN {view} b USING (id) WHERE 100 / (6 - a.id) > 40 ORDER BY id"
    with dev_database.connect(Role.TRAINER) as granting:
        granting.execute(f"GRANT SELECT ON {view} TO nightjar_analyst".encode())

    def seen() -> list[dict[str, Any]]:
        with log_in(dev_database, Role.ANALYST).connect() as connection:
            rows = connection.execute(joined.encode()).fetchall()
            comment = connection.execute("SELECT obj_description(%s::regclass) AS text", [view]).fetchall()
        return rows + comment

    before = seen()
    snapshots.purge(dev_database, root.name)

    assert before == [{"id": 4, "make": "car4"}, {"id": 5, "make": "car5"}, {"text": "Five"}]
    assert seen() == before


# Cut short ----------------------------------------------------------------------------------------------------


def terminate(connection: psycopg.Connection[Any], database: Database) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])


ENDS: dict[str, Callable[[psycopg.Connection[Any], Database], object]] = {
    "rolled_back": lambda connection, _: connection.rollback(),
    "terminated": terminate,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_purge_that_is_cut_short_has_done_nothing(dev_database: Database, end: str) -> None:
    members = family(dev_database, NEVER_COPY)
    before = traces(dev_database), layers_of(dev_database)

    with unchanged(dev_database, members):
        connection = psycopg.connect(dev_database.conninfo)
        connection.execute("SET ROLE nightjar_trainer")
        connection.execute("SELECT nightjar.purge_snapshot(%s)", [members["updated"].id])
        ENDS[end](connection, dev_database)
        connection.close()

    assert (traces(dev_database), layers_of(dev_database)) == before
    assert snapshots.purge(dev_database, members["updated"].name).state is State.PURGED
