"""Removes model versions that nothing needs."""

from collections.abc import Iterator

import psycopg

from nightjar.errors import ModelInUseError
from nightjar.registry.audit import explained, require_reason
from nightjar.registry.models import find_model
from nightjar.registry.records import ModelName
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")
# What one night, and what several, of a commit's state are to its model.
_SCORED = {
    "open": ("is being scored with it", "are being scored with it"),
    "published": ("was scored with it", "were scored with it"),
    "superseded": ("was scored with it before it was published again", "were scored with it before they were again"),
    "checked": ("was checked with it", "were checked with it"),
    "abandoned": ("was scored with it and abandoned", "were scored with it and abandoned"),
}


def drop(database: Database, name: ModelName, *, reason: str | None = None, actor: str | None = None) -> None:
    """Remove a model version that nothing needs; its number is not used again.

    Raises:
        ModelNotFoundError: no such model.
        ModelInUseError: aliases or scored nights need it; all of them are named.
        ReasonError: the reason is blank.
    """
    if reason is not None:
        require_reason(reason)
    with database.connect(Role.OWNER) as connection:
        # An import of the same version waits, and then learns of the drop.
        connection.execute(_SQL["lock_name"], [name.name])
        model = find_model(connection, name)
        _require_unused(connection, name, model.id)
        artifacts = [row["sha256"] for row in connection.execute(_SQL["artifacts_of"], {"id": model.id})]
        try:
            with explained(connection, actor=actor, reason=reason):
                connection.execute(_SQL["delete_model"], [model.id])
        except psycopg.errors.ForeignKeyViolation as error:
            raise ModelInUseError(f"{name} has just been taken into use: keep it.") from error
        connection.execute(_SQL["delete_artifacts_unless_used"], [artifacts])


def _require_unused(connection: Connection, name: ModelName, model_id: int) -> None:
    aliases = [
        f"it is {row['alias']} of {row['use_case']}" for row in connection.execute(_SQL["aliases_of"], [model_id])
    ]
    nights = list(_nights(connection, model_id))
    if not aliases and not nights:
        return
    remedies = ["move the alias to another model first"] if aliases else []
    remedies += ["a model that nights lead to is kept"] if nights else []
    remedy = "; ".join(remedies)
    raise ModelInUseError(f"{name} is needed: {'; '.join(aliases + nights)}. {remedy[0].upper()}{remedy[1:]}.")


def _nights(connection: Connection, model_id: int) -> Iterator[str]:
    for row in connection.execute(_SQL["nights_of"], [model_id]):
        one, several = _SCORED[row["state"]]
        if row["nights"] == 1:
            yield f"night {row['first']} of {row['use_case']} {one}"
        else:
            yield f"{row['nights']} nights of {row['use_case']} from {row['first']} to {row['last']} {several}"
