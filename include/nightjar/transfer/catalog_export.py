"""Writes the whole catalog of a server as a bundle: what pg_dump says of it, in one piece."""

import hashlib
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nightjar.errors import BundleWriteError, NotMigratedError, TransferError
from nightjar.registry.environment import package_versions
from nightjar.storage import Database, migrate
from nightjar.storage.catalogs import CATALOG
from nightjar.storage.database import Connection
from nightjar.storage.embedded import binary
from nightjar.transfer.files import remove_bundle, write_bundle
from nightjar.transfer.jobs import Job, record_export
from nightjar.transfer.keys import SigningKey
from nightjar.transfer.manifest import (
    DEFAULT_PART_BYTES,
    FORMAT_VERSION,
    Content,
    Entry,
    Identity,
    Manifest,
    Mode,
    PartFile,
    require_bundle_name,
)
from nightjar.transfer.streams import PIECE_BYTES

log = logging.getLogger(__name__)

SCHEMAS = (CATALOG, "nightjar_store", "snapshots", "predictions", "retail")
_INSTALLED = Path("/usr/lib/postgresql")
_MAIN_TABLES = """
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY(%s) ORDER BY 1, 2
"""
_MODELS = "SELECT name || '@' || version AS name, use_case, sha256 FROM nightjar.model_version ORDER BY id"


@dataclass
class _Dump:
    """What is known of a dump once it has been streamed."""

    log: list[str] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0


def export_catalog(
    database: Database,
    folder: Path,
    bundle: str,
    *,
    key: SigningKey,
    part_bytes: int = DEFAULT_PART_BYTES,
    snapshot_data: bool = True,
    actor: str | None = None,
) -> Manifest:
    """Write the catalog of a server as the bundle `bundle`, as of one moment; what others write meanwhile goes on.

    Args:
        database: whose catalog it is.
        folder: made where it is not there.
        bundle: name of the files; `bundle.log` says what was done, also of an export that failed.
        key: signs the manifest.
        part_bytes: the largest size of a file.
        snapshot_data: whether to carry the rows of snapshots and predictions; rows of the sample business never are.
        actor: who exports, for the record of the job; by default the database's login.

    Raises:
        BundleNameError, BundleWriteError: the files cannot be written, or pg_dump fails.
        NotMigratedError: there is no catalog.
        TransferError: there is no pg_dump for a server as new, or the catalog was remapped.
    """
    require_bundle_name(bundle)
    require_usual(database)
    revision = migrate.current_revision(database)
    if revision is None:
        raise NotMigratedError(
            f"There is no catalog in {database.name}: run 'nightjar db upgrade --env {database.name}'."
        )
    started, dump = datetime.now(UTC), _Dump()
    try:
        with database.connect() as connection:
            # The dump, and the counts that prove it, are of the same moment.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            facts = _facts(connection, database, revision, key, snapshot_data)
            command = _command(connection, database, snapshot_data)

            def describe(parts: tuple[PartFile, ...]) -> Manifest:
                entry = Entry(content=Content.DUMP, model="", bytes=dump.size, sha256=dump.digest.hexdigest())
                return Manifest(**facts, entries=(entry,), parts=parts)

            with closing(_stream(command, database, dump)) as content:
                manifest = write_bundle(folder, bundle, content, describe, key, part_bytes)
        _record(database, folder, bundle, manifest, actor, started)
    except Exception as error:
        _write_log(folder, bundle, database, dump, started, [f"failed: {error}"])
        raise
    _write_log(folder, bundle, database, dump, started, _told(manifest))
    return manifest


def require_usual(database: Database) -> None:
    """Refuse a catalog under another schema's name, which is not carried as a whole.

    Raises:
        TransferError: it is one.
    """
    if database.catalog != CATALOG:
        raise TransferError(
            f"The catalog in schema {database.catalog} of {database.name} was remapped: carry its models with mode "
            f"model, or name a database whose catalog is in {CATALOG}."
        )


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
    return int(_program_version(program).split(".")[0])


def server_major(connection: Connection) -> int:
    """Return the major version of the server."""
    return connection.info.server_version // 10_000


def count_rows(connection: Connection, schema: str, table: str) -> int:
    """Return the number of rows of a table."""
    row = connection.execute(
        sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(schema, table))
    ).fetchone()
    assert row is not None
    return int(row["rows"])


def _facts(
    connection: Connection, database: Database, revision: str, key: SigningKey, snapshot_data: bool
) -> dict[str, Any]:
    carried = [schema for schema in SCHEMAS if schema != "retail" and (snapshot_data or schema != "nightjar_store")]
    tables = connection.execute(_MAIN_TABLES, [carried]).fetchall()
    pg_dump = client_program("pg_dump", server_major(connection))
    return {
        "format": FORMAT_VERSION,
        "mode": Mode.SCHEMA,
        "models": tuple(Identity(**row) for row in connection.execute(_MODELS)),
        "rows": {f"{t['schema']}.{t['name']}": count_rows(connection, t["schema"], t["name"]) for t in tables},
        "source": database.name,
        "revision": revision,
        "versions": package_versions()
        | {
            "postgres": connection.info.parameter_status("server_version") or str(connection.info.server_version),
            "pg_dump": _program_version(pg_dump),
        },
        "key_id": key.key_id,
        "created": datetime.now(UTC).isoformat(),
    }


def _command(connection: Connection, database: Database, snapshot_data: bool) -> list[str]:
    row = connection.execute("SELECT pg_export_snapshot() AS snapshot").fetchone()
    assert row is not None
    # What a process is called with, all users of the machine can read: no password among it.
    address = {name: str(value) for name, value in conninfo_to_dict(database.conninfo).items() if name != "password"}
    without = ["retail", *([] if snapshot_data else ["nightjar_store"])]
    return [
        str(client_program("pg_dump", server_major(connection))),
        *("--format=custom", "--compress=1", "--encoding=UTF8", "--no-password", f"--snapshot={row['snapshot']}"),
        *(f"--schema={schema}" for schema in SCHEMAS),
        *(f"--exclude-table-data={schema}.*" for schema in without),
        f"--dbname={make_conninfo(**address)}",
    ]


def _stream(command: list[str], database: Database, dump: _Dump) -> Generator[bytes, None, None]:
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


def ending(said: list[str], code: int) -> str:
    """Return how a process failed: the first line it said, or else its exit code."""
    return next(iter(said), f"ended by signal {-code}" if code < 0 else f"exit code {code}")


def _program_version(program: Path) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)*", told)
    assert found is not None
    return found[0]


def _record(
    database: Database, folder: Path, bundle: str, manifest: Manifest, actor: str | None, started: datetime
) -> None:
    name = f"export {bundle} {started:%Y-%m-%d %H:%M:%S.%f}"
    try:
        record_export(database, Job(name, manifest, bundle, actor or _login(database), started))
    except BaseException:
        remove_bundle(folder, bundle)
        raise


def _login(database: Database) -> str:
    with database.connect() as connection:
        return connection.info.user


def _told(manifest: Manifest) -> list[str]:
    return [
        *(f"{part.name}: {part.bytes} bytes, sha256 {part.sha256}" for part in manifest.parts),
        *(f"{table}: {rows} rows" for table, rows in manifest.rows.items()),
        f"signed with key {manifest.key_id}",
        f"{len(manifest.models)} models, {manifest.total_bytes} bytes in {len(manifest.parts)} parts",
    ]


def _write_log(folder: Path, bundle: str, database: Database, dump: _Dump, started: datetime, told: list[str]) -> None:
    finished = datetime.now(UTC)
    lines = [
        f"{started:%Y-%m-%d %H:%M:%S} schema export from {database.name} started",
        *(f"  {line}" for line in [*dump.log, *told]),
        f"{finished:%Y-%m-%d %H:%M:%S} ended after {(finished - started).total_seconds():.1f} s",
    ]
    try:
        (folder / f"{bundle}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        log.warning("The log of %s cannot be written to %s (%s).", bundle, folder, error.strerror)
