"""What a model was made with: package versions and the version of this code."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("numpy", "scikit-learn", "skops", "pandas")
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
