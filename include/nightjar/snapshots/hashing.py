"""Content hash of stored rows, the same whatever the order of the rows."""

from psycopg import sql

from nightjar.storage.database import Connection

# The hash reads the rows' text form, so everything that shapes text is fixed first.
_TEXT_SETTINGS = sql.SQL(
    "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'postgres'; "
    "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"
)
_MASK = (1 << 64) - 1


def fix_text_form(connection: Connection) -> None:
    """Make the text form of values independent of the session, for this transaction."""
    connection.execute(_TEXT_SETTINGS)


def content_hash(connection: Connection, table: sql.Identifier) -> tuple[str, int]:
    """Return the hash of a table's rows, 32 hexadecimal digits, and their number.

    Two 64-bit hashes per row under different seeds, each added up modulo 2**64 (AdHash; Bellare and
    Micciancio 1997): adding commutes, so order does not matter, and duplicates count.
    """
    fix_text_form(connection)
    row = connection.execute(
        sql.SQL(
            # t.* is the row even where a column is named t.
            "SELECT count(*) AS rows, coalesce(sum(hashtextextended((t.*)::text, 0)), 0) AS first, "
            "coalesce(sum(hashtextextended((t.*)::text, 1)), 0) AS second FROM {} t"
        ).format(table)
    ).fetchone()
    assert row is not None
    return f"{int(row['first']) & _MASK:016x}{int(row['second']) & _MASK:016x}", row["rows"]
