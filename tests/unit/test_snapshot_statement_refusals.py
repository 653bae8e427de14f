"""What is refused among statements that prepare a snapshot: a class per misuse, one line with the remedy."""

from collections.abc import Sequence

import pytest

from nightjar.snapshots.errors import (
    AlterationError,
    ForeignWriteError,
    MisplacedClauseError,
    MissingClauseError,
    NoStatementsError,
    RepeatedClauseError,
    ReservedColumnError,
    SeveralStatementsError,
    SnapshotQueryError,
    StatementError,
    UnknownStatementError,
)
from nightjar.snapshots.statements import parse_statements


def assert_refused(error: type[Exception], part: str, statements: Sequence[str | None] | None) -> None:
    with pytest.raises(SnapshotQueryError, match=part) as caught:
        parse_statements(statements)
    assert caught.type is error
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


# Alterations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "change"),
    [
        *((f"{word}: constraints are not data", f"ADD a int {tail}") for word, tail in (
            ("NOT NULL", "NOT NULL"), ("NOT NULL", "DEFAULT 0 NOT NULL"), ("NULL", "NULL"), ("UNIQUE", "UNIQUE"),
            ("PRIMARY KEY", "PRIMARY KEY"), ("CHECK", "CHECK (a > 0)"), ("REFERENCES", "REFERENCES t"),
            ("CONSTRAINT", "CONSTRAINT c UNIQUE"), ("GENERATED", "GENERATED ALWAYS AS (1) STORED"),
            ("STORAGE", "STORAGE PLAIN"),
        )),
        *((f"{word}: constraints are not data", f"ADD {tail}") for word, tail in (
            ("CONSTRAINT", "CONSTRAINT c CHECK (a > 0)"), ("PRIMARY KEY", "PRIMARY KEY (a)"), ("UNIQUE", "UNIQUE (a)"),
            ("CHECK", "CHECK (a > 0)"), ("FOREIGN KEY", "FOREIGN KEY (a) REFERENCES t"),
            ("EXCLUDE", "EXCLUDE (a WITH =)"),
        )),
        ("the type serial, which draws numbers: write integer or bigint", "ADD a serial"),
        ("the type bigserial", "ADD a BIGSERIAL"),
        ("the type smallserial", "ADD a smallserial"),
        ("CASCADE after the column: leave it out", "DROP a CASCADE"),
        ("RESTRICT after the column: leave it out", "DROP COLUMN a RESTRICT"),
        ("names no column: write its name", "ADD (a int, b int)"),
        ("names no column", "DROP COLUMN"),
        ("names no type", "ADD a"),
        ("names no type", "ADD a DEFAULT 1"),
        ("names no type", "ADD a.b int"),
        ("= 1 after the type: leave it out", "ADD a int = 1"),
        ("no value after DEFAULT", "ADD a int DEFAULT"),
        ("COLLATE after DEFAULT: write it before", "ADD a text DEFAULT 'x' COLLATE \"C\""),
        *(("neither adds nor drops a column: write ADD COLUMN … or DROP COLUMN", text) for text in (
            "RENAME a TO b", "RENAME TO b", "ALTER COLUMN a TYPE bigint", "ALTER a SET DEFAULT 1",
            "ALTER COLUMN a TYPE int USING a::int", "OWNER TO me", "SET SCHEMA other", "SET (fillfactor = 70)",
            "ENABLE TRIGGER ALL", "ADD a int, b int", "ADD a int, ", "ADD a int, , DROP b",
        )),
    ],
)  # fmt: skip
def test_alterations_other_than_of_plain_columns_are_refused(part: str, change: str) -> None:
    assert_refused(AlterationError, part, [f"ALTER snapshot {change}"])


@pytest.mark.parametrize("change", ["RENAME a TO b", "OWNER TO me", "SET SCHEMA other", "ADD UNIQUE (a)"])
def test_such_alterations_are_refused_in_the_short_form_too(change: str) -> None:
    assert_refused(AlterationError, "ADD COLUMN|constraints are not data", ["ALTER", change])
    assert_refused(AlterationError, "ADD COLUMN|constraints are not data", [f"ALTER {change}"])


def test_names_that_the_platform_needs_are_refused() -> None:
    refused = ["ALTER snapshot ADD year int, ADD Nightjar_row int"]
    assert_refused(ReservedColumnError, "'nightjar_row' begins with 'nightjar_': choose another", refused)


# Statements and clauses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("statements", [None, [], (), "DELETE", {"DELETE": 1}])
def test_a_list_is_needed(statements: Sequence[str] | None) -> None:
    assert_refused(NoStatementsError, "There are no statements: give .* as a list of strings", statements)


@pytest.mark.parametrize("element", ["", " \n\t", "-- nothing", "/* DELETE */", ";", ";;"])
def test_empty_elements_are_refused(element: str) -> None:
    assert_refused(NoStatementsError, "Statement 2 is empty: give .* or leave it out", ["DELETE", element])


def test_elements_that_are_no_text_are_refused() -> None:
    assert_refused(NoStatementsError, "Statement 1 is None, no text", [None])
    assert_refused(NoStatementsError, "Statement 1 is 5, no text", [5])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "statement",
    ["DELETE; DELETE", "DELETE FROM snapshot; DROP TABLE t", "DELETE -- c ; d\n; UPDATE snapshot SET a = 1 ;"],
)
def test_several_statements_in_one_element_are_refused(statement: str) -> None:
    assert_refused(SeveralStatementsError, "holds 2 statements: give each as an element", [statement])


@pytest.mark.parametrize(
    ("verb", "statement"),
    [
        ("DROP TABLE", "DROP TABLE x"),
        ("DROP VIEW", "DROP VIEW x CASCADE"),
        ("CREATE TABLE", "CREATE TABLE x (a int)"),
        ("TRUNCATE", "TRUNCATE snapshot"),
        ("MERGE", "MERGE INTO snapshot USING b ON true WHEN MATCHED THEN DELETE"),
        ("MERGE", "WITH a AS (SELECT 1) MERGE INTO snapshot USING a ON true WHEN MATCHED THEN DELETE"),
        ("COPY", "COPY snapshot FROM STDIN"),
        ("VACUUM", "VACUUM FULL snapshot"),
        ("CALL", "CALL f()"),
        ("DO", "DO $$ BEGIN END $$"),
        ("EXPLAIN", "EXPLAIN DELETE FROM snapshot"),
        ("COMMIT", "COMMIT"),
        ("GARBAGE", "garbage"),
        ("{", "{}"),
    ],
)
@pytest.mark.parametrize("before", [[], ["ALTER"], ["UPDATE"], ["INSERT"], ["DELETE"]])
def test_other_statements_are_refused_by_their_verb(verb: str, statement: str, before: list[str]) -> None:
    assert_refused(UnknownStatementError, f"{verb} is none of ALTER, INSERT, UPDATE, DELETE", [*before, statement])


@pytest.mark.parametrize("query", ["SELECT 1", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "TABLE t"])
def test_a_query_alone_is_refused(query: str) -> None:
    assert_refused(UnknownStatementError, "changes no snapshot: [A-Z]+ needs INSERT before it", [query])


@pytest.mark.parametrize(
    ("part", "statement"),
    [
        ("ends inside a quote or a comment: close it", "UPDATE snapshot SET a = 'open"),
        ("ends inside a quote or a comment", 'UPDATE snapshot SET "a = 1'),
        ("ends inside a quote or a comment", "DELETE /* FROM snapshot"),
        ("ends inside a quote or a comment", "UPDATE snapshot SET a = $x$ open $$"),
        ("leaves a bracket open: close it", "UPDATE snapshot SET a = (1"),
        ("closes a bracket that was not opened: remove it", "DELETE WHERE a) OR (b"),
        ("holds a NUL character: leave it out", "DELETE WHERE a = '\0'"),
        ("a comment right after an operator: put a space", "DELETE WHERE a |/* ' */ | b; DROP TABLE t; --'"),
    ],
)
def test_what_cannot_be_cut_into_tokens_is_refused(part: str, statement: str) -> None:
    assert_refused(UnknownStatementError, part, [statement])


@pytest.mark.parametrize(
    ("part", "statement"),
    [
        ("changes other: statements change snapshot only", "UPDATE other SET a = 1"),
        ("changes public.snapshot: ", "INSERT INTO public.snapshot SELECT 1"),
        ("changes x: ", "DELETE FROM x WHERE a"),
        ('changes "Snapshot": ', 'DELETE FROM "Snapshot"'),
        ("changes other: ", "ALTER TABLE IF EXISTS ONLY other ADD a int"),
        ("changes ROLE: ", "ALTER ROLE bob SUPERUSER"),
        ("changes pg_temp.snapshot: ", "WITH a AS (SELECT 1) UPDATE pg_temp.snapshot SET a = 1"),
        ("holds DELETE: statements change the snapshot only",
         "WITH a AS (DELETE FROM t RETURNING b) UPDATE snapshot SET b = a.b FROM a"),
        ("holds UPDATE: ", "INSERT INTO snapshot WITH a AS (UPDATE t SET b = 1 RETURNING b) SELECT b FROM a"),
        ("holds INSERT: ", "DELETE FROM snapshot WHERE a IN (WITH b AS (INSERT INTO t VALUES (1)) TABLE b)"),
        ("holds INTO: ", "INSERT INTO snapshot SELECT 1 AS a INTO t"),
        ("holds LOCK: ", "INSERT INTO snapshot SELECT a FROM t FOR UPDATE"),
        ("holds LOCK: ", "DELETE FROM snapshot WHERE a IN (SELECT b FROM t FOR NO KEY UPDATE)"),
    ],
)  # fmt: skip
def test_writes_elsewhere_are_refused(part: str, statement: str) -> None:
    assert_refused(ForeignWriteError, part, [statement])


def test_writes_in_the_short_form_and_in_defaults_are_refused() -> None:
    hidden = "(WITH b AS (DELETE FROM t RETURNING c) SELECT c FROM b)"
    assert_refused(ForeignWriteError, "holds DELETE", ["UPDATE", f"SET a = {hidden}", "WHERE c"])
    assert_refused(ForeignWriteError, "holds DELETE", ["ALTER", f"ADD a int DEFAULT {hidden}"])


@pytest.mark.parametrize(
    ("part", "statements"),
    [
        ("'SELECT 2' holds a second query for one INSERT", ["INSERT", "SELECT 1", "SELECT 2"]),
        ("a second query", ["INSERT INTO snapshot SELECT 1", "SELECT 2"]),
        ("a second query", ["INSERT", "SELECT 1", "VALUES (2)"]),
        ("a second query", ["INSERT", "VALUES (1)", "(SELECT 2)"]),
        ("a second query", ["INSERT", "SELECT 1", "WITH a AS (SELECT 1) SELECT 2"]),
        ("a second FROM", ["INSERT", "SELECT a FROM t", "FROM u"]),
        ("a second WHERE", ["INSERT", "SELECT a", "FROM t", "WHERE b", "WHERE c"]),
        ("a second list of columns", ["INSERT (a)", "(b)", "SELECT 1"]),
        ("'SET b = 2' is a second SET in UPDATE: leave one out", ["UPDATE", "SET a = 1", "SET b = 2"]),
        ("a second SET", ["UPDATE snapshot SET a = 1 SET b = 2"]),
        ("a second FROM in UPDATE", ["UPDATE", "SET a = 1", "FROM b", "FROM c"]),
        ("a second WHERE in UPDATE", ["UPDATE snapshot SET a = 1 WHERE b", "WHERE c"]),
        ("a second WHERE in DELETE", ["DELETE WHERE b WHERE c"]),
        ("a second USING in DELETE", ["DELETE", "USING b", "USING c"]),
        ("a second AS in DELETE", ["DELETE FROM snapshot s", "AS t"]),
        ("a second AS in UPDATE", ["UPDATE AS s", "AS t", "SET a = 1"]),
    ],
)
def test_repeated_clauses_are_refused(part: str, statements: list[str]) -> None:
    assert_refused(RepeatedClauseError, part, statements)


@pytest.mark.parametrize(
    ("part", "statements"),
    [
        ("'DELETE snapshot WHERE a' lacks FROM: write DELETE FROM snapshot", ["DELETE snapshot WHERE a"]),
        ("'INSERT snapshot VALUES .1.' lacks INTO: write INSERT INTO snapshot", ["INSERT snapshot VALUES (1)"]),
        ("'INSERT' names no rows: write SELECT or VALUES", ["INSERT"]),
        ("names no rows", ["INSERT INTO snapshot (a)", "DELETE"]),
        ("names no rows", ["INSERT", "WITH a AS (SELECT 1)"]),
        ("'UPDATE' sets nothing: write SET column = value", ["UPDATE", "WHERE a"]),
        ("sets nothing", ["UPDATE snapshot"]),
        ("'ALTER' changes nothing: write ADD or DROP", ["ALTER", "DELETE"]),
        ("changes nothing", ["ALTER TABLE snapshot"]),
        ("'SET' in UPDATE is empty", ["UPDATE SET WHERE a"]),
        ("'WHERE' in DELETE is empty", ["DELETE", "WHERE"]),
        ("names no table: write snapshot", ["INSERT INTO"]),
        ("names no table", ["UPDATE ONLY"]),
        ("'AS' names no alias", ["UPDATE", "AS", "SET a = 1"]),
    ],
)
def test_missing_clauses_are_refused(part: str, statements: list[str]) -> None:
    assert_refused(MissingClauseError, part, statements)


@pytest.mark.parametrize(
    ("part", "statements"),
    [
        *(("has no place in ALTER: it takes ADD and DROP", ["ALTER", text])
          for text in ("WHERE a", "FROM b", "USING b", "SELECT 1", "AS a", "VALUES (1)")),
        ("has SET: it has no place in ALTER", ["ALTER", "SET a = 1"]),
        ("has WHERE: it has no place in ALTER", ["ALTER snapshot ADD a int WHERE b"]),
        ("'FROM b' has no place in DELETE: write USING", ["DELETE", "FROM b", "WHERE a"]),
        ("has no place in DELETE", ["DELETE", "SET a = 1"]),
        ("has no place in DELETE", ["DELETE", "SELECT 1"]),
        ("'USING b' has no place in UPDATE", ["UPDATE", "SET a = 1", "USING b"]),
        ("'ADD a int' has no place in UPDATE: it takes SET, FROM and WHERE", ["UPDATE", "ADD a int"]),
        ("'SET a = 1' comes too late: the order in UPDATE is SET, FROM, WHERE", ["UPDATE", "WHERE b", "SET a = 1"]),
        ("'FROM c' comes too late", ["UPDATE snapshot SET a = 1 WHERE b FROM c"]),
        ("'USING b' comes too late", ["DELETE", "WHERE a", "USING b"]),
        ("'AS c' comes too late: put AS right after UPDATE", ["UPDATE", "SET a = 1", "AS c"]),
        ("'FROM t' comes too early: SELECT or VALUES comes first in INSERT", ["INSERT", "FROM t", "SELECT 1"]),
        ("'FROM t' comes too late: the order in INSERT is SELECT, FROM, W", ["INSERT", "SELECT 1 WHERE a", "FROM t"]),
        ("has WHERE where no SELECT is", ["INSERT", "VALUES (1)", "WHERE a"]),
        ("'USING t' has no place in INSERT", ["INSERT", "SELECT 1", "USING t"]),
        ("'SET a = 1' has no place in INSERT", ["INSERT SET a = 1"]),
        *((f"'{text}' belongs to no operation: put ALTER, INSERT, UPDATE or DELETE before it", [text])
          for text in ("WHERE a", "SET a = 1", "FROM b", "USING b", "ADD a int", "DROP make", "AS c")),
        ("has RETURNING: a snapshot has nothing to return", ["DELETE FROM snapshot RETURNING a"]),
        ("has RETURNING", ["UPDATE", "SET a = 1", "RETURNING a"]),
        ("has ON CONFLICT: a snapshot has no unique keys", ["INSERT INTO snapshot SELECT 1 ON CONFLICT DO NOTHING"]),
        ("has ON CONFLICT", ["INSERT", "VALUES (1)", "ON CONFLICT (a) DO UPDATE SET a = 1"]),
        ("has OVERRIDING SYSTEM: a snapshot has no identity columns",
         ["INSERT INTO snapshot OVERRIDING SYSTEM VALUE VALUES (1)"]),
        ("has ORDER BY, which DELETE cannot: leave it out", ["DELETE FROM snapshot WHERE a ORDER BY b LIMIT 1"]),
        ("has UNION, which UPDATE cannot", ["UPDATE", "SET a = 1", "WHERE b UNION SELECT true"]),
        ("has GROUP BY, which UPDATE cannot", ["UPDATE", "SET a = 1", "FROM b GROUP BY c"]),
        ("has WHERE CURRENT OF: a snapshot has no cursors", ["UPDATE snapshot SET a = 1 WHERE CURRENT OF c"]),
    ],
)  # fmt: skip
def test_misplaced_clauses_are_refused(part: str, statements: list[str]) -> None:
    assert_refused(MisplacedClauseError, part, statements)


@pytest.mark.parametrize("condition", ["a = = b", "a =", "a b c", "grant = 1"])
def test_what_cannot_be_parsed_is_refused_in_one_line(condition: str) -> None:
    with pytest.raises(StatementError) as caught:
        parse_statements(["DELETE", f"WHERE {condition}"])
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_refused() -> None:
    nested = f"DELETE WHERE {'(' * 20_000}a{')' * 20_000}"
    assert_refused(StatementError, "nested too deeply: simplify it", [nested])


def test_long_statements_are_shortened_in_messages() -> None:
    with pytest.raises(UnknownStatementError) as caught:
        parse_statements(["TRUNCATE " + "x, " * 1000])
    assert len(str(caught.value)) < 200
