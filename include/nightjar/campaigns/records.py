"""The record of campaigns."""

import re
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from nightjar.errors import CampaignNameError, CampaignNotFoundError, did_you_mean
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.campaigns", "campaigns.sql")
_NAME = re.compile(r"\w[\w .:-]{0,62}")


@dataclass(frozen=True)
class Campaign:
    """A list that was exported: of whom, by which night's predictions, how many are on it, how many held out."""

    id: int
    name: str
    use_case: str
    as_of: date
    model: str
    commit_id: int
    selection: str
    hold_out_share: float
    seed: int
    treated: int
    held_out: int
    target: str
    actor: str
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return asdict(self)


def require_name(name: str) -> None:
    """Refuse what no campaign can be called.

    Raises:
        CampaignNameError: it is blank, too long, or holds other characters than names have.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise CampaignNameError(
            f"{name!r} is no name of a campaign: give 1 to 63 letters, digits, spaces and any of _ . : -, the first "
            "one a letter or digit."
        )


def list_campaigns(database: Database) -> list[Campaign]:
    """Return all campaigns, the earliest first."""
    with database.connect(Role.SCORER) as connection:
        return _campaigns(connection, None)


def find_campaign(connection: Connection, name: str) -> Campaign:
    """Return one campaign.

    Raises:
        CampaignNotFoundError: with the nearest name.
    """
    found = _campaigns(connection, name)
    if not found:
        known = [campaign.name for campaign in _campaigns(connection, None)]
        raise CampaignNotFoundError(f"No campaign is named {name!r}.{did_you_mean(name, known)}")
    return found[0]


def _campaigns(connection: Connection, name: str | None) -> list[Campaign]:
    return [Campaign(**row) for row in connection.execute(_SQL["campaigns"], {"name": name})]
