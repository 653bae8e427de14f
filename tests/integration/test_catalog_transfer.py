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
from psycopg.conninfo import make_conninfo

from nightjar import registry, snapshots
from nightjar.errors import (
    BundleError,
    BundleWriteError,
    CatalogPresentError,
    NightjarError,
    OlderServerError,
    ParityError,
    SchemaNotFoundError,
    TransferError,
    UntrustedKeyError,
)
from nightjar.registry import ModelName
from nightjar.storage import Database, Role, migrate
from nightjar.storage.catalogs import require_catalog
from nightjar.transfer import Manifest, catalog_export, catalog_import, make_key, transfer_jobs
from nightjar.transfer.catalog_export import SCHEMAS, export_catalog
from nightjar.transfer.catalog_import import import_catalog
from tests.builders import SHOPPERS, count_rows, freeze_shoppers, log_in, register_model, shared_database
from tests.forgery import edit_manifest, set_in
from tests.transfer_builders import ACTOR, export, key, trust

ASIDE = {schema: f"{schema}_b" for schema in SCHEMAS}
OLD_BINARIES = Path("/usr/lib/postgresql/15/bin")
_numbers = count()


@pytest.fixture(scope="module")
def source(servers: dict[str, Database]) -> Iterator[Database]:
    """A catalog with two models; tests leave it as it is, but for the record of exports."""
    with shared_database(servers["dev"], "catalog_source") as database:
        register_model(database)
        register_model(database, name="sud_risk", seed=1)
        yield database


@pytest.fixture
def target(servers: dict[str, Database]) -> Iterator[Database]:
    """A database without anything in it."""
    with _empty(servers["prod"]) as database:
        yield database


@pytest.fixture(scope="module")
def bundle(source: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported catalog; tests copy it before they alter it."""
    folder = tmp_path_factory.mktemp("bundle")
    export_catalog(source, folder, "model", key=key(), part_bytes=100_000, actor=ACTOR)
    return folder


def test_a_catalog_arrives_whole(source: Database, target: Database, bundle: Path) -> None:
    manifest = restore(target, bundle)

    assert rows_of(target) == rows_of(source)
    assert registry.list_models(target) == registry.list_models(source)
    assert [str(known.name) for known in snapshots.list_snapshots(target)] == [
        str(known.name) for known in snapshots.list_snapshots(source)
    ]
    assert count_rows(target, "snapshots", str(SHOPPERS)) == 80
    assert migrate.current_revision(target) == manifest.revision == migrate.newest_revision()
    assert rights(target) == rights(source)
    [job] = transfer_jobs(target)
    assert (job.direction, job.mode, job.source, job.target, job.actor) == ("import", "schema", "dev", "prod", ACTOR)
    assert "export" in [job.direction for job in transfer_jobs(source)]


def test_a_restored_catalog_is_worked_with(target: Database, bundle: Path) -> None:
    restore(target, bundle)
    assert register_model(target).name == ModelName("churn_risk", 2)
    assert migrate.upgrade(target) == migrate.newest_revision()
    refused_sql(target, "DELETE FROM nightjar.model_event")


def test_files_are_of_the_size_that_is_asked_for(bundle: Path) -> None:
    sizes = [path.stat().st_size for path in sorted(bundle.glob("model*.dmp"))]
    assert len(sizes) > 2
    assert set(sizes[:-1]) == {100_000}
    log = (bundle / "model.log").read_text()
    assert "nightjar.model_version: 2 rows" in log
    assert "signed with key" in log


def test_without_the_rows_of_snapshots(source: Database, target: Database, tmp_path: Path) -> None:
    manifest = export_catalog(source, tmp_path, "model", key=key(), snapshot_data=False, actor=ACTOR)
    restore(target, tmp_path)
    assert not [table for table in manifest.rows if table.startswith("nightjar_store.")]
    assert registry.list_models(target) == registry.list_models(source)
    assert count_rows(target, "snapshots", str(SHOPPERS)) == 0


def test_beside_another_catalog(source: Database, prod_database: Database, bundle: Path) -> None:
    register_model(prod_database, name="own_model")
    before = rows_of(prod_database)
    import_catalog(trust(prod_database), bundle, "model", remap_schema=ASIDE, actor=ACTOR)

    other = prod_database.with_catalog("nightjar_b")
    require_catalog(other)
    assert registry.list_models(other) == registry.list_models(source)
    assert [str(model.name) for model in registry.list_models(prod_database)] == ["own_model@1"]
    assert {**rows_of(prod_database), "nightjar.trusted_key": None} == {**before, "nightjar.trusted_key": None}
    with other.connect(Role.TRAINER) as connection:
        assert registry.find_model(connection, ModelName("churn_risk", 1)).sha256
    assert [job.direction for job in transfer_jobs(other)] == ["import"]
    assert transfer_jobs(prod_database) == []
    assert count_rows(prod_database, "snapshots_b", str(SHOPPERS)) == 80
    assert "nightjar." not in functions_of(prod_database, "nightjar_b").replace("'nightjar.", "")


def test_a_remapped_catalog_takes_models(dev_database: Database, bundle: Path, tmp_path: Path) -> None:
    import_catalog(trust(dev_database), bundle, "model", remap_schema=ASIDE, actor=ACTOR)
    other = dev_database.with_catalog("nightjar_b")
    with other.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, ModelName("churn_risk", 1))
        registry.move_alias(
            connection, "churn_risk", registry.Alias.CHAMPION, model, reason="it is better", actor=ACTOR
        )
    assert count_rows(dev_database, "nightjar_b", "alias_move") == 1
    assert count_rows(dev_database, "nightjar", "alias_move") == 0


def test_schemas_without_a_catalog_are_refused(prod_database: Database) -> None:
    require_catalog(prod_database)
    for name, told in (("nowhere", "no schema 'nowhere'"), ("retail", "no catalog in the schema 'retail'")):
        with pytest.raises(SchemaNotFoundError, match=told):
            require_catalog(prod_database.with_catalog(name))


def test_what_is_there_is_not_written_over(prod_database: Database, bundle: Path) -> None:
    trust(prod_database)
    told = unchanged(prod_database, bundle, CatalogPresentError)
    assert "--remap-schema nightjar:OTHER" in told
    told = unchanged(prod_database, bundle, CatalogPresentError, remap_schema={"nightjar": "other"})
    assert "nightjar_store" in told
    assert "--remap-schema predictions:OTHER" in told


def test_empty_schemas_are_filled(source: Database, target: Database, bundle: Path) -> None:
    with target.connect() as connection:
        connection.execute("CREATE SCHEMA retail")
    restore(target, bundle)
    assert registry.list_models(target) == registry.list_models(source)


@pytest.mark.parametrize(
    ("remap", "error"),
    [
        ({"nope": "other"}, SchemaNotFoundError),
        ({"nightjar": "Ot'her"}, TransferError),
        ({"nightjar": ""}, TransferError),
        ({"nightjar": "pg_catalog"}, TransferError),
        ({"nightjar": "retail"}, TransferError),
    ],
)
def test_impossible_names_are_refused(
    target: Database, bundle: Path, remap: dict[str, str], error: type[NightjarError]
) -> None:
    unchanged(target, bundle, error, remap_schema=remap)


def test_an_older_server_is_refused(target: Database, bundle: Path, tmp_path: Path) -> None:
    folder = altered(bundle, tmp_path)
    edit_manifest(folder, set_in("versions", "postgres", value="19.1"))
    assert "other way" in unchanged(target, folder, OlderServerError)


@pytest.mark.parametrize("damage", ["tampered", "missing", "unsigned", "fewer rows", "other model"])
def test_damage_changes_nothing(target: Database, bundle: Path, tmp_path: Path, damage: str) -> None:
    folder = altered(bundle, tmp_path)
    expected: type[NightjarError] = BundleError
    part = folder / "model02.dmp"
    if damage == "tampered":
        part.write_bytes(part.read_bytes()[:-1] + b"x")
    elif damage == "missing":
        part.unlink()
    elif damage == "unsigned":
        (folder / "model.sig").unlink()
    elif damage == "fewer rows":
        expected = ParityError
        edit_manifest(folder, set_in("rows", "nightjar.trial", value=1))
    else:
        expected = ParityError
        edit_manifest(folder, set_in("models", 0, "sha256", value="0" * 64))
    unchanged(target, folder, expected)


def test_only_the_trusted_key_counts(target: Database, bundle: Path, tmp_path: Path) -> None:
    foreign = make_key(tmp_path / "foreign.pem")
    unchanged(target, bundle, UntrustedKeyError, trusted=foreign.public_key)
    assert "public key" in unchanged(target, bundle, UntrustedKeyError, trusted=None)


def test_models_are_no_catalog(source: Database, target: Database, tmp_path: Path) -> None:
    export(source, ModelName("churn_risk", 1), tmp_path)
    assert "mode model" in unchanged(target, tmp_path, BundleError)


def test_tablespaces_are_remapped_or_named(
    source: Database, target: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_catalog(source, tmp_path, "model", key=key(), actor=ACTOR)
    edited_script(monkeypatch, tmp_path, "s/^SET default_tablespace = '';$/SET default_tablespace = fast;/")
    assert "--remap-tablespace fast:" in unchanged(target, tmp_path, TransferError)
    restore(target, tmp_path, remap_tablespace={"fast": "pg_default"})
    assert registry.list_models(target) == registry.list_models(source)


def test_what_only_newer_servers_know_is_skipped(
    source: Database, target: Database, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited_script(monkeypatch, tmp_path, "s/^SET transaction_timeout = 0;$/SET unheard_of_timeout = 0;/")
    restore(target, bundle)
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
    target: Database, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(monkeypatch, catalog_import, tmp_path, script)
    unchanged(target, bundle, TransferError)


def test_an_export_is_of_one_moment(
    servers: dict[str, Database], target: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared_database(servers["dev"], "catalog_busy") as database:
        freeze_shoppers(database)
        real = catalog_export.client_program("pg_dump", 18)
        grow = f"{real.with_name('psql')} -q -d '{database.conninfo}' -c"
        insert = "INSERT INTO nightjar.gate_result (use_case, gate, as_of, run_id, passed, evaluated, failures)"
        values = "VALUES ('x', 'sources', '2017-12-01', 'x', true, 1, '[]')"
        program(monkeypatch, catalog_export, tmp_path, f'{grow} "{insert} {values}" >&2; exec {real} "$@"')
        export_catalog(database, tmp_path, "model", key=key(), actor=ACTOR)
        restore(target, tmp_path)
        assert count_rows(database, "nightjar", "gate_result") == 1
        assert count_rows(target, "nightjar", "gate_result") == 0


def test_a_login_that_may_create_is_enough(target: Database, bundle: Path) -> None:
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
        restore(log_in(target, "catalog_app"), bundle)
        assert schema_rights(target) == []
    finally:
        with target.autocommit() as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(name)))
            connection.execute("REASSIGN OWNED BY catalog_app TO postgres")
            connection.execute("DROP OWNED BY catalog_app CASCADE")
            connection.execute("DROP ROLE catalog_app")


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


@pytest.mark.parametrize("script", ["echo half; kill -9 $$", "echo half; echo oh no >&2; exit 1"])
def test_a_dump_cut_short_leaves_no_bundle(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(monkeypatch, catalog_export, tmp_path, script)
    with pytest.raises(BundleWriteError, match=r"signal 9|oh no"):
        export_catalog(source, tmp_path / "out", "model", key=key(), part_bytes=2, actor=ACTOR)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.log"]
    assert "failed" in (tmp_path / "out" / "model.log").read_text()


def test_an_export_that_cannot_be_recorded_leaves_no_bundle(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise TransferError("no")

    monkeypatch.setattr(catalog_export, "record_export", refuse)
    with pytest.raises(TransferError, match="no"):
        export_catalog(source, tmp_path, "model", key=key(), actor=ACTOR)
    assert [path.name for path in tmp_path.iterdir()] == ["model.log"]


def test_passwords_are_not_in_arguments(source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, catalog_export, tmp_path, f'echo "$@" > {tmp_path}/told; echo $PGPASSWORD > {tmp_path}/secret')
    database = Database("dev", make_conninfo(source.conninfo, password="topsecret"))
    with pytest.raises(NightjarError):
        export_catalog(database, tmp_path / "out", "model", key=key(), actor=ACTOR)
    assert "topsecret" not in (tmp_path / "told").read_text()
    assert "topsecret" in (tmp_path / "secret").read_text()


def test_a_remapped_catalog_is_not_exported_whole(source: Database, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="remapped"):
        export_catalog(source.with_catalog("other"), tmp_path, "model", key=key())


@pytest.mark.skipif(not (OLD_BINARIES / "initdb").exists(), reason="PostgreSQL 15 is not installed")
def test_from_postgres_15_to_18(target: Database, tmp_path: Path) -> None:
    with old_server() as database:
        migrate.upgrade(database)
        register_model(database)
        manifest = export_catalog(database, tmp_path, "model", key=key(), actor=ACTOR)
        assert manifest.versions["postgres"].startswith("15.")
        restore(target, tmp_path)
        assert rows_of(target) == rows_of(database)
        assert registry.list_models(target) == registry.list_models(database)


@pytest.mark.skipif(not (OLD_BINARIES / "initdb").exists(), reason="PostgreSQL 15 is not installed")
def test_into_a_server_without_our_roles(tmp_path: Path) -> None:
    with old_server() as origin, old_server() as database:
        migrate.upgrade(origin)
        export_catalog(origin, tmp_path, "model", key=key(), actor=ACTOR)
        with pytest.MonkeyPatch.context() as patch:
            edited_script(patch, tmp_path, "s/^CREATE TABLE nightjar.trial /CREATE TABL /")
            unchanged(database, tmp_path, TransferError)
        assert our_roles(database) == 0
        restore(database, tmp_path)
        assert our_roles(database) == len(Role)
        assert rows_of(database) == rows_of(origin)


@pytest.mark.skipif(not (OLD_BINARIES / "initdb").exists(), reason="PostgreSQL 15 is not installed")
def test_not_from_18_to_postgres_15(bundle: Path) -> None:
    with old_server() as database:
        assert "PostgreSQL 18" in unchanged(database, bundle, OlderServerError)


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
    real = catalog_export.client_program("pg_restore", 18)
    program(monkeypatch, catalog_import, folder, f'{real} "$@" | sed "{edit}"')


@contextmanager
def _empty(server: Database) -> Iterator[Database]:
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
