"""Migration: from an empty database to the current catalog, once."""

from collections.abc import Iterator

import pytest

from nightjar import snapshots
from nightjar.errors import ConfigurationError, DatabaseUnavailableError, NotMigratedError
from nightjar.storage import Database, Role, migrate
from tests.builders import log_in

SCHEMAS = {"nightjar", "nightjar_store", "snapshots", "predictions", "retail"}
OBJECTS = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relowner::regrole::text AS owner,
       c.relacl::text AS rights
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('nightjar', 'nightjar_store', 'snapshots', 'predictions', 'retail') ORDER BY 1, 2
"""


@pytest.fixture
def empty_database(servers: dict[str, Database]) -> Iterator[Database]:
    """A database without a catalog, on a server that has the roles."""
    with servers["dev"].with_database("postgres").autocommit() as connection:
        connection.execute("CREATE DATABASE not_migrated")
        yield servers["dev"].with_database("not_migrated")
        connection.execute("DROP DATABASE not_migrated WITH (FORCE)")


def test_an_empty_database_becomes_current(empty_database: Database) -> None:
    assert migrate.current_revision(empty_database) is None

    assert migrate.upgrade(empty_database) == migrate.newest_revision()

    assert migrate.current_revision(empty_database) == migrate.newest_revision()
    migrate.require_migrated(empty_database)
    with empty_database.connect() as connection:
        found = {row["nspname"] for row in connection.execute("SELECT nspname FROM pg_namespace")}
        objects = connection.execute(OBJECTS).fetchall()
    assert found >= SCHEMAS
    assert {row["owner"] for row in objects} == {"nightjar_owner"}


def test_migrating_twice_changes_nothing(dev_database: Database) -> None:
    snapshots.create(dev_database, "kept", "SELECT 1 AS a")
    with dev_database.connect() as connection:
        before = connection.execute(OBJECTS).fetchall()

    assert migrate.upgrade(dev_database) == migrate.newest_revision()

    with dev_database.connect() as connection:
        assert connection.execute(OBJECTS).fetchall() == before
    assert [str(found.name) for found in snapshots.list_snapshots(dev_database)] == ["kept@1.0.0"]


def test_a_failed_migration_leaves_no_half_catalog(empty_database: Database) -> None:
    with empty_database.autocommit() as connection:
        connection.execute("CREATE SCHEMA retail CREATE TABLE households (other integer)")

    with pytest.raises(Exception, match="households"):
        migrate.upgrade(empty_database)

    assert migrate.current_revision(empty_database) is None
    with empty_database.connect() as connection:
        left = connection.execute(OBJECTS).fetchall()
    assert [(row["schema"], row["name"]) for row in left] == [("retail", "households")]


def test_the_roles_are_there_with_only_readers_logging_in(dev_database: Database) -> None:
    with dev_database.connect() as connection:
        roles = {
            row["rolname"]: (row["rolcanlogin"], row["rolsuper"], row["rolcreaterole"], row["rolbypassrls"])
            for row in connection.execute("SELECT * FROM pg_roles WHERE rolname LIKE 'nightjar%'")
        }

    assert roles == {role.value: (role in (Role.ANALYST, Role.SERVICE), False, False, False) for role in Role}


def test_an_unmigrated_database_is_refused_with_the_command(empty_database: Database) -> None:
    wanted = f"at revision none, this version needs {migrate.newest_revision()}: run 'nightjar db upgrade --env dev'"

    with pytest.raises(NotMigratedError, match=wanted):
        migrate.require_migrated(empty_database)


def test_an_older_catalog_is_refused(dev_database: Database) -> None:
    with dev_database.connect(Role.OWNER) as connection:
        connection.execute("UPDATE nightjar.alembic_version SET version_num = '0001'")

    assert migrate.current_revision(dev_database) == "0001"
    with pytest.raises(NotMigratedError, match="at revision 0001, this version needs"):
        migrate.require_migrated(dev_database)


def test_a_server_that_does_not_answer_is_not_taken_for_an_empty_database() -> None:
    nowhere = Database("dev", "postgresql://postgres@127.0.0.1:1/nightjar")

    for use in (migrate.current_revision, migrate.require_migrated, migrate.upgrade):
        with pytest.raises(DatabaseUnavailableError, match="does not answer"):
            use(nowhere)


def test_a_login_without_the_right_to_create_roles_is_refused(empty_database: Database) -> None:
    analyst = log_in(empty_database, Role.ANALYST)

    with pytest.raises(ConfigurationError, match="may not create roles"):
        migrate.upgrade(analyst)
    with pytest.raises(ConfigurationError, match="may not act as nightjar_owner"):
        migrate.current_revision(analyst)
