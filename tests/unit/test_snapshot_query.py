"""The query of a snapshot: one that reads; every other statement is refused by its name."""

import logging

import pytest

from nightjar.snapshots.errors import ForeignWriteError, SeveralStatementsError, SnapshotQueryError
from nightjar.snapshots.statements.query import read_query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS a",
        "SELECT 1 AS a;",
        "SELECT 1 AS a; -- and no more",
        "-- first\nSELECT 1 AS a /* last */",
        "WITH b AS (SELECT 1 AS a) SELECT a FROM b",
        "WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM n WHERE a < 3) SELECT a FROM n",
        "(SELECT 1 AS a)",
        "SELECT 1 AS a UNION ALL SELECT 2 EXCEPT SELECT 3",
        "VALUES (1, 'one'), (2, 'two')",
        "SELECT * FROM (VALUES (1)) v (a)",
        "SELECT 'DELETE FROM t; DROP TABLE t' AS a",
        'SELECT deleted, "update" FROM inserts WHERE into_stock',
        "SELECT array_agg(a ORDER BY b) FILTER (WHERE c) OVER (PARTITION BY d), e::date, f->>'g' FROM t",
    ],
)
def test_queries_that_read_are_taken(query: str) -> None:
    read_query(query)


# They neither change rows nor define anything.
HARMLESS = {"SET", "EXPLAIN", "CALL", "DO", "VACUUM", "BEGIN", "COMMIT", "EXECUTE"}


@pytest.mark.parametrize(
    ("verb", "statement"),
    [
        ("INSERT", "INSERT INTO t VALUES (1)"),
        ("INSERT", "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a"),
        ("UPDATE", "UPDATE t SET a = 1"),
        ("DELETE", "DELETE FROM t"),
        ("MERGE", "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE"),
        ("CREATE", "CREATE TABLE t (a integer)"),
        ("CREATE", "CREATE TABLE t AS SELECT 1 AS a"),
        ("DROP", "DROP TABLE t"),
        ("ALTER", "ALTER TABLE t ADD b integer"),
        ("TRUNCATE", "TRUNCATE t"),
        ("GRANT", "GRANT SELECT ON t TO public"),
        ("SET", "SET ROLE postgres"),
        ("COPY", "COPY t TO STDOUT"),
        ("EXPLAIN", "EXPLAIN ANALYZE SELECT 1"),
        ("CALL", "-- harmless\nCALL f()"),
        ("DO", "DO $$ BEGIN END $$"),
        ("VACUUM", "VACUUM t"),
        ("BEGIN", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("LOCK", "LOCK TABLE t"),
        ("EXECUTE", "EXECUTE prepared"),
    ],
)
def test_other_statements_are_refused_by_name(verb: str, statement: str) -> None:
    with pytest.raises(SnapshotQueryError, match=f"^{verb} is not a query: give one SELECT") as caught:
        read_query(statement)
    assert (caught.type is ForeignWriteError) == (verb not in HARMLESS)


@pytest.mark.parametrize(
    ("part", "query"),
    [
        ("INSERT", "WITH a AS (INSERT INTO t VALUES (1) RETURNING b) SELECT b FROM a"),
        ("UPDATE", "WITH a AS (UPDATE t SET b = 1 RETURNING b) SELECT b FROM a"),
        ("DELETE", "SELECT * FROM (WITH a AS (DELETE FROM t RETURNING b) SELECT b FROM a) c"),
        (
            "MERGE",
            "WITH a AS (MERGE INTO t USING s ON t.b = s.b WHEN MATCHED THEN DELETE RETURNING t.b) SELECT * FROM a",
        ),
        ("INTO", "SELECT 1 AS a INTO t"),
        ("LOCK", "SELECT a FROM t FOR UPDATE"),
        ("LOCK", "SELECT a FROM (SELECT a FROM t FOR SHARE) b"),
        ("LOCK", "SELECT a FROM t FOR NO KEY UPDATE"),
    ],
)
def test_queries_that_write_are_refused_by_what_writes(part: str, query: str) -> None:
    with pytest.raises(ForeignWriteError, match=f"holds {part}: a snapshot's query writes nothing"):
        read_query(query)


@pytest.mark.parametrize(
    "query", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t", "SELECT 1 AS a; -- c\nDELETE FROM t"]
)
def test_two_statements_are_refused(query: str) -> None:
    with pytest.raises(SeveralStatementsError, match="holds 2 statements: give exactly one SELECT"):
        read_query(query)


@pytest.mark.parametrize("query", [None, "", " \n\t", "-- nothing", ";", ";;"])
def test_nothing_is_refused(query: str | None) -> None:
    with pytest.raises(SnapshotQueryError, match=r"empty|0 statements") as caught:
        read_query(query)
    assert caught.type is SnapshotQueryError


def test_what_the_database_cannot_take_is_refused() -> None:
    with pytest.raises(SnapshotQueryError, match="holds a NUL character: leave it out"):
        read_query("SELECT 'a\0b' AS a")


def test_a_comment_that_hides_in_an_operator_is_refused() -> None:
    with pytest.raises(SnapshotQueryError, match="a comment right after an operator: put a space"):
        read_query("SELECT a |/* ' */ | b FROM t; DROP TABLE t; --'")


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT (", "SELECT 'open", "SELECT FROM FROM", "{}", "SELECT $$open"])
def test_what_cannot_be_parsed_is_refused_in_one_line(query: str) -> None:
    with pytest.raises(SnapshotQueryError, match=r"give one SELECT|Give one SELECT") as caught:
        read_query(query)
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(SnapshotQueryError, match="nested too deeply"):
        read_query(f"SELECT {'(' * 20_000}1{')' * 20_000}")


def test_a_refusal_leaves_no_other_output(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(SnapshotQueryError):
        read_query("VACUUM FULL t")

    assert caplog.records == []
