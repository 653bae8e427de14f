"""What the catalog knows of a snapshot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from psycopg import sql

from nightjar.snapshots.names import SnapshotName, Version


class State(StrEnum):
    """Where a snapshot is in its life."""

    PREPARED = "prepared"
    PUBLISHED = "published"
    ARCHIVED = "archived"
    PURGED = "purged"


@dataclass(frozen=True)
class Column:
    """A column of a snapshot, with its Postgres type as written in SQL.

    `since` is the id of the snapshot that introduced it: a column that is dropped and added again is another one.
    """

    name: str
    type: str
    since: int = field(default=0, compare=False, repr=False)

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in SQL."""
        return sql.Identifier(self.name)


def column_list(columns: Iterable[Column]) -> sql.Composed:
    """Return the names of columns in SQL, separated by commas."""
    return sql.SQL(", ").join(column.identifier for column in columns)


@dataclass(frozen=True)
class Snapshot:
    """One row of the catalog."""

    id: int
    name: SnapshotName
    state: State
    parent_id: int | None
    parent: str | None
    columns: tuple[Column, ...]
    statements: tuple[str, ...]
    unreplayable: str | None
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
            parent_id=row["parent_id"],
            parent=row["parent"],
            columns=tuple(Column(**column) for column in row["schema_columns"]),
            statements=tuple(row["statements"]),
            unreplayable=row["unreplayable"],
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
