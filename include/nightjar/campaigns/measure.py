"""Measures a campaign: what became of the treated and of the held out, by the use case's outcome.sql."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from psycopg import sql

from nightjar.campaigns.assignment import key_texts
from nightjar.campaigns.records import Campaign, find_campaign
from nightjar.campaigns.uplift import Arm, Measurement, Uplift, uplift_of
from nightjar.errors import AsOfDateError, OutcomeError
from nightjar.outcomes import OutcomeColumn, OutcomeQuery, outcome_query, outcome_sql
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase, find_use_case

_SQL = load_sql("nightjar.campaigns", "campaigns.sql")
ARMS = ("treated", "hold-out")


def measure_campaign(
    database: Database, name: str, start: date, days: int, *, own_sql: str | None = None
) -> Measurement:
    """Return how the treated differ from the held out, in every outcome over some days.

    Args:
        database: where the campaign was exported, and its sources are.
        name: of the campaign.
        start: the first day that counts.
        days: how many do.
        own_sql: in place of the use case's outcome.sql.

    Raises:
        CampaignNotFoundError: there is none of this name.
        AsOfDateError: the first day is before the night that the campaign was selected by.
        OutcomeUnknownError: the sources do not reach the last day yet.
        OutcomeError: there is no query, it fails, or gives something else than outcomes of the entities.
    """
    with database.connect(Role.SCORER) as connection:
        # The query is somebody's own: it reads, and does nothing else.
        connection.read_only = True
        campaign = find_campaign(connection, name)
        use_case = find_use_case(campaign.use_case)
        if start < campaign.as_of:
            raise AsOfDateError(
                f"{name} was selected by the night as of {campaign.as_of}: measure from that date on, not {start}."
            )
        outcome = outcome_query(connection, use_case, start, days, own_sql=own_sql)
        with outcome_sql(connection, use_case):
            arms = _arms(connection, campaign, use_case, outcome)
    _require_one_row_each(campaign, use_case, arms)
    uplifts = tuple(_uplift(use_case, column, arms, number) for number, column in enumerate(outcome.columns))
    return Measurement(name, use_case.name, campaign.selection, start, days, uplifts)


def _arms(
    connection: Connection, campaign: Campaign, use_case: UseCase, outcome: OutcomeQuery
) -> dict[str, dict[str, Any]]:
    aggregates = [
        sql.SQL(_SQL["aggregate"]).format(
            column=sql.Identifier(column.name),
            cast=column.cast,
            **{part: sql.Identifier(f"{part}_{number}") for part in ("known", "mean", "variance")},
        )
        for number, column in enumerate(outcome.columns)
    ]
    rows = connection.execute(
        sql.SQL(_SQL["outcomes"]).format(
            aggregates=sql.SQL(", ").join(aggregates),
            texts=key_texts(use_case.entity_key),
            outcome=outcome.query,
            campaign=sql.Literal(campaign.id),
        )
    )
    return {row["arm"]: row for row in rows}


def _require_one_row_each(campaign: Campaign, use_case: UseCase, arms: Mapping[str, Mapping[str, Any]]) -> None:
    if sum(arms[arm]["entities"] for arm in ARMS) != campaign.treated + campaign.held_out:
        raise OutcomeError(
            f"The outcome query of {use_case.name} gives some entities more than one row: group it by the key."
        )


def _uplift(use_case: UseCase, column: OutcomeColumn, arms: Mapping[str, Mapping[str, Any]], number: int) -> Uplift:
    sides = []
    for name in ARMS:
        row = arms[name]
        known, mean, variance = (row[f"{part}_{number}"] for part in ("known", "mean", "variance"))
        if known < 2:
            raise OutcomeError(
                f"{column.name} of {use_case.name} is known of {known} of the {row['entities']} entities of {name}, "
                "which is too few to compare: check the keys that the outcome query gives."
            )
        if not (math.isfinite(mean) and math.isfinite(variance)):
            raise OutcomeError(
                f"{column.name} of {use_case.name} is infinite or no number for some of {name}: mend that."
            )
        sides.append(Arm(row["entities"], known, mean, variance))
    return uplift_of(column.name, *sides, is_share=column.is_share)
