"""Where the databases are and where state is kept, read from the environment or from a local demo."""

import json
import os
from enum import StrEnum
from pathlib import Path

from nightjar.errors import ConfigurationError, MissingDatabaseUrlError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
LOCAL_STATE_FILE = "local.json"


class Environment(StrEnum):
    """The two databases: models are made in one and used in the other."""

    DEV = "dev"
    PROD = "prod"

    @property
    def url_variable(self) -> str:
        """Name of the environment variable that holds this database's URL."""
        return f"NIGHTJAR_{self.value.upper()}_URL"


class VersionMismatch(StrEnum):
    """What to do with a model that was fitted with another version of a library."""

    WARN = "warn"
    REFUSE = "refuse"


def home() -> Path:
    """Folder for local state: the demo's servers, logs, transfer files."""
    return Path(os.environ.get("NIGHTJAR_HOME") or PROJECT_ROOT / ".nightjar")


def transfer_folder() -> Path:
    """Folder that the promotion's export writes and its import reads; shared between workers."""
    return Path(os.environ.get("NIGHTJAR_TRANSFER_DIR") or home() / "transfer")


def data_docs_folder() -> Path:
    """Folder of the pages that quality gates write; shared between the workers and whatever serves the pages."""
    return Path(os.environ.get("NIGHTJAR_DATA_DOCS") or home() / "data_docs")


def signing_key_file() -> Path:
    """Private key that exports are signed with; only its owner may read it."""
    return Path(os.environ.get("NIGHTJAR_SIGNING_KEY") or home() / "keys" / "signing.pem")


def use_case_folders() -> list[Path]:
    """Folders of a user's own declarations, from NIGHTJAR_USECASES (separated by ':')."""
    return [Path(part) for part in os.environ.get("NIGHTJAR_USECASES", "").split(":") if part]


def version_mismatch() -> VersionMismatch:
    """What NIGHTJAR_VERSION_MISMATCH asks for; to warn, when it is not set.

    Raises:
        ConfigurationError: it asks for something else.
    """
    asked = os.environ.get("NIGHTJAR_VERSION_MISMATCH") or VersionMismatch.WARN
    if asked not in list(VersionMismatch):
        raise ConfigurationError(f"NIGHTJAR_VERSION_MISMATCH is {asked!r}: it takes {' or '.join(VersionMismatch)}.")
    return VersionMismatch(asked)


def database_url(environment: Environment) -> str:
    """Return the URL of a database: from the environment, else from a local demo's state.

    Raises:
        MissingDatabaseUrlError: neither knows it.
    """
    if url := os.environ.get(environment.url_variable):
        return url
    url = _local_state().get(f"{environment.value}_url")
    if not url:
        raise MissingDatabaseUrlError(
            f"No URL is known for the {environment.value} database: set {environment.url_variable}, "
            "or run 'make demo' to start local servers."
        )
    return url


def _local_state() -> dict[str, str]:
    path = home() / LOCAL_STATE_FILE
    try:
        state: dict[str, str] = dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path} is not readable ({error}): remove it and run 'make demo' again.") from error
    return state
