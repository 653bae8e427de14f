"""Fitted models as bytes: skops format, only types on the list below, stored in chunks by content."""

import hashlib
import io
import re
import zipfile
from typing import Any

from skops import io as skops_io

from nightjar.errors import ArtifactError
from nightjar.storage.database import Connection

CHUNK_BYTES = 8 << 20
_SCHEMA = "schema.json"
# Ids of objects, and the files that hold their content.
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<="file": ")[\w-]+(?=\.)')

# Types that skops does not trust by itself and that our own pipelines hold. Checked before anything is built.
TRUSTED_TYPES = frozenset(
    {
        "nightjar.training.estimators.LogScaler",
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
    }
)


def save_estimator(estimator: Any) -> bytes:
    """Return a fitted estimator as bytes; the same fit gives the same bytes.

    Raises:
        ArtifactError: it holds a type that could not be read back.
    """
    content = _without_addresses(skops_io.dumps(estimator))
    _require_trusted(content)
    return content


def load_estimator(content: bytes) -> Any:
    """Rebuild an estimator; nothing of it is constructed before its types are checked.

    Raises:
        ArtifactError: an unknown type, or damaged bytes.
    """
    _require_trusted(content)
    try:
        return skops_io.loads(content, trusted=sorted(TRUSTED_TYPES))
    except Exception as error:
        raise _damaged(error) from error


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
        raise _damaged(error) from error
    if unknown:
        raise ArtifactError(
            f"The artifact holds types that are not trusted: {', '.join(sorted(unknown))}. It was not loaded."
        )


def _damaged(error: Exception) -> ArtifactError:
    # An error without a text has no first line.
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ArtifactError(f"The artifact is damaged: {reason}. Export it again.")


def write_artifact(connection: Connection, content: bytes) -> str:
    """Store an artifact within the caller's transaction and return its sha256; a known one is kept."""
    digest = hashlib.sha256(content).hexdigest()
    added = connection.execute(
        "INSERT INTO nightjar.artifact (sha256, format, byte_count) VALUES (%s, 'skops', %s) ON CONFLICT DO NOTHING",
        [digest, len(content)],
    )
    if added.rowcount:
        for ordinal, start in enumerate(range(0, len(content), CHUNK_BYTES)):
            connection.execute(
                "INSERT INTO nightjar.artifact_chunk (sha256, ordinal, data) VALUES (%s, %s, %b)",
                [digest, ordinal, content[start : start + CHUNK_BYTES]],
            )
    return digest


def read_artifact(connection: Connection, digest: str) -> bytes:
    """Return an artifact's bytes.

    Raises:
        ArtifactError: the stored bytes do not have the content that their name says.
    """
    rows = connection.execute(
        "SELECT data FROM nightjar.artifact_chunk WHERE sha256 = %s ORDER BY ordinal", [digest], binary=True
    )
    content = b"".join(row["data"] for row in rows)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ArtifactError(f"The stored artifact {digest[:12]}… is damaged: import or train the model again.")
    return content
