"""How a relation's columns are read as features: by their types, with the categories that its rows hold."""

from typing import LiteralString

import pytest
from psycopg import sql

from nightjar.errors import SignatureError
from nightjar.storage import Database
from nightjar.storage.columns import MAXIMUM_CATEGORIES, column_types, describe_features
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches

SHOPS = sql.SQL(
    "(SELECT * FROM (VALUES (1, 'b'::char(3), 'Zürich', '2017-01-01'::date, true, 1.5, 7::smallint),"
    " (2, 'a', NULL, NULL, NULL, NULL, 8::smallint), (3, 'b', 'aarau', '2017-01-02', false, 2, 9::smallint))"
    " v (id, code, name, opened, open, size, staff)) shops"
)


def test_types_are_those_of_postgres_in_order(untouched_dev: Database) -> None:
    with untouched_dev.connect() as connection:
        types = column_types(connection, SHOPS)

    assert list(types.items()) == [
        ("id", "int4"), ("code", "bpchar"), ("name", "text"), ("opened", "date"), ("open", "bool"),
        ("size", "numeric"), ("staff", "int2"),
    ]  # fmt: skip


def test_features_are_described_with_the_categories_found(untouched_dev: Database) -> None:
    with untouched_dev.connect() as connection:
        columns = describe_features(connection, SHOPS, without=["id"])
        [found] = read_batches(connection, SHOPS, columns, order_by=["id"])

    assert columns == (
        CopyColumn("code", Encoding.CATEGORY, ("a", "b")),
        CopyColumn("name", Encoding.CATEGORY, ("Zürich", "aarau")),
        CopyColumn("opened", Encoding.DAYS),
        CopyColumn("open", Encoding.BOOLEAN),
        CopyColumn("size", Encoding.NUMBER),
        CopyColumn("staff", Encoding.NUMBER),
    )
    assert found["code"].tolist() == [1, 0, 1]
    assert found["name"].tolist() == [0, -1, 1]
    assert found["opened"][2] - found["opened"][0] == 1


def test_a_text_column_without_values_has_no_categories(untouched_dev: Database) -> None:
    nothing = sql.SQL("(SELECT NULL::text AS region FROM generate_series(1, 2)) shops")
    with untouched_dev.connect() as connection:
        columns = describe_features(connection, nothing)
        [found] = read_batches(connection, nothing, columns)

    assert columns == (CopyColumn("region", Encoding.CATEGORY),)
    assert found["region"].tolist() == [-1, -1]


@pytest.mark.parametrize("type_name", ["jsonb", "bytea", "integer[]", "interval", "uuid", "time"])
def test_other_types_are_refused_by_column_and_type(untouched_dev: Database, type_name: LiteralString) -> None:
    relation = sql.SQL("(SELECT NULL::{} AS thing) one").format(sql.SQL(type_name))

    with (
        untouched_dev.connect() as connection,
        pytest.raises(SignatureError, match="'thing' is of type ") as caught,
    ):
        describe_features(connection, relation)
    assert f" {type_name.replace('integer', 'int4')}: cast it to a number" in str(caught.value)


def test_too_many_different_texts_are_refused(untouched_dev: Database) -> None:
    def names(count: int) -> sql.Composed:
        return sql.SQL("(SELECT i::text AS name FROM generate_series(1, {}) i) many").format(sql.Literal(count))

    with untouched_dev.connect() as connection:
        [most] = describe_features(connection, names(MAXIMUM_CATEGORIES))
        with pytest.raises(SignatureError, match=f"'name' has over {MAXIMUM_CATEGORIES} different texts"):
            describe_features(connection, names(MAXIMUM_CATEGORIES + 1))

    assert len(most.categories) == MAXIMUM_CATEGORIES
