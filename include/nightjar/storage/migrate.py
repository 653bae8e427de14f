"""Brings a database to the current catalog: roles and schemas first, then Alembic's revisions."""

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql

from nightjar.errors import ConfigurationError, NotMigratedError
from nightjar.storage.database import Connection, Database, Role
from nightjar.storage.named_sql import load_sql

_SCRIPTS = Path(__file__).parent / "migrations"
VERSION_SCHEMA = "nightjar"


def upgrade(database: Database) -> str:
    """Migrate to the newest revision and return its id; doing it twice changes nothing.

    The login must be allowed to create roles, or all roles must exist and be granted to it.

    Raises:
        ConfigurationError: it is not, and they are not.
        DatabaseUnavailableError: the server does not answer.
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


def is_known(revision: str) -> bool:
    """Tell whether a revision is one that this version of Nightjar can migrate from."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def current_revision(database: Database) -> str | None:
    """Return the id of the revision that a database is at, None for an empty one.

    Raises:
        DatabaseUnavailableError: the server does not answer.
    """
    versions = sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(VERSION_SCHEMA, "alembic_version"))
    try:
        with database.connect(Role.OWNER) as connection:
            row = connection.execute(versions).fetchone()
    except (NotMigratedError, psycopg.errors.UndefinedTable):
        return None
    return None if row is None else str(row["version_num"])


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


def create_roles(connection: Connection, environment: str) -> None:
    """Create the roles that the server lacks, within the caller's transaction; the owner may then make schemas.

    Raises:
        ConfigurationError: the login may not create them, and they are not there and granted to it.
    """
    blocks = load_sql("nightjar.storage.migrations", "bootstrap.sql")
    # Two migrations at once would race to create the same roles, which all databases of a server share.
    connection.execute(blocks["serialise"])
    try:
        connection.execute(blocks["roles"])
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"The login of the {environment} database may not create roles: use one that may, or have the "
            "nightjar roles created and granted to it."
        ) from error
    name = connection.info.dbname
    connection.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO nightjar_owner").format(sql.Identifier(name)))


def _create_roles_and_schemas(database: Database) -> None:
    with database.connect() as connection:
        create_roles(connection, database.name)
        connection.execute(load_sql("nightjar.storage.migrations", "bootstrap.sql")["schemas"])
