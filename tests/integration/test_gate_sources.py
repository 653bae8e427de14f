"""Checks of sources beside declared expectations: volume against earlier weeks, references, warnings."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any, LiteralString

import pytest

from nightjar.errors import AsOfDateError, GateError
from nightjar.quality import Verdict, check_sources
from nightjar.storage import Database, Role
from nightjar.usecases.quality import Reference, Severity, Source, Volume
from tests.night_builders import FIRST_DAY, NIGHT, expectation, open_shop, rows, shop_use_case

NEWEST_DAY = "ordered_on = '2024-03-19'"
NEGATIVE = expectation("expect_column_values_to_be_between", column="amount", min_value=1000)


@pytest.fixture(autouse=True)
def _shop(dev_database: Database) -> None:
    open_shop(dev_database)
    execute(dev_database, "CREATE TABLE shop.customers AS SELECT generate_series(1, 60) AS customer_id")
    execute(dev_database, "GRANT SELECT ON shop.customers TO nightjar_scorer")


def execute(database: Database, statement: LiteralString) -> None:
    with database.connect(Role.OWNER) as connection:
        connection.execute(statement)


def check(database: Database, as_of: date = NIGHT, **changes: Any) -> Verdict:
    source = Source(**{"table": "shop.orders", "date_column": "ordered_on", **changes})
    return check_sources(database, Role.SCORER, shop_use_case(sources=(source,)), as_of, "run")


def failures(database: Database) -> list[Mapping[str, Any]]:
    return rows(database, "SELECT * FROM nightjar.gate_failure ORDER BY gate_result_id, ordinal")


def test_usual_volume_holds(dev_database: Database) -> None:
    verdict = check(dev_database, volume=Volume(minimum_ratio=0.5, maximum_ratio=2, weeks=4))

    assert str(verdict) == "All 2 expectations hold."


@pytest.mark.parametrize(
    "change",
    [
        f"DELETE FROM shop.orders WHERE {NEWEST_DAY} AND customer_id > 3",
        "INSERT INTO shop.orders (customer_id, product_id, ordered_on, amount) SELECT customer_id, product_id, "
        f"ordered_on, amount FROM shop.orders, generate_series(1, 9) WHERE {NEWEST_DAY}",
    ],
)
def test_a_day_with_far_fewer_or_more_rows_fails_undeclared(dev_database: Database, change: LiteralString) -> None:
    execute(dev_database, change)

    with pytest.raises(
        GateError, match=r"expect_volume_like_weeks_before\(.*\): \d+ rows, [\d.]+ times the \d+ of the 4"
    ):
        check(dev_database)


def test_volume_is_counted_on_the_same_days_of_the_weeks_before(dev_database: Database) -> None:
    # The newest two days, and those two weeks before them; the week between is empty.
    execute(dev_database, "DELETE FROM shop.orders WHERE ordered_on BETWEEN '2024-03-06' AND '2024-03-17'")
    [counted] = rows(
        dev_database,
        "SELECT count(*) FILTER (WHERE ordered_on IN ('2024-03-18', '2024-03-19')) AS newest, "
        "count(*) FILTER (WHERE ordered_on IN ('2024-03-04', '2024-03-05')) AS before FROM shop.orders",
    )

    with pytest.raises(GateError) as caught:
        check(dev_database, volume=Volume(days=2, weeks=2, minimum_ratio=1000, maximum_ratio=1000))

    ratio = counted["newest"] / (counted["before"] / 2)
    assert f"{counted['newest']} rows, {ratio:.2f} times the {counted['before'] / 2:.0f} of the 2" in str(caught.value)


def test_volume_without_weeks_before_is_skipped(dev_database: Database) -> None:
    verdict = check(dev_database, as_of=date(2024, 1, 4))

    assert [(skip.expectation, skip.found) for skip in verdict.skipped] == [
        ("expect_volume_like_weeks_before", "no rows in the weeks before to compare with")
    ]
    [result] = rows(dev_database, "SELECT evaluated, skipped FROM nightjar.gate_result")
    assert result["evaluated"] == 1
    assert [entry["expectation"] for entry in result["skipped"]] == ["expect_volume_like_weeks_before"]


def test_reference_that_is_not_there_fails_with_whole_rows(dev_database: Database) -> None:
    execute(dev_database, "DELETE FROM shop.customers WHERE customer_id = 3")
    [counted] = rows(
        dev_database,
        "SELECT count(*) FILTER (WHERE customer_id = 3) AS missing, count(*) AS whole FROM shop.orders "
        "WHERE ordered_on < '2024-03-20' AND ordered_on >= '2024-03-20'::date - 28",
    )
    assert counted["missing"] > 0

    with pytest.raises(GateError, match=rf"{counted['missing']} of {counted['whole']} values are not there \(3"):
        check(dev_database, references=(Reference(column="customer_id", table="shop.customers"),))

    [failure] = failures(dev_database)
    assert failure["arguments"]["to"] == "customer_id"
    assert 0 < len(failure["sample_rows"]) <= 5
    assert {row["customer_id"] for row in failure["sample_rows"]} == {3}


def test_share_of_missing_references_may_be_tolerated(dev_database: Database) -> None:
    execute(dev_database, "UPDATE shop.customers SET customer_id = NULL WHERE customer_id = 3")
    reference = Reference(column="customer_id", table="shop.customers", maximum_missing=0.2)

    assert not check(dev_database, references=(reference,)).warnings


def test_null_refers_to_nothing(dev_database: Database) -> None:
    execute(dev_database, "CREATE TABLE shop.channels AS SELECT unnest(ARRAY['web', 'store', NULL]) AS name")
    execute(dev_database, "GRANT SELECT ON shop.channels TO nightjar_scorer")
    assert rows(dev_database, "SELECT FROM shop.orders WHERE channel IS NULL")

    assert check(dev_database, references=(Reference(column="channel", table="shop.channels", to="name"),))


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (Reference(column="customer_id", table="shop.nowhere"), 'relation "shop.nowhere" does not exist'),
        (Reference(column="colour", table="shop.customers", to="customer_id"), "colour"),
        (Reference(column="channel", table="shop.customers", to="customer_id"), "operator does not exist"),
    ],
)
def test_reference_that_cannot_be_followed_fails(dev_database: Database, reference: Reference, reason: str) -> None:
    other = Reference(column="customer_id", table="shop.customers")

    with pytest.raises(GateError, match=f"fail 1 of 4 .*could not be evaluated: .*{reason}"):
        check(dev_database, references=(reference, other))


def test_warning_is_told_and_recorded_and_stops_nothing(
    dev_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    warned = NEGATIVE.model_copy(update={"severity": Severity.WARNING})

    with caplog.at_level(logging.INFO):
        verdict = check(dev_database, expectations=(warned,))

    assert [warning.expectation for warning in verdict.warnings] == ["expect_column_values_to_be_between"]
    assert str(verdict) == "2 of 3 expectations hold, 1 failed with a warning."
    [told] = [record for record in caplog.records if "warning: shop.orders" in record.message]
    assert told.levelno == logging.WARNING
    assert sum("such as {" in record.message for record in caplog.records) == 5
    [result] = rows(dev_database, "SELECT passed FROM nightjar.gate_result")
    [failure] = failures(dev_database)
    assert (result["passed"], failure["severity"]) == (True, "warning")


def test_error_beside_a_warning_names_the_error_alone(dev_database: Database) -> None:
    warned = NEGATIVE.model_copy(update={"severity": Severity.WARNING})
    few = expectation("expect_table_row_count_to_be_between", max_value=1)

    with pytest.raises(GateError, match=r"fail 1 of 4 expectations: shop\.orders: expect_table_row_count") as caught:
        check(dev_database, expectations=(warned, few))

    assert "expect_column_values" not in str(caught.value)
    assert [failure["severity"] for failure in failures(dev_database)] == ["warning", "error"]


def test_analysts_see_results_without_rows(dev_database: Database) -> None:
    check(dev_database)
    with pytest.raises(GateError):
        check(dev_database, expectations=(NEGATIVE,))

    found = rows(dev_database, "SELECT * FROM predictions.gate_results ORDER BY checked_at", role=Role.ANALYST)

    assert [(row["gate"], row["passed"], row["expectation"], row["severity"]) for row in found] == [
        ("sources", True, None, None),
        ("sources", False, "expect_column_values_to_be_between", "error"),
    ]
    assert found[0].keys() == {
        "use_case", "gate", "as_of", "passed", "expectation", "severity", "found", "checked_at"
    }  # fmt: skip


def test_source_that_is_too_old_is_recorded(dev_database: Database) -> None:
    with pytest.raises(AsOfDateError):
        check(dev_database, as_of=date(2024, 5, 1))

    [failure] = failures(dev_database)
    assert failure["expectation"] == "expect_rows_up_to_the_date"
    assert f"{FIRST_DAY} to 2024-03-31" in failure["found"]


def test_date_outside_the_data_that_was_asked_for_by_hand_is_refused_only(dev_database: Database) -> None:
    source = Source(table="shop.orders", date_column="ordered_on")

    with pytest.raises(AsOfDateError):
        check_sources(
            dev_database, Role.SCORER, shop_use_case(sources=(source,)), date(2024, 5, 1), "run", by_hand=True
        )

    assert rows(dev_database, "SELECT FROM nightjar.gate_result") == []
