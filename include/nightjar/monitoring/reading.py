"""Reads rows of the catalog for people to look at."""

from typing import LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row

from nightjar.errors import DatabaseUnavailableError, NotMigratedError
from nightjar.storage import Database, Role

# An older catalog lacks tables or columns; one whose migration never finished lacks the grants too.
_CATALOG_IS_MISSING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InsufficientPrivilege,
)

Row = TypeVar("Row")


def read_rows(database: Database, row_type: type[Row], query: LiteralString, **parameters: int | str) -> list[Row]:
    """Return a query's rows as instances of a class.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    try:
        with (
            database.connect(Role.SCORER) as connection,
            connection.cursor(row_factory=class_row(row_type)) as cursor,
        ):
            return cursor.execute(query, parameters).fetchall()
    except _CATALOG_IS_MISSING as error:
        raise NotMigratedError(
            f"The {database.name} database's catalog cannot be read ({_first_line(error)}): "
            f"run 'nightjar db upgrade --env {database.name}'."
        ) from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"The {database.name} database at {database.address} stopped answering "
            f"({_first_line(error)}): start it, then load this again."
        ) from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().split("\n")[0]
