"""Checks on the query that defines a snapshot, before the database sees it."""

import sqlglot
from sqlglot import exp

from nightjar.errors import SnapshotQueryError


def require_single_query(text: str) -> None:
    """Refuse anything but one SELECT, WITH … SELECT or VALUES that writes nothing.

    Raises:
        SnapshotQueryError: naming what was found.
    """
    if not text.strip():
        raise SnapshotQueryError("The query is empty: give one SELECT.")
    try:
        statements = [part for part in sqlglot.parse(text, dialect="postgres") if part is not None]
    except sqlglot.errors.SqlglotError as error:
        raise SnapshotQueryError(f"The query cannot be parsed: {_first_line(error)}. Give one SELECT.") from error
    if len(statements) != 1:
        raise SnapshotQueryError(f"The query holds {len(statements)} statements: give exactly one SELECT.")
    query = statements[0]
    if not isinstance(query, exp.Query | exp.Values):
        raise SnapshotQueryError(f"{query.key.upper()} is not a query: give one SELECT, WITH … SELECT or VALUES.")
    writing = query.find(exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)
    if writing is not None and not isinstance(writing, exp.Query):
        raise SnapshotQueryError(f"The query holds {writing.key.upper()}: a snapshot's query writes nothing.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
