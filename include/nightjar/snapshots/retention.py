"""Retention: which snapshots of use cases are kept, archived and purged."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import groupby
from typing import Any

from nightjar.errors import NumberError
from nightjar.snapshots.catalog import archive, list_snapshots
from nightjar.snapshots.errors import SnapshotInUseError, SnapshotStateError
from nightjar.snapshots.purge import PATIENCE_SECONDS, purge
from nightjar.snapshots.records import Snapshot, State
from nightjar.storage import Database, Role
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "snapshots.sql")


@dataclass(frozen=True)
class RetentionPolicy:
    """How many as-of dates of each use case to `keep` as they are, and how many more to keep archived.

    Whatever a registered model was trained or tested on is kept, and so is the rest of that date. Snapshots that
    belong to no use case were made by hand and are left alone.
    """

    keep: int = 8
    archive: int = 8

    def __post_init__(self) -> None:
        if self.keep < 1 or self.archive < 0:
            raise NumberError(f"Keeping {self.keep} and archiving {self.archive} dates is no policy: keep 1 or more.")


class Verb(StrEnum):
    """What becomes of a snapshot."""

    KEEP = "keep"
    ARCHIVE = "archive"
    PURGE = "purge"


@dataclass(frozen=True)
class Retention:
    """What becomes of one snapshot, and why."""

    snapshot: Snapshot
    verb: Verb
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "snapshot": str(self.snapshot.name),
            "state": self.snapshot.state.value,
            "action": self.verb.value,
            "reason": self.reason,
            "bytes": self.snapshot.byte_count,
        }


def retain(
    database: Database,
    policy: RetentionPolicy,
    *,
    dry_run: bool = False,
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[Retention]:
    """Archive and purge what the policy does not keep, and return what becomes of each snapshot of a use case.

    What somebody needs or reads at the moment is kept until next time. A dry run only tells.
    """
    decided = decide(list_snapshots(database), _used(database), policy)
    return decided if dry_run else [_carry_out(database, retention, patience_seconds) for retention in decided]


def decide(snapshots: Iterable[Snapshot], used: Set[int], policy: RetentionPolicy) -> list[Retention]:
    """Decide what becomes of snapshots; `used` are the ids of those that models refer to."""
    of_use_cases = [snapshot for snapshot in snapshots if snapshot.use_case is not None and snapshot.as_of is not None]
    decided: list[Retention] = []
    for use_case, found in groupby(sorted(of_use_cases, key=_order), key=lambda snapshot: snapshot.use_case):
        dates = [list(same_date) for _, same_date in groupby(found, key=lambda snapshot: snapshot.as_of)]
        for age, same_date in enumerate(dates):
            decided += _decide_date(str(use_case), age, same_date, used, policy)
    return decided


def _decide_date(
    use_case: str, age: int, snapshots: Sequence[Snapshot], used: Set[int], policy: RetentionPolicy
) -> list[Retention]:
    if used & {snapshot.id for snapshot in snapshots}:
        verb, reason = Verb.KEEP, "a registered model was trained on this date"
    elif age < policy.keep:
        verb, reason = Verb.KEEP, f"one of the last {policy.keep} dates of {use_case}"
    elif age < policy.keep + policy.archive:
        verb, reason = Verb.ARCHIVE, f"not one of the last {policy.keep} dates of {use_case}"
    else:
        verb, reason = Verb.PURGE, f"not one of the last {policy.keep + policy.archive} dates of {use_case}"
    return [_settled(Retention(snapshot, verb, reason)) for snapshot in snapshots]


def _settled(retention: Retention) -> Retention:
    if retention.verb is Verb.ARCHIVE and retention.snapshot.state is State.ARCHIVED:
        return replace(retention, verb=Verb.KEEP, reason="archived already")
    return retention


def _carry_out(database: Database, retention: Retention, patience_seconds: float) -> Retention:
    try:
        match retention.verb:
            case Verb.ARCHIVE:
                return replace(retention, snapshot=archive(database, retention.snapshot.name))
            case Verb.PURGE:
                purged = purge(database, retention.snapshot.name, patience_seconds=patience_seconds)
                return replace(retention, snapshot=purged)
            case Verb.KEEP:
                return retention
    except (SnapshotInUseError, SnapshotStateError) as error:
        return replace(retention, verb=Verb.KEEP, reason=str(error))


def _used(database: Database) -> set[int]:
    with database.connect(Role.TRAINER) as connection:
        return {row["id"] for row in connection.execute(_SQL["used"])}


def _order(snapshot: Snapshot) -> tuple[str, int, str, str]:
    """Order by use case, newest as-of date first."""
    as_of = snapshot.as_of or date.min
    return str(snapshot.use_case), -as_of.toordinal(), snapshot.name.name, str(snapshot.name.version)
