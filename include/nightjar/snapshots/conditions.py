"""Which rows a statement means: its target, its condition, and what it is joined to, in SQL."""

from collections.abc import Sequence

from psycopg import sql

from nightjar.snapshots.records import Column
from nightjar.snapshots.statements import Delete, Update


def target(rest: sql.Identifier, columns: Sequence[Column], alias: str) -> sql.Composed:
    """Return rows with the places where they are stored, so that the alias means the columns of the snapshot only."""
    inner = [sql.Identifier(f"nightjar_{number}") for number in range(len(columns))]
    pairs = list(zip(columns, inner, strict=True))
    return sql.SQL(
        "(SELECT nightjar_layer, nightjar_row, {} FROM {}) nightjar_left CROSS JOIN LATERAL (SELECT {}) AS {}"
    ).format(
        sql.SQL(", ").join(sql.SQL("{} AS {}").format(column.identifier, name) for column, name in pairs),
        rest,
        sql.SQL(", ").join(sql.SQL("{} AS {}").format(name, column.identifier) for column, name in pairs),
        sql.Identifier(alias),
    )


def matching(operation: Update | Delete) -> sql.Composable:
    """Return the condition that a row of the target matches, with what it is joined to."""
    condition = sql.SQL(operation.condition or "true")
    if operation.source is None and not operation.common:
        return sql.SQL("({}\n)").format(condition)
    source = clause("FROM", operation.source)
    return sql.SQL("EXISTS ({} SELECT {} WHERE {}\n)").format(sql.SQL(operation.common), source, condition)


def clause(keyword: str, text: str | None) -> sql.SQL:
    """Return a clause, or nothing without a text."""
    return sql.SQL("" if text is None else f"{keyword} {text}\n")
