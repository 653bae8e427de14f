"""Each recommendation says why, in words: those of the night that made it, whatever became of the source since."""

from datetime import date, timedelta
from typing import Any

import pytest

from nightjar.errors import DeclarationError, ScoringError
from nightjar.scoring import create_prediction_tables, publish, score_night
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from tests.night_builders import (
    CUSTOMERS,
    EARLIER_NIGHT,
    NIGHT,
    open_shop,
    published_night,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
)

REASONS_SQL = """
SELECT customer_id, product_id, 'bought ' || orders || ' times, last ' || days_since_last || ' days ago' AS reason
FROM features -- as staged"""
SHOP = shop_use_case(Kind.RECOMMENDER, reasons_sql=REASONS_SQL)
ANNOTATED = "SELECT count(*) AS entities FROM nightjar_store.annotations_shop_recommender WHERE commit_id = %s"


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def told(database: Database, *, history: bool = False) -> dict[tuple[date, int, int], str]:
    found = shown(database, SHOP, history=history)
    return {(row["as_of"], row["customer_id"], row["product_id"]): row["reason"] for row in found}


def in_words(database: Database, as_of: date) -> dict[tuple[date, int, int], str]:
    found = rows(
        database,
        "SELECT customer_id, product_id, count(*) AS times, max(ordered_on) AS last FROM shop.orders"
        " WHERE ordered_on < %s GROUP BY 1, 2",
        [as_of],
    )
    return {
        (as_of, row["customer_id"], row["product_id"]):
        f"bought {row['times']} times, last {(as_of - row['last']).days} days ago"
        for row in found
    }  # fmt: skip


def test_reasons_are_those_of_the_night(prod_database: Database) -> None:
    published_night(prod_database, SHOP, EARLIER_NIGHT)
    before = told(prod_database)
    published_night(prod_database, SHOP, NIGHT)
    now = told(prod_database)
    expected = in_words(prod_database, EARLIER_NIGHT) | in_words(prod_database, NIGHT)
    assert rows(prod_database, "DELETE FROM shop.orders WHERE ordered_on > '2024-02-01' RETURNING order_id")

    history = told(prod_database, history=True)

    assert len(before) > CUSTOMERS
    assert history == before | now == {pair: expected[pair] for pair in history}
    assert not now.items() <= in_words(prod_database, NIGHT).items()


def test_reasons_of_forgotten_and_replaced_nights_are_deleted(prod_database: Database) -> None:
    short = SHOP.model_copy(update={"scoring": Scoring(shard_rows=20, history_nights=2)})
    commits = [score_night(prod_database, short, NIGHT + timedelta(days=days)).id for days in (-2, -1, 0, 0)]

    left = [rows(prod_database, ANNOTATED, [commit])[0]["entities"] for commit in commits]

    assert left == [0, CUSTOMERS, 0, CUSTOMERS]


def test_a_pair_without_a_reason_has_none(prod_database: Database) -> None:
    some = SHOP.model_copy(update={"reasons_sql": f"{REASONS_SQL}\nWHERE product_id <> 3"})

    published_night(prod_database, some, NIGHT)

    assert {product for (_, _, product), reason in told(prod_database).items() if reason is None} == {3}


@pytest.mark.parametrize(
    ("reasons_sql", "message"),
    [
        ("SELECT customer_id, product_id, 'x' AS why FROM features", "reason.* does not exist"),
        ("SELECT customer_id, 'x' AS reason FROM features", "product_id"),
        ("SELECT customer_id, product_id, (1 / 0)::text AS reason FROM features", "division by zero"),
        (f"{REASONS_SQL}\nUNION ALL {REASONS_SQL}", "gives several rows for an item of customer_id"),
        ("DELETE FROM shop.orders RETURNING customer_id, product_id, 'x' AS reason", "data-modifying"),
    ],
)
def test_wrong_reasons_leave_the_night_before(prod_database: Database, reasons_sql: str, message: str) -> None:
    published_night(prod_database, SHOP, EARLIER_NIGHT)
    before = shown(prod_database, SHOP)
    commit = scored_night(prod_database, SHOP, NIGHT)

    with pytest.raises(ScoringError, match=f"reasons.sql of shop_recommender .*{message}"):
        publish(prod_database, SHOP.model_copy(update={"reasons_sql": reasons_sql}), commit)

    assert shown(prod_database, SHOP) == before
    assert rows(prod_database, ANNOTATED, [commit.id]) == [{"entities": 0}]
    publish(prod_database, SHOP, commit)
    assert {as_of for as_of, _, _ in told(prod_database)} == {NIGHT}


def test_a_lost_staging_table_is_no_reason(prod_database: Database) -> None:
    commit = scored_night(prod_database, SHOP, NIGHT)
    with prod_database.connect(Role.SCORER) as connection:
        connection.execute("TRUNCATE nightjar_store.features_1")

    with pytest.raises(ScoringError, match=f"lost the staging table of commit {commit.id}: run the night again"):
        publish(prod_database, SHOP, commit)


def plain_shop() -> UseCase:
    return SHOP.model_copy(update={"reasons_sql": None, "name": "other_shop"})


def test_reasons_that_are_declared_later_need_an_upgrade(prod_database: Database) -> None:
    plain, late = plain_shop(), plain_shop().model_copy(update={"reasons_sql": REASONS_SQL})
    register_model(prod_database, plain)
    published_night(prod_database, plain, EARLIER_NIGHT)
    commit = scored_night(prod_database, late, NIGHT)
    with pytest.raises(ScoringError, match="older than its declaration: run 'nightjar db upgrade --env prod'"):
        publish(prod_database, late, commit)

    assert create_prediction_tables(prod_database, [late]) == ["other_shop"]
    assert create_prediction_tables(prod_database, [late]) == []
    publish(prod_database, late, commit)

    by_night: dict[Any, set[bool]] = {}
    for row in shown(prod_database, late, history=True):
        by_night.setdefault(row["as_of"], set()).add(row["reason"] is None)
    assert by_night == {EARLIER_NIGHT: {True}, NIGHT: {False}}
    assert create_prediction_tables(prod_database, [plain]) == ["other_shop"]
    assert "reason" not in shown(prod_database, plain)[0]


def test_views_that_others_build_on_are_not_made_anew(prod_database: Database) -> None:
    plain = plain_shop()
    create_prediction_tables(prod_database, [plain])
    with prod_database.connect() as connection:
        connection.execute("CREATE VIEW public.mine AS SELECT * FROM predictions.other_shop")

    with pytest.raises(DeclarationError, match=r"public\.mine|view mine .*drop what depends on them first"):
        create_prediction_tables(prod_database, [plain.model_copy(update={"reasons_sql": REASONS_SQL})])

    assert shown(prod_database, plain) == []
    with prod_database.connect() as connection:
        connection.execute("DROP VIEW public.mine")
