"""Who is asked about coupons, and what is known of them, on a few households made by hand."""

from datetime import date
from typing import Any

import pytest

from nightjar.storage import Database, Role
from nightjar.storage.parameters import bind
from nightjar.usecases import find_use_case

USE_CASE = find_use_case("coupon_redemption")
AS_OF = date(2017, 6, 1)

RETAIL = """
INSERT INTO retail.households (household_id) SELECT generate_series(1, 5);
INSERT INTO retail.campaigns VALUES
    (1, 'Type A', '2017-03-01', '2017-04-01'), -- over
    (2, 'Type B', '2017-05-20', '2017-06-01'), -- its last day is the as-of date
    (3, 'Type C', '2017-05-31', '2017-06-10'),
    (4, 'Type A', '2017-06-01', '2017-07-01'); -- begins on the as-of date: not known yet
INSERT INTO retail.campaign_households VALUES (1, 1), (2, 1), (3, 1), (1, 2), (1, 3), (2, 3), (4, 3), (4, 4);
INSERT INTO retail.coupons VALUES (1, 10, 100), (2, 20, 200), (2, 21, 200), (3, 30, 300), (4, 40, 400);
INSERT INTO retail.coupon_redemptions VALUES
    (1, 10, 1, '2017-03-05'), (1, 20, 2, '2017-05-31'), (3, 20, 2, '2017-06-01'), (4, 40, 4, '2017-06-28'),
    (2, 40, 4, '2017-06-29');
INSERT INTO retail.transactions (basket_id, product_id, household_id, store_id, quantity, sales_value, retail_disc,
                                 coupon_disc, coupon_match_disc, week, transaction_timestamp) VALUES
    (1, 100, 1, 1, 1, 10, 0, 0, 0, 20, '2017-05-10'), (1, 200, 1, 1, 1, 20, 5, 4, 0, 20, '2017-05-10'),
    (2, 300, 1, 1, 1, 10, 5, 0, 0, 22, '2017-05-31'), (3, 400, 1, 1, 1, 99, 0, 0, 0, 22, '2017-06-01'),
    (4, 300, 3, 1, 1, 10, 0, 0, 0, 22, '2017-05-31');
"""


@pytest.fixture
def features(dev_database: Database) -> dict[int, dict[str, Any]]:
    """The features of those who are asked about, by household."""
    with dev_database.connect(Role.OWNER) as connection:
        connection.execute(RETAIL)
        found = connection.execute(bind(USE_CASE.features_sql, {"as_of": AS_OF})).fetchall()
    return {row["household_id"]: row for row in found}


def test_those_who_received_a_campaign_before_are_asked_about(features: dict[int, dict[str, Any]]) -> None:
    assert features.keys() == {1, 2, 3}


def test_campaigns_and_redemptions_by_hand(features: dict[int, dict[str, Any]]) -> None:
    first = features[1]

    assert (first["campaigns"], first["campaigns_a"], first["campaigns_b"], first["campaigns_c"]) == (3, 1, 1, 1)
    assert (first["running_a"], first["running_others"], first["days_left"]) == (0, 2, 10)
    assert (first["days_since_campaign"], first["days_since_redemption"]) == (1, 1)
    assert (first["redemptions"], first["redemptions_84d"]) == (2, 1)
    assert first["redemption_rate"] == pytest.approx(2 / 3)
    assert (features[2]["redemptions"], features[2]["days_since_redemption"], features[2]["days_left"]) == (0, None, 0)
    assert (features[3]["campaigns"], features[3]["running_others"], features[3]["redemptions"]) == (2, 1, 0)


def test_purchases_by_hand(features: dict[int, dict[str, Any]]) -> None:
    first = features[1]

    assert (first["baskets_28d"], first["spend_28d"], first["coupon_lines_84d"]) == (2, 40, 1)
    assert float(first["coupon_share"]) == pytest.approx(4 / 40)
    assert float(first["loyalty_share"]) == pytest.approx(10 / 50)
    # 200 and 300 are on running coupons that it received, 100 was on one.
    assert float(first["offered_share"]) == pytest.approx(30 / 40)
    # 300 is on a running coupon, but not on one that household 3 received.
    assert features[3]["offered_share"] == 0
    assert (features[2]["spend_28d"], features[2]["coupon_share"]) == (0, None)


def test_any_coupon_in_the_horizon_counts(dev_database: Database) -> None:
    with dev_database.connect(Role.OWNER) as connection:
        connection.execute(RETAIL)
        query = bind(USE_CASE.target_sql or "", {"as_of": AS_OF, "horizon_days": USE_CASE.horizon_days})
        found = {row["household_id"]: row["redeemed"] for row in connection.execute(query)}

    # Household 4 redeems on the last day of the horizon, household 2 a day later.
    assert found == {1: 0, 2: 0, 3: 1, 4: 1, 5: 0}


def test_outcomes_of_campaigns_by_hand(dev_database: Database) -> None:
    days = {"from": AS_OF, "to": date(2017, 6, 28)}
    with dev_database.connect(Role.OWNER) as connection:
        connection.execute(RETAIL)
        found = {
            name: connection.execute(bind(find_use_case(name).outcome_sql or "", days)).fetchall()
            for name in ("coupon_redemption", "churn_risk", "customer_segments", "spend_forecast")
        }

    coupons = {row["household_id"]: (row["redeemed"], row["spend"]) for row in found.pop("coupon_redemption")}
    # The last day does not count any more.
    assert coupons == {1: (False, 99), 2: (False, 0), 3: (True, 0), 4: (False, 0), 5: (False, 0)}
    for rows in found.values():
        spends = {row["household_id"]: (row["purchased"], row["spend"]) for row in rows}
        assert spends == {1: (True, 99), 2: (False, 0), 3: (False, 0), 4: (False, 0), 5: (False, 0)}
