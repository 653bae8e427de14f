"""Who changes the registry and why: told to the database, which writes the audit itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from nightjar.errors import ReasonError
from nightjar.registry.records import ModelName
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")


@contextmanager
def explained(connection: Connection, *, actor: str | None, reason: str | None) -> Iterator[None]:
    """Have what is changed inside recorded with an actor and a reason; without them, with the role and none."""
    connection.execute(_SQL["explain_change"], {"actor": actor or "", "reason": reason or ""})
    yield
    connection.execute(_SQL["explain_change"], {"actor": "", "reason": ""})


def require_reason(reason: str) -> None:
    """Refuse a change without a word on why.

    Raises:
        ReasonError: the reason is blank.
    """
    if not reason.strip():
        raise ReasonError(f"The reason {reason!r} is blank: say why, it is kept in the history.")


def drop_of(connection: Connection, name: ModelName) -> str | None:
    """Return when, by whom and why a version was dropped, None when it was not."""
    row = connection.execute(_SQL["dropped"], [name.name, name.version]).fetchone()
    if row is None:
        return None
    why = f" ({row['reason']})" if row["reason"] else ""
    return f"dropped on {row['happened_at']:%Y-%m-%d} by {row['actor']}{why}"
