"""Turns what the database refuses into refusals of our own."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from nightjar.snapshots.errors import (
    ColumnExistsError,
    ColumnLimitError,
    ColumnNotFoundError,
    DuplicateColumnError,
    ReservedColumnError,
    SnapshotExistsError,
    SnapshotQueryError,
    SnapshotStateError,
    StatementError,
    UnnamedColumnError,
)
from nightjar.snapshots.names import SnapshotName

# A table has 1600; two columns tell where a row is stored.
COLUMN_LIMIT = 1598
_REFUSED = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.NotSupportedError,
    psycopg.IntegrityError,
    psycopg.InternalError,
    psycopg.errors.ObjectNotInPrerequisiteState,
    psycopg.errors.StatementTooComplex,
)


@contextmanager
def refused_query() -> Iterator[None]:
    """Say why the database refuses a query that people wrote."""
    try:
        yield
    except psycopg.errors.DuplicateColumn as error:
        if "?column?" in reason(error):
            raise UnnamedColumnError("The query has columns without a name: add AS name to them.") from error
        if "nightjar_row" in reason(error):
            raise ReservedColumnError(
                "'nightjar_row' is a name the platform needs: call the column otherwise."
            ) from error
        raise DuplicateColumnError(f"The query has two columns of one name ({reason(error)}): rename one.") from error
    except (psycopg.errors.TooManyColumns, psycopg.errors.ProgramLimitExceeded) as error:
        raise ColumnLimitError(
            f"The rows are too wide ({reason(error)}): a snapshot has at most {COLUMN_LIMIT} columns and 8 kB a row."
        ) from error
    except _REFUSED as error:
        raise SnapshotQueryError(f"The database refuses the query: {reason(error)}.") from error


@contextmanager
def refused_statement(text: str) -> Iterator[None]:
    """Say why the database refuses a statement that people wrote."""
    shown = text if len(text) <= 80 else text[:77] + "…"
    try:
        yield
    except psycopg.errors.DuplicateColumn as error:
        raise ColumnExistsError(f"{shown!r}: {reason(error)}.") from error
    except psycopg.errors.UndefinedColumn as error:
        raise ColumnNotFoundError(f"{shown!r}: {reason(error)}.") from error
    except (psycopg.errors.TooManyColumns, psycopg.errors.ProgramLimitExceeded) as error:
        raise ColumnLimitError(
            f"{shown!r} makes the rows too wide ({reason(error)}): a snapshot has at most {COLUMN_LIMIT} columns."
        ) from error
    except _REFUSED as error:
        raise StatementError(f"The database refuses {shown!r}: {reason(error)}.") from error


@contextmanager
def refused_entry(name: SnapshotName | str) -> Iterator[None]:
    """Say why the catalog refuses a snapshot."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise SnapshotExistsError(f"{name} exists already: choose another version.") from error
    except psycopg.DatabaseError as error:
        if error.sqlstate == "NJ001":
            raise SnapshotStateError(f"{name}: {reason(error)}.") from error
        raise


def reason(error: psycopg.Error) -> str:
    """Return what the server says, in one line."""
    return (error.diag.message_primary or str(error)).splitlines()[0].rstrip(".")
