"""Verifies a snapshot: its stored rows have its hash, and its statements, run again, give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from nightjar.snapshots.catalog import find_by_id, hold_any
from nightjar.snapshots.draft import ADDED, ROWS, Draft, lone_draft
from nightjar.snapshots.hashing import content_hash, fix_settings
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.places import PLACES, IdentifiedRows, place_rows
from nightjar.snapshots.records import Snapshot, column_list
from nightjar.snapshots.refusals import refused_query
from nightjar.snapshots.split_rule import SplitRule
from nightjar.snapshots.statements import parse_statements
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection


@dataclass(frozen=True)
class Verification:
    """What was found.

    `exact`: the stored rows have the recorded hash. `replayable`: no statement since the first read anything that
    changes. `replayed_from`: the ancestor whose stored rows the replay began with, None when it began with nothing.
    `matches`: the replay gave the same rows; None when nothing could be replayed.
    """

    snapshot: SnapshotName
    exact: bool
    replayable: bool
    reason: str | None
    replayed_from: SnapshotName | None
    matches: bool | None
    recorded_hash: str
    found_hash: str

    @property
    def passed(self) -> bool:
        """Whether nothing contradicts the catalog."""
        return self.exact and self.matches is not False

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "snapshot": str(self.snapshot),
            "exact": self.exact,
            "replayable": self.replayable,
            "reason": self.reason,
            "replayed_from": str(self.replayed_from) if self.replayed_from else None,
            "matches": self.matches,
            "recorded_hash": self.recorded_hash,
            "found_hash": self.found_hash,
        }


def verify(database: Database, name: SnapshotName) -> Verification:
    """Recompute a snapshot's hash from its stored rows, and replay its lineage as far back as statements allow.

    Raises:
        SnapshotNotFoundError: no such snapshot.
        SnapshotStateError: it is purged.
    """
    with database.connect(Role.TRAINER) as connection:
        snapshot = hold_any(connection, name)
        fix_settings(connection)
        found, _ = content_hash(connection, name.view, snapshot.columns)
        lineage = _lineage(connection, snapshot)
        reasons = [f"{other.name}: {other.unreplayable}" for other in reversed(lineage) if other.unreplayable]
        start, steps = _replayable_tail(lineage)
        replayed = _replay(connection, start, steps) if steps else None
    return Verification(
        snapshot=name,
        exact=str(found) == snapshot.content_hash,
        replayable=not reasons,
        reason=reasons[0] if reasons else None,
        replayed_from=start.name if start else None,
        matches=None if replayed is None else replayed == snapshot.content_hash,
        recorded_hash=snapshot.content_hash,
        found_hash=str(found),
    )


def _lineage(connection: Connection, snapshot: Snapshot) -> list[Snapshot]:
    """Return a snapshot and its ancestors, the snapshot first."""
    lineage = [snapshot]
    while lineage[-1].parent_id is not None:
        lineage.append(find_by_id(connection, lineage[-1].parent_id))
    return lineage


def _replayable_tail(lineage: Sequence[Snapshot]) -> tuple[Snapshot | None, list[str]]:
    """Return the ancestor to begin with, None for nothing, and the statements from there on."""
    steps: list[str] = []
    for snapshot in lineage:
        if snapshot.unreplayable is not None:
            return (snapshot if steps else None), steps
        steps = [*snapshot.statements, *steps]
    return None, steps


def _replay(connection: Connection, start: Snapshot | None, steps: Sequence[str]) -> str:
    """Run statements in a table of their own, by nothing that stores snapshots, and return the hash of its rows."""
    query: sql.Composable
    if start is None:
        first, *steps = steps
        query = sql.SQL(first)
    else:
        query = sql.SQL("SELECT * FROM {}").format(start.name.view)
    with refused_query(), lone_draft(connection, query) as draft:
        for step in steps:
            if SplitRule.is_statement(step):
                _take_part(draft, step)
            else:
                for operation in parse_statements([step]):
                    draft.apply(operation)
        digest, _ = content_hash(connection, ROWS, draft.columns)
    return str(digest)


def _take_part(draft: Draft, statement: str) -> None:
    rule, part = SplitRule.parse(statement)
    draft.connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE nightjar_numbered ON COMMIT DROP AS "
            "SELECT 0::bigint AS nightjar_layer, (row_number() OVER ())::integer AS nightjar_row, rows.* FROM {} rows"
        ).format(ADDED)
    )
    relation = sql.Identifier("pg_temp", "nightjar_numbered")
    place_rows(draft.connection, IdentifiedRows(relation, draft.columns), rule)
    draft.restrict(
        sql.SQL(
            "SELECT {} FROM {} numbered JOIN {} places USING (nightjar_layer, nightjar_row) WHERE nightjar_part = {}"
        ).format(column_list(draft.columns), relation, PLACES, sql.Literal(list(rule.parts).index(part)))
    )
    draft.connection.execute("DROP TABLE pg_temp.nightjar_numbered")
