"""Creates a root snapshot from a query."""

from datetime import date

from psycopg import sql

from nightjar.errors import SnapshotExistsError
from nightjar.snapshots.catalog import versions_of
from nightjar.snapshots.names import SnapshotName, Version, check_name
from nightjar.snapshots.query import require_single_query
from nightjar.snapshots.records import Snapshot, State
from nightjar.snapshots.store import Provenance, freeze
from nightjar.storage import Database, Role

FIRST_VERSION = Version(1, 0, 0)


def create(
    database: Database,
    name: str,
    query: str,
    *,
    version: Version | None = None,
    comment: str | None = None,
    use_case: str | None = None,
    as_of: date | None = None,
) -> Snapshot:
    """Freeze a query's rows as a published snapshot `name@version`, 1.0.0 by default.

    Raises:
        SnapshotNameError: the name is malformed.
        SnapshotExistsError: the name exists and no version was given, or the version is taken.
        SnapshotQueryError: the query is not one SELECT, or the database refuses it.
    """
    check_name(name)
    require_single_query(query)
    with database.connect(Role.TRAINER) as connection:
        taken = versions_of(connection, name)
        if taken and version is None:
            raise SnapshotExistsError(
                f"{SnapshotName(name, taken[-1])} exists already: give a version for another one, "
                f"such as {Version(taken[-1].major + 1)}."
            )
        return freeze(
            connection,
            SnapshotName(name, version or FIRST_VERSION),
            sql.SQL(query.strip().rstrip(";")),
            State.PUBLISHED,
            Provenance((query,), use_case=use_case, as_of=as_of, comment=comment),
        )
