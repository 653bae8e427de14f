"""The catalog of snapshots: look-ups and changes of state."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from psycopg import sql

from nightjar.snapshots.errors import SnapshotExistsError, SnapshotNotFoundError, SnapshotStateError
from nightjar.snapshots.names import SnapshotName, Version
from nightjar.snapshots.records import Snapshot, State
from nightjar.snapshots.refusals import refused_entry
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")

# The states from which a snapshot may move into each state.
_MOVES: dict[State, frozenset[State]] = {
    State.PUBLISHED: frozenset({State.PREPARED, State.ARCHIVED}),
    State.ARCHIVED: frozenset({State.PREPARED, State.PUBLISHED}),
}


def find(database: Database, name: SnapshotName) -> Snapshot:
    """Return one snapshot.

    Raises:
        SnapshotNotFoundError: with the versions that exist.
    """
    with database.connect(Role.TRAINER) as connection:
        return find_on(connection, name)


def find_on(connection: Connection, name: SnapshotName) -> Snapshot:
    """Return one snapshot, within a transaction."""
    found = _select(connection, "by_name", {"full_name": str(name)})
    if not found:
        existing = ", ".join(str(SnapshotName(name.name, version)) for version in versions_of(connection, name.name))
        raise SnapshotNotFoundError(
            f"There is no snapshot {str(name)!r}; "
            + (f"there is {existing}." if existing else f"none is named {name.name!r}: see 'nightjar snapshot list'.")
        )
    return found[0]


def find_by_id(connection: Connection, identity: int) -> Snapshot:
    """Return the snapshot of an id that is known to exist."""
    [found] = _select(connection, "by_id", {"id": identity})
    return found


def hold(connection: Connection, name: SnapshotName, purpose: str) -> Snapshot:
    """Return a prepared or published snapshot and keep it from being purged until the transaction ends.

    Raises:
        SnapshotStateError: it is archived or purged.
    """
    snapshot = hold_any(connection, name)
    if snapshot.state is State.ARCHIVED:
        raise SnapshotStateError(f"{name} is archived: publish it to {purpose} it.")
    return snapshot


def hold_any(connection: Connection, name: SnapshotName) -> Snapshot:
    """Return a snapshot in any state but *purged* and keep it from being purged until the transaction ends.

    Raises:
        SnapshotStateError: it is purged.
    """
    connection.execute(_SQL["hold"], {"id": find_on(connection, name).id})
    snapshot = find_on(connection, name)
    if snapshot.state is State.PURGED:
        raise SnapshotStateError(f"{name} is purged: its rows are gone.")
    return snapshot


def identified_query(connection: Connection, snapshot: Snapshot) -> sql.SQL:
    """Return the query of a snapshot's rows with the places where they are stored: `nightjar_layer`, `nightjar_row`."""
    row = connection.execute(_SQL["identified_query"], {"id": snapshot.id}).fetchone()
    assert row is not None
    return sql.SQL(row["query"])


def versions_of(connection: Connection, name: str) -> list[Version]:
    """Return all versions that a name has or had, oldest first."""
    rows = connection.execute(_SQL["versions"], {"name": name})
    return sorted(Version(row["major"], row["minor"], row["patch"]) for row in rows)


def require_free(connection: Connection, name: SnapshotName) -> None:
    """Refuse a name and version that are taken, or were before a purge.

    Raises:
        SnapshotExistsError: it is.
    """
    if name.version in versions_of(connection, name.name):
        raise SnapshotExistsError(f"{name} exists already: choose another version.")


def list_snapshots(
    database: Database, *, use_case: str | None = None, as_of: date | None = None, everything: bool = False
) -> list[Snapshot]:
    """Return snapshots by name and version; `everything` adds the purged ones."""
    with database.connect(Role.TRAINER) as connection:
        return _select(connection, "filtered", {"use_case": use_case, "as_of": as_of, "all": everything})


def publish(database: Database, name: SnapshotName) -> Snapshot:
    """Allow training on a prepared or archived snapshot.

    Raises:
        SnapshotNotFoundError: no such snapshot.
        SnapshotStateError: it is published already, or purged.
    """
    return _move(database, name, State.PUBLISHED)


def archive(database: Database, name: SnapshotName) -> Snapshot:
    """Keep a snapshot for the record only.

    Raises:
        SnapshotNotFoundError: no such snapshot.
        SnapshotStateError: it is archived already, or purged.
    """
    return _move(database, name, State.ARCHIVED)


def _move(database: Database, name: SnapshotName, target: State) -> Snapshot:
    with database.connect(Role.TRAINER) as connection:
        snapshot = find_on(connection, name)
        if snapshot.state not in _MOVES[target]:
            raise SnapshotStateError(
                f"{name} is {snapshot.state}: only {' or '.join(sorted(_MOVES[target]))} snapshots can become {target}."
            )
        # The database decides again: the state may have changed meanwhile.
        with refused_entry(name):
            connection.execute(_SQL["move"], {"id": snapshot.id, "state": target.value})
        return find_on(connection, name)


def _select(connection: Connection, condition: str, values: Mapping[str, Any]) -> list[Snapshot]:
    rows = connection.execute(sql.SQL(_SQL["select"]) + sql.SQL(" ") + sql.SQL(_SQL[condition]), values)
    return [Snapshot.from_row(row) for row in rows]
