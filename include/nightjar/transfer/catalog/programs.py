"""The programs of Postgres that dump and restore: the wheel's, or installed ones of a newer version."""

import re
import subprocess
from pathlib import Path

from nightjar.errors import TransferError
from nightjar.storage.database import Connection
from nightjar.storage.embedded import binary

_INSTALLED = Path("/usr/lib/postgresql")


def client_program(name: str, major: int) -> Path:
    """Return a Postgres program of a major version or of a newer one: the wheel's, or an installed one.

    Raises:
        TransferError: there is none.
    """
    bundled = binary(name)
    if program_major(bundled) >= major:
        return bundled
    installed = [path for path in _INSTALLED.glob(f"*/bin/{name}") if path.parts[-3].isdecimal()]
    fitting = sorted((int(path.parts[-3]), path) for path in installed if int(path.parts[-3]) >= major)
    if not fitting:
        raise TransferError(f"There is no {name} for PostgreSQL {major} here: install postgresql-client-{major}.")
    return fitting[0][1]


def program_major(program: Path) -> int:
    """Return the major version of a Postgres program."""
    return int(program_version(program).split(".")[0])


def program_version(program: Path) -> str:
    """Return the version of a Postgres program, such as 18.4."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)*", told)
    assert found is not None
    return found[0]


def server_major(connection: Connection) -> int:
    """Return the major version of the server."""
    return connection.info.server_version // 10_000


def ending(said: list[str], code: int) -> str:
    """Return how a process failed: the first line it said, or else its exit code."""
    return next(iter(said), f"ended by signal {-code}" if code < 0 else f"exit code {code}")
