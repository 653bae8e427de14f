"""What the catalog knows of a snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from nightjar.snapshots.names import SnapshotName, Version


class State(StrEnum):
    """Where a snapshot is in its life."""

    PREPARED = "prepared"
    PUBLISHED = "published"
    ARCHIVED = "archived"
    PURGED = "purged"


@dataclass(frozen=True)
class Column:
    """A column of a snapshot, with its Postgres type as written in SQL."""

    name: str
    type: str


@dataclass(frozen=True)
class Snapshot:
    """One row of the catalog."""

    id: int
    name: SnapshotName
    state: State
    parent: str | None
    columns: tuple[Column, ...]
    statements: tuple[str, ...]
    row_count: int
    byte_count: int
    content_hash: str
    use_case: str | None
    as_of: date | None
    owner: str
    comment: str | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Snapshot":
        """Build from a row of the block `select` in snapshots.sql."""
        return cls(
            id=row["id"],
            name=SnapshotName(row["name"], Version(row["major"], row["minor"], row["patch"])),
            state=State(row["state"]),
            parent=row["parent"],
            columns=tuple(Column(**column) for column in row["schema_columns"]),
            statements=tuple(row["statements"]),
            row_count=row["row_count"],
            byte_count=row["byte_count"],
            content_hash=row["content_hash"],
            use_case=row["use_case"],
            as_of=row["as_of"],
            owner=row["owner"],
            comment=row["comment"],
            created_at=row["created_at"],
        )

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "name": self.name.name,
            "version": str(self.name.version),
            "state": self.state.value,
            "parent": self.parent,
            "rows": self.row_count,
            "bytes": self.byte_count,
            "hash": self.content_hash,
            "owner": self.owner,
            "comment": self.comment,
            "created": self.created_at.isoformat(),
            "statements": list(self.statements),
        }
