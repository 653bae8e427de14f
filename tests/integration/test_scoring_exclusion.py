"""Candidates that exclude.sql names are not recommended: to anybody, or to whom it says."""

import pytest

from nightjar.errors import ScoringError
from nightjar.scoring import score_night
from nightjar.storage import Database
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.catalog import find_use_case
from nightjar.usecases.declaration import Scoring
from tests.night_builders import NIGHT, open_shop, register_model, rows, shop_use_case, shown

BASE = shop_use_case(Kind.RECOMMENDER, scoring=Scoring(shard_rows=40, maximum_quarantined=0.2))


def excluding(query: str) -> UseCase:
    return BASE.model_copy(update={"exclude_sql": query})


@pytest.fixture
def database(prod_database: Database) -> Database:
    open_shop(prod_database)
    register_model(prod_database, BASE)
    return prod_database


def recommended(database: Database) -> set[tuple[int, int]]:
    return {(row["customer_id"], row["product_id"]) for row in shown(database, BASE)}


def test_items_are_left_out_for_everybody(database: Database) -> None:
    score_night(database, BASE, NIGHT)
    before = recommended(database)
    gone = "SELECT product_id FROM shop.orders WHERE product_id IN (2, 3) AND ordered_on < :as_of -- discontinued"

    score_night(database, excluding(gone), NIGHT)

    assert {product for _, product in before} >= {2, 3}
    assert {product for _, product in recommended(database)} == {product for _, product in before} - {2, 3}
    assert all(len({row["rank"] for row in shown(database, BASE) if row["customer_id"] == who}) <= 3 for who in (1, 2))


def test_pairs_are_left_out_for_whom_they_name(database: Database) -> None:
    score_night(database, BASE, NIGHT)
    before = recommended(database)
    who, what = min(before)
    bought = f"SELECT {who} AS customer_id, {what} AS product_id WHERE '2024-01-01' < :as_of"

    score_night(database, excluding(bought), NIGHT)

    assert (who, what) not in recommended(database)
    assert {pair for pair in recommended(database) if pair[0] != who} == {pair for pair in before if pair[0] != who}


def test_entity_without_candidates_is_set_aside(database: Database) -> None:
    commit = score_night(
        database, excluding("SELECT customer_id, product_id FROM shop.orders WHERE customer_id = 7"), NIGHT
    )

    assert (commit.population, commit.scored, commit.quarantined) == (60, 59, 1)
    [found] = rows(database, "SELECT entity, reason FROM nightjar.quarantine")
    assert found == {"entity": "7", "reason": "exclude.sql leaves out all its candidates"}
    assert 7 not in {customer for customer, _ in recommended(database)}


def test_null_leaves_nothing_out(database: Database) -> None:
    score_night(database, BASE, NIGHT)
    before = recommended(database)

    score_night(database, excluding("SELECT NULL::integer AS product_id"), NIGHT)

    assert recommended(database) == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT product_id FROM shop.orders", "leaves no candidate for anybody as of 2024-03-20: loosen it"),
        (
            "SELECT customer_id FROM shop.orders",
            "gives customer_id: it is to give product_id, for everybody",
        ),
        ("SELECT product_id, amount FROM shop.orders", "gives product_id, amount"),
        ("SELECT product_id FROM shop.range", 'relation "shop.range" does not exist'),
        ("SELECT 'x'::text AS product_id", "fails in .*: operator does not exist"),
    ],
)
def test_exclusion_that_does_not_serve(database: Database, query: str, message: str) -> None:
    score_night(database, BASE, NIGHT)
    before = recommended(database)

    with pytest.raises(ScoringError, match=message):
        score_night(database, excluding(query), NIGHT)

    assert recommended(database) == before
    assert rows(database, "SELECT to_regclass('nightjar_store.features_2') AS found") == [{"found": None}]


def test_only_a_recommender_leaves_items_out() -> None:
    with pytest.raises(ValueError, match=r"exclude\.sql: only a recommender leaves items out, remove it"):
        shop_use_case(exclude_sql="SELECT 1")


def test_shipped_recommender_leaves_out_what_is_discontinued() -> None:
    assert "discontinued" in (find_use_case("product_recommendations").exclude_sql or "")
