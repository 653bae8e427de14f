"""Restores the whole catalog of another server from a bundle, in one transaction."""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from nightjar.errors import (
    BundleError,
    BundleFormatError,
    CatalogPresentError,
    OlderServerError,
    SchemaNotFoundError,
    TransferError,
    UntrustedKeyError,
)
from nightjar.storage import Database, migrate
from nightjar.storage.catalogs import CATALOG, catalog_cursor
from nightjar.storage.database import Connection
from nightjar.storage.migrate import create_roles
from nightjar.transfer.catalog.parity import require_parity
from nightjar.transfer.catalog.programs import server_major
from nightjar.transfer.catalog.restore import Restore, run_restore
from nightjar.transfer.catalog.schemas import SCHEMAS, require_usual
from nightjar.transfer.files import prove_parts, read_manifest, stretch_of
from nightjar.transfer.jobs import Job, record_import, serialise_imports
from nightjar.transfer.keys import key_id_of
from nightjar.transfer.manifest import Content, Manifest, Mode, first_line

log = logging.getLogger(__name__)

_SCHEMA_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_FILLED = """
SELECT n.nspname AS name, EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'model_version')
       AS catalog
FROM pg_namespace n
WHERE n.nspname = ANY(%s)
  AND (EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)
       OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid)
       OR EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid))
"""
_LENT_KEYS = """
CREATE TEMPORARY TABLE trusted_key ON COMMIT DROP AS
SELECT %s::text AS key_id, %s::bytea AS public_key, NULL::timestamptz AS revoked_at, NULL::text AS revoked_by,
       NULL::text AS revoke_reason
"""


def import_catalog(
    database: Database,
    folder: Path,
    bundle: str,
    *,
    remap_schema: Mapping[str, str] | None = None,
    remap_tablespace: Mapping[str, str] | None = None,
    actor: str,
    trusted: bytes | None = None,
    job: str | None = None,
) -> Manifest:
    """Verify a bundle and restore its catalog in one transaction: on any failure, nothing of it stays.

    Args:
        database: the target; its login may create roles and schemas.
        folder: of the files.
        bundle: their name.
        remap_schema: other names for schemas of the dump.
        remap_tablespace: other names for tablespaces.
        actor: who imports, for the record of the job.
        trusted: the public key to believe, of a target that has no catalog yet, hence trusts none.
        job: a name that no job had in the dump; by default made of the bundle's and the time.

    Raises:
        BundleError, UntrustedKeyError: the bundle is refused.
        SchemaNotFoundError: the dump has no such schema.
        CatalogPresentError: what would be written over is there.
        OlderServerError: the target's server is older.
        ParityError: what was restored is not what was dumped.
        TransferError: the restore fails.
        JobNameError: a job had the name.
    """
    started = datetime.now(UTC)
    require_usual(database)
    schemas, tablespaces = dict(remap_schema or {}), dict(remap_tablespace or {})
    manifest = _verified(database, folder, bundle, trusted)
    _require_pairs(schemas)
    [entry] = manifest.entries
    name = job or f"import {bundle} {started:%Y-%m-%d %H:%M:%S.%f}"
    try:
        with database.connect() as connection:
            serialise_imports(connection)
            create_roles(connection, database.name)
            _require_newer(connection, manifest, database.name)
            _require_free(connection, schemas, database.name)
            restore = Restore(connection, stretch_of(folder, manifest, entry), entry.sha256, schemas, tablespaces)
            run_restore(restore, int(manifest.versions["pg_dump"].split(".")[0]))
            require_parity(connection, schemas, manifest)
            record_import(connection, database, Job(name, manifest, bundle, actor, started, database.name))
    except psycopg.Error as error:
        raise TransferError(
            f"The catalog cannot be restored in {database.name} ({first_line(error)}): mend that and import again. "
            "Nothing was kept."
        ) from error
    seconds = (datetime.now(UTC) - started).total_seconds()
    log.info("Restored %s in %s: %d models, %.1f s", bundle, database.name, len(manifest.models), seconds)
    return manifest


def _verified(database: Database, folder: Path, bundle: str, trusted: bytes | None) -> Manifest:
    with database.connect() as connection:
        if connection.execute("SELECT to_regclass('nightjar.trusted_key') AS here").fetchone() == {"here": None}:
            _lend_key(connection, trusted, database.name)
        manifest = read_manifest(connection, folder, bundle)
        connection.rollback()
    if manifest.mode is not Mode.SCHEMA:
        raise BundleError(f"{bundle} was exported with mode {manifest.mode}, it holds no whole catalog: import so.")
    if [entry.content for entry in manifest.entries] != [Content.DUMP]:
        raise BundleError(f"The manifest of {bundle} does not name one dump: export again.")
    if not all(manifest.versions.get(name, "")[:1].isdecimal() for name in ("postgres", "pg_dump")):
        raise BundleError(f"The manifest of {bundle} does not say which PostgreSQL it is from: export again.")
    if not migrate.is_known(manifest.revision):
        raise BundleFormatError(
            f"The catalog in {bundle} is at revision {manifest.revision}, which this version does not know: upgrade "
            "Nightjar first."
        )
    prove_parts(folder, manifest)
    return manifest


def _lend_key(connection: Connection, trusted: bytes | None, environment: str) -> None:
    """Have what looks for trusted keys find the one that was given, until the transaction ends."""
    if trusted is None:
        raise UntrustedKeyError(
            f"There is no catalog in {environment}, hence no key that it trusts: name the public key of whoever signed."
        )
    connection.execute(_LENT_KEYS, [key_id_of(trusted), trusted])
    connection.cursor_factory = catalog_cursor("pg_temp")


def _require_pairs(schemas: Mapping[str, str]) -> None:
    if unknown := sorted(set(schemas) - set(SCHEMAS)):
        raise SchemaNotFoundError(f"The dump has no schema {', '.join(unknown)}: it has {', '.join(SCHEMAS)}.")
    for old, new in schemas.items():
        if not _SCHEMA_NAME.fullmatch(new):
            raise TransferError(
                f"--remap-schema {old}:{new} names no schema: use small letters, digits and _, and no pg_ in front."
            )
    targets = [schemas.get(schema, schema) for schema in SCHEMAS]
    if twice := sorted({target for target in targets if targets.count(target) > 1}):
        raise TransferError(f"Two schemas would become {', '.join(twice)}: give each --remap-schema another name.")


def _require_newer(connection: Connection, manifest: Manifest, environment: str) -> None:
    source, target = int(manifest.versions["postgres"].split(".")[0]), server_major(connection)
    if source > target:
        raise OlderServerError(
            f"The catalog is from PostgreSQL {source}, {environment} has {target}: upgrade it to {source}, or carry "
            "models with mode model. The other way, into a newer one, works."
        )


def _require_free(connection: Connection, schemas: Mapping[str, str], environment: str) -> None:
    origins = {schemas.get(schema, schema): schema for schema in SCHEMAS}
    filled = {row["name"]: row["catalog"] for row in connection.execute(_FILLED, [list(origins)])}
    catalog = schemas.get(CATALOG, CATALOG)
    remaps = ", ".join(f"--remap-schema {origins[name]}:OTHER" for name in filled)
    if filled.get(catalog):
        raise CatalogPresentError(
            f"There is a catalog in schema {catalog} of {environment}: restore beside it with {remaps}, or carry "
            "models into it with mode model."
        )
    if filled:
        raise CatalogPresentError(
            f"{environment} has something in {', '.join(filled)} already: restore beside it with {remaps}."
        )
