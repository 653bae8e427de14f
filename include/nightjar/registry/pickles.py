"""The only door for pickle and joblib files: those that a person vouched for, by their content."""

import hashlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
from sklearn.base import BaseEstimator

from nightjar.errors import ArtifactError, UntrustedFileError
from nightjar.registry.audit import require_reason
from nightjar.registry.estimator_files import save_estimator
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")
_READERS: dict[str, Callable[[io.BytesIO], Any]] = {".pkl": pickle.load, ".pickle": pickle.load, ".joblib": joblib.load}


def trust_file(database: Database, path: Path, *, reason: str) -> str:
    """Put a file's content on the list of trusted ones and return its sha256; a known one is kept as it is.

    Raises:
        ReasonError: the reason is blank.
        ArtifactError: the file cannot be read.
    """
    require_reason(reason)
    digest = hashlib.sha256(_content(path)).hexdigest()
    with database.connect(Role.OWNER) as connection:
        connection.execute(_SQL["trust_file"], [digest, reason])
    return digest


def load_trusted(connection: Connection, path: Path) -> tuple[Any, str]:
    """Return the estimator in a pickle or joblib file whose content is trusted, and the sha256 of that.

    Nothing of the file is run before its sha256 is found on the list, and what is then read is what was hashed.

    Raises:
        UntrustedFileError: it is not on the list.
        ArtifactError: it cannot be read, or holds no estimator that artifacts can hold.
    """
    if path.suffix not in _READERS:
        raise ArtifactError(f"{path.name} is not one of {', '.join(_READERS)}: save the estimator as one of them.")
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    if connection.execute(_SQL["is_trusted"], [digest]).fetchone() is None:
        raise UntrustedFileError(
            f"{path.name} (sha256 {digest}) is not trusted, and reading it would run what it holds. "
            f"If you know who made it: nightjar model trust {path} --reason '…'."
        )
    try:
        estimator = _READERS[path.suffix](io.BytesIO(content))
    except Exception as error:
        raise ArtifactError(
            f"{path.name} is damaged or needs what is not installed ({type(error).__name__}): save it again."
        ) from error
    if not isinstance(estimator, BaseEstimator):
        raise ArtifactError(f"{path.name} holds a {type(estimator).__name__}: an estimator of scikit-learn is needed.")
    save_estimator(estimator)
    return estimator, digest


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}): correct the path.") from error
