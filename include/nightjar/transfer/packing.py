"""Makes a shipment of models in a database: their facts, a scored sample, and where their artifacts lie."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import psycopg

from nightjar import registry
from nightjar.errors import ModelNotFoundError, ServingModelNotFoundError, TransferError
from nightjar.registry import Form, ModelName, ModelRecord, feature_matrix
from nightjar.registry.environment import package_versions
from nightjar.registry.serving_models import StoredServing, find_serving
from nightjar.snapshots import SnapshotName, find
from nightjar.snapshots.errors import SnapshotNotFoundError
from nightjar.storage import Database, Role, migrate
from nightjar.storage.copy_reader import read_batches
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.transfer.facts import Facts, Sample, without_details
from nightjar.transfer.isolation import scores
from nightjar.transfer.manifest import FORMAT_VERSION, Content, Entry, Identity, Manifest, Mode
from nightjar.transfer.shipment import Shipment
from nightjar.transfer.streams import InDatabase, InMemory, Source

_SQL = load_sql("nightjar.transfer", "jobs.sql")
SAMPLE_ROWS = 200
FULL_TOLERANCE = 1e-9


def pack(database: Database, names: Sequence[ModelName], mode: Mode, key_id: str, *, aliases: bool = False) -> Shipment:
    """Return a shipment of models; their artifacts stay where they are until it is written or landed.

    Raises:
        ModelNotFoundError: one of them does not exist, or none is named.
        ServingOnlyError: only the serving model of one is here, and the full one is asked for.
        ServingModelNotFoundError: one has no serving model, and that is asked for.
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
        sample = _kept_sample(connection, record)
        size = registry.artifact_size(connection, record.sha256)[0] if record.form == Form.FULL else 0
    if mode is Mode.SERVING and stored is None:
        raise ServingModelNotFoundError(
            f"{name} has no serving model, so it cannot travel to score only: use mode model."
        )
    if mode is Mode.MODEL:
        registry.require_full(record)
    serving = InDatabase(database, stored.sha256) if stored else None
    form = Form.SERVING if mode is Mode.SERVING else Form.FULL
    artifact = serving if form is Form.SERVING and serving else InDatabase(database, record.sha256)
    matrix = sample.matrix() if sample else _sample(database, record)
    tolerance = stored.report.tolerance if form is Form.SERVING and stored else FULL_TOLERANCE
    facts = Facts(
        record if form is Form.FULL else without_details(record),
        tuple(trials) if form is Form.FULL else (),
        tuple(decisions) if form is Form.FULL else (),
        record.aliases if aliases else (),
        stored.report if stored else None,
        Sample.of(matrix, scores(record, form, artifact, matrix), tolerance),
    )
    content = facts.as_bytes()
    digest = hashlib.sha256(content).hexdigest()
    entries: dict[Entry, Source] = {
        Entry(content=Content.FACTS, model=str(name), bytes=len(content), sha256=digest): InMemory(content)
    }
    if form is Form.FULL:
        entries[Entry(content=Content.ARTIFACT, model=str(name), bytes=size, sha256=record.sha256)] = artifact
    if stored and serving:
        entries[Entry(content=Content.SERVING, model=str(name), bytes=serving_bytes, sha256=stored.sha256)] = serving
    return facts, entries


def _serving(connection: Connection, record: ModelRecord) -> tuple[StoredServing | None, int]:
    """Return a model's serving model and its size in bytes."""
    try:
        stored = find_serving(connection, record)
    except ServingModelNotFoundError:
        return None, 0
    return stored, registry.artifact_size(connection, stored.sha256)[0]


def _kept_sample(connection: Connection, record: ModelRecord) -> Sample | None:
    row = connection.execute(_SQL["find_sample"], [record.id]).fetchone()
    return None if row is None else Sample.model_validate_json(row["sample"])


def _sample(database: Database, record: ModelRecord) -> npt.NDArray[np.float64]:
    """Return rows of the test split, or a row of no value at all where the snapshot does not lie here."""
    signature = record.signature
    try:
        split = find(database, SnapshotName.parse(record.test_split))
        with database.connect(Role.TRAINER) as connection:
            names = [column.name for column in signature.inputs]
            batches = read_batches(connection, split.name.view, signature.inputs, order_by=names, batch_rows=65_536)
            matrix = np.concatenate([feature_matrix(signature, batch) for batch in batches])
    except SnapshotNotFoundError:
        return np.full((1, len(signature.inputs)), np.nan)
    except psycopg.errors.UndefinedTable as error:
        raise TransferError(f"The test rows of {record.name} cannot be read: verify its snapshot first.") from error
    rows = np.linspace(0, len(matrix) - 1, min(SAMPLE_ROWS, len(matrix))).astype(int)
    sample: npt.NDArray[np.float64] = matrix[rows]
    return sample
