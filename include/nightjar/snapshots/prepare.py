"""Prepares a child of a snapshot: its parent's rows, changed by statements."""

from collections.abc import Sequence

from nightjar.snapshots.catalog import hold, require_free
from nightjar.snapshots.child import store_child
from nightjar.snapshots.draft import child_draft
from nightjar.snapshots.hashing import fix_settings
from nightjar.snapshots.layout import StoragePolicy
from nightjar.snapshots.names import SnapshotName, Version
from nightjar.snapshots.records import Snapshot, State
from nightjar.snapshots.replayable import why_unreplayable
from nightjar.snapshots.statements import Alter, Delete, Insert, Operation, parse_statements
from nightjar.snapshots.store import Entry, enter, next_id
from nightjar.storage import Database, Role


def prepare(
    database: Database,
    parent: SnapshotName,
    statements: Sequence[str | None] | None,
    *,
    version: Version | None = None,
    comment: str | None = None,
    policy: StoragePolicy | None = None,
) -> Snapshot:
    """Apply statements to a snapshot's rows and return the result, a child in the state *prepared*.

    The parent never changes. Without a version, any ALTER gives the next major one, else any INSERT or DELETE
    the next minor one, else the next patch.

    Raises:
        StatementError: the statements are malformed, or the database refuses one.
        SnapshotNotFoundError: there is no such parent.
        SnapshotStateError: the parent is archived or purged.
        SnapshotExistsError: the version is taken.
    """
    operations = parse_statements(statements)
    with database.connect(Role.TRAINER) as connection:
        source = hold(connection, parent, "prepare")
        if version is not None:
            require_free(connection, SnapshotName(parent.name, version))
        fix_settings(connection)
        identity = next_id(connection)
        with child_draft(connection, identity, source) as draft:
            for operation in operations:
                draft.apply(operation)
            texts = [operation.text for operation in operations]
            entry = Entry(
                identity,
                parent.name,
                version,
                change=kind_of_change(operations),
                state=State.PREPARED,
                statements=texts,
                parent_id=source.id,
                unreplayable=why_unreplayable(connection, texts),
                use_case=source.use_case,
                as_of=source.as_of,
                comment=comment,
                stored=store_child(draft, source, policy or StoragePolicy()),
            )
        return enter(connection, entry)


def kind_of_change(operations: Sequence[Operation]) -> str:
    """Return which number of the version the statements raise: major, minor or patch."""
    if any(isinstance(operation, Alter) for operation in operations):
        return "major"
    if any(isinstance(operation, Insert | Delete) for operation in operations):
        return "minor"
    return "patch"
