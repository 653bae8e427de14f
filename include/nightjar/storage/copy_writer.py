"""Rows into Postgres by binary COPY, encoded in bulk from numpy columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True)
class WriteColumn:
    """A target column and the type it has in the table (binary COPY casts nothing)."""

    name: str
    wire_type: WireType


def copy_statement(table: sql.Identifier, columns: Sequence[WriteColumn]) -> sql.Composed:
    """Return the COPY … FROM STDIN statement for these columns."""
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, names)


class BatchWriter:
    """Writes batches of equal-length columns into one COPY stream; none of them may hold NULLs."""

    def __init__(self, copy: psycopg.Copy, columns: Sequence[WriteColumn]) -> None:
        self._copy = copy
        self._columns = columns
        fields: list[tuple[str, str]] = [("field_count", ">i2")]
        for index, column in enumerate(columns):
            fields += [(f"length{index}", ">i4"), (f"v{index}", column.wire_type.value)]
        self._row_type = np.dtype(fields)
        self._copy.write(_HEADER)

    def write(self, values: Sequence[npt.ArrayLike]) -> int:
        """Append one batch, column by column in the declared order; return its number of rows."""
        arrays = [np.asarray(column) for column in values]
        rows = np.zeros(len(arrays[0]), dtype=self._row_type)
        rows["field_count"] = len(arrays)
        for index, array in enumerate(arrays):
            rows[f"length{index}"] = self._row_type[f"v{index}"].itemsize
            rows[f"v{index}"] = array
        self._copy.write(rows.tobytes())
        return len(rows)

    def finish(self) -> None:
        """End the stream; the rows are there once the COPY block is left."""
        self._copy.write(_TRAILER)
