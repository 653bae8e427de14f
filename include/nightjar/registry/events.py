"""The audit of the registry, to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightjar.storage import Database, Role
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")


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
        return [ModelEvent(**row) for row in connection.execute(_SQL["events"], {"use_case": use_case})]
