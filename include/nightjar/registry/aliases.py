"""Champion and challenger: which model is in use, and the history of that."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg import sql

from nightjar.errors import ModelNotFoundError
from nightjar.registry.models import find_model
from nightjar.registry.records import ModelName, ModelRecord
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")


class Alias(StrEnum):
    """The names that point at model versions."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class AliasMove:
    """One move of an alias: an entry of its history."""

    use_case: str
    alias: str
    model: str
    previous: str | None
    reason: str
    actor: str
    moved_at: datetime


def aliased_model(connection: Connection, use_case: str, alias: Alias) -> ModelRecord | None:
    """Return the model that an alias points at, None when it points nowhere yet."""
    row = connection.execute(
        sql.SQL(_SQL["select"]) + sql.SQL(" ") + sql.SQL(_SQL["aliased"]), [use_case, alias.value]
    ).fetchone()
    return None if row is None else ModelRecord.from_row(row)


def require_champion(connection: Connection, use_case: str, environment: str) -> ModelRecord:
    """Return the champion.

    Raises:
        ModelNotFoundError: no model has been promoted yet.
    """
    champion = aliased_model(connection, use_case, Alias.CHAMPION)
    if champion is None:
        raise ModelNotFoundError(
            f"{use_case} has no champion in {environment}: run the DAG promote_models__{use_case}, "
            "or 'nightjar model promote'."
        )
    return champion


def move_alias(
    connection: Connection, use_case: str, alias: Alias, model: ModelRecord, *, reason: str, actor: str
) -> bool:
    """Point an alias at a model within the caller's transaction; return whether it moved.

    Moves of one use case's aliases wait for each other, so the history is a single line.
    """
    connection.execute(_SQL["lock_use_case"], [use_case])
    previous = aliased_model(connection, use_case, alias)
    if previous is not None and previous.id == model.id:
        return False
    connection.execute(_SQL["set_alias"], {"use_case": use_case, "alias": alias.value, "model_id": model.id})
    connection.execute(
        _SQL["record_move"],
        {
            "use_case": use_case,
            "alias": alias.value,
            "model": str(model.name),
            "previous": str(previous.name) if previous else None,
            "reason": reason,
            "actor": actor,
        },
    )
    return True


def alias_history(database: Database, use_case: str, alias: Alias) -> list[AliasMove]:
    """Return the moves of an alias, newest first."""
    with database.connect(Role.SCORER) as connection:
        return [AliasMove(**row) for row in connection.execute(_SQL["history"], [use_case, alias.value])]


def rollback(database: Database, use_case: str, *, to: ModelName | None, reason: str, actor: str) -> ModelRecord:
    """Make an earlier champion the champion again: `to`, or the one before the present one.

    Raises:
        ModelNotFoundError: there is no earlier champion, or `to` never was one.
    """
    moves = alias_history(database, use_case, Alias.CHAMPION)
    earlier = [move.model for move in moves[1:]]
    if not earlier:
        raise ModelNotFoundError(f"{use_case} has no earlier champion in {database.name} to go back to.")
    target = str(to) if to is not None else str(moves[0].previous)
    if target not in earlier:
        raise ModelNotFoundError(
            f"{target} was not champion of {use_case} in {database.name} before; earlier champions: "
            f"{', '.join(dict.fromkeys(earlier))}."
        )
    with database.connect(Role.DEPLOYER) as connection:
        model = find_model(connection, ModelName.parse(target))
        move_alias(connection, use_case, Alias.CHAMPION, model, reason=reason, actor=actor)
    return model
