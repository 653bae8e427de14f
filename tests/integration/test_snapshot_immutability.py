"""Nobody changes stored rows or the catalog of snapshots but by the functions that make, move and purge them."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Snapshot
from nightjar.snapshots.layout import NEVER_COPY
from nightjar.storage import Database, Role
from tests.builders import shared_database
from tests.snapshot_builders import rows_of, traces

TABLES = ["snapshot", "layer", "snapshot_layer", "living_snapshot", "stored rows"]
CHANGES: tuple[LiteralString, ...] = (
    "UPDATE {0} SET {1} = {1} + 1",
    "UPDATE {0} SET {1} = NULL",
    "DELETE FROM {0}",
    "TRUNCATE {0} CASCADE",
    "INSERT INTO {0} ({1}) VALUES (1000)",
    "MERGE INTO {0} USING (SELECT 1) one ON true WHEN MATCHED THEN DELETE",
)
NUMBERS = {"snapshot": "row_count", "living_snapshot": "snapshot_id", "snapshot_layer": "layer_id", "layer": "id"}


@pytest.fixture(scope="module")
def made(servers: dict[str, Database]) -> Iterator[tuple[Database, Snapshot]]:
    """A database with a child that shares rows, which everything here leaves as they are."""
    with shared_database(servers["dev"], "immutability") as database:
        root = snapshots.create(database, "cars", "SELECT i AS id FROM generate_series(1, 9) i")
        snapshots.prepare(database, root.name, ["DELETE FROM snapshot WHERE id = 1"], policy=NEVER_COPY)
        yield database, root


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    ("role", "refusal"),
    [
        (Role.ANALYST, "permission denied"),
        (Role.TRAINER, "permission denied"),
        (Role.OWNER, "is immutable"),
        # The login that migrated the database, whom no right stops.
        (None, "is immutable"),
    ],
)
def test_nobody_changes_them(
    made: tuple[Database, Snapshot], role: Role | None, refusal: str, table: str, change: LiteralString
) -> None:
    database, root = made
    stored = sql.Identifier("nightjar_store", f"layer_{root.id}")
    target = stored if table == "stored rows" else sql.Identifier("nightjar", table)
    column = sql.Identifier(NUMBERS.get(table, "id"))
    before = traces(database), rows_of(database, root)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=refusal), database.connect(role) as connection:
        connection.execute(sql.SQL(change).format(target, column))

    assert (traces(database), rows_of(database, root)) == before


@pytest.mark.parametrize("function", ["purge_snapshot(1)", "move_snapshot(1, 'archived')", "hold_snapshot(1)",
                                      "keep_layer(9, '[]', 0)", "add_snapshot('{}', '{}', '{}')", "run('SELECT 1')",
                                      "snapshot_query(1)", "next_version(1, 'patch')"])  # fmt: skip
@pytest.mark.parametrize("role", [Role.ANALYST, Role.SCORER, Role.DEPLOYER])
def test_only_the_trainer_calls_the_functions(made: tuple[Database, Snapshot], role: Role, function: str) -> None:
    database, _ = made

    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect(role) as connection:
        connection.execute(f"SELECT nightjar.{function}".encode())


@pytest.mark.parametrize("target", ["purged", "prepared", "gone", "published"])
def test_the_trainer_makes_no_other_moves(made: tuple[Database, Snapshot], target: str) -> None:
    database, root = made
    before = traces(database)

    with (
        pytest.raises(psycopg.DatabaseError, match=f"published does not become {target}"),
        database.connect(Role.TRAINER) as connection,
    ):
        connection.execute(
            "SELECT set_config('nightjar.purging', 'on', true), nightjar.move_snapshot(%s, %s)", [root.id, target]
        )

    assert traces(database) == before
