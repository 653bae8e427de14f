"""Writes the whole catalog of a server as a bundle: what pg_dump says of it, in one piece."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nightjar.errors import NotMigratedError
from nightjar.registry.environment import package_versions
from nightjar.storage import Database, migrate
from nightjar.storage.database import Connection
from nightjar.transfer.catalog.dump import Dump, dump_command, stream_dump
from nightjar.transfer.catalog.programs import client_program, program_version, server_major
from nightjar.transfer.catalog.schemas import SAMPLE_BUSINESS, SCHEMAS, STORE, count_rows, require_usual
from nightjar.transfer.export_log import write_log
from nightjar.transfer.files import remove_bundle, write_bundle
from nightjar.transfer.jobs import Job, record_export, require_free
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

_MAIN_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, pg_table_size(c.oid) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY(%s) ORDER BY 1, 2
"""
_MODELS = "SELECT name || '@' || version AS name, use_case, sha256 FROM nightjar.model_version ORDER BY id"


@dataclass(frozen=True)
class TableEstimate:
    """What the rows of a table take in the database, in bytes; compressed, they take less in a file."""

    table: str
    bytes: int


def estimate_catalog(database: Database, *, snapshot_data: bool = True) -> list[TableEstimate]:
    """Return the size of each table that an export would carry; nothing is written.

    Raises:
        NotMigratedError, TransferError: as of the export itself.
    """
    _revision(database)
    with database.connect() as connection:
        tables = connection.execute(_MAIN_TABLES, [_carried(snapshot_data=snapshot_data)]).fetchall()
    return [TableEstimate(f"{table['schema']}.{table['name']}", table["bytes"]) for table in tables]


def export_catalog(
    database: Database,
    folder: Path,
    bundle: str,
    *,
    key: SigningKey,
    part_bytes: int = DEFAULT_PART_BYTES,
    snapshot_data: bool = True,
    actor: str,
    job: str | None = None,
) -> Manifest:
    """Write the catalog of a server as the bundle `bundle`, as of one moment; what others write meanwhile goes on.

    Args:
        database: whose catalog it is.
        folder: made where it is not there.
        bundle: name of the files; `bundle.log` says what was done, also of an export that failed.
        key: signs the manifest.
        part_bytes: the largest size of a file.
        snapshot_data: whether to carry the rows of snapshots and predictions; rows of the sample business never are.
        actor: who exports, for the record of the job.
        job: a name that no job had; by default made of the bundle's and the time.

    Raises:
        BundleNameError, BundleWriteError: the files cannot be written, or pg_dump fails.
        NotMigratedError: there is no catalog.
        TransferError: there is no pg_dump for a server as new, or the catalog was remapped.
        JobNameError: a job had the name.
    """
    require_bundle_name(bundle)
    revision = _revision(database)
    started, dump = datetime.now(UTC), Dump()
    name = job or f"export {bundle} {started:%Y-%m-%d %H:%M:%S.%f}"
    require_free(database, name)
    title = f"job {name!r}: schema export from {database.name}"
    try:
        with database.connect() as connection:
            # The dump, and the counts that prove it, are of the same moment.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            facts = _facts(connection, database, revision, key, snapshot_data)
            command = dump_command(connection, database, snapshot_data=snapshot_data)

            def describe(parts: tuple[PartFile, ...]) -> Manifest:
                entry = Entry(content=Content.DUMP, model="", bytes=dump.size, sha256=dump.digest.hexdigest())
                return Manifest(**facts, entries=(entry,), parts=parts)

            with closing(stream_dump(command, database, dump)) as content:
                manifest = write_bundle(folder, bundle, content, describe, key, part_bytes)
        try:
            record_export(database, Job(name, manifest, bundle, actor, started))
        except BaseException:
            remove_bundle(folder, bundle)
            raise
    except Exception as error:
        write_log(folder, bundle, title, [*dump.log, f"failed: {error}"], started)
        raise
    write_log(folder, bundle, title, [*dump.log, *_told(manifest)], started)
    return manifest


def _revision(database: Database) -> str:
    require_usual(database)
    revision = migrate.current_revision(database)
    if revision is None:
        raise NotMigratedError(
            f"There is no catalog in {database.name}: run 'nightjar db upgrade --env {database.name}'."
        )
    return revision


def _carried(*, snapshot_data: bool) -> list[str]:
    """Return the schemas whose rows are carried."""
    without = {SAMPLE_BUSINESS} if snapshot_data else {SAMPLE_BUSINESS, STORE}
    return [schema for schema in SCHEMAS if schema not in without]


def _facts(
    connection: Connection, database: Database, revision: str, key: SigningKey, snapshot_data: bool
) -> dict[str, Any]:
    tables = connection.execute(_MAIN_TABLES, [_carried(snapshot_data=snapshot_data)]).fetchall()
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
            "pg_dump": program_version(pg_dump),
        },
        "key_id": key.key_id,
        "created": datetime.now(UTC).isoformat(),
    }


def _told(manifest: Manifest) -> list[str]:
    return [
        *(f"{part.name}: {part.bytes} bytes, sha256 {part.sha256}" for part in manifest.parts),
        *(f"{table}: {rows} rows" for table, rows in manifest.rows.items()),
        f"signed with key {manifest.key_id}",
        f"{len(manifest.models)} models, {manifest.total_bytes} bytes in {len(manifest.parts)} parts",
    ]
