"""Runs pg_dump: what it says of a catalog, a piece at a time."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import IO, Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nightjar.errors import BundleWriteError
from nightjar.storage import Database
from nightjar.storage.database import Connection
from nightjar.transfer.catalog.programs import client_program, ending, server_major
from nightjar.transfer.catalog.schemas import SAMPLE_BUSINESS, SCHEMAS, STORE
from nightjar.transfer.streams import PIECE_BYTES


@dataclass
class Dump:
    """What is known of a dump once it has been streamed."""

    log: list[str] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0


def dump_command(connection: Connection, database: Database, *, snapshot_data: bool) -> list[str]:
    """Return how pg_dump is called to dump what a transaction sees."""
    row = connection.execute("SELECT pg_export_snapshot() AS snapshot").fetchone()
    assert row is not None
    # What a process is called with, all users of the machine can read: no password among it.
    address = {name: str(value) for name, value in conninfo_to_dict(database.conninfo).items() if name != "password"}
    without = [SAMPLE_BUSINESS, *([] if snapshot_data else [STORE])]
    return [
        str(client_program("pg_dump", server_major(connection))),
        *("--format=custom", "--compress=1", "--encoding=UTF8", "--no-password", f"--snapshot={row['snapshot']}"),
        *(f"--schema={schema}" for schema in SCHEMAS),
        *(f"--exclude-table-data={schema}.*" for schema in without),
        f"--dbname={make_conninfo(**address)}",
    ]


def stream_dump(command: list[str], database: Database, dump: Dump) -> Generator[bytes, None, None]:
    """Yield what pg_dump writes; it ends with whoever stops reading."""
    password = conninfo_to_dict(database.conninfo).get("password")
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    with tempfile.TemporaryFile() as said, _started(command, said, environment) as process:
        assert process.stdout is not None
        try:
            while piece := process.stdout.read(PIECE_BYTES):
                dump.digest.update(piece)
                dump.size += len(piece)
                yield piece
            process.wait()
        finally:
            process.kill()
        said.seek(0)
        dump.log += said.read().decode(errors="replace").splitlines()
        if process.returncode != 0 or dump.size == 0:
            raise BundleWriteError(
                f"pg_dump of {database.name} failed ({ending(dump.log, process.returncode)}): mend that and export "
                "again."
            )


def _started(command: list[str], said: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment)
    except OSError as error:
        raise BundleWriteError(f"{command[0]} cannot be started ({error.strerror}): install it again.") from error
