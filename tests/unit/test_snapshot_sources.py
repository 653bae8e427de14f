"""What a query or statement reads: live relations, and names of functions."""

import pytest

from nightjar.snapshots.errors import SnapshotQueryError
from nightjar.snapshots.statements.sources import Sources, sources_of


@pytest.mark.parametrize(
    ("text", "relations"),
    [
        ("SELECT 1 AS a", ()),
        ("VALUES (1)", ()),
        ("SELECT * FROM Retail.Transactions t", ("retail.transactions",)),
        ("TABLE t", ("t",)),
        ('SELECT * FROM "My T" JOIN "t" USING (a)', ('"My T"', "t")),
        ('SELECT * FROM "Retail"."a""b", "select"', ('"Retail"."a""b"', "select")),
        ("SELECT * FROM b, a, B, a AS c", ("a", "b")),
        ("SELECT * FROM GRÖSSE", ('"grÖsse"',)),
        ("SELECT * FROM ONLY a LEFT JOIN LATERAL (SELECT * FROM c WHERE c.x = a.x) d ON true", ("a", "c")),
        ("SELECT (SELECT max(x) FROM a) FROM b WHERE EXISTS (SELECT FROM c) AND d IN (TABLE e)", ("a", "b", "c", "e")),
        ("SELECT * FROM a UNION SELECT * FROM b EXCEPT (SELECT * FROM c)", ("a", "b", "c")),
        ("SELECT * FROM a TABLESAMPLE system (10)", ("a",)),
        ("SELECT 'FROM a' AS \"FROM b\" -- FROM c", ()),
        ("SELECT * FROM pg_catalog.pg_class", ("pg_catalog.pg_class",)),
    ],
)
def test_relations_are_found_wherever_they_are_read(text: str, relations: tuple[str, ...]) -> None:
    assert sources_of(text).relations == relations


@pytest.mark.parametrize(
    "text",
    [
        'SELECT * FROM snapshots."cars@1.0.0" JOIN Snapshots."b@2.0.0" USING (a)',
        "UPDATE snapshot SET a = 1 WHERE b IN (SELECT b FROM snapshot)",
        "DELETE FROM snapshot AS s USING snapshot t WHERE s.a = t.a",
        'ALTER snapshot ADD COLUMN "a" int DEFAULT 1',
        "SELECT * FROM generate_series(1, 3) g, ROWS FROM (f(1)) h, unnest(ARRAY[1]) u (x), LATERAL i(u.x) j",
        "SELECT * FROM jsonb_to_recordset('[]') AS x (a int, b text)",
        "WITH a AS (SELECT 1 AS b) SELECT * FROM A",
        'WITH "A" (b) AS (SELECT 1), c AS MATERIALIZED (SELECT * FROM "A") SELECT * FROM c',
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9) INSERT INTO snapshot TABLE n",
        "WITH a AS (SELECT 1 AS b) UPDATE snapshot SET b = a.b FROM a",
        "WITH a AS (SELECT 1 AS b) DELETE FROM snapshot USING a WHERE EXISTS (SELECT FROM a)",
        "INSERT INTO snapshot WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM a) b",
    ],
)
def test_snapshots_common_tables_and_functions_are_no_live_relations(text: str) -> None:
    assert sources_of(text).relations == ()


@pytest.mark.parametrize(
    ("text", "relations"),
    [
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", ("a",)),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", ("b",)),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a", ("a",)),
        ("WITH a AS (SELECT 1) SELECT * FROM public.a", ("public.a",)),
        ('WITH a AS (SELECT 1) SELECT * FROM "A"', ('"A"',)),
        ('SELECT * FROM public.snapshot, "Snapshot"', ('"Snapshot"', "public.snapshot")),
    ],
)
def test_a_common_table_counts_only_where_it_is_seen(text: str, relations: tuple[str, ...]) -> None:
    assert sources_of(text).relations == relations


@pytest.mark.parametrize(
    ("statement", "relations"),
    [
        ("INSERT INTO snapshot (a) SELECT a FROM retail.imports", ("retail.imports",)),
        ('UPDATE snapshot AS "c" SET a = b.a FROM b WHERE c.d IS DISTINCT FROM e', ("b",)),
        ("DELETE FROM snapshot USING b JOIN c USING (x) WHERE d = ANY (SELECT d FROM e)", ("b", "c", "e")),
    ],
)
def test_statements_name_what_they_read(statement: str, relations: tuple[str, ...]) -> None:
    assert sources_of(statement).relations == relations


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("SELECT a + 1 FROM t WHERE b IN (1) AND NOT (c) OR EXISTS (SELECT 1)", ()),
        ('SELECT Random(), pg_catalog.NOW(), "MyF" (1)', ("MyF", "now", "random")),
        ("SELECT f /* why */ (g(1))", ("f", "g")),
        ("SELECT * FROM retail.rows_of(1) r", ("rows_of",)),
        ("SELECT current_date, LOCALTIME, current_timestamp(3)", ("current_date", "current_timestamp", "localtime")),
        ("SELECT user, session_user, t.user AS current_user", ("session_user", "user")),
        ('SELECT "current_date", "user"', ()),
        ("SELECT a::numeric(8, 2), CAST(b AS varchar(3)), d::timestamptz(3)", ()),
        ("INSERT INTO snapshot (a, b) VALUES (1, 2)", ()),
        ("SELECT count(*) FILTER (WHERE a) OVER (ORDER BY b) FROM t", ("count",)),
        ("SELECT 'random()' AS a, $$now()$$ -- version()", ()),
        ('ALTER snapshot ADD COLUMN "a" timestamptz DEFAULT clock_timestamp()', ("clock_timestamp",)),
        ("SELECT 'now'::timestamptz, date ' Today '", ("'now'", "'today'")),
        (
            "SELECT date 'TOMORROW', timestamp 'yesterday 12:00'",
            ("'tomorrow'", "'yesterday'"),
        ),
        ("SELECT 'now or never', 'nowhere', $$now$$, 'today allballs'", ("'now'", "'today'")),
    ],
)
def test_functions_are_named(text: str, functions: tuple[str, ...]) -> None:
    assert sources_of(text).functions == functions


def test_both_are_told_together() -> None:
    assert sources_of("SELECT lower(a) FROM t;") == Sources(("t",), ("lower",))


@pytest.mark.parametrize("text", ["SELECT (", "SELECT 'open", "SELECT FROM FROM"])
def test_what_cannot_be_parsed_is_refused(text: str) -> None:
    with pytest.raises(SnapshotQueryError) as caught:
        sources_of(text)
    assert "\n" not in str(caught.value)
