"""The bytes of models in the database, by their content, in chunks."""

import hashlib
import io
from collections.abc import Iterator
from itertools import count

from nightjar.errors import ArtifactError
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")
CHUNK_BYTES = 8 << 20


def damaged(what: str, error: Exception) -> ArtifactError:
    """Return the refusal of bytes that could not be read, with the first line of what a library said of them."""
    # An error without a text has no first line.
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ArtifactError(f"The {what} is damaged: {reason}. Export it again.")


def write_artifact(
    connection: Connection, content: bytes | io.BufferedIOBase, file_format: str = "skops", *, sha256: str | None = None
) -> str:
    """Store an artifact within the caller's transaction and return its sha256; a known one is kept.

    Args:
        connection: of the transaction.
        content: the bytes, or an open file that can be read twice; of a file, one piece at a time is in memory.
        file_format: skops for a full model, onnx for a serving model.
        sha256: that the content has to have; with it the file is read once.

    Raises:
        ArtifactError: the file has another content, or changed while it was read.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    byte_count = file.seek(0, io.SEEK_END)
    file.seek(0)
    digest = sha256 or hashlib.file_digest(file, "sha256").hexdigest()
    added = connection.execute(_SQL["insert_artifact"], [digest, file_format, byte_count])
    if added.rowcount:
        _write_chunks(connection, digest, file)
    return digest


def _write_chunks(connection: Connection, digest: str, file: io.BufferedIOBase) -> None:
    file.seek(0)
    written = hashlib.sha256()
    for ordinal, chunk in enumerate(iter(lambda: file.read(CHUNK_BYTES), b"")):
        written.update(chunk)
        connection.execute(_SQL["insert_chunk"], [digest, ordinal, chunk])
    if written.hexdigest() != digest:
        raise ArtifactError(
            f"The file is not the artifact {digest[:12]}… or changed while it was read: store it again."
        )


def artifact_size(connection: Connection, digest: str) -> tuple[int, int]:
    """Return the size of an artifact, and of each of its chunks but the last; both in bytes.

    Raises:
        ArtifactError: it is not there.
    """
    row = connection.execute(_SQL["artifact_size"], [digest]).fetchone()
    if row is None:
        raise ArtifactError(f"The artifact {digest[:12]}… is not in this database: import or train the model again.")
    return row["byte_count"], row["chunk_bytes"]


def read_chunk(connection: Connection, digest: str, ordinal: int) -> bytes:
    """Return one piece of an artifact, empty behind the last one; it is not proved."""
    row = connection.execute(_SQL["chunk"], [digest, ordinal], binary=True).fetchone()
    return b"" if row is None else bytes(row["data"])


def read_chunks(connection: Connection, digest: str) -> Iterator[bytes]:
    """Yield an artifact's bytes, one piece at a time in memory; they are proved only when the last one is out.

    Raises:
        ArtifactError: the stored bytes do not have the content that their name says.
    """
    found = hashlib.sha256()
    for ordinal in count():
        if not (chunk := read_chunk(connection, digest, ordinal)):
            break
        found.update(chunk)
        yield chunk
    if found.hexdigest() != digest:
        raise ArtifactError(f"The stored artifact {digest[:12]}… is damaged: import or train the model again.")


def read_artifact(connection: Connection, digest: str) -> bytes:
    """Return an artifact's bytes.

    Raises:
        ArtifactError: the stored bytes do not have the content that their name says.
    """
    return b"".join(read_chunks(connection, digest))
