"""The sample business: loaded once however often it is asked for, and replayed in the order of its days."""

from datetime import date, timedelta

import pytest

from nightjar import retail
from nightjar.errors import AsOfDateError, ConfigurationError
from nightjar.retail import source
from nightjar.storage import Database, Role
from tests.builders import count_rows

LAST_LOADED = date(2017, 11, 30)
NEXT = date(2017, 12, 1)
CHRISTMAS = date(2017, 12, 25)
TABLES = ("households", "products", "transactions", "campaigns", "campaign_households", "coupons", "coupon_redemptions")


def sizes(database: Database) -> dict[str, int]:
    return {table: count_rows(database, "retail", table) for table in TABLES}


def newest(database: Database) -> date | None:
    with database.connect(Role.TRAINER) as connection:
        row = connection.execute("SELECT max(transaction_date) AS day FROM retail.transactions").fetchone()
    assert row is not None
    day: date | None = row["day"]
    return day


def test_the_data_is_that_of_the_source_up_to_the_day_before(dev_retail: Database) -> None:
    days = source.days_of(source.transactions(), "transaction_timestamp")
    lines = source.on_days(source.transactions(), "transaction_timestamp", {day for day in days if day < NEXT})
    with dev_retail.connect(Role.TRAINER) as connection:
        stored = connection.execute(
            "SELECT count(*) AS rows, sum(sales_value)::text AS sales, sum(quantity) AS quantity,"
            " min(transaction_timestamp) AS first, max(transaction_date) AS last FROM retail.transactions"
        ).fetchone()
        redeemed = connection.execute("SELECT max(redemption_date) AS last FROM retail.coupon_redemptions").fetchone()

    assert stored == {
        "rows": lines.num_rows,
        "sales": f"{sum(map(round, (value * 100 for value in lines['sales_value'].to_pylist()))) / 100:.2f}",
        "quantity": sum(lines["quantity"].to_pylist()),
        "first": lines["transaction_timestamp"][0].as_py(),
        "last": LAST_LOADED,
    }
    assert redeemed is not None
    assert redeemed["last"] <= LAST_LOADED
    assert all(rows > 0 for rows in sizes(dev_retail).values())


def test_loading_again_adds_nothing(dev_retail: Database) -> None:
    before = sizes(dev_retail)

    assert retail.load_until(dev_retail, NEXT) == retail.LoadResult(0, 0)
    assert retail.load_until(dev_retail, date(2017, 6, 1)) == retail.LoadResult(0, 0)

    assert sizes(dev_retail) == before


def test_loading_further_adds_the_missing_days(dev_retail: Database) -> None:
    before, messages = sizes(dev_retail), list[str]()

    result = retail.load_until(dev_retail, date(2017, 12, 4), messages.append)

    after = sizes(dev_retail)
    added = sum(after.values()) - sum(before.values())
    assert (result.days, result.rows) == (3, added)
    assert newest(dev_retail) == date(2017, 12, 3)
    assert messages[0] == "dev: retail.households"
    assert messages[-1] == "dev: retail.transactions, 3 days"
    assert after["products"] == before["products"]


def test_a_hole_is_filled(dev_retail: Database) -> None:
    before, hole = sizes(dev_retail), date(2017, 7, 4)
    with dev_retail.connect(Role.OWNER) as connection:
        connection.execute("DELETE FROM retail.transactions WHERE transaction_date = %s", [hole])

    assert retail.next_day(dev_retail) == hole
    assert retail.load_until(dev_retail, NEXT).days == 1
    assert sizes(dev_retail) == before


def test_one_day_after_the_other(dev_retail: Database, prod_retail: Database) -> None:
    for database in (dev_retail, prod_retail):
        assert retail.next_day(database) == NEXT
        assert retail.load_day(database, NEXT).days == 1
        assert newest(database) == NEXT
    before = sizes(dev_retail)

    assert retail.load_day(dev_retail, NEXT) == retail.LoadResult(0, 0)
    assert retail.load_day(dev_retail, date(2017, 3, 1)) == retail.LoadResult(0, 0)

    assert sizes(dev_retail) == before == sizes(prod_retail)
    assert retail.next_day(dev_retail) == date(2017, 12, 2)


def test_days_are_not_loaded_out_of_order(dev_retail: Database) -> None:
    before = sizes(dev_retail)

    with pytest.raises(AsOfDateError, match="2017-12-02 cannot be loaded before 2017-12-01: days follow each other"):
        retail.load_day(dev_retail, date(2017, 12, 2))

    assert sizes(dev_retail) == before


def test_the_replay_goes_on_after_christmas(dev_retail: Database) -> None:
    """The shops are closed on that day, so it has no transactions."""
    retail.load_until(dev_retail, CHRISTMAS)

    assert retail.next_day(dev_retail) == CHRISTMAS + timedelta(days=1)
    assert retail.load_day(dev_retail, CHRISTMAS).rows == 0
    assert retail.load_day(dev_retail, CHRISTMAS + timedelta(days=1)).rows > 0


def test_the_whole_year_ends_behind_its_last_day(dev_retail: Database) -> None:
    result = retail.load_until(dev_retail)

    assert newest(dev_retail) == retail.LAST_DAY
    assert result.days == (retail.LAST_DAY - LAST_LOADED).days - 1
    assert retail.next_day(dev_retail) == retail.LAST_DAY + timedelta(days=1)
    assert count_rows(dev_retail, "retail", "transactions") == source.transactions().num_rows


@pytest.mark.parametrize("day", [date(2016, 12, 31), date(2018, 1, 2), date(1, 1, 1)])
def test_a_day_outside_the_year_is_refused(untouched_dev: Database, day: date) -> None:
    with pytest.raises(AsOfDateError, match=f"has no {day}: choose a day from 2017-01-01 to 2018-01-01"):
        retail.load_day(untouched_dev, day)


@pytest.mark.parametrize("until", [date(2017, 1, 1), date(2018, 1, 3)])
def test_an_end_outside_the_year_is_refused(untouched_dev: Database, until: date) -> None:
    with pytest.raises(AsOfDateError, match=f"covers 2017-01-01 to 2018-01-01: {until} is outside"):
        retail.load_until(untouched_dev, until)
    assert set(sizes(untouched_dev).values()) == {0}


def test_a_replay_can_start_on_an_empty_database(dev_database: Database) -> None:
    assert retail.next_day(dev_database) == retail.FIRST_DAY
    with pytest.raises(AsOfDateError, match="cannot be loaded before 2017-01-01"):
        retail.load_day(dev_database, date(2017, 1, 2))

    first = retail.load_day(dev_database, retail.FIRST_DAY)

    assert first == retail.LoadResult(1, sum(sizes(dev_database).values()))
    assert newest(dev_database) == retail.FIRST_DAY
    assert retail.next_day(dev_database) == date(2017, 1, 2)
    assert retail.load_until(dev_database, date(2017, 1, 3)).days == 1


def test_a_failed_load_adds_nothing(untouched_dev: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> None:
        raise ConnectionError("gone")

    monkeypatch.setattr(source, "redemptions", break_off)
    with pytest.raises(ConnectionError):
        retail.load_until(untouched_dev, date(2017, 1, 3))

    assert set(sizes(untouched_dev).values()) == {0}


@pytest.mark.parametrize("step", ["0", "-1", "many", "1.5"])
def test_a_wrong_cut_is_refused(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setenv("NIGHTJAR_RETAIL_EVERY", step)

    with pytest.raises(ConfigurationError, match=f"NIGHTJAR_RETAIL_EVERY is '{step}': give a whole number from 1 on"):
        source.household_step()


def test_without_a_cut_every_household_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert source.household_step() == 8
    monkeypatch.delenv("NIGHTJAR_RETAIL_EVERY")
    assert source.household_step() == 1
