"""Champion and challenger: which model is in use, and the only way to change that."""

from enum import StrEnum

from nightjar.errors import ForeignModelError, ModelNotFoundError, UnknownAliasError, did_you_mean
from nightjar.registry.audit import explained, require_reason
from nightjar.registry.records import ModelRecord
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")


class Alias(StrEnum):
    """The names that point at model versions."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"

    @classmethod
    def parse(cls, text: str) -> "Alias":
        """Read an alias.

        Raises:
            UnknownAliasError: there is none of that name.
        """
        if text not in list(cls):
            raise UnknownAliasError(f"There is no alias {text!r}.{did_you_mean(text, [alias.value for alias in cls])}")
        return cls(text)


def aliased_model(connection: Connection, use_case: str, alias: Alias) -> ModelRecord | None:
    """Return the model that an alias points at, None when it points nowhere yet."""
    row = connection.execute(f"{_SQL['select']} {_SQL['of_alias']}", [use_case, alias.value]).fetchone()
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


def lock_aliases(connection: Connection, use_case: str) -> None:
    """Make other moves of a use case's aliases wait until the transaction ends."""
    connection.execute(_SQL["lock_name"], [use_case])


def move_alias(
    connection: Connection, use_case: str, alias: Alias, model: ModelRecord, *, reason: str, actor: str
) -> bool:
    """Point an alias at a model within the caller's transaction; return whether it moved.

    Moves of one use case's aliases wait for each other, so the history is a single line.

    Raises:
        ForeignModelError: the model belongs to another use case.
        ReasonError: the reason is blank.
    """
    require_reason(reason)
    if model.use_case != use_case:
        raise ForeignModelError(
            f"{model.name} is a model of {model.use_case}, it cannot be {alias} of {use_case}: "
            f"name one of 'nightjar model list --use-case {use_case}'."
        )
    lock_aliases(connection, use_case)
    present = aliased_model(connection, use_case, alias)
    if present is not None and present.id == model.id:
        return False
    with explained(connection, actor=actor, reason=reason):
        connection.execute(_SQL["set_alias"], {"use_case": use_case, "alias": alias.value, "model_id": model.id})
    return True
