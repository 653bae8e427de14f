"""The content hash: a fact of the rows alone, not of their order, the session or the names of the columns."""

from random import Random
from typing import LiteralString

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Column
from nightjar.snapshots.hashing import content_hash
from nightjar.storage import Database
from nightjar.storage.database import Connection

SETTINGS: tuple[LiteralString, ...] = (
    "timezone = 'Asia/Tokyo'",
    "datestyle = 'German'",
    "extra_float_digits = -5",
    "bytea_output = 'escape'",
    "intervalstyle = 'iso_8601'",
)


def test_the_hash_is_that_of_the_rows_whatever_their_order(dev_database: Database) -> None:
    def hash_of(name: str, query: str) -> str:
        return snapshots.create(dev_database, name, query).content_hash

    rows = "SELECT i AS t, i % 3 AS b FROM generate_series(1, 50) i"
    forward = hash_of("a", rows + " ORDER BY 1")

    assert hash_of("b", rows + " ORDER BY 2, 1 DESC") == forward
    assert hash_of("c", rows.replace("% 3", "% 4")) != forward
    assert hash_of("d", rows + " WHERE i < 50") != forward
    assert hash_of("e", rows + " UNION ALL VALUES (1, 1)") != forward
    assert hash_of("f", "SELECT NULL::text AS a") != hash_of("g", "SELECT '' AS a")
    assert hash_of("h", "SELECT 'a,b' AS a, 'c' AS b") != hash_of("i", "SELECT 'a' AS a, 'b,c' AS b")
    assert hash_of("j", "SELECT 1 AS a WHERE false") == "0" * 32


def test_the_hash_does_not_depend_on_the_session(dev_database: Database) -> None:
    query = (
        "SELECT '2017-12-01 12:00Z'::timestamptz AS a, 0.1::float8 + 0.2 AS b, '\\x01'::bytea AS c,"
        " '1 day'::interval AS d, '2017-12-01'::date AS e"
    )
    usual = snapshots.create(dev_database, "usual", query).content_hash
    with dev_database.autocommit() as connection:
        for setting in SETTINGS:
            statement = sql.SQL("ALTER DATABASE {} SET ").format(sql.Identifier(connection.info.dbname))
            connection.execute(statement + sql.SQL(setting))

    assert snapshots.create(dev_database, "other", query).content_hash == usual


def test_the_hash_of_a_whole_is_that_of_its_only_part(dev_database: Database) -> None:
    whole = snapshots.create(dev_database, "whole", "SELECT i AS s, i % 2 = 0 AS t FROM generate_series(1, 20) i")
    [part] = snapshots.split(dev_database, whole.name, {"_all": 1.0})

    assert part.content_hash == whole.content_hash
    assert part.row_count == 20


@given(st.lists(st.tuples(st.integers(-5, 5), st.sampled_from(["", "a", "b,c", None])), max_size=12), st.randoms())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_the_same_rows_have_the_same_hash(
    dev_database: Database, rows: list[tuple[int, str | None]], random: Random
) -> None:
    shuffled = random.sample(rows, len(rows))
    changed = [*rows[1:], (6, "c")]
    with dev_database.connect() as connection:
        found = [_hash(connection, some) for some in (rows, shuffled, changed)]

    assert found[0] == found[1]
    assert found[0][1] == len(rows)
    assert found[0] != found[2]


def _hash(connection: Connection, rows: list[tuple[int, str | None]]) -> tuple[str, int]:
    connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS hashed (t integer, text text) ON COMMIT DROP")
    connection.execute("TRUNCATE hashed")
    connection.cursor().executemany("INSERT INTO hashed VALUES (%s, %s)", rows)
    columns = [Column("t", "integer"), Column("text", "text")]
    digest, count = content_hash(connection, sql.Identifier("pg_temp", "hashed"), columns)
    return str(digest), count
