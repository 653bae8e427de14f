"""Writes models as files: a bundle of numbered parts, or one file for scoring only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nightjar import registry
from nightjar.registry import ModelName
from nightjar.storage import Database
from nightjar.transfer import single
from nightjar.transfer.export_log import write_log
from nightjar.transfer.files import remove_bundle, write_bundle
from nightjar.transfer.filters import ModelFilter
from nightjar.transfer.jobs import Job, record_export, require_free
from nightjar.transfer.keys import SigningKey
from nightjar.transfer.manifest import DEFAULT_PART_BYTES, Manifest, Mode, PartFile
from nightjar.transfer.packing import pack


@dataclass(frozen=True)
class Estimate:
    """What a model would take in a file."""

    model: str
    content: str
    bytes: int


def select_models(database: Database, wanted: ModelFilter) -> list[ModelName]:
    """Return the models of a database that fit a filter, by name and version."""
    return [record.name for record in registry.list_models(database) if wanted.matches(record)]


def estimate_export(database: Database, names: Sequence[ModelName], mode: Mode = Mode.MODEL) -> list[Estimate]:
    """Return the size of each piece of an export, in bytes; nothing is written.

    Raises:
        ModelNotFoundError, ServingOnlyError, ServingModelNotFoundError: as of the export itself.
    """
    manifest = pack(database, names, mode, "0" * 16).manifest
    return [Estimate(entry.model, entry.content.value, entry.bytes) for entry in manifest.entries]


def export_models(
    database: Database,
    names: Sequence[ModelName],
    folder: Path,
    bundle: str,
    *,
    key: SigningKey,
    actor: str,
    mode: Mode = Mode.MODEL,
    part_bytes: int = DEFAULT_PART_BYTES,
    aliases: bool = False,
    job: str | None = None,
) -> Manifest:
    """Write models as the bundle `bundle` in `folder`; an earlier one of that name is replaced.

    Args:
        database: that the models are in.
        names: of the models.
        folder: made where it is not there.
        bundle: name of the files.
        key: signs the manifest.
        actor: who exports, for the record of the job.
        mode: model for all that is known, serving for scoring only; of the latter the parts are one file.
        part_bytes: the largest size of a file.
        aliases: whether to carry which aliases point at the models.
        job: a name that no job had; by default made of the bundle's and the time.

    Raises:
        ModelNotFoundError, ServingOnlyError, ServingModelNotFoundError: what is asked for is not here.
        BundleNameError, BundleWriteError: the files cannot be written.
        JobNameError: a job had the name.
    """
    started = datetime.now(UTC)
    name = job or f"export {bundle} {started:%Y-%m-%d %H:%M:%S.%f}"
    require_free(database, name)
    shipment = pack(database, names, mode, key.key_id, aliases=aliases)
    if mode is Mode.SERVING:
        manifest = single.write_file(folder, bundle, shipment, key)
    else:

        def describe(parts: tuple[PartFile, ...]) -> Manifest:
            return shipment.manifest.model_copy(update={"parts": parts})

        manifest = write_bundle(folder, bundle, shipment.content(), describe, key, part_bytes)
    try:
        record_export(database, Job(name, manifest, bundle, actor, started))
    except BaseException:
        remove_bundle(folder, bundle)
        raise
    title = f"job {name!r}: {manifest.mode} export from {manifest.source}"
    write_log(folder, bundle, title, _told(manifest), started)
    return manifest


def export_serving(database: Database, name: ModelName, *, key: SigningKey, actor: str) -> bytes:
    """Return a model, scoring only, as the bytes of one file.

    Raises:
        ModelNotFoundError, ServingModelNotFoundError: what is asked for is not here.
    """
    started = datetime.now(UTC)
    shipment = pack(database, [name], Mode.SERVING, key.key_id)
    record_export(
        database, Job(f"export bytes {started:%Y-%m-%d %H:%M:%S.%f}", shipment.manifest, None, actor, started)
    )
    return single.to_bytes(shipment, key)


def _told(manifest: Manifest) -> list[str]:
    return [
        *(f"{entry.model} {entry.content}: {entry.bytes} bytes, sha256 {entry.sha256}" for entry in manifest.entries),
        *(f"{part.name}: {part.bytes} bytes, sha256 {part.sha256}" for part in manifest.parts),
        f"signed with key {manifest.key_id}",
        f"{len(manifest.models)} models, {manifest.total_bytes} bytes",
    ]
