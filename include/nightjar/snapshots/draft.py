"""A snapshot in the making: its parent's rows but for those it hides, and those it adds.

All of it is temporary: the relations `nightjar_added` (rows of its own), `nightjar_hidden` (places of the parent's rows
that it does not show), `nightjar_rest` (those it does) and the view `snapshot`, which statements change and read.
A draft without a parent holds all rows itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import sql

from nightjar.snapshots.catalog import identified_query
from nightjar.snapshots.conditions import clause, matching, target
from nightjar.snapshots.errors import ColumnExistsError, ColumnLimitError, ColumnNotFoundError
from nightjar.snapshots.records import Column, Snapshot, column_list
from nightjar.snapshots.refusals import refused_statement
from nightjar.snapshots.replayable import volatile_among
from nightjar.snapshots.statements import AddColumn, Alter, Delete, DropColumn, Insert, Operation, Update, sources_of
from nightjar.snapshots.store import columns_of, run
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")

ADDED = sql.Identifier("pg_temp", "nightjar_added")
HIDDEN = sql.Identifier("pg_temp", "nightjar_hidden")
BASE = sql.Identifier("pg_temp", "nightjar_base")
REST = sql.Identifier("pg_temp", "nightjar_rest")
ROWS = sql.Identifier("pg_temp", "snapshot")

_DELETE = "{common} DELETE FROM {added} AS {alias} {source} {condition}"
_HIDE_AND_DELETE = (
    "WITH nightjar_gone AS ({common} DELETE FROM {added} AS {alias} {source} {condition}) "
    "INSERT INTO {hidden} SELECT nightjar_layer, nightjar_row FROM {target} WHERE {matching}"
)


@dataclass
class Draft:
    """The draft of snapshot `identity`; `parent` is None when it holds all rows itself."""

    connection: Connection
    identity: int
    columns: tuple[Column, ...]
    parent: Snapshot | None
    hides: bool = False

    def apply(self, operation: Operation) -> None:
        """Change the rows or columns as a statement says.

        Raises:
            StatementError: the database refuses it, or a column does or does not exist.
        """
        with refused_statement(operation.text):
            match operation:
                case Alter():
                    for change in operation.changes:
                        self._alter(change)
                case Insert():
                    self._run("{common} INSERT INTO {added} {rows}", common=operation.common, rows=operation.rows)
                case Update():
                    self._update(operation)
                case Delete():
                    self._delete(operation)

    def restrict(self, query: sql.Composable) -> None:
        """Replace all rows by those of a query, which reads `snapshot`; for a draft that holds all rows itself."""
        run(self.connection, sql.SQL("CREATE TEMPORARY TABLE nightjar_result ON COMMIT DROP AS ") + query)
        self.close()
        self.connection.execute("ALTER TABLE pg_temp.nightjar_result RENAME TO nightjar_added")
        self._show()

    # Rows ----------------------------------------------------------------------------------------------------

    def _update(self, operation: Update) -> None:
        """Make the rows to change the draft's own, then let the database change them as it would in a table."""
        if self.parent is not None:
            self._move(operation.alias, sql.SQL("true") if self._varies(operation) else matching(operation))
        self._run(
            "{common} UPDATE {added} AS {alias} SET {assignments} {source} {condition}",
            common=operation.common,
            alias=sql.Identifier(operation.alias),
            assignments=operation.assignments + "\n",
            source=clause("FROM", operation.source),
            condition=clause("WHERE", operation.condition),
        )

    def _delete(self, operation: Delete) -> None:
        """Hide the parent's rows and delete the draft's own in one statement, so that both read the same state."""
        holds_all = self.parent is None or self._asks_twice(operation)
        if holds_all and self.parent is not None:
            self._move(operation.alias, sql.SQL("true"))
        touched = self._run(
            _DELETE if holds_all else _HIDE_AND_DELETE,
            common=operation.common,
            alias=sql.Identifier(operation.alias),
            source=clause("USING", operation.source),
            condition=clause("WHERE", operation.condition),
            target=target(REST, self.columns, operation.alias),
            matching=matching(operation),
        )
        if not holds_all:
            self._note_hidden(touched)

    def _move(self, alias: str, condition: sql.Composable) -> None:
        """Make those of the parent's rows the draft's own that a condition holds for."""
        moved = self._run(
            "WITH nightjar_moved AS MATERIALIZED "
            "(SELECT nightjar_layer, nightjar_row, {alias}.* FROM {target} WHERE {condition}), "
            "nightjar_left AS (INSERT INTO {hidden} SELECT nightjar_layer, nightjar_row FROM nightjar_moved) "
            "INSERT INTO {added} ({columns}) SELECT {columns} FROM nightjar_moved",
            alias=sql.Identifier(alias),
            target=target(REST, self.columns, alias),
            condition=condition,
        )
        self._note_hidden(moved)

    def _note_hidden(self, rows: int) -> None:
        """See to it that no condition is asked of hidden rows, where it may fail."""
        if rows and not self.hides:
            self.hides = True
            self.connection.execute("ALTER VIEW pg_temp.nightjar_rest SET (security_barrier)")

    def _varies(self, operation: Update | Delete) -> bool:
        """Whether its condition gives another answer each time, so that it can be asked only once per row."""
        asked = Delete(operation.source, operation.condition, operation.alias, operation.common).text
        return bool(volatile_among(self.connection, set(sources_of(asked).functions)))

    def _asks_twice(self, operation: Delete) -> bool:
        """Whether its varying condition would be asked both of the parent's rows and of the draft's own."""
        joins = operation.source is not None or bool(operation.common)
        own = sql.SQL("SELECT FROM {} LIMIT 1").format(ADDED)
        return self._varies(operation) and (joins or self.connection.execute(own).fetchone() is not None)

    # Columns -------------------------------------------------------------------------------------------------

    def _alter(self, change: AddColumn | DropColumn) -> None:
        match change:
            case AddColumn():
                self._add_column(change)
            case DropColumn():
                self._drop_column(change)

    def _add_column(self, change: AddColumn) -> None:
        if change.name in self._names():
            if change.if_not_exists:
                return
            raise ColumnExistsError(f"The snapshot has a column {change.name!r} already: drop it first.")
        self._hide_views()
        column = sql.Identifier(change.name)
        # The parent's rows get NULL, which a type may refuse, and not a default that the type may have.
        self._run("SELECT NULL::{type}", type=change.type)
        self._run("ALTER TABLE {added} ADD COLUMN {column} {type} DEFAULT NULL", column=column, type=change.type)
        self._run("ALTER TABLE {added} ALTER COLUMN {column} DROP DEFAULT", column=column)
        [*_, added] = columns_of(self.connection, ADDED, since=self.identity)
        self.columns = (*self.columns, added)
        self._show()
        if change.default is not None:
            assignment = sql.SQL("{} = {}").format(column, sql.SQL(change.default))
            self._update(Update(assignment.as_string(), None, None))

    def _drop_column(self, change: DropColumn) -> None:
        if change.name not in self._names():
            if change.if_exists:
                return
            raise ColumnNotFoundError(
                f"The snapshot has no column {change.name!r} to drop; it has {', '.join(self._names())}."
            )
        if len(self.columns) == 1:
            raise ColumnLimitError(f"{change.name!r} is the only column: a snapshot has at least one.")
        self._hide_views()
        self._run("ALTER TABLE {added} DROP COLUMN {column}", column=sql.Identifier(change.name))
        self.columns = tuple(column for column in self.columns if column.name != change.name)
        self._show()

    def _names(self) -> list[str]:
        return [column.name for column in self.columns]

    # Relations -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Make the views of what is left of the parent's rows, and of all rows, in the draft's columns."""
        query = sql.SQL("SELECT {} FROM {}").format(column_list(self.columns), ADDED)
        if self.parent is not None:
            known = {(column.name, column.since) for column in self.parent.columns}
            listed = sql.SQL(", ").join(
                column.identifier
                if (column.name, column.since) in known
                else sql.SQL("NULL::{} AS {}").format(sql.SQL(column.type), column.identifier)
                for column in self.columns
            )
            self._run(
                "CREATE TEMPORARY VIEW nightjar_rest WITH (security_barrier = {barrier}) AS "
                "SELECT nightjar_layer, nightjar_row, {listed} FROM {base} base "
                "WHERE NOT EXISTS (SELECT FROM {hidden} hidden WHERE hidden.nightjar_layer = base.nightjar_layer "
                "AND hidden.nightjar_row = base.nightjar_row)",
                barrier=sql.Literal(self.hides),
                listed=listed,
            )
            query = sql.SQL("SELECT {} FROM {} UNION ALL {}").format(column_list(self.columns), REST, query)
        self._run("CREATE TEMPORARY VIEW snapshot AS {query}", query=query)

    def _hide_views(self) -> None:
        self.connection.execute("DROP VIEW IF EXISTS pg_temp.snapshot, pg_temp.nightjar_rest")

    def close(self) -> None:
        """Drop what the draft left in the session."""
        self._hide_views()
        self.connection.execute("DROP VIEW IF EXISTS pg_temp.nightjar_base")
        self.connection.execute("DROP TABLE IF EXISTS pg_temp.nightjar_added, pg_temp.nightjar_hidden")

    def _run(self, text: str, **parts: sql.Composable | str) -> int:
        composed = {name: sql.SQL(part) if isinstance(part, str) else part for name, part in parts.items()}
        names = {"added": ADDED, "hidden": HIDDEN, "base": BASE, "rest": REST, "columns": column_list(self.columns)}
        return run(self.connection, sql.SQL(text).format(**(names | composed)))


@contextmanager
def child_draft(connection: Connection, identity: int, parent: Snapshot) -> Iterator[Draft]:
    """Open a draft that shows its parent's rows; drop it at the end."""
    # No condition is asked of rows that the parent hides, where it may fail.
    barrier = any(layer["hidden_rows"] for layer in connection.execute(_SQL["layers"], {"id": parent.id}))
    base = sql.SQL("CREATE TEMPORARY VIEW nightjar_base WITH (security_barrier = {}) AS {}")
    run(connection, base.format(sql.Literal(barrier), identified_query(connection, parent)))
    run(
        connection,
        sql.SQL("CREATE TEMPORARY TABLE nightjar_added ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            column_list(parent.columns), BASE
        ),
    )
    run(
        connection,
        "CREATE TEMPORARY TABLE nightjar_hidden (nightjar_layer bigint, nightjar_row integer) ON COMMIT DROP",
    )
    draft = Draft(connection, identity, parent.columns, parent)
    draft._show()
    yield draft
    draft.close()


@contextmanager
def lone_draft(connection: Connection, query: sql.Composable) -> Iterator[Draft]:
    """Open a draft that holds the rows of a query itself; drop it at the end."""
    run(connection, sql.SQL("CREATE TEMPORARY TABLE nightjar_added ON COMMIT DROP AS ") + query)
    draft = Draft(connection, 0, columns_of(connection, ADDED, since=0), None)
    draft._show()
    yield draft
    draft.close()
