"""Lands verified shipments in a database, each in one transaction, and makes imported models champion."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg

from nightjar import registry
from nightjar.errors import (
    BundleError,
    ModelNotFoundError,
    SchemaNotFoundError,
    TransferError,
)
from nightjar.registry import Alias, ModelName, ModelRecord
from nightjar.registry.audit import explained
from nightjar.registry.serving_models import save_serving
from nightjar.storage import Database, Role, migrate
from nightjar.storage.catalogs import CATALOG, require_catalog
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.transfer import single
from nightjar.transfer.existing import Existing, is_to_be_written
from nightjar.transfer.jobs import Job, record_import, serialise_imports
from nightjar.transfer.keys import require_trusted
from nightjar.transfer.manifest import first_line
from nightjar.transfer.verify import Verification, VerifiedModel, open_bundle, prove

_SQL = load_sql("nightjar.transfer", "jobs.sql")


@dataclass(frozen=True)
class Imported:
    """What an import did.

    models: all that were asked for, as they are in the target now.
    written: the names of those that were not there before.
    """

    models: tuple[ModelRecord, ...]
    written: tuple[str, ...]


def import_bundle(
    database: Database,
    folder: Path,
    bundle: str,
    *,
    actor: str,
    models: Collection[ModelName] = (),
    existing: Existing = Existing.MATCH,
    aliases: bool = False,
    job: str | None = None,
) -> Imported:
    """Verify a bundle and write its models in one transaction; the same import again changes nothing.

    Name, version, time of creation and lineage stay those of the database a model was trained in.

    Args:
        database: the target.
        folder: of the files.
        bundle: their name.
        actor: who imports, for the audit.
        models: which of the bundle's; by default all.
        existing: what to do with versions that are there.
        aliases: whether aliases move as the bundle says.
        job: a name that no job had; by default made of the bundle's and the time.

    Raises:
        BundleError, ParityError, ArtifactError, UntrustedKeyError: the bundle is refused.
        ModelNotFoundError: the bundle does not hold a model that is asked for.
        ModelClashError, ModelInUseError, ModelDroppedError: a version is there, is needed, or was dropped.
        NotMigratedError: the target lacks the catalog, or has an older one.
        JobNameError: a job had the name.
    """
    migrate.require_migrated(database)
    return land(
        database,
        prove(open_bundle(database, folder, bundle)),
        actor=actor,
        models=models,
        existing=existing,
        aliases=aliases,
        job=job,
    )


def import_serving(database: Database, content: bytes, *, actor: str, existing: Existing = Existing.MATCH) -> Imported:
    """Verify the bytes of a model for scoring and write it in one transaction; raises as `import_bundle` does."""
    migrate.require_migrated(database)
    with database.connect(Role.DEPLOYER) as connection:
        shipment = single.from_bytes(partial(require_trusted, connection), content)
    return land(database, prove(shipment), actor=actor, existing=existing)


def land(
    database: Database,
    verified: Verification,
    *,
    actor: str,
    models: Collection[ModelName] = (),
    existing: Existing = Existing.MATCH,
    aliases: bool = False,
    job: str | None = None,
) -> Imported:
    """Write the models of a verified shipment in one transaction; raises as `import_bundle` does."""
    started = datetime.now(UTC)
    wanted = _wanted(verified, models)
    try:
        with database.connect(Role.DEPLOYER) as connection:
            serialise_imports(connection)
            written = [model for model in wanted if is_to_be_written(connection, model.record, existing, database.name)]
            for model in written:
                _write(connection, database, verified, model, actor)
            if aliases:
                _move_aliases(connection, wanted, verified, actor)
            if written:
                name = job or f"import {verified.shipment.bundle or 'directly'} {started:%Y-%m-%d %H:%M:%S.%f}"
                record_import(connection, database, _job(name, verified, written, actor, started, database.name))
            found = tuple(registry.find_model(connection, model.record.name) for model in wanted)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise TransferError(f"The {database.name} database takes no writes: import where it does.") from error
    except psycopg.errors.DiskFull as error:
        raise TransferError(
            f"The disk of the {database.name} database is full: make room. Nothing was kept."
        ) from error
    return Imported(found, tuple(str(model.record.name) for model in written))


def remapped(database: Database, schemas: Mapping[str, str]) -> Database:
    """Return a database with its catalog in another schema, as a remap of a whole catalog has put it there.

    Raises:
        SchemaNotFoundError: there is no such schema, it holds no catalog, or another one than the catalog's is named.
    """
    if unknown := sorted(set(schemas) - {CATALOG}):
        raise SchemaNotFoundError(f"Models are in the schema {CATALOG}, not in {', '.join(unknown)}: remap that.")
    if not schemas:
        return database
    target = database.with_catalog(schemas[CATALOG])
    require_catalog(target)
    return target


def promote(database: Database, name: ModelName, *, actor: str, reason: str) -> bool:
    """Make a model of this database champion of its use case; return whether the alias moved.

    Raises:
        ModelNotFoundError: no such model.
    """
    with database.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, name)
        return registry.move_alias(connection, model.use_case, Alias.CHAMPION, model, reason=reason, actor=actor)


def _wanted(verified: Verification, names: Collection[ModelName]) -> list[VerifiedModel]:
    carried = {model.record.name: model for model in verified.models}
    if missing := [str(name) for name in names if name not in carried]:
        raise ModelNotFoundError(
            f"{', '.join(missing)} is not in {verified.shipment.bundle}: it holds {', '.join(map(str, carried))}."
        )
    return [carried[name] for name in names or carried]


def _write(
    connection: Connection, database: Database, verified: Verification, model: VerifiedModel, actor: str
) -> None:
    manifest, facts, moment = verified.manifest, model.facts, datetime.now(UTC)
    hop = {
        "source": manifest.source,
        "target": database.name,
        "mode": manifest.mode.value,
        "bundle": verified.shipment.bundle,
        "key_id": manifest.key_id,
        "moved_at": moment.isoformat(),
    }
    record = replace(facts.record, journey=(*facts.record.journey, hop))
    reason = f"{manifest.mode} import from {manifest.source}, signed with key {manifest.key_id}"
    try:
        with explained(connection, actor=actor, reason=reason):
            model_id = _register(connection, record, model, moment)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise BundleError(f"What the bundle says of {record.name} is malformed ({first_line(error)}).") from error
    for decision in facts.decisions:
        registry.save_decision(connection, model_id, decision)
    if model.serving is not None and facts.serving is not None:
        with model.serving.open() as file:
            save_serving(connection, model_id, file, facts.serving)
    registry.save_sample(connection, model_id, facts.sample)


def _register(connection: Connection, record: ModelRecord, model: VerifiedModel, moment: datetime) -> int:
    if model.artifact is None:
        return registry.register(connection, record, None, model.trials, imported_at=moment)
    with model.artifact.open() as file:
        return registry.register(connection, record, file, model.trials, imported_at=moment)


def _move_aliases(connection: Connection, models: list[VerifiedModel], verified: Verification, actor: str) -> None:
    reason = f"carried with the model from {verified.manifest.source}"
    for model in models:
        present = registry.find_model(connection, model.record.name)
        for alias in model.facts.aliases:
            registry.move_alias(connection, present.use_case, Alias.parse(alias), present, reason=reason, actor=actor)


def _job(
    name: str, verified: Verification, written: list[VerifiedModel], actor: str, started: datetime, target: str
) -> Job:
    parity = {str(model.record.name): asdict(model.proof) for model in written}
    return Job(
        name, verified.manifest, verified.shipment.bundle, actor, started, target, models=list(parity), parity=parity
    )
