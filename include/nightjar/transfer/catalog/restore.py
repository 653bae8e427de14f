"""Runs pg_restore, and executes the script that it writes on a connection of ours."""

import hashlib
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import IO, LiteralString

from psycopg import sql

from nightjar.errors import AlteredPartError, TransferError
from nightjar.storage import Role
from nightjar.storage.catalogs import is_complete, quoted, remap_schemas
from nightjar.storage.database import Connection
from nightjar.transfer.catalog.programs import client_program, ending
from nightjar.transfer.streams import Source, pieces

_COPY = re.compile(rb"COPY .+ FROM stdin;\n")
# Lines that are looked at by themselves, unless they are within a function's body or a string.
_SPECIAL = re.compile(rb"--\n|COPY |\\|SET |(CREATE|ALTER) .*\bTABLESPACE ")
_SETTING = re.compile(rb"SET (\w+) = ")
_TABLESPACE = re.compile(r'^(SET default_tablespace = |(?:CREATE|ALTER) .*\bTABLESPACE )("(?:[^"]|"")+"|\w+)(?=;?$)')
_CREATE_SCHEMA = re.compile(r"^CREATE SCHEMA (?=(\"?\w+\"?);)", re.MULTILINE)
_RIGHTS = re.compile(r"^-- Name: .+; Type: (DEFAULT )?ACL;", re.MULTILINE)
_END_OF_DATA = b"\\.\n"
_END_OF_PIECE = b"--\n"


@dataclass
class Restore:
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


def run_restore(restore: Restore, major: int) -> None:
    """Execute a dump within the transaction of the connection.

    Args:
        restore: what goes where.
        major: of the pg_dump that wrote it.

    Raises:
        AlteredPartError: the dump changed while it was read.
        TransferError: it is cut short, is no dump, or names a tablespace that is not there.
        psycopg.Error: a statement of it fails.
    """
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


def _feed(target: IO[bytes], process: subprocess.Popen[bytes], restore: Restore) -> None:
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


def _execute(script: IO[bytes], restore: Restore, finish: Callable[[], None]) -> None:
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


def _send(restore: Restore, piece: list[bytes]) -> None:
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


def _let_own(restore: Restore, statement: LiteralString) -> None:
    # Unless a superuser gives it, only who may create something in a schema can come to own something there.
    roles = sql.SQL(", ").join(sql.Identifier(role.value) for role in Role if role is not Role.OWNER)
    for schema in restore.lent:
        restore.connection.execute(sql.SQL(statement).format(sql.Identifier(schema), roles))


def _copy(script: IO[bytes], line: bytes, restore: Restore, finish: Callable[[], None]) -> None:
    statement = remap_schemas(_text([line]), restore.schemas).encode()
    with restore.connection.cursor().copy(statement) as copy:
        for row in iter(script.readline, b""):
            if row == _END_OF_DATA:
                return
            copy.write(row)
        finish()
        raise TransferError("The rows of the dump are cut short: export again. Nothing was kept.")


def _kept(line: bytes, restore: Restore) -> list[bytes]:
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
