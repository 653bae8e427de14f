"""The limits of the shipped use cases, on the real data: an honest night keeps them, a broken load does not."""

from typing import LiteralString

import pytest

from nightjar.errors import GateError
from nightjar.quality import check_sources
from nightjar.storage import Database, Role
from nightjar.usecases import declared_use_cases, find_use_case
from tests.conftest import FIRST_NIGHT


def test_honest_sources_keep_every_limit(prod_retail: Database) -> None:
    for use_case in declared_use_cases().values():
        verdict = check_sources(prod_retail, Role.SCORER, use_case, FIRST_NIGHT, "run")

        assert (verdict.warnings, verdict.skipped) == ((), ())


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (
            "DELETE FROM retail.transactions WHERE transaction_date = '2017-11-30' AND household_id % 80 > 0",
            "expect_volume_like_weeks_before",
        ),
        (
            "UPDATE retail.transactions SET sales_value = -1 WHERE transaction_date = '2017-11-30'",
            "expect_column_values_to_be_between",
        ),
        (
            "SET session_replication_role = replica; DELETE FROM retail.households WHERE household_id % 80 = 0",
            "expect_values_to_be_in_table",
        ),
    ],
    ids=["half loaded", "wrong prices", "households lost"],
)
def test_broken_load_is_refused(prod_retail: Database, change: LiteralString, check: str) -> None:
    with prod_retail.connect() as connection:
        connection.execute(change)

    with pytest.raises(GateError, match=rf"The sources of churn_risk as of 2017-12-01 .* fail 1 of 10 .*: {check}"):
        check_sources(prod_retail, Role.SCORER, find_use_case("churn_risk"), FIRST_NIGHT, "run")
