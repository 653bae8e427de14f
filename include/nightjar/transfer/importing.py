"""Imports a verified bundle, and makes an imported model champion."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg

from nightjar import registry
from nightjar.errors import BundleError, ModelNotFoundError, TransferError
from nightjar.registry import Alias, ModelName, ModelRecord
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.transfer.verify import Verification, verify_bundle


def import_model(database: Database, folder: Path, name: str) -> ModelRecord:
    """Verify a bundle and write its model in one transaction; the same import again changes nothing.

    Name, version, time of creation and lineage stay those of the database it was trained in.

    Raises:
        BundleError, ParityError, ArtifactError: the bundle is refused.
        TransferError: another model has this name and version.
        ModelDroppedError: the version was here and was dropped.
    """
    verified = verify_bundle(folder, name)
    with database.connect(Role.DEPLOYER) as connection:
        present = _present(connection, verified)
        if present is None:
            _write(connection, verified)
        return registry.find_model(connection, verified.record.name)


def promote(database: Database, name: ModelName, *, actor: str, reason: str) -> bool:
    """Make a model of this database champion of its use case; return whether the alias moved.

    Raises:
        ModelNotFoundError: no such model.
    """
    with database.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, name)
        return registry.move_alias(connection, model.use_case, Alias.CHAMPION, model, reason=reason, actor=actor)


def _present(connection: Connection, verified: Verification) -> ModelRecord | None:
    try:
        present = registry.find_model(connection, verified.record.name)
    except ModelNotFoundError:
        return None
    if present.sha256 != verified.record.sha256:
        raise TransferError(
            f"{present.name} exists here with another content ({present.sha256[:12]}…, the bundle has "
            f"{verified.record.sha256[:12]}…): train a new version instead."
        )
    return present


def _write(connection: Connection, verified: Verification) -> None:
    try:
        model_id = registry.register(
            connection, verified.record, verified.bundle.artifact, verified.trials, imported_at=datetime.now(UTC)
        )
    except psycopg.errors.UniqueViolation as error:
        raise TransferError(f"{verified.record.name} is being imported by another process: let it finish.") from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise BundleError(f"The bundle's model record is malformed ({str(error).splitlines()[0]}).") from error
    for decision in verified.decisions:
        registry.save_decision(connection, model_id, decision)
