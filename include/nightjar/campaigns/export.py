"""Hands the entities of a segment or a decile over, but for a random part that is held out."""

from datetime import date

import psycopg
from psycopg import sql

from nightjar.campaigns.assignment import draw_order, hold_out_first, hold_out_quotas, require_share
from nightjar.campaigns.lists import ListTarget
from nightjar.campaigns.records import Campaign, find_campaign, require_name
from nightjar.campaigns.selection import Selection, list_columns, require_fit, require_segment, selected_rows
from nightjar.errors import CampaignNameError, EmptySelectionError, NumberError
from nightjar.scoring.row_numbers import key_columns
from nightjar.scoring.stored import published_night, require_predictions
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.campaigns", "campaigns.sql")


def export_campaign(
    database: Database,
    use_case: UseCase,
    name: str,
    selection: Selection,
    target: ListTarget,
    *,
    hold_out: float,
    as_of: date | None = None,
    seed: int = 0,
    actor: str,
) -> Campaign:
    """Write the list of the treated, and record who is on it and who was held out: both, or neither.

    Args:
        database: whose predictions.
        use_case: by which to select.
        name: of the campaign, taken once.
        selection: a segment or a decile.
        target: a file or table that is not there yet.
        hold_out: share of the selected to be left off the list at random.
        as_of: a night that is kept; by default the one that readers see.
        seed: of the draw, which the name is part of: other campaigns hold others out.
        actor: who exports.

    Raises:
        CampaignNameError: the name is malformed or taken.
        SelectionError: the use case has no such segment, or no segments or deciles at all.
        EmptySelectionError: nobody is in it that night.
        HoldOutError: the share is none, or holds nobody out.
        NumberError: the seed is negative or too large.
        NoPublishedNightError, ForgottenNightError: there are no predictions of that night.
        OutputFileError, TargetTableError: the list cannot be written.
    """
    require_name(name)
    require_share(hold_out)
    _require_seed(seed)
    require_fit(use_case, selection)
    with target.writing() as write, database.connect(Role.SCORER) as connection:
        commit = published_night(connection, use_case, as_of)
        require_predictions(connection, use_case, commit, "choose a later night")
        require_segment(connection, commit, selection)
        selected = selected_rows(use_case, selection, commit)
        strata = draw_order(connection, selected, use_case.entity_key, f"{name}/{seed}/")
        if not strata:
            raise EmptySelectionError(
                f"{use_case.name} as of {commit.as_of} has nobody in {selection}: choose another one."
            )
        quotas = hold_out_quotas(strata, hold_out)
        hold_out_first(connection, quotas)
        facts = {
            "name": name, "use_case": use_case.name, "as_of": commit.as_of, "commit_id": commit.id,
            "selection": str(selection), "hold_out_share": hold_out, "seed": seed, "treated": sum(strata) - sum(quotas),
            "held_out": sum(quotas), "target": str(target), "actor": actor,
        }  # fmt: skip
        campaign = _record(connection, facts)
        write(connection, _list(use_case))
    return campaign


def _require_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise NumberError(f"{seed} is no seed: give a whole number from 0 to {2**32 - 1}.")


def _record(connection: Connection, facts: dict[str, object]) -> Campaign:
    try:
        row = connection.execute(_SQL["record"], facts).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise CampaignNameError(
            f"There is a campaign {facts['name']!r} already: choose another name, 'nightjar campaign list' has them."
        ) from error
    assert row is not None
    connection.execute(_SQL["record_entities"], [row["id"]])
    return find_campaign(connection, str(facts["name"]))


def _list(use_case: UseCase) -> sql.Composed:
    return sql.SQL(_SQL["list"]).format(
        columns=key_columns(list_columns(use_case)),
        keys=key_columns(use_case.entity_key),
    )
