"""Tells whether statements give the same rows whenever they are run again."""

from collections.abc import Sequence

from nightjar.snapshots.statements import sources_of
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")

# They do not change within a transaction, but from one to the next.
_SESSION_FACTS = frozenset(
    {
        "now", "transaction_timestamp", "statement_timestamp", "current_date", "current_time", "current_timestamp",
        "localtime", "localtimestamp", "age", "'now'", "'today'", "'tomorrow'", "'yesterday'",
        "current_user", "session_user", "user", "current_role", "current_catalog", "current_schema",
        "current_schemas", "current_database", "current_setting", "version", "txid_current", "pg_current_xact_id",
        "inet_client_addr", "inet_server_addr", "pg_postmaster_start_time", "query_to_xml",
    }
)  # fmt: skip


def why_unreplayable(connection: Connection, statements: Sequence[str]) -> str | None:
    """Return why statements may give other rows another day, None when they cannot."""
    found = [sources_of(text) for text in statements]
    live = sorted({name for sources in found for name in sources.relations})
    if live:
        return f"it read {', '.join(live)}, which may have changed since"
    names = {name for sources in found for name in sources.functions}
    varying = sorted({*names & _SESSION_FACTS, *volatile_among(connection, names)})
    if varying:
        return f"it used {', '.join(varying)}, which gives another value each time"
    return None


def volatile_among(connection: Connection, names: set[str]) -> set[str]:
    """Return those names of functions that may give another value at each call."""
    return {row["name"] for row in connection.execute(_SQL["volatile"], {"names": sorted(names)})}
