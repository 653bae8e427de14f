"""Restores the whole catalog of another server from a bundle, in one transaction."""

import hashlib
import logging
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO, LiteralString

import psycopg
from psycopg import sql

from nightjar.errors import (
    AlteredPartError,
    BundleError,
    CatalogPresentError,
    OlderServerError,
    ParityError,
    SchemaNotFoundError,
    TransferError,
    UntrustedKeyError,
)
from nightjar.storage import Database, Role
from nightjar.storage.catalogs import CATALOG, catalog_cursor, is_complete, quoted, remap_schemas
from nightjar.storage.database import Connection
from nightjar.storage.migrate import create_roles
from nightjar.transfer.catalog_export import (
    SCHEMAS,
    client_program,
    count_rows,
    ending,
    require_usual,
    server_major,
)
from nightjar.transfer.files import prove_parts, read_manifest, stretch_of
from nightjar.transfer.jobs import Job, record_import
from nightjar.transfer.keys import key_id_of
from nightjar.transfer.manifest import Content, Manifest, Mode, first_line
from nightjar.transfer.streams import Source, pieces

log = logging.getLogger(__name__)

_SCHEMA_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_COPY = re.compile(rb"COPY .+ FROM stdin;\n")
# Lines that are looked at by themselves, unless they are within a function's body or a string.
_SPECIAL = re.compile(rb"--\n|COPY |\\|SET |(CREATE|ALTER) .*\bTABLESPACE ")
_SETTING = re.compile(rb"SET (\w+) = ")
_TABLESPACE = re.compile(r'^(SET default_tablespace = |(?:CREATE|ALTER) .*\bTABLESPACE )("(?:[^"]|"")+"|\w+)(?=;?$)')
_CREATE_SCHEMA = re.compile(r"^CREATE SCHEMA (?=(\"?\w+\"?);)", re.MULTILINE)
_RIGHTS = re.compile(r"^-- Name: .+; Type: (DEFAULT )?ACL;", re.MULTILINE)
_END_OF_DATA = b"\\.\n"
_END_OF_PIECE = b"--\n"
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
_ARTIFACTS = "SELECT sha256, byte_count FROM nightjar.artifact ORDER BY sha256"
_CHUNK = "SELECT data FROM nightjar.artifact_chunk WHERE sha256 = %s AND ordinal = %s"
_MODELS = "SELECT name || '@' || version AS name, sha256 FROM nightjar.model_version"


@dataclass
class _Restore:
    """A dump on its way into a database."""

    connection: Connection
    source: Source
    sha256: str
    schemas: Mapping[str, str]
    tablespaces: Mapping[str, str]
    settings: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    lent: list[str] = field(default_factory=list)
    failure: list[Exception] = field(default_factory=list)


def import_catalog(
    database: Database,
    folder: Path,
    bundle: str,
    *,
    remap_schema: Mapping[str, str] | None = None,
    remap_tablespace: Mapping[str, str] | None = None,
    actor: str,
    trusted: bytes | None = None,
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

    Raises:
        BundleError, UntrustedKeyError: the bundle is refused.
        SchemaNotFoundError: the dump has no such schema.
        CatalogPresentError: what would be written over is there.
        OlderServerError: the target's server is older.
        ParityError: what was restored is not what was dumped.
        TransferError: the restore fails.
    """
    started = datetime.now(UTC)
    require_usual(database)
    schemas, tablespaces = dict(remap_schema or {}), dict(remap_tablespace or {})
    manifest = _verified(database, folder, bundle, trusted)
    _require_pairs(schemas)
    [entry] = manifest.entries
    name = f"import {bundle} {started:%Y-%m-%d %H:%M:%S.%f}"
    try:
        with database.connect() as connection:
            create_roles(connection, database.name)
            _require_newer(connection, manifest, database.name)
            _require_free(connection, schemas, database.name)
            restore = _Restore(connection, stretch_of(folder, manifest, entry), entry.sha256, schemas, tablespaces)
            _run(restore, int(manifest.versions["pg_dump"].split(".")[0]))
            _require_parity(restore, manifest)
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


def _run(restore: _Restore, major: int) -> None:
    connection = restore.connection
    restore.settings = {row["name"] for row in connection.execute("SELECT name FROM pg_settings")}
    restore.present = {row["spcname"] for row in connection.execute("SELECT spcname FROM pg_tablespace")}
    command = [str(client_program("pg_restore", major)), "--file=-"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        feeding = threading.Thread(target=_feed, args=(process.stdin, process, restore))
        feeding.start()

        def finish() -> None:
            """Refuse a script that was cut short, which it does not tell itself."""
            feeding.join()
            process.wait()
            if restore.failure:
                raise restore.failure[0]
            said.seek(0)
            if process.returncode != 0:
                reason = ending(said.read().decode(errors="replace").splitlines(), process.returncode)
                raise TransferError(f"pg_restore failed ({reason}): import again. Nothing was kept.")

        try:
            _execute(process.stdout, restore, finish)
        finally:
            process.kill()
            feeding.join()


def _feed(target: IO[bytes], process: subprocess.Popen[bytes], restore: _Restore) -> None:
    digest = hashlib.sha256()
    try:
        for piece in pieces(restore.source):
            digest.update(piece)
            with _unless_gone():
                target.write(piece)
        if digest.hexdigest() != restore.sha256:
            raise AlteredPartError("A part was altered while it was read: copy the files again. Nothing was kept.")
    except Exception as error:
        restore.failure.append(error)
        process.kill()
    finally:
        with _unless_gone():
            target.close()


def _unless_gone() -> AbstractContextManager[None]:
    # A process that ended tells by its exit code why.
    return suppress(BrokenPipeError)


def _execute(script: IO[bytes], restore: _Restore, finish: Callable[[], None]) -> None:
    """Execute what pg_restore writes, a piece of about one object at a time."""
    piece: list[bytes] = []
    for line in iter(script.readline, b""):
        if not _SPECIAL.match(line) or not is_complete(_text(piece)):
            piece.append(line)
        elif line == _END_OF_PIECE:
            _send(restore, piece)
        elif _COPY.fullmatch(line):
            _send(restore, piece)
            _copy(script, line, restore, finish)
        else:
            piece += _kept(line, restore)
    finish()
    _send(restore, piece)


def _send(restore: _Restore, piece: list[bytes]) -> None:
    text = remap_schemas(_text(piece), restore.schemas)
    piece.clear()
    if _RIGHTS.search(text):
        _let_own(restore, "REVOKE CREATE ON SCHEMA {} FROM {}")
        restore.lent.clear()
    if text.strip():
        # Without parameters, several statements at once are fine.
        restore.connection.execute(_CREATE_SCHEMA.sub("CREATE SCHEMA IF NOT EXISTS ", text).encode())
    if created := _CREATE_SCHEMA.search(text):
        restore.lent.append(created[1].strip('"'))
        _let_own(restore, "GRANT CREATE ON SCHEMA {} TO {}")


def _let_own(restore: _Restore, statement: LiteralString) -> None:
    # Unless a superuser gives it, only who may create something in a schema can come to own something there.
    roles = sql.SQL(", ").join(sql.Identifier(role.value) for role in Role if role is not Role.OWNER)
    for schema in restore.lent:
        restore.connection.execute(sql.SQL(statement).format(sql.Identifier(schema), roles))


def _copy(script: IO[bytes], line: bytes, restore: _Restore, finish: Callable[[], None]) -> None:
    statement = remap_schemas(_text([line]), restore.schemas).encode()
    with restore.connection.cursor().copy(statement) as copy:
        for row in iter(script.readline, b""):
            if row == _END_OF_DATA:
                return
            copy.write(row)
        finish()
        raise TransferError("The rows of the dump are cut short: export again. Nothing was kept.")


def _kept(line: bytes, restore: _Restore) -> list[bytes]:
    """Return a line as the target understands it; none of what is for psql, or a setting that is newer."""
    setting = _SETTING.match(line)
    if line.startswith(b"\\") or (setting is not None and setting[1].decode() not in restore.settings):
        return []
    found = _TABLESPACE.match(_text([line]))
    if found is None:
        return [line]
    name = found[2].strip('"').replace('""', '"')
    target = restore.tablespaces.get(name, name)
    if target not in restore.present:
        raise TransferError(
            f"The target has no tablespace {target}: name one of its own, --remap-tablespace {name}:pg_default."
        )
    return [_TABLESPACE.sub(lambda match: match[1] + quoted(target), _text([line])).encode()]


def _text(lines: list[bytes]) -> str:
    content = b"".join(lines)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise TransferError(f"The dump is not UTF-8 ({error.reason}): export again. Nothing was kept.") from error
    if "\0" in text:
        raise TransferError("A statement of the dump holds a NUL: export again. Nothing was kept.")
    return text


def _require_parity(restore: _Restore, manifest: Manifest) -> None:
    """Refuse what is not what was dumped, by counts of rows, models and hashes of artifacts."""
    connection, catalog = restore.connection, restore.schemas.get(CATALOG, CATALOG)
    for table, wanted in manifest.rows.items():
        schema, _, name = table.partition(".")
        found = count_rows(connection, restore.schemas.get(schema, schema), name)
        if found != wanted:
            raise _differs(f"{table} has {found} rows instead of {wanted}")
    connection.cursor_factory = catalog_cursor(catalog)
    models = {row["name"]: row["sha256"] for row in connection.execute(_MODELS)}
    if models != {model.name: model.sha256 for model in manifest.models}:
        raise _differs("the models are not those of the manifest")
    for row in connection.execute(_ARTIFACTS).fetchall():
        digest = hashlib.sha256()
        for ordinal in count():
            chunk = connection.execute(_CHUNK, [row["sha256"], ordinal]).fetchone()
            if chunk is None:
                break
            digest.update(chunk["data"])
        if digest.hexdigest() != row["sha256"]:
            raise _differs(f"the artifact {row['sha256'][:12]}… has another content")


def _differs(what: str) -> ParityError:
    return ParityError(f"The restored catalog is not the one that was dumped: {what}. Nothing was kept.")
