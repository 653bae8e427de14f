"""A shipment in one piece, as a file or as bytes: for models that only score, which are small.

The piece is `NIGHTJAR`, the length of the manifest in 4 bytes (big endian), the manifest, its signature of 64 bytes,
and the entries one after the other.
"""

import hashlib
import struct
from pathlib import Path

from nightjar.errors import AlteredPartError, BundleError, BundleWriteError
from nightjar.transfer.files import SIGNATURE_BYTES, remove_bundle, write_whole
from nightjar.transfer.keys import SigningKey, Trust
from nightjar.transfer.manifest import (
    MANIFEST_LIMIT_BYTES,
    Entry,
    Manifest,
    Mode,
    first_line,
    parse_manifest,
    require_bundle_name,
)
from nightjar.transfer.shipment import Shipment
from nightjar.transfer.streams import InMemory, Source

_MAGIC = b"NIGHTJAR"
_LENGTH = struct.Struct(">I")
LIMIT_BYTES = 2 << 30


def single_path(folder: Path, name: str) -> Path:
    """Return where a bundle that is one file lies."""
    require_bundle_name(name)
    return folder / f"{name}.dmp"


def to_bytes(shipment: Shipment, key: SigningKey) -> bytes:
    """Return a shipment in one piece, signed."""
    manifest = shipment.manifest.as_bytes()
    return b"".join([_MAGIC, _LENGTH.pack(len(manifest)), manifest, key.sign(manifest), *shipment.content()])


def from_bytes(trust: Trust, content: bytes, name: str = "The shipment") -> Shipment:
    """Read a shipment in one piece: its signature by a key that is trusted, then every byte.

    Raises:
        BundleError: it is none, cut short, altered, of a newer format, or holds more than serving models.
        UntrustedKeyError: the key that signed it is not trusted.
    """
    start = len(_MAGIC) + _LENGTH.size
    if not content.startswith(_MAGIC) or len(content) < start:
        raise BundleError(f"{name} is not a model for scoring, or was cut short: export it again.")
    [length] = _LENGTH.unpack_from(content, len(_MAGIC))
    if length > MANIFEST_LIMIT_BYTES or len(content) < start + length + SIGNATURE_BYTES:
        raise AlteredPartError(f"{name} was cut short or altered: copy it again.")
    signed, body = content[start : start + length], start + length + SIGNATURE_BYTES
    manifest = parse_manifest(name, signed)
    trust(manifest.key_id, content[start + length : body], signed)
    if manifest.mode is not Mode.SERVING:
        raise BundleError(f"{name} is one file with a manifest for mode {manifest.mode}: export it again.")
    return Shipment(manifest, _sources(manifest, content, body, name), name)


def write_file(folder: Path, name: str, shipment: Shipment, key: SigningKey) -> Manifest:
    """Write a shipment as one file, in place of an earlier bundle of its name.

    Raises:
        BundleNameError: no bundle can have the name.
        BundleWriteError: the folder cannot be written.
    """
    path = single_path(folder, name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_bundle(folder, name)
        write_whole(path, to_bytes(shipment, key))
    except OSError as error:
        raise BundleWriteError(
            f"{path.name} cannot be written to {folder}: {error.strerror}. Make room there, or name another folder."
        ) from error
    return shipment.manifest


def read_file(trust: Trust, folder: Path, name: str) -> Shipment | None:
    """Read a shipment that is one file; None where there is no such file.

    Raises:
        BundleError, UntrustedKeyError: as of its bytes.
    """
    path = single_path(folder, name)
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"{path.name} cannot be read in {folder} ({first_line(error)}): mend that.") from error
    return from_bytes(trust, content, name)


def _sources(manifest: Manifest, content: bytes, start: int, name: str) -> dict[Entry, Source]:
    sources: dict[Entry, Source] = {}
    if len(content) != start + manifest.total_bytes:
        wanted = start + manifest.total_bytes
        raise AlteredPartError(f"{name} has {len(content)} bytes instead of {wanted}: copy it again.")
    for entry in manifest.entries:
        piece = content[start : start + entry.bytes]
        if hashlib.sha256(piece).hexdigest() != entry.sha256:
            raise AlteredPartError(f"{name} was altered: the {entry.content} of {entry.model} is not what was signed.")
        sources[entry] = InMemory(piece)
        start += entry.bytes
    return sources
