"""The record of transfers: each has a name of its own, in the database that it left and in the one it reached."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from nightjar.errors import JobNameError
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.transfer.manifest import Manifest

_SQL = load_sql("nightjar.transfer", "jobs.sql")


@dataclass(frozen=True)
class Job:
    """A transfer, to be recorded.

    models: those that were moved, None for all of the manifest.
    parity: of an import, by model.
    """

    name: str
    manifest: Manifest
    bundle: str | None
    actor: str
    started: datetime
    target: str | None = None
    models: Sequence[str] | None = None
    parity: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TransferJob:
    """A recorded transfer."""

    name: str
    direction: str
    mode: str
    bundle: str | None
    models: list[str]
    source: str
    target: str | None
    bytes: int
    parts: int
    key_id: str | None
    parity: dict[str, Any]
    actor: str
    started_at: datetime
    finished_at: datetime


def require_free(database: Database, name: str) -> None:
    """Refuse a job's name that was recorded before.

    Raises:
        JobNameError: it was.
    """
    with database.connect(Role.SCORER) as connection:
        if connection.execute(_SQL["find_job"], [name]).fetchone() is not None:
            raise _taken(name, database.name)


def serialise_imports(connection: Connection) -> None:
    """Wait until no other import is under way; what it wrote is then seen."""
    connection.execute(_SQL["serialise_imports"])


def record_export(database: Database, job: Job) -> None:
    """Record an export in the database that it left.

    Raises:
        JobNameError: another job had the name.
    """
    with database.connect(Role.TRAINER) as connection:
        _record(connection, "export", job, database.name)


def record_import(connection: Connection, database: Database, job: Job) -> None:
    """Record an import within the transaction that it is.

    Raises:
        JobNameError: another job had the name.
    """
    _record(connection, "import", job, database.name)


def transfer_jobs(database: Database) -> list[TransferJob]:
    """Return the recorded transfers, newest first."""
    with database.connect(Role.SCORER) as connection:
        return [TransferJob(**row) for row in connection.execute(_SQL["jobs"])]


def _record(connection: Connection, direction: str, job: Job, environment: str) -> None:
    manifest = job.manifest
    values = {
        "name": job.name,
        "direction": direction,
        "mode": manifest.mode.value,
        "bundle": job.bundle,
        "models": [model.name for model in manifest.models] if job.models is None else list(job.models),
        "source": manifest.source,
        "target": job.target,
        "bytes": manifest.total_bytes,
        "parts": len(manifest.parts),
        "key_id": manifest.key_id,
        "parity": Jsonb(job.parity),
        "actor": job.actor,
        "started_at": job.started,
    }
    try:
        connection.execute(_SQL["insert_job"], values)
    except psycopg.errors.UniqueViolation as error:
        raise _taken(job.name, environment) from error


def _taken(name: str, environment: str) -> JobNameError:
    return JobNameError(f"A job {name!r} was recorded in {environment} before: give another name with --job.")
