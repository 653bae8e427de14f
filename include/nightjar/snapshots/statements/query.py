"""Checks on the query that defines a snapshot, before the database sees it."""

from sqlglot import exp

from nightjar.snapshots.errors import ForeignWriteError, SeveralStatementsError, SnapshotQueryError
from nightjar.snapshots.statements.tokens import read_statements
from nightjar.snapshots.statements.writes import parse_sql, writing_part

_REMEDY = "give one SELECT, WITH … SELECT or VALUES"
_DEFINITIONS = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "LOCK", "REFRESH"})


def read_query(text: str | None) -> str:
    """Return one SELECT, WITH … SELECT or VALUES that writes nothing, without semicolon and comments around it.

    Raises:
        SeveralStatementsError: the text holds several statements.
        ForeignWriteError: it writes, defines or locks something.
        SnapshotQueryError: it is empty, no query, or cannot be parsed.
    """
    query, statement = _single_statement(text)
    if not isinstance(statement, exp.Query | exp.Values):
        verb = _verb(statement)
        raise _refusal(statement, verb)(f"{verb} is not a query: {_REMEDY}.")
    writing = writing_part(statement)
    if writing is not None:
        raise ForeignWriteError(f"The query holds {writing}: a snapshot's query writes nothing.")
    return query


def _single_statement(text: str | None) -> tuple[str, exp.Expr]:
    if text is None or not text.strip():
        raise SnapshotQueryError("The query is empty: give one SELECT.")
    try:
        found = read_statements(text)
        parsed = parse_sql(text) if len(found) == 1 else []
    except SnapshotQueryError as error:
        raise SnapshotQueryError(f"The query {error} Give one SELECT.") from error
    if len(parsed) != 1:
        refusal = SeveralStatementsError if len(found) > 1 else SnapshotQueryError
        raise refusal(f"The query holds {len(found)} statements: give exactly one SELECT.")
    return found[0].text, parsed[0]


def _refusal(statement: exp.Expr, verb: str) -> type[SnapshotQueryError]:
    writes = isinstance(statement, exp.DML) or verb in _DEFINITIONS
    return ForeignWriteError if writes else SnapshotQueryError


def _verb(statement: exp.Expr) -> str:
    if isinstance(statement, exp.DML):
        return statement.key.upper()
    return statement.sql(dialect="postgres", comments=False).split()[0].upper()
