"""Writes snapshots: the rows that are their own, as a layer, and their entry in the catalog."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg import sql
from psycopg.types.json import Jsonb

from nightjar.snapshots.catalog import find_by_id
from nightjar.snapshots.errors import ColumnLimitError, CommentError, ReservedColumnError, UnnamedColumnError
from nightjar.snapshots.hashing import ContentHash
from nightjar.snapshots.names import Version
from nightjar.snapshots.records import Column, Snapshot, State
from nightjar.snapshots.refusals import COLUMN_LIMIT, refused_entry
from nightjar.snapshots.statements.tokens import storable
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")
_RESERVED = "nightjar_"


@dataclass(frozen=True)
class Layer:
    """A layer that a snapshot shows; `hidden` are the rows it does not, as a literal of bits, beside its parent's."""

    id: int
    hidden: str | None = None


@dataclass(frozen=True)
class Stored:
    """The stored rows of a snapshot: their columns, number and hash, and the layers that show them."""

    columns: Sequence[Column]
    rows: int
    content_hash: ContentHash
    layers: Sequence[Layer]


@dataclass(frozen=True)
class Entry:
    """What the catalog is told of a new snapshot; a version of None is given by the kind of change."""

    id: int
    name: str
    version: Version | None
    change: str | None
    state: State
    statements: Sequence[str]
    stored: Stored
    parent_id: int | None = None
    unreplayable: str | None = None
    use_case: str | None = None
    as_of: date | None = None
    comment: str | None = None


def next_id(connection: Connection) -> int:
    """Return the id of the next snapshot."""
    row = connection.execute(_SQL["next_id"]).fetchone()
    assert row is not None
    return int(row["id"])


def run(connection: Connection, statement: sql.Composable | str) -> int:
    """Run SQL that people wrote, or that holds some, with no way out of the trainer's rights; return rows touched."""
    text = statement if isinstance(statement, str) else statement.as_string(connection)
    row = connection.execute("SELECT nightjar.run(%s) AS touched", [text]).fetchone()
    assert row is not None
    return int(row["touched"])


def layer_table(identity: int) -> sql.Identifier:
    """Return the table of a layer."""
    return sql.Identifier("nightjar_store", f"layer_{identity}")


def write_layer(connection: Connection, identity: int, query: sql.Composable) -> None:
    """Store the rows of a query as the table of a layer, numbered; it stays open until it is kept."""
    run(
        connection,
        sql.SQL(
            "CREATE TABLE {} AS SELECT (row_number() OVER ())::integer - 1 AS nightjar_row, query.* FROM (\n{}\n) query"
        ).format(layer_table(identity), query),
    )
    # A small sample is enough for a start; autovacuum takes its own.
    connection.execute("SET LOCAL default_statistics_target = 10")
    connection.execute(sql.SQL("ANALYZE {}").format(layer_table(identity)))


def columns_of(connection: Connection, table: sql.Identifier, since: int) -> tuple[Column, ...]:
    """Return the columns of a table that a snapshot is made of.

    Raises:
        ColumnLimitError: it has none, or too many.
        UnnamedColumnError: a column has no name.
        ReservedColumnError: a column's name begins with `nightjar_`.
    """
    row = connection.execute(_SQL["columns"], {"table": table.as_string(connection)}).fetchone()
    assert row is not None
    columns = tuple(Column(column["name"], column["type"], since) for column in row["columns"])
    if not columns:
        raise ColumnLimitError("The query has no columns: a snapshot has at least one.")
    if len(columns) > COLUMN_LIMIT:
        raise ColumnLimitError(f"There are {len(columns)} columns: a snapshot has at most {COLUMN_LIMIT}.")
    for column in columns:
        if column.name == "?column?":
            raise UnnamedColumnError("The query has a column without a name: add AS name to it.")
        if column.name.startswith(_RESERVED):
            raise ReservedColumnError(f"{column.name!r} is a name the platform needs: call the column otherwise.")
    return columns


def keep_layer(connection: Connection, identity: int, columns: Sequence[Column], rows: int) -> None:
    """Make a written layer immutable."""
    connection.execute(_SQL["keep_layer"], {"id": identity, "columns": _as_json(columns), "rows": rows})


def enter(connection: Connection, entry: Entry) -> Snapshot:
    """Enter a snapshot into the catalog, within the caller's transaction, and return it.

    Raises:
        CommentError: the comment cannot be stored.
        SnapshotExistsError: the name and version are taken.
        SnapshotStateError: the parent was archived meanwhile.
    """
    if not storable(entry.comment or ""):
        raise CommentError(f"The comment {entry.comment!r} holds NUL or half a character: leave it out.")
    facts = {
        "id": entry.id,
        "name": entry.name,
        "version": entry.version and [entry.version.major, entry.version.minor, entry.version.patch],
        "change": entry.change,
        "state": entry.state.value,
        "parent_id": entry.parent_id,
        "statements": list(entry.statements),
        "unreplayable": entry.unreplayable,
        "schema_columns": _as_json(entry.stored.columns).obj,
        "row_count": entry.stored.rows,
        "content_hash": str(entry.stored.content_hash),
        "use_case": entry.use_case,
        "as_of": entry.as_of and entry.as_of.isoformat(),
        "comment": entry.comment,
    }
    with refused_entry(f"{entry.name}@{entry.version}" if entry.version else entry.name):
        connection.execute(
            _SQL["add"],
            {
                "facts": Jsonb(facts),
                "layers": [layer.id for layer in entry.stored.layers],
                "hidden": [layer.hidden for layer in entry.stored.layers],
                "parent_id": entry.parent_id,
            },
        )
    return find_by_id(connection, entry.id)


def _as_json(columns: Sequence[Column]) -> Jsonb:
    return Jsonb([{"name": column.name, "type": column.type, "since": column.since} for column in columns])
