"""Rows out of Postgres by binary COPY, decoded in bulk into typed numpy columns."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGconn, PGresult

from nightjar.errors import ScoringError

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_HEADER_BYTES = 19
_TRAILER_BYTES = 2
# The last message is the trailer, behind the header where there are no rows; no row is as short, or as odd.
_LAST_BYTES = (_TRAILER_BYTES, _HEADER_BYTES + _TRAILER_BYTES)
_CHUNK_BYTES = 1 << 20


class Encoding(StrEnum):
    """How a column crosses the wire: always at a fixed width and never NULL, so rows decode in bulk."""

    INTEGER = "integer"
    HASH = "hash"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DAYS = "days"
    CATEGORY = "category"


_WIRE_TYPES = {
    Encoding.INTEGER: ">i8",
    Encoding.HASH: ">i8",
    Encoding.NUMBER: ">f8",
    Encoding.BOOLEAN: ">f8",
    Encoding.DAYS: ">f8",
    Encoding.CATEGORY: ">i4",
}


@dataclass(frozen=True)
class CopyColumn:
    """One column to read.

    An INTEGER must not be NULL; a HASH is a number for a value of any type, 0 for NULL; a NULL NUMBER, BOOLEAN or
    DAYS (a date, as days since 1970) arrives as NaN; a CATEGORY arrives as its index in `categories`, or -1 when it
    is NULL or not among them.
    """

    name: str
    encoding: Encoding
    categories: tuple[str, ...] = ()

    def expression(self) -> sql.Composable:
        """SQL that makes the column fixed-width and not null."""
        name = sql.Identifier(self.name)
        match self.encoding:
            case Encoding.INTEGER:
                return sql.SQL("{}::bigint").format(name)
            case Encoding.HASH:
                return sql.SQL("COALESCE(hashtextextended({}::text, 0), 0)").format(name)
            case Encoding.NUMBER:
                return sql.SQL("COALESCE({}::double precision, 'NaN')").format(name)
            case Encoding.BOOLEAN:
                return sql.SQL("COALESCE({}::integer::double precision, 'NaN')").format(name)
            case Encoding.DAYS:
                return sql.SQL("COALESCE(extract(epoch FROM {})::double precision / 86400, 'NaN')").format(name)
            case Encoding.CATEGORY:
                return sql.SQL("COALESCE(array_position({}::text[], {}::text), 0) - 1").format(
                    sql.Literal(list(self.categories)), name
                )


def read_batches(
    connection: psycopg.Connection[object],
    relation: sql.Composable,
    columns: Sequence[CopyColumn],
    *,
    condition: sql.Composable | None = None,
    order_by: Sequence[str] = (),
    batch_rows: int = 65_536,
) -> Generator[dict[str, npt.NDArray[np.generic]], None, None]:
    """Yield batches of at most `batch_rows` rows, each a mapping of column name to a 1-d array.

    Until it is exhausted or closed it holds the connection's lock, even against a rollback.

    Args:
        connection: held for the whole iteration.
        relation: table, view or parenthesised query with an alias.
        columns: what to read and how.
        condition: a WHERE clause's expression.
        order_by: names of columns to sort by.
        batch_rows: rows held in memory at a time.

    Raises:
        ScoringError: the stream broke off inside a row, or an INTEGER is NULL.
    """
    query = _select(relation, columns, condition, order_by)
    row_type = _row_type(columns)
    never_null = {
        f"length{index}": column for index, column in enumerate(columns) if column.encoding is Encoding.INTEGER
    }
    with closing(read_chunks(connection, query)) as chunks:
        for block in _blocks(chunks, row_type.itemsize, batch_rows):
            rows = np.frombuffer(block, dtype=row_type)
            for length, column in never_null.items():
                # A NULL has no bytes, so every row behind it would be read askew.
                if (rows[length] < 0).any():
                    raise ScoringError(f"{column.name} is NULL in some rows: leave these out in the SQL.")
            yield {column.name: _native(rows[f"v{index}"]) for index, column in enumerate(columns)}


def read_chunks(connection: psycopg.Connection[object], query: sql.Composable) -> Generator[bytearray, None, None]:
    """Yield the binary COPY of a query in pieces, as they come; it is what COPY FROM takes.

    Until it is exhausted or closed it holds the connection's lock, even against a rollback.
    """
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)) as copy,
    ):
        yield from _chunks(copy)


def _select(
    relation: sql.Composable,
    columns: Sequence[CopyColumn],
    condition: sql.Composable | None,
    order_by: Sequence[str],
) -> sql.Composed:
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(column.expression() for column in columns), relation)
    if condition is not None:
        query += sql.SQL(" WHERE ") + condition
    if order_by:
        query += sql.SQL(" ORDER BY ") + sql.SQL(", ").join(sql.Identifier(name) for name in order_by)
    return query


def _row_type(columns: Sequence[CopyColumn]) -> np.dtype[np.void]:
    fields: list[tuple[str, str]] = [("field_count", ">i2")]
    for index, column in enumerate(columns):
        fields += [(f"length{index}", ">i4"), (f"v{index}", _WIRE_TYPES[column.encoding])]
    return np.dtype(fields)


def _chunks(copy: psycopg.Copy) -> Iterator[bytearray]:
    """Yield what has come of a binary stream, many rows at a time: psycopg itself does as much work for each row."""
    connection = copy.connection.pgconn
    for first in copy:
        chunk, size = bytearray(first), len(first)
        # What follows the trailer is for psycopg to read.
        while size not in _LAST_BYTES and len(chunk) < _CHUNK_BYTES:
            size, row = connection.get_copy_data(1)
            if size < 0:
                raise error_from_result(_last_result(connection))
            if size == 0:
                break
            chunk += row
        yield chunk


def _last_result(connection: PGconn) -> PGresult:
    """Return how a statement ended; the connection takes other ones then."""
    results = list(iter(connection.get_result, None))
    return results[-1]


def _blocks(chunks: Iterable[bytes | bytearray | memoryview], row_bytes: int, batch_rows: int) -> Iterator[bytes]:
    """Cut the stream at row boundaries, without its header and trailer."""
    wanted = row_bytes * batch_rows
    buffer = bytearray()
    skipped = False
    for chunk in chunks:
        buffer += chunk
        if not skipped and len(buffer) >= _HEADER_BYTES:
            del buffer[:_HEADER_BYTES]
            skipped = True
        # The last two bytes may be the trailer, so a block is cut only when more than a block is there.
        while skipped and len(buffer) > wanted + _TRAILER_BYTES:
            yield bytes(buffer[:wanted])
            del buffer[:wanted]
    rest = len(buffer) - _TRAILER_BYTES
    if not skipped or rest % row_bytes:
        raise ScoringError("The rows broke off in the middle: the connection was lost. Run it again.")
    for start in range(0, rest, wanted):
        yield bytes(buffer[start : min(start + wanted, rest)])


def _native(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
