"""Whether a source table reaches up to an as-of date."""

from datetime import date, timedelta

import psycopg
from psycopg import sql

from nightjar.errors import AsOfDateError, GateError
from nightjar.storage import Database, Role
from nightjar.usecases.quality import Source


def require_coverage(database: Database, role: Role, source: Source, as_of: date) -> str:
    """Refuse a table that is missing, empty, or does not cover the days before `as_of`; return what it covers.

    Raises:
        GateError: the table is not there, not readable or empty.
        AsOfDateError: the date lies outside the table's dates.
    """
    table = sql.Identifier(*source.table.split("."))
    try:
        with database.connect(role) as connection:
            if source.date_column is None:
                row = connection.execute(
                    sql.SQL(
                        "SELECT count(*) > 0 AS filled, NULL::date AS first, NULL::date AS last "
                        "FROM (SELECT FROM {} LIMIT 1) one"
                    ).format(table)
                ).fetchone()
            else:
                # Two probes of the index on the date, instead of a pass over the table.
                row = connection.execute(
                    sql.SQL(
                        "SELECT min({column}) IS NOT NULL AS filled, min({column})::date AS first, "
                        "max({column})::date AS last FROM {table}"
                    ).format(column=sql.Identifier(source.date_column), table=table)
                ).fetchone()
    except psycopg.errors.Error as error:
        if isinstance(error, psycopg.OperationalError):
            raise
        raise GateError(
            f"The source {source.table} cannot be read in {database.name}: {str(error).splitlines()[0]}. "
            "Correct the declaration, or grant access."
        ) from error
    assert row is not None
    if not row["filled"]:
        raise GateError(f"The source {source.table} is empty in {database.name}: load it first.")
    if source.date_column is None:
        return "there are rows"
    _require_dates(database.name, source, as_of, row["first"], row["last"])
    return f"rows from {row['first']} to {row['last']}"


def _require_dates(database_name: str, source: Source, as_of: date, first: date, last: date) -> None:
    latest = last + timedelta(days=source.maximum_age_days)
    if not first < as_of <= latest:
        raise AsOfDateError(
            f"As-of {as_of} is outside the data: {source.table} in {database_name} has {first} to {last}, "
            f"which serves as-of dates from {first + timedelta(days=1)} to {latest}. "
            "Choose one of these, or load the missing days."
        )
