"""What a model was made with: package versions and the version of this code."""

import hashlib
import logging
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from nightjar.errors import VersionMismatchError
from nightjar.registry.records import ModelRecord
from nightjar.settings import VersionMismatch, version_mismatch

log = logging.getLogger(__name__)

_PACKAGES = ("numpy", "scikit-learn", "skops", "pandas")
# Those whose fitted objects an artifact holds, and the one that reads it.
_DECISIVE = ("numpy", "scikit-learn", "skops")
_CODE_SUFFIXES = {".py", ".sql", ".toml"}


@cache
def code_version() -> str:
    """Return the package's version with a digest of its source, so that a change without a release shows."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.suffix in _CODE_SUFFIXES):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return f"{version('nightjar')}+{digest.hexdigest()[:10]}"


def package_versions() -> dict[str, str]:
    """Return the versions that a fitted model depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def check_versions(record: ModelRecord) -> None:
    """Compare the versions that a model was fitted with to those that are here, by their first two numbers.

    A difference is logged, once per model and process, or refused: NIGHTJAR_VERSION_MISMATCH says which.

    Raises:
        VersionMismatchError: there is a difference, and it is refused.
        ConfigurationError: the variable asks for something else.
    """
    policy, here = version_mismatch(), package_versions()
    differences = [
        f"{name} {record.environment[name]}, here is {here[name]}"
        for name in _DECISIVE
        if name in record.environment and _series(record.environment[name]) != _series(here[name])
    ]
    if not differences:
        return
    told = f"{record.name} was fitted with {'; with '.join(differences)}"
    if policy is VersionMismatch.REFUSE:
        raise VersionMismatchError(
            f"{told}: install these versions, train it anew, or have it only logged by "
            f"NIGHTJAR_VERSION_MISMATCH={VersionMismatch.WARN}."
        )
    _warn_once(f"{told}: its predictions may differ. Train it anew.")


def _series(number: str) -> list[str]:
    return number.split(".")[:2]


@cache
def _warn_once(message: str) -> None:
    log.warning(message)
