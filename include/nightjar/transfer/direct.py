"""Carries models straight from database to database: no file, the same guarantees, a piece at a time in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime

from nightjar.registry import ModelName
from nightjar.storage import Database, Role, migrate
from nightjar.transfer import isolation
from nightjar.transfer.existing import Existing
from nightjar.transfer.importing import Imported, land
from nightjar.transfer.jobs import Job, record_export, require_free
from nightjar.transfer.keys import SigningKey, require_trusted
from nightjar.transfer.manifest import Mode
from nightjar.transfer.packing import pack
from nightjar.transfer.verify import prove


def copy_models(
    source: Database,
    target: Database,
    names: Sequence[ModelName],
    *,
    key: SigningKey,
    actor: str,
    mode: Mode = Mode.MODEL,
    existing: Existing = Existing.MATCH,
    aliases: bool = False,
    job: str | None = None,
) -> Imported:
    """Carry models from one database into another in one transaction of the target; doing it twice changes nothing.

    Args:
        source: the database that the models are in.
        target: the one that they are to be in.
        names: of the models.
        key: signs what is carried; the target has to trust it.
        actor: who does it, for the audit of both.
        mode: model for all that is known, serving for scoring only.
        existing: what to do with versions that are in the target.
        aliases: whether aliases move as in the source.
        job: a name that no job of either had; by default made of the time.

    Raises:
        ModelNotFoundError, ServingOnlyError, ServingModelNotFoundError: what is asked for is not in the source.
        UntrustedKeyError: the target does not trust the key.
        ModelClashError, ModelInUseError, ModelDroppedError: a version is in the target, is needed, or was dropped.
        NotMigratedError: the target lacks the catalog, or has an older one.
    """
    migrate.require_migrated(target)
    isolation.prepare()
    started = datetime.now(UTC)
    name = job or f"copy {source.name} to {target.name} {started:%Y-%m-%d %H:%M:%S.%f}"
    require_free(source, name)
    shipment = pack(source, names, mode, key.key_id, aliases=aliases)
    signed = shipment.manifest.as_bytes()
    with target.connect(Role.DEPLOYER) as connection:
        require_trusted(connection, key.key_id, key.sign(signed), signed)
    imported = land(target, prove(shipment), actor=actor, existing=existing, aliases=aliases, job=name)
    if imported.written:
        record_export(source, Job(name, shipment.manifest, None, actor, started, target.name, models=imported.written))
    return imported
