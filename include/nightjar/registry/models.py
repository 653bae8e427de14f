"""Model versions: register, look up."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from nightjar.errors import ModelDroppedError, ModelNotFoundError, ServingOnlyError, did_you_mean
from nightjar.registry.artifacts import write_artifact
from nightjar.registry.audit import drop_of
from nightjar.registry.records import Decision, Form, ModelName, ModelRecord, Trial
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")


def next_version(connection: Connection, name: str) -> ModelName:
    """Return the next version of a model name that never was, and hold it until the transaction ends."""
    connection.execute(_SQL["lock_name"], [name])
    row = connection.execute(_SQL["next_version"], [name]).fetchone()
    assert row is not None
    return ModelName(name, row["version"])


def register(
    connection: Connection,
    record: ModelRecord,
    artifact: bytes | io.BufferedIOBase | None,
    trials: Sequence[Trial],
    *,
    imported_at: datetime | None = None,
) -> int:
    """Write a model version with its artifact and leaderboard, within the caller's transaction; return its id.

    Args:
        connection: of the transaction.
        record: what is known of it.
        artifact: its bytes, or an open file of them; None where only the serving model is to be here.
        trials: the leaderboard, best first.
        imported_at: when it came from another database.

    Raises:
        ArtifactError: the artifact is not the one of the record.
        ModelDroppedError: the version existed and was dropped.
    """
    _require_never_dropped(connection, record.name)
    if artifact is not None:
        write_artifact(connection, artifact, sha256=record.sha256)
    values = _columns(record) | {"imported_at": imported_at}
    row = connection.execute(_SQL["insert_model"], values).fetchone()
    assert row is not None
    model_id: int = row["id"]
    if record.details.get("segments"):
        connection.execute(_SQL["insert_segments"], {"model_id": model_id, "details": values["details"]})
    for place, trial in enumerate(trials, start=1):
        facts = {"model_id": model_id, "place": place, "parameters": Jsonb(dict(trial.parameters))}
        connection.execute(_SQL["insert_trial"], asdict(trial) | facts)
    return model_id


def _columns(record: ModelRecord) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(record, name) for name in record.__dataclass_fields__}
    mappings = {name: Jsonb(dict(value)) for name, value in values.items() if isinstance(value, Mapping)}
    identity = {"name": record.name.name, "version": record.name.version}
    lists = {"signature": Jsonb(record.signature.as_json()), "journey": Jsonb(list(record.journey))}
    return values | mappings | identity | lists


def save_decision(connection: Connection, model_id: int, decision: Decision) -> None:
    """Record what the gates said of a model."""
    facts = {"model_id": model_id, "reasons": list(decision.reasons)}
    connection.execute(_SQL["insert_decision"], asdict(decision) | facts)


def find_model(connection: Connection, name: ModelName) -> ModelRecord:
    """Return a model version.

    Raises:
        ModelNotFoundError: with the versions that exist, or the nearest name.
    """
    row = connection.execute(f"{_SQL['select']} {_SQL['of_name']}", [name.name, name.version]).fetchone()
    if row is None:
        raise ModelNotFoundError(_not_found(connection, name))
    return ModelRecord.from_row(row)


def _not_found(connection: Connection, name: ModelName) -> str:
    known: dict[str, list[str]] = {}
    for row in connection.execute(_SQL["names"]):
        known.setdefault(row["name"], []).append(f"{row['name']}@{row['version']}")
    dropped = drop_of(connection, name)
    missing = f"There is no model {name}" + (f", it was {dropped}" if dropped else "")
    if name.name in known:
        return f"{missing}; there is {', '.join(known[name.name])}."
    return f"{missing}; there is none of that name.{did_you_mean(name.name, known)}"


def _require_never_dropped(connection: Connection, name: ModelName) -> None:
    # A drop that is under way ends first.
    connection.execute(_SQL["lock_name"], [name.name])
    if dropped := drop_of(connection, name):
        raise ModelDroppedError(f"{name} was {dropped}: its number is not used again. Train a new version instead.")


def require_full(record: ModelRecord) -> None:
    """Refuse a model of which only the serving model is here.

    Raises:
        ServingOnlyError: with the database that has its details.
    """
    if record.form == Form.SERVING:
        raise ServingOnlyError(
            f"Only the serving model of {record.name} is here: it scores, its details are in {record.trained_in}. "
            "Ask there, or import it in mode model."
        )


def trials_of(connection: Connection, model_id: int) -> list[Trial]:
    """Return a model's leaderboard, best first."""
    return [Trial(**row) for row in connection.execute(_SQL["trials"], [model_id])]


def decisions_of(connection: Connection, model_id: int) -> list[Decision]:
    """Return what the gates said of a model, oldest first."""
    return [
        Decision(**{**row, "reasons": tuple(row["reasons"])})
        for row in connection.execute(_SQL["decisions"], [model_id])
    ]


def list_models(database: Database, use_case: str | None = None) -> list[ModelRecord]:
    """Return all model versions, or those of one use case, by name and version."""
    with database.connect(Role.SCORER) as connection:
        rows = connection.execute(f"{_SQL['select']} {_SQL['of_use_case']}", {"use_case": use_case})
        return [ModelRecord.from_row(row) for row in rows]
