"""Brings a database to the current catalog: roles and schemas first, then Alembic's revisions."""

from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql

from nightjar.errors import NotMigratedError
from nightjar.storage.database import Database, Role
from nightjar.storage.named_sql import load_sql

_SCRIPTS = Path(__file__).parent / "migrations"
VERSION_SCHEMA = "nightjar"


def upgrade(database: Database) -> str:
    """Migrate to the newest revision and return its id; doing it twice changes nothing.

    The login must be allowed to create roles, or all roles must exist and be granted to it.
    """
    _create_roles_and_schemas(database)
    engine = sqlalchemy.create_engine(database.sqlalchemy_url(Role.OWNER))
    try:
        with engine.begin() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
    return newest_revision()


def newest_revision() -> str:
    """Return the id of the newest revision that this version of Nightjar knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_revision(database: Database) -> str | None:
    """Return the id of the revision that a database is at, None for an empty one."""
    engine = sqlalchemy.create_engine(database.sqlalchemy_url(Role.OWNER))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA})
            return context.get_current_revision()
    except sqlalchemy.exc.OperationalError:
        return None
    finally:
        engine.dispose()


def require_migrated(database: Database) -> None:
    """Refuse a database that is not at the newest revision.

    Raises:
        NotMigratedError: with the command that mends it.
    """
    found, wanted = current_revision(database), newest_revision()
    if found != wanted:
        raise NotMigratedError(
            f"The {database.name} database is at revision {found or 'none'}, this version needs {wanted}: "
            f"run 'nightjar db upgrade --env {database.name}'."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def _create_roles_and_schemas(database: Database) -> None:
    blocks = load_sql("nightjar.storage.migrations", "bootstrap.sql")
    with database.connect() as connection:
        # Two migrations at once would race to create the same roles, which all databases of a server share.
        connection.execute(blocks["serialise"])
        connection.execute(blocks["roles"])
        name = connection.info.dbname
        connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO nightjar_owner").format(sql.Identifier(name)))
        connection.execute(sql.SQL(blocks["schemas"]))
