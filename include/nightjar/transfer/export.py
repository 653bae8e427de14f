"""Writes a model with all its details as a bundle."""

import hashlib
import io
import json
import math
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar import registry
from nightjar.errors import TransferError
from nightjar.registry import ModelName, ModelRecord, Predictor, decisions_of, feature_matrix, load_predictor, trials_of
from nightjar.registry.environment import package_versions
from nightjar.snapshots import SnapshotName, find
from nightjar.snapshots.errors import SnapshotNotFoundError
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import read_batches
from nightjar.transfer.bundle import (
    DEFAULT_PART_BYTES,
    FORMAT_VERSION,
    MAXIMUM_PARTS,
    Manifest,
    Parity,
    PartFile,
    manifest_path,
)

SAMPLE_ROWS = 200


def export_model(
    database: Database, name: ModelName, folder: Path, bundle: str, *, part_bytes: int = DEFAULT_PART_BYTES
) -> Manifest:
    """Write a model version as the bundle `bundle` in `folder`; one that is there is replaced.

    The manifest is written last and by renaming, so a bundle that was cut short never looks complete.

    Raises:
        ModelNotFoundError: no such model.
        TransferError: the folder cannot be written, or the parts are so small that they would be too many.
    """
    target = manifest_path(folder, bundle)
    with database.connect(Role.TRAINER) as connection:
        record = registry.find_model(connection, name)
        artifact = registry.read_artifact(connection, record.sha256)
        trials = [asdict(trial) for trial in trials_of(connection, record.id)]
        decisions = [asdict(decision) for decision in decisions_of(connection, record.id)]
        predictor = load_predictor(connection, record)
    content = {"record": record_as_json(record), "trials": trials, "decisions": decisions}
    payload = _archive(content, artifact, _parity(database, predictor))
    if len(payload) > part_bytes * MAXIMUM_PARTS:
        raise TransferError(
            f"{name} does not fit into {MAXIMUM_PARTS} parts of {part_bytes} bytes: give at least "
            f"{-(-len(payload) // MAXIMUM_PARTS)}."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        parts = _write_parts(folder, bundle, payload, part_bytes)
        manifest = Manifest(
            format=FORMAT_VERSION,
            models=(str(name),),
            parts=tuple(parts),
            source=database.name,
            versions=package_versions(),
            created=datetime.now(UTC).isoformat(),
        )
        _write_file(target, manifest.model_dump_json(indent=2).encode())
    except OSError as error:
        raise TransferError(f"The bundle {bundle} cannot be written to {folder}: {error.strerror}.") from error
    return manifest


def record_as_json(record: ModelRecord) -> dict[str, Any]:
    """Return a record in the form that bundles carry."""
    values = {name: getattr(record, name) for name in record.__dataclass_fields__ if name not in ("id", "aliases")}
    values["name"] = str(record.name)
    values["signature"] = record.signature.as_json()
    values["as_of"] = record.as_of.isoformat()
    values["created_at"] = record.created_at.isoformat() if record.created_at else None
    return values


def _archive(content: Mapping[str, Any], artifact: bytes, parity: Parity) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("model.json", json.dumps(content))
        archive.writestr("artifact.skops", artifact)
        archive.writestr("parity.json", parity.model_dump_json())
    return buffer.getvalue()


def _parity(database: Database, predictor: Predictor) -> Parity:
    matrix = _sample(database, predictor)
    outputs = predictor.predict(matrix)
    return Parity(
        rows=[[None if math.isnan(value) else value for value in row] for row in matrix.tolist()],
        outputs={name: values.astype(float).tolist() for name, values in outputs.items()},
    )


def _sample(database: Database, predictor: Predictor) -> npt.NDArray[np.float64]:
    """Return rows of the test split, or of no value at all where the snapshot does not lie here."""
    signature = predictor.record.signature
    try:
        split = find(database, SnapshotName.parse(predictor.record.test_split))
    except SnapshotNotFoundError:
        return np.full((1, len(signature.inputs)), np.nan)
    with database.connect(Role.TRAINER) as connection:
        names = [column.name for column in signature.inputs]
        batches = read_batches(connection, split.name.view, signature.inputs, order_by=names, batch_rows=65_536)
        matrix = np.concatenate([feature_matrix(signature, batch) for batch in batches])
    rows = np.linspace(0, len(matrix) - 1, min(SAMPLE_ROWS, len(matrix))).astype(int)
    sample: npt.NDArray[np.float64] = matrix[rows]
    return sample


def _write_parts(folder: Path, bundle: str, payload: bytes, part_bytes: int) -> list[PartFile]:
    parts = []
    for number, start in enumerate(range(0, len(payload), part_bytes), start=1):
        content = payload[start : start + part_bytes]
        part = PartFile(
            name=f"{bundle}{number:02d}.dmp", bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
        )
        _write_file(folder / part.name, content)
        parts.append(part)
    return parts


def _write_file(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
