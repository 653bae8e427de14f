"""Creates a root snapshot from a query."""

from collections.abc import Callable
from datetime import date

from psycopg import sql

from nightjar.snapshots.catalog import require_free, versions_of
from nightjar.snapshots.errors import SnapshotExistsError
from nightjar.snapshots.hashing import content_hash, fix_settings
from nightjar.snapshots.names import SnapshotName, Version, check_name
from nightjar.snapshots.records import Snapshot, State
from nightjar.snapshots.refusals import refused_query
from nightjar.snapshots.replayable import why_unreplayable
from nightjar.snapshots.statements import read_query
from nightjar.snapshots.store import (
    Entry,
    Layer,
    Stored,
    columns_of,
    enter,
    keep_layer,
    layer_table,
    next_id,
    write_layer,
)
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection

FIRST_VERSION = Version(1, 0, 0)


def create(
    database: Database,
    name: str | None,
    query: str | None,
    *,
    version: Version | None = None,
    comment: str | None = None,
    use_case: str | None = None,
    as_of: date | None = None,
    prepare: Callable[[Connection], None] | None = None,
) -> Snapshot:
    """Freeze a query's rows as a published snapshot `name@version`, 1.0.0 by default.

    prepare: makes temporary tables that the query reads, in the transaction that runs it.

    Raises:
        SnapshotNameError: the name is malformed.
        SnapshotExistsError: the name exists and no version was given, or the version is taken.
        SnapshotQueryError: the query is not one SELECT that writes nothing, or the database refuses it.
    """
    full_name = SnapshotName(check_name(name), version or FIRST_VERSION)
    text = read_query(query)
    with database.connect(Role.TRAINER) as connection:
        # Before any rows are computed; the catalog decides again when they are.
        if version is None:
            _require_version(connection, full_name)
        require_free(connection, full_name)
        fix_settings(connection)
        if prepare is not None:
            prepare(connection)
        identity = next_id(connection)
        with refused_query():
            write_layer(connection, identity, sql.SQL(text))
        columns = columns_of(connection, layer_table(identity), since=identity)
        digest, rows = content_hash(connection, layer_table(identity), columns)
        keep_layer(connection, identity, columns, rows)
        return enter(
            connection,
            Entry(
                identity,
                full_name.name,
                full_name.version,
                change=None,
                state=State.PUBLISHED,
                statements=[text],
                stored=Stored(columns, rows, digest, [Layer(identity)]),
                unreplayable=why_unreplayable(connection, [text]),
                use_case=use_case,
                as_of=as_of,
                comment=comment,
            ),
        )


def _require_version(connection: Connection, name: SnapshotName) -> None:
    """Refuse another snapshot of a name without a version of its own."""
    taken = versions_of(connection, name.name)
    if taken:
        raise SnapshotExistsError(
            f"{SnapshotName(name.name, taken[-1])} exists already: give a version for another one, "
            f"such as {Version(taken[-1].major + 1)}."
        )
