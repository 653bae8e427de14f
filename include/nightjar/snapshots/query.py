"""Checks on the query that defines a snapshot, before the database sees it."""

import logging

import sqlglot
from sqlglot import exp

from nightjar.errors import SnapshotQueryError

# It warns of statements that it does not know; these are refused here by name.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def require_single_query(text: str) -> None:
    """Refuse anything but one SELECT, WITH … SELECT or VALUES that writes nothing.

    Raises:
        SnapshotQueryError: naming what was found.
    """
    if not text.strip():
        raise SnapshotQueryError("The query is empty: give one SELECT.")
    try:
        parsed = sqlglot.parse(text, dialect="postgres")
    except RecursionError as error:
        raise SnapshotQueryError("The query is nested too deeply: simplify it.") from error
    except sqlglot.errors.SqlglotError as error:
        raise SnapshotQueryError(f"The query cannot be parsed: {_first_line(error)}. Give one SELECT.") from error
    # A comment after the last semicolon is none.
    statements = [part for part in parsed if part is not None and not isinstance(part, exp.Semicolon)]
    if len(statements) != 1:
        raise SnapshotQueryError(f"The query holds {len(statements)} statements: give exactly one SELECT.")
    query = statements[0]
    if not isinstance(query, exp.Query | exp.Values):
        raise SnapshotQueryError(f"{_verb(query)} is not a query: give one SELECT, WITH … SELECT or VALUES.")
    writing = query.find(exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)
    if writing is not None and not isinstance(writing, exp.Query):
        raise SnapshotQueryError(f"The query holds {writing.key.upper()}: a snapshot's query writes nothing.")


def _verb(statement: exp.Expr) -> str:
    if isinstance(statement, exp.DML):
        return statement.key.upper()
    return statement.sql(dialect="postgres", comments=False).split()[0].upper()


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
