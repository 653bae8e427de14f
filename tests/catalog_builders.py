"""Whole catalogs for tests: empty databases, an older server, failing programs, and what is in a catalog."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from nightjar.errors import (
    NightjarError,
)
from nightjar.storage import Database
from nightjar.transfer import Manifest, import_catalog
from nightjar.transfer.catalog import restore as restore_module
from nightjar.transfer.catalog.programs import client_program
from nightjar.transfer.catalog.schemas import SCHEMAS
from tests.transfer_builders import ACTOR, key

ASIDE = {schema: f"{schema}_b" for schema in SCHEMAS}
OLD_BINARIES = Path("/usr/lib/postgresql/15/bin")
_numbers = count()


def restore(database: Database, folder: Path, **options: Any) -> Manifest:
    """Import into a database that has no catalog."""
    options = {"trusted": key().public_key, "actor": ACTOR} | options
    return import_catalog(database, folder, "model", **options)


def unchanged(database: Database, folder: Path, error: type[NightjarError], **options: Any) -> str:
    """Import and return the refusal, which leaves the database as it was."""
    before = relations(database)
    with pytest.raises(error) as caught:
        restore(database, folder, **options)
    assert relations(database) == before
    return str(caught.value)


def relations(database: Database) -> list[dict[str, Any]]:
    with database.connect() as connection:
        return connection.execute(
            """SELECT n.nspname, c.relname FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
               WHERE n.nspname !~ '^pg_|^information_schema' ORDER BY 1, 2"""
        ).fetchall()


def rows_of(database: Database) -> dict[str, list[str] | None]:
    """Return all rows of a catalog, but for the record of transfers."""
    with database.connect() as connection:
        tables = connection.execute(
            """SELECT n.nspname AS schema, c.relname AS name FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind = 'r' AND n.nspname = ANY(%s) AND c.relname <> 'transfer_job'""",
            [list(SCHEMAS)],
        ).fetchall()
        return {
            f"{table['schema']}.{table['name']}": sorted(
                row["line"]
                for row in connection.execute(
                    sql.SQL("SELECT t::text AS line FROM {} t").format(sql.Identifier(table["schema"], table["name"]))
                )
            )
            for table in tables
        }


def functions_of(database: Database, schema: str) -> str:
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT pg_get_functiondef(p.oid) AS text FROM pg_proc p WHERE p.pronamespace = %s::regnamespace", [schema]
        ).fetchall()
    assert rows
    return "\n".join(row["text"] for row in rows)


def comment(database: Database) -> object:
    with database.connect() as connection:
        return connection.execute("SELECT obj_description('nightjar.odd'::regclass)").fetchone()


def schema_rights(database: Database) -> list[dict[str, Any]]:
    """Return who may create something in the catalog's schema, but for its owner."""
    with database.connect() as connection:
        return connection.execute(
            """SELECT rolname FROM pg_roles
               WHERE rolname IN ('nightjar_trainer', 'nightjar_scorer', 'nightjar_deployer')
                 AND has_schema_privilege(rolname, 'nightjar', 'CREATE')"""
        ).fetchall()


def rights(database: Database) -> list[dict[str, Any]]:
    """Return whom all of a catalog's objects belong to, and who may do what with them."""
    with database.connect() as connection:
        return connection.execute(
            """WITH schemas AS (SELECT * FROM pg_namespace WHERE nspname = ANY(%s)), objects AS (
                   SELECT nspname AS name, nspowner AS owner, nspacl AS acl, acldefault('n', nspowner) AS usual
                   FROM schemas
                   UNION ALL
                   SELECT c.oid::regclass::text, relowner, relacl,
                          acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
                   FROM pg_class c JOIN schemas n ON n.oid = c.relnamespace WHERE relkind <> 'i'
                   UNION ALL
                   SELECT p.oid::regprocedure::text, proowner, proacl, acldefault('f', proowner)
                   FROM pg_proc p JOIN schemas n ON n.oid = p.pronamespace)
               SELECT name, owner::regrole::text,
                      ARRAY(SELECT item::text FROM unnest(coalesce(acl, usual)) item ORDER BY 1) AS acl
               FROM objects ORDER BY 1""",
            [list(SCHEMAS)],
        ).fetchall()


def our_roles(database: Database) -> int:
    with database.connect() as connection:
        return len(connection.execute("SELECT FROM pg_roles WHERE rolname LIKE 'nightjar%'").fetchall())


def refused_sql(database: Database, statement: str) -> None:
    with pytest.raises(Exception, match="immutable"), database.connect() as connection:
        connection.execute(statement.encode())


def altered(bundle: Path, folder: Path) -> Path:
    return Path(shutil.copytree(bundle, folder / "altered"))


def program(monkeypatch: pytest.MonkeyPatch, module: Any, folder: Path, script: str) -> None:
    """Have a module run a shell script instead of a program of Postgres."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'program 18.4'; exit; fi\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(module, "client_program", lambda _name, _major: path)


def edited_script(monkeypatch: pytest.MonkeyPatch, folder: Path, edit: str) -> None:
    """Have pg_restore's script edited on its way."""
    real = client_program("pg_restore", 18)
    program(monkeypatch, restore_module, folder, f'{real} "$@" | sed "{edit}"')


@contextmanager
def empty_database(server: Database) -> Iterator[Database]:
    name = sql.Identifier(f"catalog_target_{next(_numbers)}")
    with server.with_database("postgres").autocommit() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        yield server.with_database(name.as_string(None).strip('"'))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def old_server() -> Iterator[Database]:
    """Start Debian's PostgreSQL 15, as another user where this one is root, which Postgres refuses to run as."""
    folder = Path(tempfile.mkdtemp(prefix="nightjar-15-"))
    data, user = folder / "data", ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    prefix: list[str | Path] = [*user] if os.getuid() == 0 else []
    if prefix:
        shutil.chown(folder, "postgres", "postgres")
    try:
        initialise: list[str | Path] = [
            *prefix,
            OLD_BINARIES / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        subprocess.run([*initialise, "--locale=C.UTF-8", "-N"], check=True, capture_output=True)
        options: list[str | Path] = ["-c", "listen_addresses=", "-k", folder, "-c", "fsync=off"]
        with subprocess.Popen(
            [*prefix, OLD_BINARIES / "postgres", "-D", data, *options], stderr=subprocess.DEVNULL
        ) as server:
            try:
                ready: list[str | Path] = [OLD_BINARIES / "pg_isready", "-h", folder, "-q"]
                while subprocess.run(ready, check=False).returncode != 0 and server.poll() is None:
                    pass
                yield Database("old", f"postgresql://postgres@/postgres?host={folder}")
            finally:
                server.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
