"""Features and training rows as of a date are the same when everything from that date on has not happened."""

from collections.abc import Callable
from datetime import date

import pytest
from psycopg import sql

from nightjar.recommending.staging import features_query, stage_candidates
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.parameters import bind
from nightjar.training.freeze import training_dates, training_query
from nightjar.usecases import UseCase, find_use_case
from nightjar.usecases.catalog import DECLARATION_FILE, SHIPPED

USE_CASES = sorted(path.parent.name for path in SHIPPED.glob(f"*/{DECLARATION_FILE}"))
MID_YEAR, LATE = date(2017, 7, 15), date(2017, 11, 17)
# Every table of the sample business that grows day by day, and the column that says when.
DATED = {"transactions": "transaction_date", "coupon_redemptions": "redemption_date"}
# A campaign is known from its first day on. In this order, for the references between them.
PLANNED = ("campaign_households", "coupons", "campaigns")

LEAKS = {
    "reads the as-of date itself": "SELECT household_id, count(*) AS baskets FROM retail.transactions"
    " WHERE transaction_date <= :as_of GROUP BY household_id",
    "reads a later date for a share": "SELECT household_id, count(*) FILTER (WHERE transaction_date < :as_of)"
    " / count(*)::float8 AS share FROM retail.transactions GROUP BY household_id",
    "keeps who comes again": "SELECT household_id, 1 AS known FROM retail.transactions GROUP BY household_id"
    " HAVING min(transaction_date) < :as_of AND max(transaction_date) >= :as_of",
    "reads later redemptions": "SELECT h.household_id, (SELECT count(*) FROM retail.coupon_redemptions r"
    " WHERE r.household_id = h.household_id) AS redeemed FROM retail.households h",
    "reads whom a later campaign is sent to": "SELECT household_id, count(*) AS campaigns"
    " FROM retail.campaign_households GROUP BY household_id",
    "repeats a row for each later basket": "SELECT h.household_id FROM retail.households h JOIN retail.transactions t"
    " ON t.household_id = h.household_id AND t.transaction_date >= :as_of",
}


def count_differences(
    database: Database, query: sql.Composable, as_of: date, stage: Callable[[Connection], None] = lambda _: None
) -> int:
    """Return in how many rows a query's result differs once everything dated `as_of` or later is deleted.

    stage: makes the temporary tables that the query reads, each time before it is run.
    """
    with database.connect(Role.OWNER) as connection:
        # Several workers add up floating point numbers in an order that differs from run to run.
        connection.execute("SET max_parallel_workers_per_gather = 0")
        stage(connection)
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE whole AS ") + query)
        for table, column in DATED.items():
            deleted = connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} >= {}").format(
                    sql.Identifier("retail", table), sql.Identifier(column), sql.Literal(as_of)
                )
            )
            assert deleted.rowcount > 0, f"no row of {table} lies after {as_of}: the test would prove nothing"
        for table in PLANNED:
            planned = sql.SQL(
                "DELETE FROM {} WHERE campaign_id IN (SELECT campaign_id FROM retail.campaigns WHERE start_date >= {})"
            )
            deleted = connection.execute(planned.format(sql.Identifier("retail", table), sql.Literal(as_of)))
            assert deleted.rowcount > 0, f"no {table} begin after {as_of}: the test would prove nothing"
        stage(connection)
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE past AS ") + query)
        row = connection.execute(
            "SELECT (SELECT count(*) FROM whole) AS rows, (SELECT count(*) FROM ("
            "(TABLE whole EXCEPT ALL TABLE past) UNION ALL (TABLE past EXCEPT ALL TABLE whole)) d) AS differences"
        ).fetchone()
        connection.rollback()
    assert row is not None
    assert row["rows"] > 0
    return int(row["differences"])


def count_in_training(database: Database, use_case: UseCase) -> int:
    """Return in how many training rows later events make a difference."""
    dates = training_dates(use_case, LATE)
    return count_differences(
        database, training_query(use_case, LATE), LATE, lambda connection: stage_candidates(connection, use_case, dates)
    )


def test_there_are_shipped_use_cases() -> None:
    assert set(USE_CASES) == {
        "churn_risk", "coupon_redemption", "customer_segments", "product_recommendations", "spend_forecast"
    }  # fmt: skip


@pytest.mark.parametrize("as_of", [MID_YEAR, LATE])
@pytest.mark.parametrize("name", USE_CASES)
def test_features_read_nothing_of_the_future(dev_retail: Database, name: str, as_of: date) -> None:
    use_case = find_use_case(name)
    query = features_query(use_case, as_of)

    assert count_differences(dev_retail, query, as_of, lambda open_: stage_candidates(open_, use_case, [as_of])) == 0


@pytest.mark.parametrize("name", USE_CASES)
def test_training_rows_read_nothing_of_the_future(dev_retail: Database, name: str) -> None:
    assert count_in_training(dev_retail, find_use_case(name)) == 0


@pytest.mark.parametrize("leak", LEAKS)
def test_leaking_features_are_found(dev_retail: Database, leak: str) -> None:
    assert count_differences(dev_retail, bind(LEAKS[leak], {"as_of": LATE}), LATE) > 0


@pytest.mark.parametrize("name", ["churn_risk", "coupon_redemption", "spend_forecast", "product_recommendations"])
def test_outcome_past_the_horizon_is_found(dev_retail: Database, name: str) -> None:
    use_case = find_use_case(name)
    assert use_case.target_sql is not None
    too_long = use_case.target_sql.replace(":as_of + :horizon_days", ":as_of + :horizon_days + 7")
    assert too_long != use_case.target_sql

    leaking = use_case.model_copy(update={"target_sql": too_long})

    assert count_in_training(dev_retail, leaking) > 0
