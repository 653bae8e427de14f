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
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class ContentHash:
    """Two sums of row hashes modulo 2**64; hashes of disjoint rows add up to that of all."""

    first: int
    second: int

    def __add__(self, other: "ContentHash") -> "ContentHash":
        return ContentHash((self.first + other.first) & _MASK, (self.second + other.second) & _MASK)

    def __sub__(self, other: "ContentHash") -> "ContentHash":
        return ContentHash((self.first - other.first) & _MASK, (self.second - other.second) & _MASK)

    def __str__(self) -> str:
        return f"{self.first:016x}{self.second:016x}"

    @classmethod
    def parse(cls, text: str) -> "ContentHash":
        """Read 32 hexadecimal digits."""
        return cls(int(text[:16], 16), int(text[16:], 16))


def fix_settings(connection: Connection) -> None:
    """Make values and their text independent of the session, for this transaction."""
    connection.execute(_SETTINGS)


def content_hash(
    connection: Connection, relation: sql.Composable, columns: Iterable[Column]
) -> tuple[ContentHash, int]:
    """Return the hash of a relation's rows, read as `columns`, and their number.

    Each row's 64-bit hash is mixed under two seeds and added up modulo 2**64 (AdHash; Bellare and
    Micciancio 1997): adding commutes, so order does not matter, and duplicates count.
    """
    fix_settings(connection)
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) AS rows, coalesce(sum(hashint8extended(hash, 0)), 0) AS first, "
            "coalesce(sum(hashint8extended(hash, 1)), 0) AS second "
            # OFFSET 0 has each row hashed once for both sums.
            "FROM (SELECT hash_record_extended(ROW({}), {}) AS hash FROM {} OFFSET 0) hashed"
        ).format(sql.SQL(", ").join(map(_hashed, columns)), _SEED, relation)
    ).fetchone()
    assert row is not None
    return ContentHash(int(row["first"]) & _MASK, int(row["second"]) & _MASK), row["rows"]


def _hashed(column: Column) -> sql.Composable:
    plain = _MODIFIER.sub("", column.type).removesuffix("[]").strip()
    return column.identifier if plain in _HASHED else column.identifier + sql.SQL("::text")
