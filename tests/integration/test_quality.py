"""Gates on sources, features and predictions: what passes, what is refused, and what is recorded."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from psycopg import sql

from nightjar.errors import AsOfDateError, DeclarationError, GateError
from nightjar.quality import check_features, check_predictions, check_sources
from nightjar.storage import Database, Role
from nightjar.usecases.quality import Expectation, Quality, Source
from tests.night_builders import FIRST_DAY, LAST_DAY, NIGHT, expectation, open_shop, rows, shop_use_case

ORDERS = sql.Identifier("shop", "orders")


@pytest.fixture(autouse=True)
def _shop(dev_database: Database) -> None:
    open_shop(dev_database)


def check(database: Database, *sources: Source, as_of: date = NIGHT, role: Role = Role.SCORER) -> int:
    """How many expectations hold: beside the declared ones, that the source reaches the date, and its volume."""
    return check_sources(database, role, shop_use_case(sources=sources), as_of, "run").evaluated


def orders(*expectations: Expectation, **changes: Any) -> Source:
    return Source(table="shop.orders", date_column="ordered_on", expectations=expectations, **changes)


def execute(database: Database, statement: Any) -> None:
    with database.connect(Role.OWNER) as connection:
        connection.execute(statement)


def results(database: Database) -> list[Mapping[str, Any]]:
    return rows(
        database,
        "SELECT use_case, gate, as_of, run_id, passed, evaluated, skipped FROM nightjar.gate_result ORDER BY id",
    )


def failures(database: Database) -> list[Mapping[str, Any]]:
    return rows(database, "SELECT * FROM nightjar.gate_failure ORDER BY gate_result_id, ordinal")


def test_expectations_that_hold_are_counted_and_recorded(dev_database: Database) -> None:
    source = orders(
        expectation("expect_table_row_count_to_be_between", min_value=10),
        expectation("expect_column_values_to_be_between", column="amount", min_value=1, max_value=41),
    )

    assert check(dev_database, source) == 4
    assert results(dev_database) == [
        {
            "use_case": "shop_classification",
            "gate": "sources",
            "as_of": NIGHT,
            "run_id": "run",
            "passed": True,
            "evaluated": 4,
            "skipped": [],
        }
    ]
    assert failures(dev_database) == []


def test_source_without_expectations_passes(dev_database: Database) -> None:
    assert check(dev_database, orders()) == 2
    assert [result["passed"] for result in results(dev_database)] == [True]


def test_failing_expectation_names_value_and_count(dev_database: Database) -> None:
    execute(dev_database, "UPDATE shop.orders SET amount = -7.25 WHERE customer_id = 1 AND ordered_on < '2024-03-20'")
    [found] = rows(
        dev_database,
        "SELECT count(*) FILTER (WHERE amount = -7.25) AS bad, count(*) AS whole FROM shop.orders "
        "WHERE ordered_on < '2024-03-20' AND ordered_on >= '2024-01-01'",
    )
    positive = expectation("expect_column_values_to_be_between", column="amount", min_value=0)
    source = orders(positive, expectation("expect_table_row_count_to_be_between", min_value=1), window_days=300)

    with pytest.raises(GateError) as caught:
        check(dev_database, source)

    assert 0 < found["bad"] < found["whole"]
    message = str(caught.value)
    assert "The sources of shop_classification as of 2024-03-20 in dev fail 1 of 4 expectations" in message
    assert "shop.orders: expect_column_values_to_be_between(column='amount', min_value=0.0)" in message
    assert f"{found['bad']} of {found['whole']} rows do not (-7.25" in message
    [result] = results(dev_database)
    assert (result["passed"], result["evaluated"]) == (False, 4)
    [failure] = failures(dev_database)
    assert failure["subject"] == "shop.orders"
    assert failure["expectation"] == "expect_column_values_to_be_between"
    assert failure["arguments"] == {"column": "amount", "min_value": 0}
    assert failure["severity"] == "error"
    # Readers of the table of results see no values of the source, those of failures see whole rows.
    assert failure["found"] == f"{found['bad']} of {found['whole']} rows do not"
    assert len(failure["sample_rows"]) == 5
    for row in failure["sample_rows"]:
        assert (row["customer_id"], row["amount"]) == (1, -7.25)
        assert row.keys() == {"order_id", "customer_id", "product_id", "ordered_on", "amount", "channel"}


def test_all_failures_of_all_sources_are_named(dev_database: Database) -> None:
    execute(dev_database, "CREATE TABLE shop.products AS SELECT 1 AS product_id, 'a' AS name")
    execute(dev_database, "GRANT SELECT ON shop.products TO nightjar_scorer")
    products = Source(table="shop.products", expectations=(expectation("expect_table_row_count_to_equal", value=2),))

    with pytest.raises(
        GateError, match=r"fail 2 of 5 .*shop\.orders: .*found \d+; shop\.products: .*found 1"
    ) as caught:
        check(
            dev_database,
            orders(expectation("expect_table_row_count_to_be_between", max_value=0)),
            products,
        )

    assert "expect_table_row_count_to_equal(value=2)" in str(caught.value)


def test_gate_looks_at_the_declared_window_only(dev_database: Database) -> None:
    execute(dev_database, "UPDATE shop.orders SET amount = -1 WHERE ordered_on = '2024-03-10'")
    positive = expectation("expect_column_values_to_be_between", column="amount", min_value=0)

    # The day lies outside the ten days before the first date, inside those before the second, after the third.
    assert check(dev_database, orders(positive, window_days=9)) == 3
    with pytest.raises(GateError, match=r"rows do not \(-1"):
        check(dev_database, orders(positive, window_days=10))
    assert check(dev_database, orders(positive, window_days=10), as_of=date(2024, 3, 10)) == 3


def test_empty_source(dev_database: Database) -> None:
    execute(dev_database, "DELETE FROM shop.orders")

    for source in (orders(), Source(table="shop.orders")):
        with pytest.raises(GateError, match=r"The source shop\.orders is empty in dev: load it first"):
            check(dev_database, source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            Source(table="shop.visits"),
            r'source shop\.visits cannot be read in dev: relation "shop.visits" does not exist',
        ),
        (
            Source(table="shop.orders", date_column="day"),
            r'shop\.orders cannot be read in dev: column "day" does not exist',
        ),
        (Source(table="shop.secrets"), r"shop\.secrets cannot be read in dev: permission denied .* grant access"),
    ],
)
def test_source_that_cannot_be_read(dev_database: Database, source: Source, message: str) -> None:
    execute(dev_database, "CREATE TABLE shop.secrets AS SELECT 1 AS secret")

    with pytest.raises(GateError, match=message):
        check(dev_database, source)


@pytest.mark.parametrize("as_of", [FIRST_DAY, FIRST_DAY - timedelta(days=400), LAST_DAY + timedelta(days=2)])
def test_date_outside_the_data_is_refused_with_the_possible_ones(dev_database: Database, as_of: date) -> None:
    [data] = rows(dev_database, "SELECT min(ordered_on) AS first, max(ordered_on) AS last FROM shop.orders")
    assert (data["first"], data["last"]) == (FIRST_DAY, LAST_DAY)

    with pytest.raises(AsOfDateError) as caught:
        check(dev_database, orders(), as_of=as_of)

    assert str(caught.value) == (
        f"As-of {as_of} is outside the data: shop.orders in dev has 2024-01-01 to 2024-03-31, which serves as-of dates "
        "from 2024-01-02 to 2024-04-01. Choose one of these, or load the missing days."
    )


@pytest.mark.parametrize(
    ("as_of", "age"), [(FIRST_DAY + timedelta(days=1), 0), (LAST_DAY, 0), (LAST_DAY + timedelta(days=5), 5)]
)
def test_first_and_last_possible_date_are_served(dev_database: Database, as_of: date, age: int) -> None:
    assert check(dev_database, orders(maximum_age_days=age), as_of=as_of) > 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (expectation("expect_column_values_to_sparkle", column="amount"), "expect_column_values_to_sparkle"),
        (expectation("expect_column_values_to_be_between", min_value=0), "expect_column_values_to_be_between"),
        (
            expectation("expect_column_values_to_be_unique", column="amount", colour="red"),
            "expect_column_values_to_be_unique",
        ),
    ],
)
def test_unknown_expectation_is_refused_by_name(dev_database: Database, wrong: Expectation, reason: str) -> None:
    with pytest.raises(DeclarationError, match=rf"The expectation {reason} on shop\.orders is not usable"):
        check(dev_database, orders(wrong))


def test_expectation_on_a_missing_column_fails(dev_database: Database) -> None:
    with pytest.raises(GateError, match=r"column='discount'.*could not be evaluated: .*discount"):
        check(dev_database, orders(expectation("expect_column_values_to_not_be_null", column="discount")))


def test_features_and_predictions_have_gates_of_their_own(dev_database: Database) -> None:
    execute(dev_database, "CREATE TABLE shop.scored AS SELECT *, 0.5::float8 AS probability FROM shop.orders")
    execute(dev_database, "GRANT SELECT ON shop.scored TO nightjar_scorer")
    positive = expectation("expect_column_values_to_be_between", column="amount", min_value=0)
    few = expectation("expect_table_row_count_to_be_between", max_value=5)
    use_case = shop_use_case(quality=Quality(features=(positive,), predictions=(positive, few)))
    scored = sql.Identifier("shop", "scored")

    assert check_features(dev_database, Role.SCORER, use_case, NIGHT, "run", ORDERS).evaluated == 1
    with pytest.raises(GateError, match=r"The predictions of shop_classification .* fail 1 of 3 .*max_value=5"):
        check_predictions(dev_database, Role.SCORER, use_case, NIGHT, "run", scored, features=ORDERS)

    recorded = [(result["gate"], result["passed"], result["evaluated"]) for result in results(dev_database)]
    assert recorded == [("features", True, 1), ("predictions", False, 3)]


def test_gate_of_the_trainer_is_recorded_too(dev_database: Database) -> None:
    check(dev_database, orders(), role=Role.TRAINER)

    assert len(results(dev_database)) == 1
