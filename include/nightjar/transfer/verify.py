"""Verifies a bundle: every byte, every type, every score, before anything is imported."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from nightjar.errors import BundleError, ModelNotFoundError, ParityError
from nightjar.registry import Decision, ModelName, ModelRecord, Predictor, Signature, Trial, load_estimator
from nightjar.transfer.bundle import FORMAT_VERSION, Bundle, Manifest, Parity, manifest_path

TOLERANCE = 1e-9
MANIFEST_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True)
class Verification:
    """What was proved of a bundle."""

    bundle: Bundle
    record: ModelRecord
    trials: tuple[Trial, ...]
    decisions: tuple[Decision, ...]
    sample_rows: int
    largest_difference: float


def verify_bundle(folder: Path, name: str) -> Verification:
    """Read and prove a bundle.

    Raises:
        BundleError: it is incomplete, altered, malformed or of a newer format.
        ArtifactError: its artifact holds types that are not trusted.
        ParityError: its model scores the carried sample differently.
    """
    manifest = _read_manifest(folder, name)
    payload = b"".join(_read_part(folder, part.name, part.bytes, part.sha256) for part in manifest.parts)
    bundle = _open_archive(name, manifest, payload)
    record = record_from_json(bundle.record)
    if manifest.models != (str(record.name),):
        raise BundleError(
            f"The manifest of {name} promises {', '.join(manifest.models)}, the bundle holds {record.name}."
        )
    if hashlib.sha256(bundle.artifact).hexdigest() != record.sha256:
        raise BundleError(f"The artifact in {name} is not the one that {record.name} was registered with.")
    difference = _prove_parity(Predictor(record, load_estimator(bundle.artifact)), bundle.parity)
    return Verification(bundle, record, *_history_from_json(bundle), len(bundle.parity.rows), difference)


def record_from_json(content: dict[str, Any]) -> ModelRecord:
    """Read the form that bundles carry.

    Raises:
        BundleError: a field is missing or malformed.
    """
    try:
        values = dict(content)
        values["name"] = ModelName.parse(values["name"])
        values["signature"] = Signature.from_json(values["signature"])
        values["as_of"] = date.fromisoformat(values["as_of"])
        values["created_at"] = datetime.fromisoformat(values["created_at"])
        return ModelRecord(**values)
    except (KeyError, TypeError, ValueError, ModelNotFoundError) as error:
        raise BundleError(f"The bundle's model record is malformed ({error}): export it again.") from error


def _history_from_json(bundle: Bundle) -> tuple[tuple[Trial, ...], tuple[Decision, ...]]:
    try:
        trials = tuple(Trial(**trial) for trial in bundle.trials)
        return trials, tuple(Decision(**row | {"reasons": tuple(row["reasons"])}) for row in bundle.decisions)
    except (KeyError, TypeError) as error:
        raise BundleError(f"The bundle's leaderboard or decisions are malformed ({error}): export it again.") from error


def _read_manifest(folder: Path, name: str) -> Manifest:
    path = manifest_path(folder, name)
    try:
        with path.open("rb") as file:
            content = file.read(MANIFEST_LIMIT_BYTES + 1)
    except OSError as error:
        raise BundleError(
            f"There is no complete bundle {name} in {folder} ({error.strerror}): export the model first."
        ) from error
    if len(content) > MANIFEST_LIMIT_BYTES:
        raise BundleError(f"The manifest of {name} is over {MANIFEST_LIMIT_BYTES} bytes: it is not one of ours.")
    try:
        version = json.loads(content).get("format")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise BundleError(f"{name} has format {version}, this version reads up to {FORMAT_VERSION}: upgrade first.")
        return Manifest.model_validate_json(content)
    except (ValueError, AttributeError, ValidationError) as error:
        raise BundleError(f"The manifest of {name} is malformed ({str(error).splitlines()[0]}).") from error


def _read_part(folder: Path, name: str, size: int, sha256: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"The part {name} is missing in {folder} ({error.strerror}): copy all parts.") from error
    if len(content) != size:
        raise BundleError(f"The part {name} has {len(content)} bytes instead of {size}: copy it again.")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"The part {name} was altered: its sha256 is not that of the manifest. Export again.")
    return content


def _open_archive(name: str, manifest: Manifest, payload: bytes) -> Bundle:
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            model = json.loads(archive.read("model.json"))
            return Bundle(
                manifest=manifest,
                record=model["record"],
                trials=model["trials"],
                decisions=model["decisions"],
                artifact=archive.read("artifact.skops"),
                parity=Parity.model_validate_json(archive.read("parity.json")),
            )
    except (zipfile.BadZipFile, KeyError, ValueError, ValidationError) as error:
        raise BundleError(f"The content of {name} is malformed ({str(error).splitlines()[0]}).") from error


def _prove_parity(predictor: Predictor, parity: Parity) -> float:
    """Return the largest difference between this side's scores and the exporter's."""
    width = len(predictor.record.signature.inputs)
    if not parity.rows or any(len(row) != width for row in parity.rows):
        raise BundleError(f"The parity sample of {predictor.record.name} does not have the model's {width} columns.")
    matrix = np.array([[np.nan if value is None else value for value in row] for row in parity.rows], dtype=float)
    try:
        outputs = predictor.predict(matrix)
    except Exception as error:
        raise BundleError(
            f"The model {predictor.record.name} cannot score the parity sample ({type(error).__name__})."
        ) from error
    if outputs.keys() != parity.outputs.keys():
        raise BundleError(f"The parity sample of {predictor.record.name} has other outputs than the model.")
    largest = 0.0
    for name, values in outputs.items():
        expected = np.array(parity.outputs[name])
        if expected.shape != values.shape:
            raise BundleError(f"The parity sample of {predictor.record.name} lacks scores of some rows.")
        difference = float(np.abs(values - expected).max())
        if not difference <= TOLERANCE:
            raise ParityError(
                f"{predictor.record.name} gives another {name} here than where it was exported (off by "
                f"{difference:.2g}): align the package versions with those in the manifest."
            )
        largest = max(largest, difference)
    return largest
