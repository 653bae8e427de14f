"""Purges a snapshot: its rows go, its entry stays, and everything made from it keeps every row."""

import time

import psycopg

from nightjar.snapshots.catalog import find_by_id, find_on
from nightjar.snapshots.errors import SnapshotInUseError, SnapshotStateError
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.records import Snapshot, State
from nightjar.snapshots.refusals import reason, refused_entry
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")

PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


def purge(database: Database, name: SnapshotName, *, patience_seconds: float = PATIENCE_SECONDS) -> Snapshot:
    """Delete a snapshot's rows and return its entry, which keeps the version from being used again.

    Its children become its parent's; rows that no other snapshot shows are deleted. A running query that reads
    the rows is waited for.

    Raises:
        SnapshotNotFoundError: no such snapshot.
        SnapshotStateError: it is purged already.
        SnapshotInUseError: registered models, a view or a long query need it.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            with database.connect(Role.TRAINER) as connection:
                return _purge(connection, name)
        except psycopg.errors.LockNotAvailable as error:
            if time.monotonic() > deadline:
                raise SnapshotInUseError(f"{name} is being read by a running query: try again when it ends.") from error
            time.sleep(_PAUSE_SECONDS)


def models_of(connection: Connection, snapshot: Snapshot) -> list[str]:
    """Return the registered models that were trained or tested on a snapshot."""
    return [row["model"] for row in connection.execute(_SQL["models"], {"id": snapshot.id})]


def _purge(connection: Connection, name: SnapshotName) -> Snapshot:
    snapshot = find_on(connection, name)
    if snapshot.state is State.PURGED:
        raise SnapshotStateError(f"{name} is purged already.")
    try:
        with connection.transaction(), refused_entry(name):
            connection.execute(_SQL["purge"], {"id": snapshot.id})
    except psycopg.errors.ForeignKeyViolation as error:
        models = ", ".join(models_of(connection, snapshot))
        raise SnapshotInUseError(f"{name} cannot be purged: registered models need it ({models}).") from error
    except psycopg.errors.DependentObjectsStillExist as error:
        raise SnapshotInUseError(f"{name} cannot be purged: {reason(error)} ({_detail(error)}).") from error
    return find_by_id(connection, snapshot.id)


def _detail(error: psycopg.Error) -> str:
    return (error.diag.message_detail or "").splitlines()[0]
