"""Binary COPY in both directions: what is written is read back bit for bit, whatever the size of a batch."""

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.storage import Database
from nightjar.storage.copy_reader import CopyColumn, Encoding, _blocks, read_batches
from nightjar.storage.copy_writer import BatchWriter, WireType, WriteColumn, copy_statement
from nightjar.storage.database import Connection

EPOCH = date(1970, 1, 1)
CATEGORIES = ("", "North", "north", "süd", "it's", '"quoted"', "{a,b}", "a\\b", "NULL", "😀", "100%")
ITEMS = sql.Identifier("pg_temp", "items")
INT64 = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(
    st.tuples(
        INT64,
        st.none() | st.floats(width=64),
        st.none() | st.booleans(),
        st.none() | st.dates(),
        st.none() | st.sampled_from(CATEGORIES),
    ),
    max_size=30,
)
WRITTEN = st.lists(
    st.tuples(INT64, st.integers(-(2**31), 2**31 - 1), st.floats(width=32), st.floats(width=64)), max_size=40
)
COLUMNS = (
    CopyColumn("id", Encoding.INTEGER),
    CopyColumn("number", Encoding.NUMBER),
    CopyColumn("flag", Encoding.BOOLEAN),
    CopyColumn("day", Encoding.DAYS),
    CopyColumn("category", Encoding.CATEGORY, CATEGORIES),
)

one_connection = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def connection(servers: dict[str, Database]) -> Iterator[Connection]:
    """One connection for all examples, with tables of its own that end with it."""
    with servers["dev"].with_database("postgres").autocommit() as opened:
        opened.execute(
            "CREATE TEMPORARY TABLE items"
            " (place serial, id bigint, number float8, flag boolean, day date, category text)"
        )
        opened.execute("CREATE TEMPORARY TABLE written (a bigint, b integer, c real, d float8)")
        yield opened


def read(
    connection: Connection, relation: sql.Composable, columns: tuple[CopyColumn, ...], **options: Any
) -> tuple[dict[str, npt.NDArray[Any]], list[int]]:
    """Return whole columns, and how many rows each batch had."""
    batches = list(read_batches(connection, relation, columns, **options))
    whole = {
        column.name: np.concatenate([batch[column.name] for batch in batches]) if batches else np.array([])
        for column in columns
    }
    return whole, [len(batch[columns[0].name]) for batch in batches]


def same(found: float, expected: float | None) -> bool:
    """Equal, with -0.0 apart from 0.0 and NaN for what is not there."""
    if expected is None or math.isnan(expected):
        return math.isnan(found)
    return found == expected and math.copysign(1, found) == math.copysign(1, expected)


@one_connection
@given(ROWS, st.integers(1, 12))
def test_every_value_is_read_as_it_was_stored(
    connection: Connection, rows: list[tuple[Any, ...]], batch_rows: int
) -> None:
    connection.execute("TRUNCATE items")
    connection.cursor().executemany(
        "INSERT INTO items (id, number, flag, day, category) VALUES (%s, %s, %s, %s, %s)", rows
    )

    found, sizes = read(connection, ITEMS, COLUMNS, order_by=["place"], batch_rows=batch_rows)

    assert sizes == [batch_rows] * (len(rows) // batch_rows) + [len(rows) % batch_rows] * (len(rows) % batch_rows > 0)
    for place, (key, number, flag, day, category) in enumerate(rows):
        assert found["id"][place] == key
        assert same(found["number"][place], number)
        assert same(found["flag"][place], None if flag is None else float(flag))
        assert same(found["day"][place], None if day is None else float((day - EPOCH).days))
        assert found["category"][place] == (-1 if category is None else CATEGORIES.index(category))


@one_connection
@given(st.lists(WRITTEN, max_size=4))
def test_every_value_is_stored_as_it_was_written(connection: Connection, batches: list[list[tuple[Any, ...]]]) -> None:
    columns = [WriteColumn(name, wire) for name, wire in zip("abcd", (
        WireType.BIGINT, WireType.INTEGER, WireType.REAL, WireType.DOUBLE), strict=True)]  # fmt: skip
    connection.execute("TRUNCATE written")
    with connection.cursor().copy(copy_statement(sql.Identifier("written"), columns)) as copy:
        writer = BatchWriter(copy, columns)
        counts = [writer.write([np.array([row[i] for row in batch]) for i in range(4)]) for batch in batches]
        writer.finish()

    stored = connection.execute("SELECT a, b, c, d FROM written ORDER BY ctid", binary=True).fetchall()
    rows = [row for batch in batches for row in batch]

    assert counts == [len(batch) for batch in batches]
    assert len(stored) == len(rows)
    for found, (a, b, c, d) in zip(stored, rows, strict=True):
        assert (found["a"], found["b"]) == (a, b)
        assert same(found["c"], c)
        assert same(found["d"], d)


def test_a_write_that_is_broken_off_stores_nothing(connection: Connection) -> None:
    columns = [WriteColumn("a", WireType.BIGINT)]
    connection.execute("TRUNCATE written")

    def write_and_break_off() -> None:
        with connection.cursor().copy(copy_statement(sql.Identifier("written"), columns)) as copy:
            BatchWriter(copy, columns).write([[1, 2, 3]])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_break_off()

    assert connection.execute("SELECT * FROM written").fetchall() == []


@pytest.mark.parametrize("batch_rows", [1, 2, 999, 1000, 1001, 100_000])
def test_batches_are_full_but_the_last_one(connection: Connection, batch_rows: int) -> None:
    relation = sql.SQL("generate_series(1, 2000) AS id")

    found, sizes = read(connection, relation, (COLUMNS[0],), batch_rows=batch_rows)

    assert found["id"].tolist() == list(range(1, 2001))
    assert set(sizes[:-1]) <= {batch_rows}
    assert 0 < sizes[-1] <= batch_rows


def test_rows_are_those_of_the_condition_in_the_order_asked_for(connection: Connection) -> None:
    relation = sql.SQL("(SELECT i AS id, -i AS number FROM generate_series(1, 10) i) numbers")

    found, _ = read(
        connection, relation, COLUMNS[:2], condition=sql.SQL("id > {}").format(sql.Literal(7)), order_by=["number"]
    )

    assert found["id"].tolist() == [10, 9, 8]
    assert found["number"].tolist() == [-10.0, -9.0, -8.0]


def test_unknown_categories_and_other_types_of_text_and_time(connection: Connection) -> None:
    relation = sql.SQL(
        "(SELECT 'unseen' AS region, 'ab'::char(5) AS code, '1970-01-02 12:00'::timestamp AS at,"
        " '1969-12-31T00:00Z'::timestamptz AS before, 'NaN'::numeric AS nothing, '-infinity'::float4 AS least) one"
    )
    columns = (
        CopyColumn("region", Encoding.CATEGORY, ("north",)),
        CopyColumn("code", Encoding.CATEGORY, ("aa", "ab")),
        CopyColumn("at", Encoding.DAYS),
        CopyColumn("before", Encoding.DAYS),
        CopyColumn("nothing", Encoding.NUMBER),
        CopyColumn("least", Encoding.NUMBER),
    )

    found, _ = read(connection, relation, columns)

    assert [found[name][0] for name in ("region", "code", "at", "before", "least")] == [-1, 1, 1.5, -1.0, -math.inf]
    assert math.isnan(found["nothing"][0])
    assert {name: str(values.dtype) for name, values in found.items()}["region"] == "int32"


# Seven NULLs take as many bytes as three numbers.
@pytest.mark.parametrize(("rows", "message"), [(1, "broke off"), (7, "id is NULL in some rows")])
def test_a_missing_integer_is_refused(connection: Connection, rows: int, message: str) -> None:
    relation = sql.SQL("(SELECT NULL::bigint AS id FROM generate_series(1, {})) missing").format(sql.Literal(rows))

    with pytest.raises(ScoringError, match=message):
        read(connection, relation, (COLUMNS[0],))


def test_a_number_out_of_range_is_an_error(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        read(connection, sql.SQL("(SELECT 1e400::numeric AS number) one"), (COLUMNS[1],))


@pytest.mark.parametrize("rows", [1, 2, 1000, 200_000])
def test_an_error_in_the_middle_is_the_database_s_own(connection: Connection, rows: int) -> None:
    relation = sql.SQL("(SELECT i / ({} - i) AS id FROM generate_series(1, 300000) i) broken").format(sql.Literal(rows))

    with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
        read(connection, relation, (COLUMNS[0],))
    found, _ = read(connection, sql.SQL("(SELECT 7 AS id) one"), (COLUMNS[0],))
    assert found["id"].tolist() == [7]


@pytest.mark.parametrize("cut", [5, 18, 19 + 7, 19 + 14 + 1])
def test_a_stream_that_breaks_off_is_refused(cut: int) -> None:
    row = bytes(14)
    stream = bytes(19) + row * 2 + b"\xff\xff"

    assert list(_blocks([stream], 14, 100)) == [row * 2]
    with pytest.raises(ScoringError, match="broke off"):
        list(_blocks([stream[:cut]], 14, 100))


@given(st.integers(0, 9), st.integers(1, 5), st.lists(st.integers(1, 40), max_size=20))
def test_how_the_stream_is_chopped_up_does_not_matter(rows: int, batch_rows: int, cuts: list[int]) -> None:
    body = bytes(range(14 * rows))
    stream, chunks = bytes(19) + body + b"\xff\xff", []
    for cut in cuts:
        chunks.append(stream[:cut])
        stream = stream[cut:]

    blocks = list(_blocks([*chunks, stream], 14, batch_rows))

    assert b"".join(blocks) == body
    assert all(len(block) == 14 * batch_rows for block in blocks[:-1])
