"""The catalog of snapshots: look-ups and changes of state."""

from datetime import date

from psycopg import sql

from nightjar.errors import SnapshotNotFoundError, SnapshotStateError
from nightjar.snapshots.names import SnapshotName, Version
from nightjar.snapshots.records import Snapshot, State
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
    row = connection.execute(
        sql.SQL(_SQL["select"]) + sql.SQL(" ") + sql.SQL(_SQL["one"]),
        {
            "name": name.name,
            "major": name.version.major,
            "minor": name.version.minor,
            "patch": name.version.patch,
        },
    ).fetchone()
    if row is None:
        existing = ", ".join(str(SnapshotName(name.name, version)) for version in versions_of(connection, name.name))
        raise SnapshotNotFoundError(
            f"There is no snapshot {str(name)!r}; "
            + (f"there is {existing}." if existing else f"none is named {name.name!r}: see 'nightjar snapshot list'.")
        )
    return Snapshot.from_row(row)


def versions_of(connection: Connection, name: str) -> list[Version]:
    """Return all versions that a name has or had, oldest first."""
    rows = connection.execute(_SQL["versions"], {"name": name})
    return sorted(Version(row["major"], row["minor"], row["patch"]) for row in rows)


def list_snapshots(
    database: Database, *, use_case: str | None = None, as_of: date | None = None, everything: bool = False
) -> list[Snapshot]:
    """Return snapshots by name and version; `everything` adds the purged ones."""
    with database.connect(Role.TRAINER) as connection:
        rows = connection.execute(
            sql.SQL(_SQL["select"]) + sql.SQL(" ") + sql.SQL(_SQL["filtered"]),
            {"use_case": use_case, "as_of": as_of, "all": everything},
        )
        return [Snapshot.from_row(row) for row in rows]


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
    allowed = sorted(state.value for state in _MOVES[target])
    with database.connect(Role.TRAINER) as connection:
        snapshot = find_on(connection, name)
        moved = connection.execute(_SQL["move_state"], {"state": target.value, "id": snapshot.id, "allowed": allowed})
        if moved.rowcount != 1:
            raise SnapshotStateError(
                f"{name} is {find_on(connection, name).state}: only {' or '.join(allowed)} snapshots "
                f"can become {target}."
            )
        return find_on(connection, name)
