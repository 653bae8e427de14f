"""Makes a shipment of models in a database: their facts, and where their artifacts lie."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from nightjar import registry
from nightjar.errors import ModelNotFoundError, ServingModelNotFoundError
from nightjar.registry import Form, ModelName, ModelRecord
from nightjar.registry.environment import package_versions
from nightjar.registry.serving_models import StoredServing, find_serving
from nightjar.storage import Database, Role, migrate
from nightjar.storage.database import Connection
from nightjar.transfer.facts import Facts, without_details
from nightjar.transfer.manifest import FORMAT_VERSION, Content, Entry, Identity, Manifest, Mode
from nightjar.transfer.shipment import Shipment
from nightjar.transfer.streams import InDatabase, InMemory, Source

# A serving model is often smaller than its sample would be.
SERVING_SAMPLE_ROWS = 20


def pack(database: Database, names: Sequence[ModelName], mode: Mode, key_id: str, *, aliases: bool = False) -> Shipment:
    """Return a shipment of models; their artifacts stay where they are until it is written or landed.

    Raises:
        ModelNotFoundError: one of them does not exist, or none is named.
        ServingOnlyError: only the serving model of one is here, and the full one is asked for.
        ServingModelNotFoundError: one has no serving model, and that is asked for.
        ParitySampleNotFoundError: one was registered without rows to prove a copy on.
    """
    if not names:
        raise ModelNotFoundError("No model is named, or none fits the filter: see 'nightjar model list'.")
    sources: dict[Entry, Source] = {}
    identities, rows = [], {"models": len(names), "trials": 0, "decisions": 0, "sample": 0}
    for name in dict.fromkeys(names):
        facts, contents = _pack_model(database, name, mode, aliases=aliases)
        sources |= contents
        identities.append(Identity(name=str(name), use_case=facts.record.use_case, sha256=facts.record.sha256))
        rows["trials"] += len(facts.trials)
        rows["decisions"] += len(facts.decisions)
        rows["sample"] += len(facts.sample.rows)
    manifest = Manifest(
        format=FORMAT_VERSION,
        mode=mode,
        models=tuple(identities),
        entries=tuple(sources),
        rows=rows,
        source=database.name,
        revision=migrate.current_revision(database) or "",
        versions=versions(database),
        key_id=key_id,
        created=datetime.now(UTC).isoformat(),
    )
    return Shipment(manifest, sources)


def versions(database: Database) -> dict[str, str]:
    """Return the versions of what made a shipment: this code, its libraries, the database server."""
    with database.connect(Role.SCORER) as connection:
        server = str(connection.info.server_version // 10000)
    return package_versions() | {"nightjar": registry.code_version(), "postgres": server}


def _pack_model(
    database: Database, name: ModelName, mode: Mode, *, aliases: bool
) -> tuple[Facts, Mapping[Entry, Source]]:
    with database.connect(Role.SCORER) as connection:
        record = registry.find_model(connection, name)
        trials, decisions = registry.trials_of(connection, record.id), registry.decisions_of(connection, record.id)
        stored, serving_bytes = _serving(connection, record)
        sample = registry.find_sample(connection, record)
        size = registry.artifact_size(connection, record.sha256)[0] if record.form == Form.FULL else 0
    if mode is Mode.SERVING and stored is None:
        raise ServingModelNotFoundError(
            f"{name} has no serving model, so it cannot travel to score only: use mode model."
        )
    if mode is Mode.MODEL:
        registry.require_full(record)
    full = mode is Mode.MODEL
    facts = Facts(
        record if full else without_details(record),
        tuple(trials) if full else (),
        tuple(decisions) if full else (),
        record.aliases if aliases else (),
        stored.report if stored else None,
        sample if full else sample.thinned(SERVING_SAMPLE_ROWS),
    )
    content = facts.as_bytes()
    digest = hashlib.sha256(content).hexdigest()
    entries: dict[Entry, Source] = {
        Entry(content=Content.FACTS, model=str(name), bytes=len(content), sha256=digest): InMemory(content)
    }
    if full:
        entry = Entry(content=Content.ARTIFACT, model=str(name), bytes=size, sha256=record.sha256)
        entries[entry] = InDatabase(database, record.sha256)
    if stored:
        entry = Entry(content=Content.SERVING, model=str(name), bytes=serving_bytes, sha256=stored.sha256)
        entries[entry] = InDatabase(database, stored.sha256)
    return facts, entries


def _serving(connection: Connection, record: ModelRecord) -> tuple[StoredServing | None, int]:
    """Return a model's serving model and its size in bytes."""
    try:
        stored = find_serving(connection, record)
    except ServingModelNotFoundError:
        return None, 0
    return stored, registry.artifact_size(connection, stored.sha256)[0]
