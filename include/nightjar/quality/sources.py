"""Checks of source tables beside the declared expectations: volume against earlier weeks, references."""

from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from nightjar.quality.checks import SAMPLE_ROWS, Check, Outcome, limited, sample_row, skipped
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases.quality import Reference, Source

_SQL = load_sql("nightjar.quality", "quality.sql")
_VOLUME = "expect_volume_like_weeks_before"
_REFERENCES = "expect_values_to_be_in_table"


def source_rows(source: Source, as_of: date) -> sql.Composed:
    """Return the query of the rows that a gate looks at: those of the window before the date, or the whole table."""
    table = sql.SQL("SELECT * FROM {}").format(_identifier(source.table))
    if source.date_column is None:
        return table
    return table + sql.SQL(" WHERE {column} < {as_of} AND {column} >= {as_of} - {days}").format(
        column=sql.Identifier(source.date_column), as_of=sql.Literal(as_of), days=sql.Literal(source.window_days)
    )


def check_volume(connection: Connection, source: Source, as_of: date) -> list[Check]:
    """Hold the rows of the newest days against the mean of the same days in the weeks before."""
    if source.date_column is None:
        return []
    limits = source.volume
    counted = connection.execute(
        sql.SQL(_SQL["volume"]).format(
            table=_identifier(source.table),
            column=sql.Identifier(source.date_column),
            as_of=sql.Literal(as_of),
            days=sql.Literal(limits.days),
            weeks=sql.Literal(limits.weeks),
        )
    ).fetchall()
    newest, before = counted[0]["rows"], [row["rows"] for row in counted[1:]]
    if not any(before):
        return [skipped(source.table, _VOLUME, limits.severity, "no rows in the weeks before to compare with")]
    mean = sum(before) / len(before)
    found = f"{newest} rows, {newest / mean:.2f} times the {mean:.0f} of the {len(before)} weeks before"
    holds = limits.minimum_ratio <= newest / mean <= limits.maximum_ratio
    arguments = limits.model_dump(exclude={"severity"})
    return [limited(source.table, _VOLUME, arguments, limits.severity, found, holds=holds)]


def check_references(connection: Connection, source: Source, as_of: date) -> list[Check]:
    """Look up the values of the declared columns in the tables they refer to; NULL refers to nothing."""
    return [_evaluated(connection, source, reference, as_of) for reference in source.references]


def _evaluated(connection: Connection, source: Source, reference: Reference, as_of: date) -> Check:
    try:
        with connection.transaction():
            return _check_reference(connection, source, reference, as_of)
    except psycopg.ProgrammingError as error:
        found = f"could not be evaluated: {str(error).splitlines()[0]}"
        arguments = _arguments(reference)
        return limited(source.table, _REFERENCES, arguments, reference.severity, found, holds=False)


def _check_reference(connection: Connection, source: Source, reference: Reference, as_of: date) -> Check:
    parts = {
        "column": sql.Identifier(reference.column),
        "other": _identifier(reference.table),
        "target": sql.Identifier(reference.target),
        "query": source_rows(source, as_of),
    }
    counted = connection.execute(sql.SQL(_SQL["missing_references"]).format(**parts)).fetchone()
    assert counted is not None
    rows, missing = counted["rows"], counted["missing"]
    fails = missing > reference.maximum_missing * rows
    broken = (
        connection.execute(sql.SQL(_SQL["rows_without_reference"]).format(**parts, limit=sql.Literal(SAMPLE_ROWS)))
        if fails
        else ()
    )
    return Check(
        subject=source.table,
        expectation=_REFERENCES,
        arguments=_arguments(reference),
        severity=reference.severity,
        outcome=Outcome.FAILS if fails else Outcome.HOLDS,
        found=f"{missing} of {rows} values are not there",
        rows=tuple(sample_row(row) for row in broken),
    )


def _arguments(reference: Reference) -> dict[str, Any]:
    return reference.model_dump(exclude={"severity"}) | {"to": reference.target}


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
