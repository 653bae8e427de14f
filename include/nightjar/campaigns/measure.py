"""Measures a campaign: what became of the treated and of the held out, by the use case's outcome.sql."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql

from nightjar.campaigns.assignment import key_texts
from nightjar.campaigns.records import Campaign, find_campaign
from nightjar.campaigns.uplift import Arm, Measurement, Uplift, uplift_of
from nightjar.errors import AsOfDateError, OutcomeError, OutcomeUnknownError
from nightjar.storage import Database, Role
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase, find_use_case

_SQL = load_sql("nightjar.campaigns", "campaigns.sql")
_SHARE = "bool"
_CASTS = {_SHARE: "::integer::float8"} | dict.fromkeys(
    ("int2", "int4", "int8", "numeric", "float4", "float8"), "::float8"
)
ARMS = ("treated", "hold-out")


def measure_campaign(
    database: Database, name: str, start: date, days: int, *, outcome_sql: str | None = None
) -> Measurement:
    """Return how the treated differ from the held out, in every outcome over some days.

    Args:
        database: where the campaign was exported, and its sources are.
        name: of the campaign.
        start: the first day that counts.
        days: how many do.
        outcome_sql: in place of the use case's outcome.sql.

    Raises:
        CampaignNotFoundError: there is none of this name.
        AsOfDateError: the first day is before the night that the campaign was selected by.
        OutcomeUnknownError: the sources do not reach the last day yet.
        OutcomeError: there is no query, it fails, or gives something else than outcomes of the entities.
    """
    end = start + timedelta(days=days)
    with database.connect(Role.SCORER) as connection:
        # The query is somebody's own: it reads, and does nothing else.
        connection.read_only = True
        campaign = find_campaign(connection, name)
        use_case = find_use_case(campaign.use_case)
        if start < campaign.as_of:
            raise AsOfDateError(
                f"{name} was selected by the night as of {campaign.as_of}: measure from that date on, not {start}."
            )
        query = _query(use_case, outcome_sql, start, end)
        with _reading(use_case):
            _require_known(connection, use_case, start, end)
            columns = _outcome_columns(use_case, column_types(connection, sql.SQL("(\n{}\n) outcome").format(query)))
            arms = _arms(connection, campaign, use_case, query, columns)
    _require_one_row_each(campaign, use_case, arms)
    uplifts = tuple(
        _uplift(use_case, column, arms, number, is_share=type_name == _SHARE)
        for number, (column, type_name) in enumerate(columns.items())
    )
    return Measurement(name, use_case.name, campaign.selection, start, days, uplifts)


def _query(use_case: UseCase, outcome_sql: str | None, start: date, end: date) -> sql.Composed:
    query = outcome_sql or use_case.outcome_sql
    if query is None:
        raise OutcomeError(
            f"{use_case.name} has no outcome.sql: put one beside its declaration, or give --outcome-sql."
        )
    return bind(query, {"from": start, "to": end})


def _require_known(connection: Connection, use_case: UseCase, start: date, end: date) -> None:
    """Ask every dated source whether it reaches the last day; without any, the calendar."""
    dated = [source for source in use_case.sources if source.date_column]
    for source in dated:
        row = connection.execute(
            sql.SQL(_SQL["last_day"]).format(
                column=sql.Identifier(str(source.date_column)), table=sql.Identifier(*source.table.split("."))
            )
        ).fetchone()
        last = row["day"] if row else None
        if last is None or last < end - timedelta(days=source.maximum_age_days):
            _refuse_unknown(source.table, last, start, end)
    if not dated:
        row = connection.execute(_SQL["today"]).fetchone()
        if row and row["day"] < end:
            _refuse_unknown("today", row["day"] - timedelta(days=1), start, end)


def _refuse_unknown(what: str, last: date | None, start: date, end: date) -> None:
    known = (last - start).days + 1 if last else 0
    instead = f"measure at most {known} days, or wait" if known > 0 else "wait until it has come"
    raise OutcomeUnknownError(
        f"The outcome of {start} to {end - timedelta(days=1)} is not known yet, {what} ends with {last}: {instead}."
    )


@contextmanager
def _reading(use_case: UseCase) -> Iterator[None]:
    try:
        yield
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError, psycopg.InternalError) as error:
        raise OutcomeError(
            f"The outcome of {use_case.name} cannot be read: {str(error).splitlines()[0]}. Correct the query, or the "
            "declared sources."
        ) from error


def _outcome_columns(use_case: UseCase, found: Mapping[str, str]) -> dict[str, str]:
    """Return the outcomes' columns with their types."""
    if missing := [name for name in use_case.entity_key if name not in found]:
        raise OutcomeError(f"The outcome query of {use_case.name} lacks {', '.join(missing)}: select the whole key.")
    columns = {name: type_name for name, type_name in found.items() if name not in use_case.entity_key}
    if not columns:
        raise OutcomeError(f"The outcome query of {use_case.name} gives keys alone: select numbers or booleans, too.")
    for name, type_name in columns.items():
        if type_name not in _CASTS:
            raise OutcomeError(f"The outcome {name} of {use_case.name} is {type_name}: cast it to a number or boolean.")
    return columns


def _arms(
    connection: Connection, campaign: Campaign, use_case: UseCase, query: sql.Composed, columns: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    aggregates = [
        sql.SQL(_SQL["aggregate"]).format(
            column=sql.Identifier(name),
            cast=sql.SQL(_CASTS[type_name]),
            **{part: sql.Identifier(f"{part}_{number}") for part in ("known", "mean", "variance")},
        )
        for number, (name, type_name) in enumerate(columns.items())
    ]
    rows = connection.execute(
        sql.SQL(_SQL["outcomes"]).format(
            aggregates=sql.SQL(", ").join(aggregates),
            texts=key_texts(use_case.entity_key),
            outcome=sql.SQL("\n{}\n").format(query),
            campaign=sql.Literal(campaign.id),
        )
    )
    return {row["arm"]: row for row in rows}


def _require_one_row_each(campaign: Campaign, use_case: UseCase, arms: Mapping[str, Mapping[str, Any]]) -> None:
    if sum(arms[arm]["entities"] for arm in ARMS) != campaign.treated + campaign.held_out:
        raise OutcomeError(
            f"The outcome query of {use_case.name} gives some entities more than one row: group it by the key."
        )


def _uplift(
    use_case: UseCase, column: str, arms: Mapping[str, Mapping[str, Any]], number: int, *, is_share: bool
) -> Uplift:
    sides = []
    for name in ARMS:
        row = arms[name]
        known, mean, variance = (row[f"{part}_{number}"] for part in ("known", "mean", "variance"))
        if known < 2:
            raise OutcomeError(
                f"{column} of {use_case.name} is known of {known} of the {row['entities']} entities of {name}, which "
                "is too few to compare: check the keys that the outcome query gives."
            )
        if not (math.isfinite(mean) and math.isfinite(variance)):
            raise OutcomeError(f"{column} of {use_case.name} is infinite or no number for some of {name}: mend that.")
        sides.append(Arm(row["entities"], known, mean, variance))
    return uplift_of(column, *sides, is_share=is_share)
