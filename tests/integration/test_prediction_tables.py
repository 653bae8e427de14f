"""Tables and views of predictions: made from a declaration alone, once, and readable by analysts."""

from pathlib import Path

import pytest
from psycopg import sql

from nightjar.errors import DeclarationError
from nightjar.scoring import create_prediction_tables
from nightjar.scoring.prediction_tables import output_columns, stored_columns
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase
from nightjar.usecases.catalog import read_declaration
from tests.builders import log_in

DECLARATION = """\
name = "next_film"
kind = "recommender"
title = "Next film"
description = "What a member watches next."
owner = "cinema"
entity = { name = "member_id" }
items = { key = { name = "film_id", type = "integer" }, label = "film", top = 3 }
target = { column = "watched", horizon_days = 7 }
training = { metric = "ndcg_at_10", candidates = [{ estimator = "logistic_regression" }] }
promotion = { minimum_metric = 0 }
schedule = { snapshot = "0 1 * * *", score = "0 2 * * *", first = 2017-01-01 }
sources = [{ table = "cinema.visits" }]
"""
ITEMS = "SELECT 7 AS film_id, 'Metropolis' AS film -- all films\n"


def declare(folder: Path, items: str = ITEMS) -> UseCase:
    (folder / "usecase.toml").write_text(DECLARATION)
    for name in ("features", "target"):
        (folder / f"{name}.sql").write_text("SELECT 1 AS member_id, 7 AS film_id")
    (folder / "items.sql").write_text(items)
    return read_declaration(folder / "usecase.toml")


def columns_of(database: Database, view: str) -> dict[str, tuple[str, str | None]]:
    """Columns of a view in the schema predictions, with their types and comments."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT attname AS name, format_type(atttypid, atttypmod) AS type,"
            " col_description(attrelid, attnum) AS text"
            " FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
            [f"predictions.{view}"],
        )
        return {row["name"]: (row["type"], row["text"]) for row in rows}


def test_a_declaration_gets_its_table_and_views_once(prod_database: Database, tmp_path: Path) -> None:
    use_case = declare(tmp_path)

    assert create_prediction_tables(prod_database, [use_case]) == ["next_film"]
    assert create_prediction_tables(prod_database, [use_case]) == []

    now = columns_of(prod_database, "next_film")
    assert list(now) == ["member_id", "rank", "film_id", "film", "score", "as_of", "model", "commit_id"]
    assert [kind for kind, _ in now.values()] == [
        "bigint", "integer", "integer", "text", "double precision", "date", "text", "bigint",
    ]  # fmt: skip
    assert now["as_of"][1] == "Only data before this date was used."
    assert columns_of(prod_database, "next_film_history").keys() == now.keys()
    with log_in(prod_database, Role.ANALYST).connect() as connection:
        assert connection.execute("SELECT * FROM predictions.next_film").fetchall() == []
        [comment] = connection.execute("SELECT obj_description('predictions.next_film'::regclass) AS text").fetchall()
    assert comment["text"] == "What a member watches next. Shows the newest published night."


def test_recommendations_are_stored_in_one_row_per_entity(tmp_path: Path) -> None:
    use_case = declare(tmp_path)

    assert stored_columns(use_case) == {"member_id": "bigint", "items": "integer[]", "scores": "double precision[]"}
    assert [column.name for column in output_columns(use_case)] == ["member_id", "film_id", "rank", "score"]


def test_key_leads_with_the_commit(prod_database: Database, tmp_path: Path) -> None:
    create_prediction_tables(prod_database, [declare(tmp_path)])

    with prod_database.connect() as connection:
        [key] = connection.execute(
            "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint"
            " WHERE conrelid = 'nightjar_store.predictions_next_film'::regclass AND contype = 'p'"
        ).fetchall()
    assert key["text"] == "PRIMARY KEY (commit_id, member_id)"


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("SELECT film_id, film FROM cinema.films", 'relation "cinema.films" does not exist'),
        ("SELECT 7 AS film_id", "film does not exist"),
        ("SELECT 7 AS id, 'Metropolis' AS film", "film_id does not exist"),
        ("SELEC 7", "syntax error"),
    ],
)
def test_wrong_items_are_refused_with_their_file(
    prod_database: Database, tmp_path: Path, items: str, message: str
) -> None:
    use_case = declare(tmp_path, items)

    with pytest.raises(DeclarationError) as caught:
        create_prediction_tables(prod_database, [use_case])

    assert str(caught.value).startswith(f"{tmp_path / 'items.sql'}: the database refuses it: ")
    assert message in str(caught.value)
    with prod_database.connect() as connection:
        table = sql.Literal("nightjar_store.predictions_next_film")
        [left] = connection.execute(sql.SQL("SELECT to_regclass({}) AS found").format(table)).fetchall()
    assert left["found"] is None
