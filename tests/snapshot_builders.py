"""What tests of snapshots ask a database: rows, everything stored, everything known."""

from collections.abc import Callable
from typing import Any, LiteralString

import pytest
from psycopg import sql

from nightjar.snapshots import Snapshot, SnapshotName
from nightjar.snapshots.errors import SnapshotError
from nightjar.storage import Database, Role

Refusal = type[SnapshotError]
# Relations of any schema but temporary ones, and every row of the catalog.
_TRACES = """
SELECT format('%s %s', relkind, oid::regclass) AS trace FROM pg_class
WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace) AND relpersistence <> 't'
UNION ALL SELECT to_jsonb(s)::text FROM nightjar.snapshot s
UNION ALL SELECT to_jsonb(l)::text FROM nightjar.living_snapshot l
UNION ALL SELECT to_jsonb(l)::text FROM nightjar.layer l
UNION ALL SELECT to_jsonb(l)::text FROM nightjar.snapshot_layer l
ORDER BY 1
"""


def traces(database: Database) -> list[str]:
    """Return all that snapshots leave in a database: relations, catalog rows in full, layers."""
    with database.connect() as connection:
        return [row["trace"] for row in connection.execute(_TRACES)]


def assert_refused(database: Database, error: Refusal, message: str, misuse: Callable[[], object]) -> None:
    """Assert that a misuse is refused with exactly this class, in one line, and leaves everything as it was."""
    before = traces(database)
    with pytest.raises(SnapshotError, match=message) as caught:
        misuse()
    assert caught.type is error
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert traces(database) == before


def run_sql(database: Database, statements: LiteralString, role: Role | None = None) -> None:
    """Run SQL as the login, or in a role."""
    with database.connect(role) as connection:
        connection.execute(statements)


def rows_of(database: Database, snapshot: Snapshot | SnapshotName, columns: str = "*") -> list[tuple[Any, ...]]:
    """Return the rows of a snapshot in the order of their text."""
    name = snapshot.name if isinstance(snapshot, Snapshot) else snapshot
    query = f'SELECT {columns} FROM {name.view.as_string()} nightjar_r ORDER BY nightjar_r::text COLLATE "C"'
    with database.connect(Role.TRAINER) as connection:
        return [tuple(row.values()) for row in connection.execute(query.encode())]


def values_of(database: Database, snapshot: Snapshot | SnapshotName, column: str) -> list[Any]:
    """Return the sorted values of one column, NULL first."""
    found = [row[0] for row in rows_of(database, snapshot, sql.Identifier(column).as_string())]
    return sorted(found, key=lambda value: (value is not None, value))


def layers_of(database: Database) -> dict[str, int]:
    """Return the stored layers and their number of rows."""
    with database.connect() as connection:
        names = [
            row["name"]
            for row in connection.execute(
                "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname LIKE 'layer\\_%' ORDER BY 1"
            )
        ]
        counted = {}
        for name in names:
            table = sql.Identifier("nightjar_store", name)
            row = connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(table)).fetchone()
            assert row is not None
            counted[name] = int(row["rows"])
    return counted
