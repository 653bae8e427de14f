"""Features that a night cannot be scored with: one clear error, and the night before stays."""

from datetime import date

import pytest

from nightjar.errors import DeclarationError, NightjarError, ScoringError, SignatureError
from nightjar.registry import ModelRecord
from nightjar.scoring import list_commits, score_night
from nightjar.storage import Database
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.fields import Key
from tests.night_builders import (
    FEATURES_SQL,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    rows,
    shop_use_case,
    shown,
)

SHOP = shop_use_case()


@pytest.fixture(autouse=True)
def model(prod_database: Database) -> ModelRecord:
    open_shop(prod_database)
    return register_model(prod_database, SHOP)


def changed(old: str, new: str) -> UseCase:
    """Return the use case with a part of its SQL replaced."""
    assert old in FEATURES_SQL
    return shop_use_case(features_sql=FEATURES_SQL.replace(old, new))


def wrapped(columns: str, more: str = "") -> UseCase:
    """Return the use case with a query around its SQL."""
    return shop_use_case(features_sql=f"SELECT {columns} FROM ({FEATURES_SQL}) f {more}")


OTHERS = "days_since_last, orders, spend, channel"

BROKEN: dict[str, tuple[UseCase, type[NightjarError], str]] = {
    "unknown column": (
        changed("count(*)", "count(visits)"),
        ScoringError,
        'features.sql of shop_classification fails in .*: column "visits" does not exist',
    ),
    "table without rights": (
        changed("FROM shop.orders", "FROM shop.secrets"),
        ScoringError,
        "features.sql of shop_classification fails in .*: permission denied for table secrets",
    ),
    "division by zero": (
        changed("sum(amount)", "sum(amount) / (:as_of - :as_of)"),
        ScoringError,
        "features.sql of shop_classification fails in .*: division by zero",
    ),
    "no SQL at all": (
        shop_use_case(features_sql="SELEC customer_id"),
        ScoringError,
        'features.sql of shop_classification fails in .*: syntax error at or near "SELEC"',
    ),
    "a column twice": (
        wrapped("*, 1 AS orders"),
        ScoringError,
        'features.sql of shop_classification fails in .*: column "orders" specified more than once',
    ),
    "unknown parameter": (
        changed("ordered_on < :as_of", "ordered_on < :until"),
        DeclarationError,
        "The query uses :until, which is not known there; known are: :as_of",
    ),
    "duplicates": (
        wrapped("*", "UNION ALL " + FEATURES_SQL.replace("GROUP BY", "AND customer_id = 7 GROUP BY")),
        ScoringError,
        "features.sql of shop_classification gives customer_id 7 2 times: one row each",
    ),
    "keys that are NULL": (
        wrapped(f"CASE WHEN customer_id > 4 THEN customer_id END AS customer_id, {OTHERS}"),
        ScoringError,
        "features.sql of shop_classification gives 4 rows without a key: leave them out",
    ),
    "no rows": (
        changed("ordered_on < :as_of", "ordered_on < :as_of - 10000"),
        ScoringError,
        "features.sql of shop_classification gives no rows as of 2024-03-21: check its sources",
    ),
    "no key": (
        wrapped(f"customer_id AS customer, {OTHERS}"),
        ScoringError,
        "features.sql of shop_classification lacks the key customer_id: select it too",
    ),
    "a key that is text": (
        wrapped(f"customer_id::text, {OTHERS}"),
        ScoringError,
        "features.sql of shop_classification: the key customer_id is text, declared as integer",
    ),
    "a key that is too large for its declared type": (
        wrapped(f"customer_id + 3000000000 AS customer_id, {OTHERS}"),
        ScoringError,
        "gives 60 rows with a key beyond the declared type integer: declare customer_id as bigint",
    ),
    "missing feature": (
        wrapped("customer_id, orders, channel"),
        SignatureError,
        "The features lack days_since_last, spend, which the model was trained on: retrain it",
    ),
    "number that became text": (
        changed("sum(amount)", "sum(amount)::text"),
        SignatureError,
        r"The feature spend is now text \(category\), the model was trained on a number",
    ),
    "text that became a number": (
        wrapped("customer_id, days_since_last, orders, spend, length(channel) AS channel"),
        SignatureError,
        r"The feature channel is now int4 \(number\), the model was trained on a category",
    ),
    "number that became a document": (
        changed("sum(amount)", "to_jsonb(sum(amount))"),
        SignatureError,
        "The feature 'spend' is of type jsonb: cast it",
    ),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_night_with_broken_features_is_refused(prod_database: Database, reason: str) -> None:
    rows_of_secrets(prod_database)
    yesterday = score_night(prod_database, SHOP, NIGHT)
    before = shown(prod_database, SHOP)
    use_case, error, message = BROKEN[reason]

    with pytest.raises(error, match=message):
        score_night(prod_database, use_case, LATER_NIGHT)

    assert shown(prod_database, SHOP) == shown(prod_database, SHOP, history=True) == before
    assert [commit.state for commit in list_commits(prod_database)] == ["open", "published"]
    assert rows(prod_database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%' AND relkind = 'r'") == []

    # The same night with mended features takes the failed one's place.
    mended = score_night(prod_database, SHOP, LATER_NIGHT)
    assert mended.id != yesterday.id
    assert {row["commit_id"] for row in shown(prod_database, SHOP)} == {mended.id}


def rows_of_secrets(database: Database) -> None:
    """Make a table that the scorer may not read."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE shop.secrets AS SELECT * FROM shop.orders")


def test_feature_may_become_another_kind_of_number(prod_database: Database) -> None:
    first = score_night(prod_database, SHOP, NIGHT)
    before = [row["probability"] for row in shown(prod_database, SHOP)]

    second = score_night(prod_database, changed("sum(amount)", "sum(amount)::numeric"), NIGHT)

    assert first.id != second.id
    assert [row["probability"] for row in shown(prod_database, SHOP)] == before


def test_further_column_and_another_order_do_not_matter(prod_database: Database) -> None:
    score_night(prod_database, SHOP, NIGHT)
    before = [row["probability"] for row in shown(prod_database, SHOP)]

    score_night(prod_database, wrapped("channel, 1 AS unused, spend, orders, customer_id, days_since_last"), NIGHT)

    assert [row["probability"] for row in shown(prod_database, SHOP)] == before


def test_category_that_training_did_not_hold_is_scored_like_none(prod_database: Database) -> None:
    score_night(prod_database, wrapped("customer_id, days_since_last, orders, spend, NULL::text AS channel"), NIGHT)
    before = [row["probability"] for row in shown(prod_database, SHOP)]

    score_night(prod_database, wrapped("customer_id, days_since_last, orders, spend, 'app' AS channel"), NIGHT)

    assert [row["probability"] for row in shown(prod_database, SHOP)] == before


def test_pairs_that_come_twice_are_refused_by_both_keys(prod_database: Database) -> None:
    recommender = shop_use_case(Kind.RECOMMENDER)
    register_model(prod_database, recommender)
    twice = recommender.model_copy(
        update={
            "features_sql": f"SELECT * FROM ({recommender.features_sql}) f UNION ALL SELECT * FROM "
            f"({recommender.features_sql}) f WHERE customer_id = 9 AND product_id = 2"
        }
    )

    with pytest.raises(ScoringError, match="gives customer_id 9, product_id 2 2 times: one row each"):
        score_night(prod_database, twice, date(2024, 3, 20))


def test_items_that_are_named_twice_are_refused_before_readers_see_each_of_them_twice(prod_database: Database) -> None:
    recommender = shop_use_case(Kind.RECOMMENDER)
    register_model(prod_database, recommender)
    score_night(prod_database, recommender, NIGHT)
    before = shown(prod_database, recommender)
    again = "SELECT product_id, 'again' AS label FROM shop.orders WHERE product_id BETWEEN 3 AND 4 GROUP BY 1"
    twice = recommender.model_copy(update={"items_sql": f"{recommender.items_sql} UNION ALL {again} -- as ever"})

    with pytest.raises(ScoringError, match=r"items.sql of shop_recommender gives product_id 3 2 times: one row each"):
        score_night(prod_database, twice, LATER_NIGHT)

    assert shown(prod_database, recommender) == before


def test_key_may_be_as_large_as_its_declared_type(prod_database: Database) -> None:
    wide = wrapped(f"customer_id + 3000000000 AS customer_id, {OTHERS}").model_copy(
        update={"name": "wide", "entity": (Key(name="customer_id", type="bigint"),)}
    )
    register_model(prod_database, wide)

    score_night(prod_database, wide, NIGHT)

    assert [row["customer_id"] for row in shown(prod_database, wide)] == list(range(3000000001, 3000000061))
