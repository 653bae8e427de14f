"""Candidates of a declared recommender are made in the database, of any keys; what cannot be read is refused."""

from datetime import date
from typing import Any

import pytest
from psycopg import sql

from nightjar.errors import InteractionsError
from nightjar.recommending.staging import features_query, stage_candidates
from nightjar.scoring import score_night
from nightjar.scoring.reasons import explain_prediction
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import ITEM_CATEGORY, SIMILAR_TO
from nightjar.usecases.fields import Key
from tests.interaction_builders import ITEMS_SQL, ORDERS, shop_recommender
from tests.night_builders import CUSTOMERS, EARLIER_NIGHT, NIGHT, open_shop

NAMED = "SELECT 999, NULL, NULL, NULL, NULL"


def by_name(interactions: str = ORDERS) -> UseCase:
    """Return the same with customers known by two columns and products by a text."""
    renamed = f"""SELECT customer_id % 7 AS branch, 'Kö; ' || customer_id AS customer, 'sku ' || product_id AS sku,
        day, basket, quantity FROM ({interactions}) plain"""
    items = shop_recommender().items
    assert items is not None
    return shop_recommender(
        renamed,
        entity=(Key(name="branch", type="integer"), Key(name="customer", type="text")),
        items=items.model_copy(update={"key": Key(name="sku", type="text")}),
        items_sql=f"SELECT DISTINCT 'sku ' || product_id AS sku, label, shelf FROM ({ITEMS_SQL}) plain",
        target_sql="SELECT DISTINCT customer_id % 7 AS branch, 'Kö; ' || customer_id AS customer, "
        "'sku ' || product_id AS sku, 1 AS bought FROM shop.orders "
        "WHERE ordered_on >= :as_of AND ordered_on < :as_of + :horizon_days",
    )


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def candidates(database: Database, use_case: UseCase, *dates: date) -> list[dict[str, Any]]:
    """Return the staged features as of the last of the dates, or the night, sorted by their keys."""
    with database.connect(Role.SCORER) as connection:
        stage_candidates(connection, use_case, dates or [NIGHT])
        order = sql.SQL(", ").join(map(sql.Identifier, use_case.row_key))
        query = features_query(use_case, (dates or [NIGHT])[-1])
        return connection.execute(sql.SQL("SELECT * FROM ({}\n) f ORDER BY {}").format(query, order)).fetchall()


def test_candidates_are_the_same_whatever_the_keys_are(prod_database: Database) -> None:
    plain = candidates(prod_database, shop_recommender(f"{ORDERS} UNION ALL {NAMED}"))
    named = candidates(prod_database, by_name(f"{ORDERS} UNION ALL {NAMED}"))

    assert {row["customer_id"] for row in plain} == {*range(1, CUSTOMERS + 1), 999}
    in_words = {(row["customer"], row["sku"]): row for row in named}
    assert len(in_words) == len(plain)
    for row in plain:
        other = in_words[f"Kö; {row['customer_id']}", f"sku {row['product_id']}"]
        for name in ("purchases", "days_since_last", "recency_60", "own_rank", ITEM_CATEGORY, "category_share"):
            assert other[name] == row[name], name
    cold = [row for row in plain if row["customer_id"] == 999]
    assert cold
    assert all(row["purchases"] == 0 and row["days_since_last"] is None and row[SIMILAR_TO] is None for row in cold)


@pytest.mark.parametrize("diversity", [0.0, 0.9])
def test_a_recommender_of_named_customers_learns_and_scores(prod_database: Database, diversity: float) -> None:
    use_case = by_name()
    assert use_case.items is not None
    use_case = use_case.model_copy(update={"items": use_case.items.model_copy(update={"diversity": diversity})})
    snapshot = freeze_training_data(prod_database, use_case, NIGHT)
    again = freeze_training_data(prod_database, use_case, NIGHT)
    assert snapshot.content_hash == again.content_hash
    split_training_data(prod_database, use_case, snapshot)
    model = train(prod_database, use_case, snapshot)

    commit = score_night(prod_database, use_case, NIGHT, model=model.name)

    assert (commit.scored, commit.quarantined) == (CUSTOMERS, 0)
    assert {SIMILAR_TO, ITEM_CATEGORY}.isdisjoint(column.name for column in model.signature.inputs)
    explained = explain_prediction(prod_database, use_case, (1, "Kö; 8"), as_of=NIGHT)
    assert explained.predictions
    # The score is the probability, wherever variety has put the item.
    assert not any(prediction.drifted for prediction in explained.predictions)


def test_only_new_products_are_candidates_where_that_is_declared(prod_database: Database) -> None:
    items = shop_recommender().items
    assert items is not None

    found = candidates(prod_database, shop_recommender(items=items.model_copy(update={"new_only": True})))

    assert found
    assert all(row["purchases"] == 0 for row in found)


@pytest.mark.parametrize(
    ("interactions", "message"),
    [
        (
            "SELECT 1 FROM nowhere WHERE :as_of > '2000-01-01'",
            "interactions.sql of shop_recommender fails in .*nowhere",
        ),
        (
            "SELECT customer_id, ordered_on AS day FROM shop.orders",
            "lacks product_id: it gives customer_id,",
        ),
        (f"{ORDERS} AND false", "gives no interactions as of 2024-03-20"),
        (f"{ORDERS} UNION ALL SELECT 1, 2, NULL, 3, 4", "gives 1 rows without a day"),
        (f"{ORDERS} UNION ALL SELECT NULL, 2, '2024-01-01', 3, 4", "gives 1 rows without customer_id"),
        (f"{ORDERS} UNION ALL SELECT 1, 2, '2031-01-01', 3, 4", r"1 rows of 2024-03-20 or later \(up to 2031-01-01\)"),
        (f"SELECT customer_id, product_id, day, -1 AS quantity FROM ({ORDERS}) o", "All interactions are returns"),
        (ORDERS.replace("ordered_on AS day", "ordered_on::text AS day"), "interactions.sql of shop_recommender fails"),
    ],
)
def test_interactions_that_cannot_be_read_are_refused(prod_database: Database, interactions: str, message: str) -> None:
    with pytest.raises(InteractionsError, match=message):
        candidates(prod_database, shop_recommender(interactions))


def test_interactions_with_unknown_items_and_duplicates_are_read(prod_database: Database) -> None:
    once = candidates(prod_database, shop_recommender(f"{ORDERS} UNION ALL SELECT 1, 777, '2024-03-01', -1, NULL"))
    twice = candidates(
        prod_database, shop_recommender(f"{ORDERS} UNION ALL SELECT 1, 777, '2024-03-01', -1, NULL UNION ALL {ORDERS}")
    )

    # Quantities are added up, so what they last for is another.
    assert [{name: row[name] for name in row if name != "supply"} for row in once] == [
        {name: row[name] for name in row if name != "supply"} for row in twice
    ]
    [unknown] = [row for row in once if (row["customer_id"], row["product_id"]) == (1, 777)]
    assert (unknown["purchases"], unknown["days_since_last"]) == (1, 19)


def test_candidates_of_several_dates_are_those_of_each_alone(prod_database: Database) -> None:
    together = candidates(prod_database, shop_recommender(), NIGHT, EARLIER_NIGHT)

    assert together
    own = [(row["customer_id"], row["product_id"], row["purchases"]) for row in together if row["purchases"]]
    alone = candidates(prod_database, shop_recommender(), EARLIER_NIGHT)
    assert own == [(row["customer_id"], row["product_id"], row["purchases"]) for row in alone if row["purchases"]]
