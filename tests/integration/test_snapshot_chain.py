"""Chains of snapshots against a plain table that the same statements change, in every storage form, after purges."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Snapshot, State, StoragePolicy
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database, Role
from tests.builders import shared_database

TYPES = {
    "integer": ["0", "1", "-7", "NULL"],
    "text": ["''", "'ü ß 漢字'", "'a,b'", "E'\\n\\t\"'", "NULL"],
    "numeric(6, 2)": ["1.005", "-0.5", "NULL"],
    "timestamptz": ["'2017-12-01 12:00+01'", "'infinity'", "NULL"],
    "jsonb": ["""'{"a": [1, null]}'""", "'null'", "NULL"],
    "text[]": ["ARRAY['x', NULL]", "'{}'", "NULL"],
    "bytea": [r"'\x00ff'", "NULL"],
    "double precision": ["'NaN'", "-0.0", "1e300", "NULL"],
}
NAMES = ["a", "b", "Mixed Case", "sélect", 'quo"te', "nr"]
CONDITIONS = ["id % 2 = 0", "id > 3", "id = 1", "id IS NULL", "true", "false", "id = (SELECT max(id) FROM snapshot)"]
_numbers = count()


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


@dataclass
class World:
    """A plain table per snapshot, each made by the statements that made the snapshot."""

    database: Database
    policy: StoragePolicy
    made: list[Snapshot] = field(default_factory=list)
    columns: dict[int, dict[str, str]] = field(default_factory=dict)

    def create(self, rows: int) -> None:
        query = f"SELECT i AS id, 'r' || i % 3 AS a FROM generate_series(1, {rows}) i"
        # An example that was given up leaves its snapshots.
        for left in snapshots.list_snapshots(self.database):
            snapshots.purge(self.database, left.name)
        with self.database.connect() as connection:
            connection.execute("DROP SCHEMA IF EXISTS plain CASCADE; CREATE SCHEMA plain")
        made = snapshots.create(self.database, f"chain{next(_numbers)}", query)
        self._keep(made, {"id": "integer", "a": "text"}, query, [])

    def prepare(self, parent: Snapshot, statements: list[str], columns: dict[str, str]) -> None:
        made = snapshots.prepare(self.database, parent.name, statements, policy=self.policy)
        self._keep(made, columns, f"SELECT * FROM plain.state_{parent.id}", statements)

    def _keep(self, made: Snapshot, columns: dict[str, str], query: str, statements: list[str]) -> None:
        with self.database.connect() as connection:
            connection.execute("SET LOCAL search_path = plain; SET LOCAL timezone = 'UTC'")
            connection.execute(f"CREATE TABLE snapshot AS {query}".encode())
            for statement in statements:
                connection.execute(statement.replace("ALTER snapshot", "ALTER TABLE snapshot").encode())
            connection.execute(f"ALTER TABLE snapshot RENAME TO state_{made.id}".encode())
        self.made.append(made)
        self.columns[made.id] = columns

    def purge(self, random: Random) -> None:
        for snapshot in random.sample(self.made, k=random.randint(0, len(self.made) - 1)):
            snapshots.purge(self.database, snapshot.name)
            self.made.remove(snapshot)

    def check(self) -> None:
        """Each snapshot has exactly the rows of its plain table, in its order of columns, and verifies."""
        for snapshot in self.made:
            table = sql.Identifier("plain", f"state_{snapshot.id}")
            view = snapshot.name.view
            with self.database.connect() as connection:
                for one, other in ((table, view), (view, table)):
                    left = connection.execute(
                        sql.SQL("SELECT * FROM {} EXCEPT ALL SELECT * FROM {}").format(one, other)
                    ).fetchall()
                    assert left == [], (snapshot.name, snapshot.statements)
                names = [
                    column.name for column in connection.execute(sql.SQL("TABLE {}").format(view)).description or ()
                ]
            found = snapshots.find(self.database, snapshot.name)
            verified = snapshots.verify(self.database, snapshot.name)
            assert names == list(self.columns[snapshot.id])
            assert verified.exact, found.statements
            assert verified.replayable
            assert verified.matches, found.statements


@st.composite
def changes(draw: st.DrawFn, columns: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Draw statements that fit a table, and the columns it has then."""
    statements: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kinds = ["insert", "copy", "update", "update_from", "delete", "add"] + ["drop"] * (len(columns) > 2)
        kind = draw(st.sampled_from(kinds))
        others = [name for name in columns if name != "id"]
        condition = draw(st.sampled_from(CONDITIONS))
        match kind:
            case "insert":
                name = draw(st.sampled_from(others)) if others else "id"
                value = draw(st.sampled_from(TYPES[columns[name]]))
                listed, given_row = (f"id, {quoted(name)}", f"9, {value}") if others else ("id", "9")
                statements.append(f"INSERT INTO snapshot ({listed}) VALUES ({given_row}), ({given_row})")
            case "copy":
                statements.append(f"INSERT INTO snapshot SELECT * FROM snapshot WHERE {condition}")
            case "update" if others:
                name = draw(st.sampled_from(others))
                value = draw(st.sampled_from(TYPES[columns[name]]))
                statements.append(f"UPDATE snapshot SET {quoted(name)} = {value}, id = id + 1 WHERE {condition}")
            case "update_from":
                statements.append(
                    "UPDATE snapshot AS t SET id = new FROM (VALUES (1, 10), (2, NULL)) v (old, new) WHERE t.id = old"
                )
            case "delete":
                statements.append(f"DELETE FROM snapshot WHERE {condition}")
            case "add":
                free = [name for name in NAMES if name not in columns]
                if free:
                    name, type_ = draw(st.sampled_from(free)), draw(st.sampled_from(sorted(TYPES)))
                    columns = columns | {name: type_}
                    statements.append(f"ALTER snapshot ADD COLUMN {quoted(name)} {type_}")
            case "drop":
                name = draw(st.sampled_from(others))
                columns = {other: type_ for other, type_ in columns.items() if other != name}
                statements.append(f"ALTER snapshot DROP COLUMN {quoted(name)}")
    return statements or ["DELETE FROM snapshot WHERE false"], columns


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["dev"], "chains") as made:
        yield made


@pytest.mark.parametrize(
    "policy",
    [StoragePolicy(), StoragePolicy(small=0), ALWAYS_COPY, NEVER_COPY],
    ids=["usual", "usual_for_large_ones", "copies", "changes"],
)
@given(data=st.data(), rows=st.sampled_from([0, 1, 5, 12]), random=st.randoms(use_true_random=False))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_chain_has_the_rows_of_a_plain_table(
    database: Database, policy: StoragePolicy, data: st.DataObject, rows: int, random: Random
) -> None:
    world = World(database, policy)
    world.create(rows)
    for _ in range(data.draw(st.integers(1, 5))):
        parent = data.draw(st.sampled_from(world.made))
        statements, columns = data.draw(changes(world.columns[parent.id]))
        world.prepare(parent, statements, columns)
    world.check()

    world.purge(random)
    world.check()
    newest = world.made[-1]
    world.prepare(newest, ["UPDATE snapshot SET id = 0 WHERE id = 1", "DELETE FROM snapshot WHERE id = 5"],
                  world.columns[newest.id])  # fmt: skip
    world.check()

    for snapshot in world.made:
        snapshots.purge(database, snapshot.name)
    assert stored_layers(database) == 0
    assert {found.state for found in snapshots.list_snapshots(database, everything=True)} == {State.PURGED}


def stored_layers(database: Database) -> int:
    with database.connect(Role.TRAINER) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM nightjar.layer) + (SELECT count(*) FROM nightjar.snapshot_layer)"
            " + (SELECT count(*) FROM pg_tables WHERE schemaname = 'nightjar_store' AND tablename LIKE 'layer\\_%')"
            " AS objects"
        ).fetchone()
    assert row is not None
    return int(row["objects"])
