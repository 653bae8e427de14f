"""Where a stored prediction comes from: its run, and the model, data and code that made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from nightjar.scoring.row_numbers import is_numbered
from nightjar.scoring.stored import published_night, stored_predictions
from nightjar.storage import Database, Role
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase
from nightjar.usecases.keys import KeyValue, entity_key

_SQL = load_sql("nightjar.scoring", "scoring.sql")


@dataclass(frozen=True)
class Origin:
    """An entity's predictions of a night, and what they lead back to."""

    entity: dict[str, KeyValue]
    predictions: tuple[dict[str, Any], ...]
    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {"entity": self.entity, **self.facts, "predictions": list(self.predictions)}


def blame(
    database: Database, use_case: UseCase, entity: KeyValue | Sequence[KeyValue], *, as_of: date | None = None
) -> Origin:
    """Return the lineage of an entity's predictions: of the night that readers see, or of an earlier one.

    The shard is not known any more where rows were numbered for the night.

    Raises:
        KeyValueError: the entity's key has another form.
        NoPublishedNightError: there is no such night.
        NotPredictedError: the entity has no prediction that night; quarantined and forgotten ones have a subclass.
    """
    key = entity_key(use_case, entity)
    number = None if is_numbered(use_case) else key[0]
    with database.connect(Role.SCORER) as connection:
        commit = published_night(connection, use_case, as_of)
        predictions = stored_predictions(connection, use_case, commit, key, None)
        facts = connection.execute(_SQL["lineage"], {"commit": commit.id, "number": number}).fetchone()
    assert facts is not None
    return Origin(dict(zip(use_case.entity_key, key, strict=True)), tuple(predictions), dict(facts))
