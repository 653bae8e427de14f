"""Fitted models as bytes: skops format, only types on the list below, stored in chunks by content."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from itertools import count
from typing import Any

from skops import io as skops_io
from skops.io.exceptions import UnsupportedTypeException

from nightjar.errors import ArtifactError
from nightjar.registry.soundness import require_sound_trees
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")
CHUNK_BYTES = 8 << 20
_SCHEMA = "schema.json"
# Ids of objects, and the files that hold their content.
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<="file": ")[\w-]+(?=\.)')

# Types that skops does not trust by itself and that our own pipelines hold. Checked before anything is built.
TRUSTED_TYPES = frozenset(
    {
        "nightjar.registry.components.CalibratedClassifier",
        "nightjar.registry.components.EmptyColumnFiller",
        "nightjar.registry.components.FeatureSelector",
        "nightjar.registry.components.LogScaler",
        "nightjar.registry.components.PartitionedEstimator",
        "numpy.dtype",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)


def save_estimator(estimator: Any) -> bytes:
    """Return a fitted estimator as bytes; the same fit gives the same bytes.

    Raises:
        ArtifactError: it holds a type that could not be read back.
    """
    try:
        content = _without_addresses(skops_io.dumps(estimator))
    except UnsupportedTypeException as error:
        raise ArtifactError(f"The estimator holds a type that artifacts cannot hold: {error}") from error
    _require_trusted(content)
    return content


def load_estimator(content: bytes) -> Any:
    """Rebuild an estimator; nothing of it is constructed before its types are checked.

    Raises:
        ArtifactError: an unknown type, damaged bytes, or a tree that would crash the process.
    """
    _require_trusted(content)
    try:
        estimator = skops_io.loads(content, trusted=sorted(TRUSTED_TYPES))
        require_sound_trees(estimator)
    except ArtifactError:
        raise
    except Exception as error:
        raise damaged("artifact", error) from error
    return estimator


def _without_addresses(content: bytes) -> bytes:
    """Number the parts of an archive, which skops names by their addresses in memory, and undate them."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as numbered:
        schema = source.read(_SCHEMA).decode()
        numbers: dict[str, str] = {}
        for match in _ADDRESS.finditer(schema):
            numbers.setdefault(match[0], str(len(numbers) + 1))
        for name in source.namelist():
            stem, dot, suffix = name.rpartition(".")
            if name != _SCHEMA:
                numbered.writestr(zipfile.ZipInfo(f"{numbers[stem]}{dot}{suffix}"), source.read(name))
        numbered.writestr(zipfile.ZipInfo(_SCHEMA), _ADDRESS.sub(lambda match: numbers[match[0]], schema))
    return target.getvalue()


def _require_trusted(content: bytes) -> None:
    try:
        unknown = set(skops_io.get_untrusted_types(data=content)) - TRUSTED_TYPES
    except Exception as error:
        raise damaged("artifact", error) from error
    if unknown:
        raise ArtifactError(
            f"The artifact holds types that are not trusted: {', '.join(sorted(unknown))}. It was not loaded."
        )


def damaged(what: str, error: Exception) -> ArtifactError:
    """Return the refusal of bytes that could not be read, with the first line of what a library said of them."""
    # An error without a text has no first line.
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ArtifactError(f"The {what} is damaged: {reason}. Export it again.")


def write_artifact(connection: Connection, content: bytes | io.BufferedIOBase, file_format: str = "skops") -> str:
    """Store an artifact within the caller's transaction and return its sha256; a known one is kept.

    Args:
        connection: of the transaction.
        content: the bytes, or an open file that can be read twice; of a file, one piece at a time is in memory.
        file_format: skops for a full model, onnx for a serving model.

    Raises:
        ArtifactError: the file changed while it was read.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    byte_count = file.seek(0, io.SEEK_END)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
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
        raise ArtifactError(f"The file of artifact {digest[:12]}… changed while it was read: store it again.")


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
