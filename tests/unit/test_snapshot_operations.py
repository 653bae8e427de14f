"""Operations read as standard statements, which give the same operations again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.snapshots.statements import parse_statements
from nightjar.snapshots.statements.operations import AddColumn, Alter, Delete, DropColumn, Insert, Operation, Update


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (
            Alter((AddColumn("year", "int"), DropColumn("make"))),
            'ALTER snapshot ADD COLUMN "year" int, DROP COLUMN "make"',
        ),
        (
            Insert("SELECT 5, 'Kona', 2021 FROM imports WHERE id = 5"),
            "INSERT INTO snapshot SELECT 5, 'Kona', 2021 FROM imports WHERE id = 5",
        ),
        (
            Update("year = built.year", "built", "snapshot.id = built.id"),
            "UPDATE snapshot SET year = built.year FROM built WHERE snapshot.id = built.id",
        ),
        (Delete(None, "id = 3"), "DELETE FROM snapshot WHERE id = 3"),
        (Update("a = 1", None, None, "c"), 'UPDATE snapshot AS "c" SET a = 1'),
        (Delete("b", None, 'C"', "WITH b AS (SELECT 1)"), 'WITH b AS (SELECT 1) DELETE FROM snapshot AS "C""" USING b'),
        (
            Alter((AddColumn('a"', "int", "0", if_not_exists=True), DropColumn("Ü", if_exists=True))),
            'ALTER snapshot ADD COLUMN IF NOT EXISTS "a""" int DEFAULT 0, DROP COLUMN IF EXISTS "Ü"',
        ),
    ],
)
def test_the_text_is_one_standard_statement(operation: Operation, text: str) -> None:
    assert operation.text == text


def test_a_comment_at_the_end_of_a_fragment_takes_nothing_in() -> None:
    update = Update("a = 1 -- one", "b -- two", "c -- three", common="WITH b AS (SELECT 1) -- four")
    assert parse_statements([update.text])[0] == Update("a = 1", "b", "c", common="WITH b AS (SELECT 1)")
    alter = Alter((AddColumn("a", "int -- one", "0 -- two"), DropColumn("b")))
    assert parse_statements([alter.text])[0] == Alter((AddColumn("a", "int", "0"), DropColumn("b")))


EXPRESSIONS = st.sampled_from(
    ["1", "a IS DISTINCT FROM b", "'it''s; FROM'", "$$ -- $$", "b -- c\n + 1", "b /* ; */ + c",
     "(SELECT max(d) FROM e WHERE f)", "ARRAY[1, 2][1]", '"Ü b" || \'😀\'', "CASE WHEN a THEN b ELSE c END"]
)  # fmt: skip
SOURCES = st.sampled_from(["b", "b JOIN c USING (x)", "(SELECT 1 FROM d) e", "f(1) -- g\n AS h"])
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
TYPES = st.sampled_from(["int", "numeric(8, 2)", '"Mood"[]', 'text COLLATE "C"', "timestamp with time zone"])
COMMONS = st.sampled_from(["", "WITH c AS (SELECT 1)", "WITH RECURSIVE c (x) AS (SELECT 1), d AS (TABLE c)"])
CHANGES = st.lists(
    st.builds(AddColumn, NAMES, TYPES, st.none() | EXPRESSIONS, st.booleans())
    | st.builds(DropColumn, NAMES, st.booleans()),
    min_size=1,
    max_size=3,
)
ROWS = st.builds("SELECT {} FROM {} WHERE {}".format, EXPRESSIONS, SOURCES, EXPRESSIONS)
OPERATIONS = (
    st.builds(Alter, CHANGES.map(tuple))
    | st.builds(Insert, ROWS | ROWS.map("(a, b) {}".format) | EXPRESSIONS.map("VALUES ({}\n)".format), COMMONS)
    | st.builds(Update, EXPRESSIONS.map("a = {}".format), st.none() | SOURCES, st.none() | EXPRESSIONS, NAMES, COMMONS)
    | st.builds(Delete, st.none() | SOURCES, st.none() | EXPRESSIONS, NAMES, COMMONS)
)


@given(st.lists(OPERATIONS, min_size=1, max_size=3).map(tuple))
def test_the_texts_of_operations_give_the_same_operations(operations: tuple[Operation, ...]) -> None:
    assert parse_statements([operation.text for operation in operations]) == operations
