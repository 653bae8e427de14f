"""The files of a bundle: written so that one cut short never looks complete, and proved byte by byte when read."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from nightjar.errors import AlteredPartError, BundleError, BundleWriteError, UnsignedBundleError
from nightjar.storage.database import Connection
from nightjar.transfer.keys import SigningKey, require_trusted
from nightjar.transfer.manifest import (
    MANIFEST_LIMIT_BYTES,
    MAXIMUM_PARTS,
    Entry,
    Manifest,
    PartFile,
    first_line,
    manifest_path,
    parse_manifest,
    signature_path,
)
from nightjar.transfer.streams import PIECE_BYTES, InParts, missing_part

SIGNATURE_BYTES = 64
_UNFINISHED = ".unfinished"


def write_bundle(
    folder: Path,
    name: str,
    content: Iterable[bytes],
    describe: Callable[[tuple[PartFile, ...]], Manifest],
    key: SigningKey,
    part_bytes: int,
) -> Manifest:
    """Write a bundle in place of an earlier one of its name; one piece of the content at a time is in memory.

    The manifest is written last and by renaming. What fails leaves no file of the bundle.

    Args:
        folder: made where it is not there.
        name: of the bundle.
        content: the entries, one after the other.
        describe: makes the manifest, once all parts are there.
        key: signs the manifest.
        part_bytes: the largest size of a part.

    Raises:
        BundleNameError: no bundle can have the name.
        BundleWriteError: the folder cannot be written, or the parts would be too many.
    """
    target, signature = manifest_path(folder, name), signature_path(folder, name)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_bundle(folder, name)
        parts = _write_parts(folder, name, content, part_bytes, written)
        manifest = describe(parts)
        signed = manifest.as_bytes()
        written += [signature, target]
        write_whole(signature, key.sign(signed))
        write_whole(target, signed)
    except OSError as error:
        _remove(reversed(written))
        raise BundleWriteError(
            f"The bundle {name} cannot be written to {folder}: {error.strerror}. Make room, or name another folder."
        ) from error
    except BaseException:
        _remove(reversed(written))
        raise
    return manifest


def remove_bundle(folder: Path, name: str) -> None:
    """Remove a bundle, its manifest first, also one that was cut short."""
    # No bundle's name ends in a digit, so what is named so is a part.
    part = re.compile(re.escape(name) + rf"([0-9]{{2,4}})?\.dmp({re.escape(_UNFINISHED)})?")
    parts = [path for path in folder.iterdir() if part.fullmatch(path.name)]
    _remove([manifest_path(folder, name), signature_path(folder, name), *parts])


def read_manifest(connection: Connection, folder: Path, name: str) -> Manifest:
    """Read a bundle's manifest and prove its signature, by the keys that a database trusts.

    Raises:
        BundleError: there is no complete bundle, or it is malformed, unsigned or of a newer format.
        UntrustedKeyError: the database does not trust the key that signed it.
    """
    content = _read(manifest_path(folder, name), MANIFEST_LIMIT_BYTES + 1)
    if content is None:
        raise BundleError(f"There is no complete bundle {name} in {folder}: export it, and copy all of its files.")
    manifest = parse_manifest(name, content)
    signature = _read(signature_path(folder, name), SIGNATURE_BYTES + 1)
    if signature is None:
        raise UnsignedBundleError(f"{name} is not signed: {name}.sig is missing in {folder}. Copy it, or export again.")
    require_trusted(connection, manifest.key_id, signature, content)
    if not manifest.parts:
        raise BundleError(f"The manifest of {name} names no parts: export again.")
    return manifest


def prove_parts(folder: Path, manifest: Manifest) -> None:
    """Compare every part, and every entry, with its sha256.

    Raises:
        MissingPartError: a part is not there.
        AlteredPartError: a part has another length or content.
    """
    for part in manifest.parts:
        digest, size = _digest(folder, part)
        if size != part.bytes:
            raise AlteredPartError(f"The part {part.name} has {size} bytes instead of {part.bytes}: copy it again.")
        if digest != part.sha256:
            raise AlteredPartError(
                f"The part {part.name} was altered: its sha256 is not that of the manifest. Copy it again, or export "
                "again."
            )


def stretch_of(folder: Path, manifest: Manifest, entry: Entry) -> InParts:
    """Return where the bytes of an entry lie."""
    before = manifest.entries[: manifest.entries.index(entry)]
    return InParts(folder, manifest.parts, sum(other.bytes for other in before), entry.bytes)


def _write_parts(
    folder: Path, name: str, content: Iterable[bytes], part_bytes: int, written: list[Path]
) -> tuple[PartFile, ...]:
    parts: list[PartFile] = []
    pieces = _cut(content, part_bytes)
    for number, part in enumerate(pieces, start=1):
        if number > MAXIMUM_PARTS:
            raise BundleWriteError(
                f"{name} does not fit into {MAXIMUM_PARTS} parts of {part_bytes} bytes: give a larger file size."
            )
        path = folder / f"{name}{number:02d}.dmp"
        written.append(path)
        digest, size = _write_stream(path, part)
        parts.append(PartFile(name=path.name, bytes=size, sha256=digest))
    return tuple(parts)


def _cut(content: Iterable[bytes], part_bytes: int) -> Iterable[Iterable[bytes]]:
    """Yield parts, each as its pieces; each part has to be used up before the next one."""
    pieces = iter(content)
    rest = next(pieces, b"")

    def part() -> Iterable[bytes]:
        nonlocal rest
        room = part_bytes
        while rest and room:
            yield rest[:room]
            room, rest = max(0, room - len(rest)), rest[room:]
            while not rest:
                following = next(pieces, None)
                if following is None:
                    return
                rest = following

    while rest:
        yield part()


def _write_stream(path: Path, pieces: Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return digest.hexdigest(), size


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    _write_stream(path, [content])


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _read(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"{path.name} cannot be read in {path.parent} ({first_line(error)}): mend that.") from error


def _digest(folder: Path, part: PartFile) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    try:
        with (folder / part.name).open("rb") as file:
            # One byte more than it should have is enough to know.
            while size <= part.bytes and (piece := file.read(PIECE_BYTES)):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise missing_part(part.name, folder, error) from error
    return digest.hexdigest(), size
