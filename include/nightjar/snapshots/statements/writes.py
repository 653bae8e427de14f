"""Finds what writes inside a query or an operation."""

import logging
from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from nightjar.snapshots.errors import ForeignWriteError, SnapshotQueryError, StatementError
from nightjar.snapshots.statements.operations import AddColumn, Alter, Operation
from nightjar.snapshots.statements.tokens import excerpt

# It warns of statements that it does not know; these are refused by name.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def parse_sql(text: str) -> list[exp.Expr]:
    """Parse statements.

    Raises:
        SnapshotQueryError: saying in one line what cannot be parsed.
    """
    try:
        parsed = sqlglot.parse(text, dialect="postgres")
    except RecursionError as error:
        raise SnapshotQueryError(f"{excerpt(text)} is nested too deeply: simplify it.") from error
    except sqlglot.errors.SqlglotError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise SnapshotQueryError(
            f"{excerpt(text)} cannot be parsed ({reason}): correct it, and quote names that are SQL words."
        ) from error
    # A comment after the last semicolon is none.
    return [part for part in parsed if part is not None and not isinstance(part, exp.Semicolon)]


def writing_part(statement: exp.Expr) -> str | None:
    """Name what writes or locks inside a statement, None if nothing does."""
    inner = statement.find_all(exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)
    return next((part.key.upper() for part in inner if part is not statement), None)


def refuse_hidden_writes(operation: Operation) -> None:
    """Refuse an operation in which something else writes, or that is not valid SQL.

    Raises:
        ForeignWriteError: naming what writes.
        StatementError: it cannot be parsed.
    """
    for text in _parsable(operation):
        try:
            parsed = parse_sql(text)
        except SnapshotQueryError as error:
            raise StatementError(str(error)) from error
        for writing in filter(None, map(writing_part, parsed)):
            raise ForeignWriteError(f"{excerpt(operation.text)} holds {writing}: statements change the snapshot only.")


def _parsable(operation: Operation) -> Iterator[str]:
    if not isinstance(operation, Alter):
        yield operation.text
        return
    for change in operation.changes:
        if isinstance(change, AddColumn) and change.default is not None:
            yield f"SELECT {change.default}"
