"""A dump on its way into a database: cut short, altered, of odd contents, under other tablespaces."""

from pathlib import Path

import pytest
from psycopg import sql

from nightjar import registry
from nightjar.errors import (
    TransferError,
)
from nightjar.storage import Database, Role
from nightjar.transfer import export_catalog
from nightjar.transfer.catalog import restore as restore_module
from tests.builders import log_in, shared_database
from tests.catalog_builders import comment, edited_script, program, restore, rows_of, schema_rights, unchanged
from tests.transfer_builders import ACTOR, key


def test_tablespaces_are_remapped_or_named(
    source: Database, target: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_catalog(source, tmp_path, "model", key=key(), actor=ACTOR)
    edited_script(monkeypatch, tmp_path, "s/^SET default_tablespace = '';$/SET default_tablespace = fast;/")
    assert "--remap-tablespace fast:" in unchanged(target, tmp_path, TransferError)
    restore(target, tmp_path, remap_tablespace={"fast": "pg_default"})
    assert registry.list_models(target) == registry.list_models(source)


def test_what_only_newer_servers_know_is_skipped(
    source: Database, target: Database, catalog_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited_script(monkeypatch, tmp_path, "s/^SET transaction_timeout = 0;$/SET unheard_of_timeout = 0;/")
    restore(target, catalog_bundle)
    assert registry.list_models(target) == registry.list_models(source)


@pytest.mark.parametrize(
    "script",
    [
        "kill -9 $$",
        "head -c 200000 >/dev/null; echo 'CREATE SCHEMA nightjar;'; kill -9 $$",
        "echo 'CREATE TABLE public.x (y text);'; echo 'COPY public.x (y) FROM stdin;'; echo abc; kill -9 $$",
        "echo 'CREATE TABLE public.x (y text);'; echo 'COPY public.x (y) FROM stdin;'; echo abc; cat >/dev/null",
        "cat >/dev/null; printf 'SELECT 1;\\0\\n'",
        "cat >/dev/null; printf 'SELECT \\377;\\n'",
        "cat >/dev/null; echo 'SELECT nonsense;'",
        "cat >/dev/null; echo it is broken >&2; exit 3",
    ],
)
def test_a_restore_cut_short_leaves_nothing(
    target: Database, catalog_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(monkeypatch, restore_module, tmp_path, script)
    unchanged(target, catalog_bundle, TransferError)


def test_odd_contents_arrive(servers: dict[str, Database], target: Database, tmp_path: Path) -> None:
    with shared_database(servers["dev"], "catalog_odd") as database:
        odd = "COPY nightjar.x FROM stdin;\n\\.\n--\n\\restrict\tü'$$\"" + "x" * (3 << 20)
        with database.connect() as connection:
            connection.execute("CREATE TABLE nightjar.odd (content text, bytes bytea)")
            connection.execute("INSERT INTO nightjar.odd VALUES (%s, %s)", [odd, bytes(range(256)) * (1 << 16)])
            connection.execute(
                sql.SQL("COMMENT ON TABLE nightjar.odd IS {}").format(
                    sql.Literal("a\n--\nCOPY x FROM stdin;\n\\restrict\nSET a = 1;\n")
                )
            )
        export_catalog(database, tmp_path, "model", key=key(), actor=ACTOR)
        restore(target, tmp_path)
        assert rows_of(target) == rows_of(database)
        assert comment(target) == comment(database)


def test_a_login_that_may_create_is_enough(target: Database, catalog_bundle: Path) -> None:
    name = target.address.rpartition("/")[2]
    with target.autocommit() as connection:
        connection.execute("CREATE ROLE catalog_app LOGIN CREATEROLE")
        connection.execute(
            sql.SQL("GRANT {} TO catalog_app WITH ADMIN OPTION").format(
                sql.SQL(", ").join(sql.Identifier(role.value) for role in Role)
            )
        )
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO catalog_app").format(sql.Identifier(name)))
    try:
        restore(log_in(target, "catalog_app"), catalog_bundle)
        assert schema_rights(target) == []
    finally:
        with target.autocommit() as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(name)))
            connection.execute("REASSIGN OWNED BY catalog_app TO postgres")
            connection.execute("DROP OWNED BY catalog_app CASCADE")
            connection.execute("DROP ROLE catalog_app")
