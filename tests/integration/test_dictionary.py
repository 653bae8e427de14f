"""Every table and column that people read has a comment, and the data dictionary in the docs is what they say."""

import json

import pytest

from nightjar import snapshots
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Database
from nightjar.storage.dictionary import Dictionary, read_dictionary
from tests.commands import CommandLine

PAGE = PROJECT_ROOT / "docs" / "data-dictionary.md"


@pytest.fixture(scope="module")
def dictionary(untouched: dict[str, Database]) -> Dictionary:
    """What a freshly migrated database with the shipped use cases says of itself."""
    return read_dictionary(untouched["dev"])


def test_every_table_view_and_column_has_a_comment(dictionary: Dictionary) -> None:
    found = {f"{relation.schema}.{relation.name}": relation for relation in dictionary.relations}
    without = [name for name, relation in found.items() if not relation.comment]
    without += [
        f"{name}.{column['name']}" for name, relation in found.items() for column in relation.columns
        if not column["comment"]
    ]  # fmt: skip

    assert {"predictions.churn_risk", "nightjar.commit", "nightjar.alembic_version", "retail.coupons"} <= found.keys()
    assert without == []
    assert all(relation.schema_comment for relation in dictionary.relations)
    assert all(function.comment for function in dictionary.functions)


def test_stored_predictions_have_comments(untouched_dev: Database) -> None:
    with untouched_dev.connect() as connection:
        tables = connection.execute(
            "SELECT relname AS name, obj_description(oid) AS text FROM pg_class"
            " WHERE relnamespace = 'nightjar_store'::regnamespace AND relkind = 'r' AND relname ~ '^(pred|annot)'"
        ).fetchall()

    assert len(tables) == 6
    assert all(table["text"] for table in tables)


def test_the_page_is_what_the_database_says(dictionary: Dictionary) -> None:
    written = PAGE.read_text(encoding="utf-8")

    assert written == dictionary.as_text() + "\n", (
        "docs/data-dictionary.md is older than the comments. Write it anew from a freshly migrated database without "
        "other use cases: nightjar db dictionary > docs/data-dictionary.md"
    )


def test_readers_are_those_of_the_server(dictionary: Dictionary) -> None:
    readers = {f"{relation.schema}.{relation.name}": relation.readers for relation in dictionary.relations}
    callers = {function.name: function.callers for function in dictionary.functions}

    assert readers["predictions.churn_risk"] == ["nightjar_scorer", "nightjar_analyst"]
    assert readers["retail.products"] == ["nightjar_trainer", "nightjar_scorer"]
    assert readers["nightjar.tenant_grant"] == []
    assert callers["lookup_churn_risk"] == ["nightjar_service"]
    assert not [name for name, roles in readers.items() if "nightjar_service" in roles]


def test_the_command_prints_it(run_untouched: CommandLine, dictionary: Dictionary) -> None:
    assert run_untouched("db", "dictionary").out == dictionary.as_text() + "\n"
    told = json.loads(run_untouched("db", "dictionary", "--json").out)

    assert told == json.loads(json.dumps(dictionary.as_json()))


def test_the_view_of_a_snapshot_has_comments(dev_database: Database) -> None:
    first = snapshots.create(dev_database, "cars", "SELECT 1 AS make, 2.5::float8 AS price")
    child = snapshots.prepare(
        dev_database, first.name, ["ALTER snapshot ADD COLUMN year integer"], comment="With years"
    )

    with dev_database.connect() as connection:
        rows = connection.execute(
            "SELECT c.relname AS view, obj_description(c.oid) AS text,"
            " array_agg(col_description(c.oid, attnum) ORDER BY attnum) AS columns"
            " FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0"
            " WHERE relnamespace = 'snapshots'::regnamespace GROUP BY c.oid, c.relname ORDER BY c.oid"
        ).fetchall()

    old = ["integer, introduced by cars@1.0.0.", "double precision, introduced by cars@1.0.0."]
    assert rows == [
        {"view": str(first.name), "text": "Dataset snapshot of 1 rows.", "columns": old},
        {"view": str(child.name), "text": "With years", "columns": [*old, "integer, introduced by cars@2.0.0."]},
    ]
