"""Counts which rows differ between two snapshots, by a key or as whole rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import psycopg
from psycopg import sql

from nightjar.errors import did_you_mean
from nightjar.snapshots.distribution import ComparedColumn
from nightjar.snapshots.errors import DiffKeyError, SnapshotStateError
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.records import Snapshot
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "diff.sql")
_LONGEST_INFERRED_KEY = 3
# Postgres joins rows of up to 1664 columns together.
_WIDEST_ROW = 800
_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class Rows:
    """Numbers of rows; `changed` is None where no key tells which rows belong together."""

    left: int
    right: int
    added: int
    removed: int
    changed: int | None
    unchanged: int


@dataclass(frozen=True)
class Sides:
    """Two snapshots within one transaction. In SQL their common columns are c0, c1, …, whatever their names."""

    connection: Connection
    left: Snapshot
    right: Snapshot

    @cached_property
    def common(self) -> tuple[ComparedColumn, ...]:
        """The columns that both have with the same type, in the order of the left one."""
        bases = _base_types(self.connection, self.left)
        _base_types(self.connection, self.right)
        right = {column.name: column.type for column in self.right.columns}
        return tuple(
            ComparedColumn(column.name, column.type, bases[column.name], self._is_comparable(column.name))
            for column in self.left.columns
            if right.get(column.name) == column.type
        )

    def infer_key(self) -> tuple[str, ...]:
        """Return the shortest run of first common columns that identifies each row of both sides; () if none does."""
        if len(self.common) > _WIDEST_ROW:
            return ()
        for length in range(1, min(_LONGEST_INFERRED_KEY, len(self.common)) + 1):
            if all(self._identifies(side, self.common[:length]) for side in (self.left, self.right)):
                return tuple(column.name for column in self.common[:length])
        return ()

    def require_key(self, key: Sequence[str]) -> None:
        """Refuse a key that does not identify each row of both sides.

        Raises:
            DiffKeyError: naming the column, or the key that occurs several times; or the rows are too wide.
        """
        for name in key:
            self._require_column(name)
        if len(self.common) > _WIDEST_ROW:
            raise DiffKeyError(
                f"{self.left.name} and {self.right.name} have {len(self.common)} columns in common, a key can match "
                f"rows of at most {_WIDEST_ROW}: leave the key out to compare rows as a whole."
            )
        columns = self._columns_of(key)
        for side in (self.left, self.right):
            misfit = self._misfit(side, columns)
            if misfit is not None:
                raise DiffKeyError(_describe_misfit(side.name, key, *misfit))

    def count_by_key(self, key: Sequence[str]) -> tuple[Rows, dict[str, int]]:
        """Match rows by key; return their numbers, and in how many matched rows each column differs."""
        names = _names(self.common)
        keys = [name for name, column in zip(names, self.common, strict=True) if column.name in key]
        others = [name for name, column in zip(names, self.common, strict=True) if column.name not in key]
        unequal = [sql.SQL("l.{0} IS DISTINCT FROM r.{0}").format(name) for name in others]
        change = sql.SQL(_SQL["change"])
        statement = sql.SQL(_SQL["keyed"]).format(
            columns=_select_list(self.common),
            left=self.left.name.view,
            right=self.right.name.view,
            match=sql.SQL(" AND ").join(sql.SQL("l.{0} = r.{0}").format(name) for name in keys),
            any_change=sql.SQL(" OR ").join([*unequal, sql.SQL("false")]),
            changes=_COMMA.join(change.format(unequal=one) for one in unequal),
        )
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        compared = [column.name for column in self.common if column.name not in key]
        changed = {name: count for name, count in zip(compared, row["changed_values"], strict=True) if count}
        return _rows(row["left_rows"], row["right_rows"], row["in_both"], row["changed"]), changed

    def count_whole_rows(self) -> Rows:
        """Match rows that are equal in all common columns, each with one of the other side."""
        statement = sql.SQL(_SQL["multisets"]).format(
            columns=sql.SQL("").join(part + sql.SQL(", ") for part in _aliased(self.common)),
            left=self.left.name.view,
            right=self.right.name.view,
            keys=_COMMA.join(_names(self.common)),
        )
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        return _rows(row["left_rows"], row["right_rows"], row["in_both"], None)

    def _is_comparable(self, name: str) -> bool:
        probe = sql.SQL(_SQL["probe"]).format(column=sql.Identifier("source", name), view=self.left.name.view)
        try:
            with self.connection.transaction():
                self.connection.execute(probe)
        except psycopg.errors.UndefinedFunction:
            return False
        return True

    def _columns_of(self, key: Sequence[str]) -> list[ComparedColumn]:
        by_name = {column.name: column for column in self.common}
        return [by_name[name] for name in key]

    def _require_column(self, name: str) -> None:
        types = []
        for side in (self.left, self.right):
            known = {column.name: column.type for column in side.columns}
            if name not in known:
                raise DiffKeyError(f"{side.name} has no column {name!r} for the key.{did_you_mean(name, known)}")
            types.append(known[name])
        if types[0] != types[1]:
            raise DiffKeyError(
                f"The key column {name!r} is {types[0]} in {self.left.name} and {types[1]} in {self.right.name}: "
                "choose columns of one type."
            )

    def _identifies(self, side: Snapshot, columns: Sequence[ComparedColumn]) -> bool:
        if len(columns) > 1:
            return self._misfit(side, columns) is None
        # Sorting one column takes much less time than grouping by it.
        statement = sql.SQL(_SQL["identifies"]).format(value=columns[0].value, view=side.name.view)
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        return bool(row["identifies"])

    def _misfit(self, side: Snapshot, columns: Sequence[ComparedColumn]) -> tuple[list[str | None], int] | None:
        """Return a key that holds NULL or occurs several times, with its number of rows."""
        names = _names(columns)
        statement = sql.SQL(_SQL["misfit"]).format(
            texts=sql.SQL("ARRAY[{}]").format(_COMMA.join(name + sql.SQL("::text") for name in names)),
            columns=_select_list(columns),
            view=side.name.view,
            keys=_COMMA.join(names),
            nulls=sql.SQL(" OR ").join(name + sql.SQL(" IS NULL") for name in names),
        )
        row = self.connection.execute(statement).fetchone()
        return None if row is None else (row["key"], row["times"])


def _base_types(connection: Connection, side: Snapshot) -> dict[str, str]:
    try:
        return column_types(connection, side.name.view)
    except psycopg.errors.UndefinedTable as error:
        raise SnapshotStateError(f"{side.name} is being purged: compare a snapshot that still has its rows.") from error


def _names(columns: Sequence[ComparedColumn]) -> list[sql.Identifier]:
    return [sql.Identifier(f"c{index}") for index in range(len(columns))]


def _aliased(columns: Sequence[ComparedColumn]) -> list[sql.Composed]:
    return [
        column.value + sql.SQL(" AS {}").format(name) for column, name in zip(columns, _names(columns), strict=True)
    ]


def _select_list(columns: Sequence[ComparedColumn]) -> sql.Composed:
    return _COMMA.join(_aliased(columns))


def _rows(left: int, right: int, in_both: int, changed: int | None) -> Rows:
    return Rows(left, right, right - in_both, left - in_both, changed, in_both - (changed or 0))


def _describe_misfit(name: SnapshotName, key: Sequence[str], values: list[str | None], times: int) -> str:
    for column, value in zip(key, values, strict=True):
        if value is None:
            return f"The key column {column!r} holds NULL in {name}: choose columns that never do."
    example = ", ".join(f"{column} = {value!r}" for column, value in zip(key, values, strict=True))
    return f"The key {example} occurs {times} times in {name}: choose columns that identify one row together."
