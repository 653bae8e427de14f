"""Freezes the result of a query as a table of its own, with its catalog row and its view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from nightjar.errors import SnapshotExistsError, SnapshotQueryError
from nightjar.snapshots.catalog import find_on
from nightjar.snapshots.hashing import content_hash
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.records import Snapshot, State
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")
STORE = "nightjar_store"


@dataclass(frozen=True)
class Provenance:
    """Where a snapshot comes from and what it is for."""

    statements: Sequence[str]
    parent_id: int | None = None
    use_case: str | None = None
    as_of: date | None = None
    comment: str | None = None


def freeze(
    connection: Connection, name: SnapshotName, query: sql.Composable, state: State, provenance: Provenance
) -> Snapshot:
    """Store a query's rows as snapshot `name`, within the caller's transaction.

    Raises:
        SnapshotExistsError: the name and version are taken.
        SnapshotQueryError: the database refuses the query.
    """
    identity = _fetch_value(connection, _SQL["next_id"], "id")
    table = sql.Identifier(STORE, f"snapshot_{identity}")
    _create_table(connection, table, query)
    columns = _columns(connection, table)
    digest, rows = content_hash(connection, table)
    values = {
        "id": identity,
        "name": name.name,
        "major": name.version.major,
        "minor": name.version.minor,
        "patch": name.version.patch,
        "state": state.value,
        "parent_id": provenance.parent_id,
        "statements": list(provenance.statements),
        "schema_columns": Jsonb(columns),
        "storage_table": f"snapshot_{identity}",
        "row_count": rows,
        "byte_count": _fetch_value(connection, _SQL["size"], "bytes", {"table": table.as_string(connection)}),
        "content_hash": digest,
        "use_case": provenance.use_case,
        "as_of": provenance.as_of,
        "comment": provenance.comment,
    }
    try:
        connection.execute(_SQL["insert"], values)
    except psycopg.errors.UniqueViolation as error:
        raise SnapshotExistsError(f"{name} exists already: choose another version.") from error
    _create_view(connection, name, table, provenance.comment)
    return find_on(connection, name)


def _create_table(connection: Connection, table: sql.Identifier, query: sql.Composable) -> None:
    try:
        connection.execute(sql.SQL("CREATE TABLE {} AS ").format(table) + query)
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        raise SnapshotQueryError(f"The database refuses the query: {str(error).splitlines()[0]}.") from error
    connection.execute(
        sql.SQL(
            "CREATE TRIGGER immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {} "
            "FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change()"
        ).format(table)
    )
    connection.execute(sql.SQL("ANALYZE {}").format(table))


def _columns(connection: Connection, table: sql.Identifier) -> list[dict[str, str]]:
    rows = connection.execute(_SQL["columns"], {"table": table.as_string(connection)}).fetchall()
    columns = [{"name": row["name"], "type": row["type"]} for row in rows]
    if not columns:
        raise SnapshotQueryError("The query has no columns: a snapshot has at least one.")
    if any(column["name"] == "?column?" for column in columns):
        raise SnapshotQueryError("The query has a column without a name: add AS name to it.")
    return columns


def _create_view(connection: Connection, name: SnapshotName, table: sql.Identifier, comment: str | None) -> None:
    connection.execute(sql.SQL("CREATE VIEW {} AS SELECT * FROM {}").format(name.view, table))
    connection.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(name.view, sql.Literal(comment)))


def _fetch_value(connection: Connection, query: str, key: str, values: Mapping[str, str] | None = None) -> int:
    row = connection.execute(sql.SQL(query), values).fetchone()
    assert row is not None
    value: int = row[key]
    return value
