"""Rows into Postgres by binary COPY, encoded in bulk from numpy columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"


class WireType(StrEnum):
    """Postgres types that this writer encodes, by their numpy wire form."""

    BIGINT = ">i8"
    INTEGER = ">i4"
    REAL = ">f4"
    DOUBLE = ">f8"


_OIDS = {WireType.BIGINT: 20, WireType.INTEGER: 23, WireType.REAL: 700, WireType.DOUBLE: 701}
_TYPES = {
    WireType.BIGINT: sql.SQL("bigint"),
    WireType.INTEGER: sql.SQL("integer"),
    WireType.REAL: sql.SQL("real"),
    WireType.DOUBLE: sql.SQL("double precision"),
}


@dataclass(frozen=True)
class WriteColumn:
    """A target column and the type it has in the table (binary COPY casts nothing).

    is_array: whether each value is an array of that type, of one dimension.
    """

    name: str
    wire_type: WireType
    is_array: bool = False


def definitions(columns: Sequence[WriteColumn]) -> sql.Composed:
    """Return the columns as a CREATE TABLE statement defines them."""
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(
            sql.Identifier(column.name), _TYPES[column.wire_type] + sql.SQL("[]" if column.is_array else "")
        )
        for column in columns
    )


def copy_statement(table: sql.Identifier, columns: Sequence[WriteColumn]) -> sql.Composed:
    """Return the COPY … FROM STDIN statement for these columns."""
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, names)


class BatchWriter:
    """Writes batches of equal-length columns into one COPY stream; none of them may hold NULLs.

    The arrays of a batch have one length, so that its rows have one width: array columns are of shape (rows, length).
    """

    def __init__(self, copy: psycopg.Copy, columns: Sequence[WriteColumn]) -> None:
        self._copy = copy
        self._columns = tuple(columns)
        self._copy.write(_HEADER)

    def write(self, values: Sequence[npt.ArrayLike]) -> int:
        """Append one batch, column by column in the declared order; return its number of rows."""
        arrays = [np.asarray(column) for column in values]
        width = next((array.shape[1] for array in arrays if array.ndim > 1), 0)
        row_type = _row_type(self._columns, width)
        rows = np.empty(len(arrays[0]), dtype=row_type)
        rows["field_count"] = len(arrays)
        for index, (column, array) in enumerate(zip(self._columns, arrays, strict=True)):
            rows[f"length{index}"] = row_type[f"v{index}"].itemsize
            if column.is_array:
                _fill(rows[f"v{index}"], column, array)
            else:
                rows[f"v{index}"] = array
        self._copy.write(rows.view(np.uint8).data)
        return len(rows)

    def finish(self) -> None:
        """End the stream; the rows are there once the COPY block is left."""
        self._copy.write(_TRAILER)


@cache
def _row_type(columns: tuple[WriteColumn, ...], width: int) -> np.dtype[np.void]:
    fields: list[tuple[str, Any]] = [("field_count", ">i2")]
    for index, column in enumerate(columns):
        form = _array_type(column, width) if column.is_array else column.wire_type.value
        fields += [(f"length{index}", ">i4"), (f"v{index}", form)]
    return np.dtype(fields)


def _array_type(column: WriteColumn, width: int) -> np.dtype[np.void]:
    """Return the form of array_send in src/backend/utils/adt/arrayfuncs.c of Postgres."""
    element = np.dtype([("length", ">i4"), ("value", column.wire_type.value)])
    head = [(name, ">i4") for name in ("dimensions", "has_nulls", "oid", "width", "first")]
    return np.dtype([*head, ("elements", element, (width,))])


def _fill(field: npt.NDArray[np.void], column: WriteColumn, values: npt.NDArray[Any]) -> None:
    field["dimensions"], field["has_nulls"], field["first"] = 1, 0, 1
    field["oid"], field["width"] = _OIDS[column.wire_type], values.shape[1]
    field["elements"]["length"] = np.dtype(column.wire_type.value).itemsize
    field["elements"]["value"] = values
