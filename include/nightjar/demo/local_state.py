"""What the local system remembers between commands: addresses, login, secrets, processes; readable by its user only."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from nightjar.errors import ConfigurationError
from nightjar.settings import LOCAL_STATE_FILE, home

DEFAULT_PORT = 8080
HIGHEST_PORT = 65_535


@dataclass(frozen=True)
class LocalProcess:
    """A process that was started: its id, and when it began, so that a reused id is not taken for it."""

    name: str
    pid: int
    started: float


@dataclass(frozen=True)
class LocalState:
    """The state of the local system; secrets stay out of its repr."""

    dev_url: str
    prod_url: str
    metadata_url: str
    port: int
    admin_password: str = field(repr=False)
    secret_key: str = field(repr=False)
    token_secret: str = field(repr=False)
    fernet_key: str = field(repr=False)
    processes: tuple[LocalProcess, ...] = ()

    @property
    def address(self) -> str:
        """Where the Airflow UI is."""
        return f"http://localhost:{self.port}"


def state_path() -> Path:
    """Return the file that holds the state."""
    return home() / LOCAL_STATE_FILE


def read_state() -> LocalState | None:
    """Return the state, None when there is no local system.

    Raises:
        ConfigurationError: the file does not hold a state.
    """
    path = state_path()
    try:
        content = json.loads(path.read_text())
        processes = tuple(LocalProcess(**process) for process in content.pop("processes"))
        return LocalState(**content, processes=processes)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigurationError(f"{path} is not readable: remove it and run 'make demo' again.") from error


def write_state(state: LocalState) -> None:
    """Write the state so that nobody else can read it, all or nothing."""
    path = state_path()
    writing = path.with_suffix(".writing")
    writing.unlink(missing_ok=True)
    with os.fdopen(os.open(writing, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(state), file, indent=2)
    writing.replace(path)


def new_state(urls: Mapping[str, str], earlier: LocalState | None) -> LocalState:
    """Return the state for servers at `urls`; an earlier one's secrets and login are kept.

    Raises:
        ConfigurationError: NIGHTJAR_PORT is not a port.
    """
    port = os.environ.get("NIGHTJAR_PORT") or str(earlier.port if earlier else DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) <= HIGHEST_PORT:
        raise ConfigurationError(f"NIGHTJAR_PORT is {port!r}: give a number from 1 to {HIGHEST_PORT}, or unset it.")
    return LocalState(
        dev_url=urls["dev"],
        prod_url=urls["prod"],
        metadata_url=urls["metadata"],
        port=int(port),
        admin_password=earlier.admin_password if earlier else secrets.token_urlsafe(9),
        secret_key=earlier.secret_key if earlier else secrets.token_hex(32),
        token_secret=earlier.token_secret if earlier else secrets.token_hex(64),
        fernet_key=earlier.fernet_key if earlier else Fernet.generate_key().decode(),
        processes=earlier.processes if earlier else (),
    )
