"""Statements that prepare a snapshot: whole ones and clause by clause, cut at their tokens, kept as written."""

import pytest

from nightjar.snapshots.statements import parse_statements
from nightjar.snapshots.statements.operations import AddColumn, Alter, Delete, DropColumn, Insert, Operation, Update

CARS = (
    Alter((AddColumn("year", "int"), DropColumn("make"))),
    Insert("SELECT 5, 'Kona', 2021 FROM imports WHERE id = 5"),
    Update("year = built.year", "built", "snapshot.id = built.id"),
    Delete(None, "id = 3"),
)


def only(*statements: str) -> Operation:
    [operation] = parse_statements(statements)
    return operation


# Both forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statements",
    [
        [
            "ALTER snapshot ADD COLUMN year int, DROP COLUMN make",
            "INSERT INTO snapshot SELECT 5, 'Kona', 2021 FROM imports WHERE id = 5",
            "UPDATE snapshot SET year = built.year FROM built WHERE snapshot.id = built.id",
            "DELETE FROM snapshot WHERE id = 3",
        ],
        [
            *("ALTER", "ADD year int, DROP make"),
            *("INSERT", "SELECT 5, 'Kona', 2021 FROM imports WHERE id = 5"),
            *("UPDATE", "SET year = built.year", "FROM built", "WHERE snapshot.id = built.id"),
            *("DELETE", "WHERE id = 3"),
        ],
        [
            *("ALTER", "ADD year int", "DROP COLUMN make"),
            *("INSERT", "SELECT 5, 'Kona', 2021", "FROM imports", "WHERE id = 5"),
            *("UPDATE SET year = built.year", "FROM built WHERE snapshot.id = built.id"),
            "DELETE WHERE id = 3",
        ],
        [
            "alter table Snapshot add year int, drop make;",
            *('INSERT INTO "snapshot"', "SELECT 5, 'Kona', 2021 FROM imports WHERE id = 5;"),
            *("UPDATE ONLY snapshot", "SET year = built.year FROM built", "WHERE snapshot.id = built.id"),
            *("DELETE FROM snapshot -- all of them", "WHERE id = 3 -- the third"),
        ],
    ],
)
def test_the_cars_read_alike_in_either_form(statements: list[str]) -> None:
    assert parse_statements(statements) == CARS


@pytest.mark.parametrize(
    ("statements", "operation"),
    [
        (["UPDATE snapshot c SET a = 1"], Update("a = 1", None, None, "c")),
        (["UPDATE snapshot * AS c SET a = 1"], Update("a = 1", None, None, "c")),
        (['UPDATE snapshot AS "My c" SET a = 1'], Update("a = 1", None, None, "My c")),
        (["UPDATE AS C SET a = 1"], Update("a = 1", None, None, "c")),
        (["UPDATE", "AS c", "SET a = 1", "WHERE c.b"], Update("a = 1", None, "c.b", "c")),
        (["UPDATE snapshot", "AS c", "SET a = 1"], Update("a = 1", None, None, "c")),
        (["DELETE FROM snapshot s USING b WHERE s.id = b.id"], Delete("b", "s.id = b.id", "s")),
        (["DELETE AS s", "USING b", "WHERE s.id = b.id"], Delete("b", "s.id = b.id", "s")),
        (["DELETE"], Delete(None, None)),
        (["DELETE FROM ONLY snapshot"], Delete(None, None)),
        (["INSERT INTO snapshot AS s (a) VALUES (1)"], Insert("(a) VALUES (1)")),
        (["INSERT", "AS s", "VALUES (1)"], Insert("VALUES (1)")),
        (["INSERT", "(a, b)", "VALUES (1, 2)"], Insert("(a, b) VALUES (1, 2)")),
        (["INSERT INTO snapshot (a)", "SELECT 1", "FROM t"], Insert("(a) SELECT 1 FROM t")),
        (["INSERT INTO snapshot DEFAULT VALUES"], Insert("DEFAULT VALUES")),
        (["INSERT INTO snapshot TABLE snapshot"], Insert("TABLE snapshot")),
        (["INSERT INTO snapshot ((SELECT 1))"], Insert("((SELECT 1))")),
        (["INSERT", "WITH a AS (SELECT 1) SELECT * FROM a"], Insert("WITH a AS (SELECT 1) SELECT * FROM a")),
        (["INSERT", "WITH a AS (SELECT 1)", "SELECT * FROM a"], Insert("WITH a AS (SELECT 1) SELECT * FROM a")),
        (["INSERT", "SELECT a FROM t", "ORDER BY a", "LIMIT 3"], Insert("SELECT a FROM t ORDER BY a LIMIT 3")),
        (["INSERT", "SELECT a FROM t UNION", "SELECT 1"], Insert("SELECT a FROM t UNION SELECT 1")),
        (["INSERT", "SELECT 1", "UNION ALL SELECT a", "FROM t"], Insert("SELECT 1 UNION ALL SELECT a FROM t")),
    ],
)
def test_each_spelling_gives_one_operation(statements: list[str], operation: Operation) -> None:
    assert only(*statements) == operation


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("UPDATE snapshot SET a = x FROM c", Update("a = x", "c", None, common="WITH c AS (SELECT 1 AS x)")),
        ("DELETE FROM snapshot USING c", Delete("c", None, common="WITH c AS (SELECT 1 AS x)")),
        ("INSERT INTO snapshot SELECT x FROM c", Insert("SELECT x FROM c", "WITH c AS (SELECT 1 AS x)")),
    ],
)
def test_a_leading_with_is_kept_apart(text: str, operation: Operation) -> None:
    assert only(f"WITH c AS (SELECT 1 AS x)\n{text}") == operation


@pytest.mark.parametrize(
    "common",
    [
        "WITH a (x) AS (SELECT 1), update AS MATERIALIZED (SELECT 2)",
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9)",
        "WITH RECURSIVE n (i) AS (SELECT 1) SEARCH DEPTH FIRST BY i SET o",
        "WITH RECURSIVE n (i) AS (SELECT 1) CYCLE i SET looped USING path",
    ],
)
def test_common_tables_of_every_kind_end_where_the_statement_begins(common: str) -> None:
    assert only(f"{common} DELETE FROM snapshot") == Delete(None, None, common=common)


# Clauses are found by tokens ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "b IS DISTINCT FROM c",
        "b is not /* so */ distinct\nfrom c",
        "'it''s FROM x WHERE y; SET'",
        r"E'\' FROM x; WHERE y'",
        "U&'\\0061 FROM'",
        "$$ FROM x; WHERE y $$",
        "$é$ FROM $$ ; $é$",
        '"FROM" || "a WHERE ""b"" ;"',
        "b /* FROM x; WHERE /* y */ ; */ + 1",
        "b -- FROM x; WHERE y '\n + 1",
        "(SELECT c FROM d WHERE e = b)",
        "ARRAY[extract(year FROM b), (SELECT 1 FROM c)][1]",
        "CASE WHEN b IS DISTINCT FROM c THEN substring(d FROM 1 FOR 2) ELSE e END",
        "trim(both 'x' from b)",
        "überschrift || '日本語 FROM 😀' || b",
        "b->>'from' || b.set || c.where",
        "b #>> '{a,b}' ~* 'x' AND c ?| ARRAY['d']",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY b)",
        "b::timestamp(3) AT TIME ZONE 'UTC'",
        "date '2020-01-01' + interval '1 day'",
    ],
)
def test_expressions_stay_as_written(expression: str) -> None:
    text = f"UPDATE snapshot SET a = {expression}, z = 1 FROM t WHERE {expression} = x"
    assert only(text) == Update(f"a = {expression}, z = 1", "t", f"{expression} = x")
    assert only("UPDATE", f"SET a = {expression}", f"WHERE {expression}") == Update(
        f"a = {expression}", None, expression
    )
    assert only(f"DELETE FROM snapshot WHERE {expression}") == Delete(None, expression)
    assert only("INSERT", f"SELECT {expression}", "FROM t") == Insert(f"SELECT {expression} FROM t")


@pytest.mark.parametrize(
    "source",
    [
        "b JOIN c USING (x)",
        "b JOIN c JOIN d USING (x) ON y",
        "b NATURAL JOIN c LEFT OUTER JOIN d USING (x)",
        "b CROSS JOIN c, LATERAL (SELECT 1 FROM e) f",
        "(VALUES (1, 'a')) v (x, y)",
        "unnest(ARRAY[1, 2]) WITH ORDINALITY AS u (x, n)",
        'snapshots."cars@1.0.0" AS old',
    ],
)
def test_sources_stay_whole(source: str) -> None:
    assert only(f"DELETE FROM snapshot USING {source} WHERE true") == Delete(source, "true")
    assert only("UPDATE", "SET a = 1", f"FROM {source}", "WHERE true") == Update("a = 1", source, "true")


@pytest.mark.parametrize(
    "assignments",
    [
        "(a, b) = (SELECT c, d FROM e)",
        "(a, b) = ROW(1, DEFAULT)",
        "a[1] = 2, b.c = 3",
        "set = 1, values = 2",
        '"a b"=1',
    ],
)
def test_assignments_stay_whole(assignments: str) -> None:
    assert only(f"UPDATE snapshot SET {assignments} WHERE c") == Update(assignments, None, "c")


def test_labels_may_be_keywords() -> None:
    query = "SELECT a AS from, t.where FROM t"
    assert only("INSERT", query, "WHERE true") == Insert(f"{query} WHERE true")


def test_a_join_may_be_on_a_column_called_conflict() -> None:
    query = "SELECT 1 FROM t JOIN u ON conflict WHERE a"
    assert only("INSERT", query) == Insert(query)


# ALTER --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "column"),
    [
        ("year int", AddColumn("year", "int")),
        ("COLUMN Year int", AddColumn("year", "int")),
        ('"Year ""of"" make" int', AddColumn('Year "of" make', "int")),
        ("Überschrift text", AddColumn("Überschrift", "text")),
        ("GRÖSSE text", AddColumn("grÖsse", "text")),
        ("IF NOT EXISTS a int", AddColumn("a", "int", if_not_exists=True)),
        ("COLUMN IF NOT EXISTS a int", AddColumn("a", "int", if_not_exists=True)),
        ("if int", AddColumn("if", "int")),
        ("a numeric(8, 2)", AddColumn("a", "numeric(8, 2)")),
        ('a "Mood"[]', AddColumn("a", '"Mood"[]')),
        ("a retail.mood[3][]", AddColumn("a", "retail.mood[3][]")),
        ("a int ARRAY[3]", AddColumn("a", "int ARRAY[3]")),
        ('a text COLLATE "C"', AddColumn("a", 'text COLLATE "C"')),
        ("a double  precision", AddColumn("a", "double  precision")),
        ("a CHARACTER VARYING(3)", AddColumn("a", "CHARACTER VARYING(3)")),
        ("a timestamp(3) with time zone", AddColumn("a", "timestamp(3) with time zone")),
        ("a interval day to second(3)", AddColumn("a", "interval day to second(3)")),
        ("a bit varying(3) DEFAULT B'101'", AddColumn("a", "bit varying(3)", "B'101'")),
        ("a int DEFAULT 0", AddColumn("a", "int", "0")),
        ("a int DEFAULT NULL -- none", AddColumn("a", "int", "NULL")),
        ("a int[] DEFAULT ARRAY[1, 2]", AddColumn("a", "int[]", "ARRAY[1, 2]")),
        ("a text DEFAULT 'x, DROP y; NOT NULL'", AddColumn("a", "text", "'x, DROP y; NOT NULL'")),
        ("a bool DEFAULT (1 IS DISTINCT FROM 2)", AddColumn("a", "bool", "(1 IS DISTINCT FROM 2)")),
        ("a bool DEFAULT 1 IS DISTINCT FROM 2", AddColumn("a", "bool", "1 IS DISTINCT FROM 2")),
        ("a bool DEFAULT 1 IS NOT NULL", AddColumn("a", "bool", "1 IS NOT NULL")),
        ("a timestamptz DEFAULT now() - interval '1 day'", AddColumn("a", "timestamptz", "now() - interval '1 day'")),
        ("a nightjar", AddColumn("a", "nightjar")),
    ],
)
def test_columns_keep_their_type_and_default_as_written(declared: str, column: AddColumn) -> None:
    assert only(f"ALTER snapshot ADD {declared}") == Alter((column,))
    assert only("ALTER", f"ADD {declared}") == Alter((column,))


@pytest.mark.parametrize(
    ("dropped", "column"),
    [
        ("make", DropColumn("make")),
        ("COLUMN Make", DropColumn("make")),
        ('COLUMN "Make"', DropColumn("Make")),
        ("COLUMN IF EXISTS make", DropColumn("make", if_exists=True)),
        ("if", DropColumn("if")),
        ("IF EXISTS exists", DropColumn("exists", if_exists=True)),
        ("nightjar_id", DropColumn("nightjar_id")),
    ],
)
def test_columns_to_drop(dropped: str, column: DropColumn) -> None:
    assert only(f"ALTER snapshot DROP {dropped}") == Alter((column,))
