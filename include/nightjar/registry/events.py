"""The audit of the registry, to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightjar.storage import Database, Role

_EVENTS = """
SELECT happened_at, actor, login, event, model, use_case, reason, details FROM nightjar.model_event
WHERE %(use_case)s::text IS NULL OR use_case = %(use_case)s ORDER BY id DESC
"""


@dataclass(frozen=True)
class ModelEvent:
    """A model that came or went, or an alias that moved: when, who, under which login, and why."""

    happened_at: datetime
    actor: str
    login: str
    event: str
    model: str
    use_case: str
    reason: str | None
    details: Mapping[str, Any]


def model_events(database: Database, use_case: str | None = None) -> list[ModelEvent]:
    """Return what happened to all models, or to those of one use case, newest first."""
    with database.connect(Role.SCORER) as connection:
        return [ModelEvent(**row) for row in connection.execute(_EVENTS, {"use_case": use_case})]
