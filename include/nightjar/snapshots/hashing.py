"""Content hash of rows, the same whatever their order and however they are stored."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from nightjar.snapshots.records import Column
from nightjar.storage.database import Connection

# Whatever shapes values or their text is fixed first. Compiling expressions takes longer than it saves; sorts and
# joins of a million rows fit into this memory.
_SETTINGS = sql.SQL(
    "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres'; "
    "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL jit = off; "
    "SET LOCAL work_mem = '128MB'"
)
# Types whose hash function is a fact of the value. Others are hashed by their text.
_HASHED = frozenset(
    {
        "boolean", "smallint", "integer", "bigint", "numeric", "real", "double precision", "text",
        "character varying", "character", "date", "timestamp without time zone", "timestamp with time zone",
        "time without time zone", "interval", "uuid", "bytea", "jsonb",
    }
)  # fmt: skip
_MODIFIER = re.compile(r"\(.*?\)")
# With small seeds, zeros and NaN have the hash of NULL.
_SEED = sql.Literal(int.from_bytes(b"nightjar"))
_MASK = (1 << 128) - 1


@dataclass(frozen=True)
class ContentHash:
    """The sum of row hashes modulo 2**128; hashes of disjoint rows add up to that of all."""

    total: int

    def __add__(self, other: "ContentHash") -> "ContentHash":
        return ContentHash((self.total + other.total) & _MASK)

    def __sub__(self, other: "ContentHash") -> "ContentHash":
        return ContentHash((self.total - other.total) & _MASK)

    def __str__(self) -> str:
        return f"{self.total:032x}"

    @classmethod
    def parse(cls, text: str) -> "ContentHash":
        """Read 32 hexadecimal digits."""
        return cls(int(text, 16))


NO_ROWS = ContentHash(0)


def fix_settings(connection: Connection) -> None:
    """Make values and their text independent of the session, for this transaction."""
    connection.execute(_SETTINGS)


def content_hash(
    connection: Connection, relation: sql.Composable, columns: Iterable[Column]
) -> tuple[ContentHash, int]:
    """Return the hash of a relation's rows, read as `columns`, and their number.

    The rows' 64-bit hashes are added up modulo 2**128 (AdHash; Bellare and Micciancio 1997): adding commutes, so
    order does not matter, and duplicates count. It tells accidents, not a forger who can write to the catalog.
    """
    fix_settings(connection)
    row = connection.execute(
        sql.SQL(
            # A record's hash is a sum over its columns. Hashed again, values swapped between rows do not cancel out.
            "SELECT count(*) AS rows, "
            "coalesce(sum(hashint8extended(hash_record_extended(ROW({}), {}), 0)), 0) AS total FROM {}"
        ).format(sql.SQL(", ").join(map(_hashed, columns)), _SEED, relation)
    ).fetchone()
    assert row is not None
    return ContentHash(int(row["total"]) & _MASK), row["rows"]


def _hashed(column: Column) -> sql.Composable:
    plain = _MODIFIER.sub("", column.type).removesuffix("[]").strip()
    return column.identifier if plain in _HASHED else column.identifier + sql.SQL("::text")
