"""Compares two snapshots: their columns, their rows, and how far the values of each column shifted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import IsolationLevel

from nightjar.snapshots.catalog import find_on
from nightjar.snapshots.diff_rows import Rows, Sides
from nightjar.snapshots.distribution import LARGE_SHIFT, SOME_SHIFT, Shift, Side, measure_shift
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.snapshots.hashing import fix_settings
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.records import Column, Snapshot, State
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection

_HEADINGS = ("column", "PSI", "shift", "nulls", "distinct", "mean", "min", "max", "changed")


@dataclass(frozen=True)
class Retyped:
    """A column whose type differs."""

    name: str
    left: str
    right: str


@dataclass(frozen=True)
class Diff:
    """What differs from the left snapshot to the right one.

    Rows are matched by `key` and compared on the columns that both have with the same type; without a key they are
    compared as a whole, repeated rows counted. `changed_values` holds the columns in which matched rows differ,
    with their number; `shifts` all common columns.
    """

    left: SnapshotName
    right: SnapshotName
    key: tuple[str, ...]
    added: tuple[Column, ...]
    dropped: tuple[Column, ...]
    retyped: tuple[Retyped, ...]
    rows: Rows
    changed_values: Mapping[str, int]
    shifts: tuple[Shift, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "left": str(self.left),
            "right": str(self.right),
            "key": list(self.key),
            "columns": {
                "added": [{"name": column.name, "type": column.type} for column in self.added],
                "dropped": [{"name": column.name, "type": column.type} for column in self.dropped],
                "retyped": [asdict(column) for column in self.retyped],
            },
            "rows": asdict(self.rows),
            "changed_values": dict(self.changed_values),
            "distributions": [shift.as_json() for shift in self.shifts],
        }

    def as_text(self) -> str:
        """Return lines to read in a terminal; the columns that shifted most come first."""
        return "\n".join(
            [
                f"{self.left} -> {self.right}",
                "",
                *self._row_lines(),
                "",
                *self._column_lines(),
                "",
                *self._shift_lines(),
            ]
        )

    def _row_lines(self) -> list[str]:
        rows = self.rows
        counts = [f"{rows.added:,} added", f"{rows.removed:,} removed", f"{rows.unchanged:,} unchanged"]
        if rows.changed is not None:
            counts.insert(2, f"{rows.changed:,} changed")
        matched = f"matched by {', '.join(self.key)}" if self.key else "matched as a whole"
        return [f"Rows: {_change(rows.left, rows.right)}, {matched}", f"  {', '.join(counts)}"]

    def _column_lines(self) -> list[str]:
        lines = [("added", column.name, column.type) for column in self.added]
        lines += [("dropped", column.name, column.type) for column in self.dropped]
        lines += [("retyped", column.name, f"{column.left} -> {column.right}") for column in self.retyped]
        return ["Columns:", *_table(lines)] if lines else ["Columns: the same"]

    def _shift_lines(self) -> list[str]:
        if not self.shifts:
            return ["Distributions: no common columns"]
        ordered = sorted(self.shifts, key=lambda shift: -1 if shift.psi is None else shift.psi, reverse=True)
        return [
            f"Distributions (population stability index: {SOME_SHIFT} to {LARGE_SHIFT} some shift, above a large one):",
            *_table([_HEADINGS, *(self._cells(shift) for shift in ordered)]),
        ]

    def _cells(self, shift: Shift) -> tuple[str, ...]:
        left, right = shift.left, shift.right
        return (
            shift.column,
            "" if shift.psi is None else f"{shift.psi:.4f}",
            shift.reading or "no rows",
            _change(_percent(left.null_share), _percent(right.null_share)),
            _change(left.distinct, right.distinct),
            _change(_number(left.mean), _number(right.mean)),
            _change(_bound(left, left.minimum), _bound(right, right.minimum)),
            _change(_bound(left, left.maximum), _bound(right, right.maximum)),
            f"{self.changed_values[shift.column]:,}" if shift.column in self.changed_values else "",
        )


def diff(database: Database, left: SnapshotName, right: SnapshotName, *, key: Sequence[str] = ()) -> Diff:
    """Compare two snapshots, as both are at one moment.

    Without `key` the first common column is taken when it is unique and never NULL in both, else the first two or
    three; rows are compared as a whole where these are not.

    Raises:
        SnapshotNotFoundError: no such snapshot.
        SnapshotStateError: a snapshot is purged.
        DiffKeyError: the key does not exist in both with the same type, holds NULL or is not unique.
    """
    with database.connect(Role.TRAINER) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        fix_settings(connection)
        sides = Sides(connection, _find(connection, left), _find(connection, right))
        if key:
            sides.require_key(key)
        used = tuple(dict.fromkeys(key)) or sides.infer_key()
        rows, changed_values = sides.count_by_key(used) if used else (sides.count_whole_rows(), {})
        shifts = [measure_shift(connection, column, left.view, right.view) for column in sides.common]
        return Diff(left, right, used, *_column_changes(sides), rows, changed_values, tuple(shifts))


def _find(connection: Connection, name: SnapshotName) -> Snapshot:
    snapshot = find_on(connection, name)
    if snapshot.state is State.PURGED:
        raise SnapshotStateError(f"{name} is purged, its rows are gone: compare snapshots that still have theirs.")
    return snapshot


def _column_changes(sides: Sides) -> tuple[tuple[Column, ...], tuple[Column, ...], tuple[Retyped, ...]]:
    left = {column.name: column for column in sides.left.columns}
    right = {column.name: column for column in sides.right.columns}
    return (
        tuple(column for name, column in right.items() if name not in left),
        tuple(column for name, column in left.items() if name not in right),
        tuple(
            Retyped(name, column.type, right[name].type)
            for name, column in left.items()
            if name in right and right[name].type != column.type
        ),
    )


def _table(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return ["  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines]


def _change(left: int | str | None, right: int | str | None) -> str:
    shown = [f"{value:,}" if isinstance(value, int) else value or "none" for value in (left, right)]
    if left is None and right is None:
        return ""
    return shown[0] if left == right else f"{shown[0]} -> {shown[1]}"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.4g} %"


def _number(mean: float | str | None) -> str | None:
    return f"{mean:.6g}" if isinstance(mean, float) else mean


def _bound(side: Side, text: str | None) -> str | None:
    """Shorten a number with many decimals."""
    if text is None or len(text) <= 10 or "." not in text or not isinstance(side.mean, float):
        return text
    return f"{float(text):.6g}"
