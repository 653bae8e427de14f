"""Loading the sample business by COPY; what is there already is left alone."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from nightjar.errors import AsOfDateError
from nightjar.retail import source
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection

COPY_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class LoadResult:
    """What a load added: days of transactions and rows of all tables."""

    days: int
    rows: int


def load_until(
    database: Database, until: date | None = None, progress: Callable[[str], None] = lambda _: None
) -> LoadResult:
    """Load the master tables and every day before `until` (default: the whole year) that is missing.

    Raises:
        AsOfDateError: `until` is outside the year.
    """
    until = until or source.LAST_DAY + timedelta(days=1)
    if not source.FIRST_DAY < until <= source.LAST_DAY + timedelta(days=1):
        raise AsOfDateError(
            f"The sample business covers {source.FIRST_DAY} to {source.LAST_DAY}: {until} is outside; "
            "choose a date within."
        )
    with database.connect(Role.OWNER) as connection:
        _serialise(connection)
        rows = _load_masters(connection, lambda name: progress(f"{database.name}: retail.{name}"))
        wanted = {day for day in source.days_of(source.transactions(), "transaction_timestamp") if day < until}
        days = wanted - _loaded_days(connection)
        progress(f"{database.name}: retail.transactions, {len(days)} days")
        return LoadResult(len(days), rows + _load_days(connection, days))


def load_day(database: Database, day: date) -> LoadResult:
    """Add one day of transactions and redemptions, before the first the master tables; a day that is there is left.

    Raises:
        AsOfDateError: the day is outside the year, or an earlier day is missing.
    """
    if not source.FIRST_DAY <= day <= source.LAST_DAY:
        raise AsOfDateError(
            f"The sample business has no {day}: choose a day from {source.FIRST_DAY} to {source.LAST_DAY}."
        )
    with database.connect(Role.OWNER) as connection:
        _serialise(connection)
        loaded = _loaded_days(connection)
        expected = {other for other in source.days_of(source.transactions(), "transaction_timestamp") if other < day}
        if missing := expected - loaded:
            raise AsOfDateError(
                f"{day} cannot be loaded before {min(missing)}: days follow each other. "
                f"Load {min(missing)} first, or run 'nightjar demo load --env {database.name} --until {day}'."
            )
        if day in loaded:
            return LoadResult(0, 0)
        masters = 0 if loaded else _load_masters(connection, lambda _: None)
        return LoadResult(1, masters + _load_days(connection, {day}))


def next_day(database: Database) -> date:
    """Return the first day with transactions that is not loaded yet; after the last one, the day behind it."""
    with database.connect(Role.OWNER) as connection:
        loaded = _loaded_days(connection)
    missing = source.days_of(source.transactions(), "transaction_timestamp") - loaded
    return min(missing, default=source.LAST_DAY + timedelta(days=1))


def _serialise(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('nightjar retail load'))")


def _load_masters(connection: Connection, starting: Callable[[str], None]) -> int:
    rows = 0
    for name, table in source.master_tables().items():
        starting(name)
        rows += _copy_missing(connection, name, table)
    return rows


def _loaded_days(connection: Connection) -> set[date]:
    # A loose index scan: one probe per day instead of a pass over all lines.
    rows = connection.execute(
        """
        WITH RECURSIVE days AS (
            (SELECT min(transaction_date) AS day FROM retail.transactions)
            UNION ALL
            SELECT (SELECT min(transaction_date) FROM retail.transactions WHERE transaction_date > days.day)
            FROM days WHERE days.day IS NOT NULL
        )
        SELECT day FROM days WHERE day IS NOT NULL
        """
    )
    return {row["day"] for row in rows}


def _load_days(connection: Connection, days: set[date]) -> int:
    if not days:
        return 0
    lines = source.on_days(source.transactions(), "transaction_timestamp", days)
    redeemed = source.on_days(source.redemptions(), "redemption_date", days)
    rows = _copy(connection, sql.Identifier("retail", "transactions"), lines)
    rows += _copy_missing(connection, "coupon_redemptions", redeemed)
    for name in ("transactions", "coupon_redemptions"):
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("retail", name)))
    return rows


def _copy_missing(connection: Connection, name: str, table: pa.Table) -> int:
    """Add the rows whose key is not there yet, by way of a temporary table."""
    target, staging = sql.Identifier("retail", name), sql.Identifier(f"staging_{name}")
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(staging, target))
    _copy(connection, staging, table)
    columns = _names(table)
    cursor = connection.execute(
        sql.SQL("INSERT INTO {target} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT DO NOTHING").format(
            target=target, columns=columns, staging=staging
        )
    )
    return cursor.rowcount


def _copy(connection: Connection, target: sql.Identifier, table: pa.Table) -> int:
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(include_header=False))
    view = buffer.getbuffer()
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(target, _names(table))
    with connection.cursor().copy(statement) as copy:
        for start in range(0, len(view), COPY_BLOCK_BYTES):
            copy.write(view[start : start + COPY_BLOCK_BYTES])
    return int(table.num_rows)


def _names(table: pa.Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in table.column_names)
