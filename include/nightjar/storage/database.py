"""Connections to one Nightjar database, each in the role of the job at hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from nightjar.errors import ConfigurationError, DatabaseUnavailableError, NotMigratedError
from nightjar.settings import Environment, database_url
from nightjar.storage.catalogs import CATALOG, catalog_cursor

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

Connection = psycopg.Connection[DictRow]

CONNECT_TIMEOUT_SECONDS = 10
# A server that does not look after its clients goes on for one that was killed, and holds its locks meanwhile.
_WATCH_CLIENT = (
    "-c client_connection_check_interval=500ms "
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)


class Role(StrEnum):
    """Database roles, least privilege; created by migration, taken on with SET ROLE."""

    OWNER = "nightjar_owner"
    TRAINER = "nightjar_trainer"
    SCORER = "nightjar_scorer"
    DEPLOYER = "nightjar_deployer"
    ANALYST = "nightjar_analyst"
    SERVICE = "nightjar_service"


@dataclass(frozen=True)
class Database:
    """One of the two databases. `conninfo` may hold a password and stays out of reprs.

    catalog: the schema that the catalog is in.
    """

    name: str
    conninfo: str = field(repr=False)
    catalog: str = CATALOG

    @contextmanager
    def connect(self, role: Role | None = None) -> Iterator[Connection]:
        """Open a connection for one transaction: commit at the end, roll back on an error.

        Raises:
            ConfigurationError: the URL is malformed, or its login may not act in the role.
            DatabaseUnavailableError: the server does not answer or refuses the login.
            NotMigratedError: the role does not exist there yet.
        """
        with self._open() as connection:
            if role is not None:
                self._take_role(connection, role)
            yield connection

    @contextmanager
    def autocommit(self, role: Role | None = None) -> Iterator[Connection]:
        """Open a connection on which each statement is its own transaction."""
        with self._open() as connection:
            connection.autocommit = True
            if role is not None:
                self._take_role(connection, role)
            yield connection

    def _open(self) -> Connection:
        try:
            connection = psycopg.connect(
                self.conninfo,
                row_factory=dict_row,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name="nightjar",
                options=f"{_WATCH_CLIENT} {self._parts().get('options', '')}",
            )
        except psycopg.OperationalError as error:
            raise DatabaseUnavailableError(
                f"The {self.name} database at {self.address} does not answer ({_first_line(error)}): "
                "start it, or correct its URL."
            ) from error
        except psycopg.ProgrammingError:
            # Postgres's own message may hold a part of the password.
            raise ConfigurationError(
                f"The URL of the {self.name} database is malformed: write it as postgresql://user@host:5432/database."
            ) from None
        # What waited for a lock looks at what is there then, whatever level the database has by default.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        if self.catalog != CATALOG:
            connection.cursor_factory = catalog_cursor(self.catalog)
        return connection

    def _take_role(self, connection: Connection, role: Role) -> None:
        try:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role.value)))
        except psycopg.errors.InvalidParameterValue as error:
            raise NotMigratedError(
                f"The {self.name} database has no role {role.value}: run 'nightjar db upgrade --env {self.name}'."
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"The login of the {self.name} database may not act as {role.value}: grant it the role, or use "
                "the login that migrated the database."
            ) from error
        if not connection.autocommit:
            connection.commit()

    @property
    def address(self) -> str:
        """Host, port and database name, without credentials."""
        parts = self._parts()
        return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

    def sqlalchemy_url(self, role: Role) -> "URL":
        """URL for libraries that speak SQLAlchemy; their sessions start in `role`."""
        # Importing it would be a third of a command's start, and few commands need it.
        from sqlalchemy.engine import URL

        parts = {name: str(value) for name, value in self._parts().items()}
        return URL.create(
            "postgresql+psycopg",
            username=parts.pop("user", None),
            password=parts.pop("password", None),
            database=parts.pop("dbname", None),
            # What else the URL asks for stays, such as sslmode.
            query={"host": "localhost", "port": "5432"}
            | parts
            | {"options": f"{parts.get('options', '')} -c role={role.value}".strip()},
        )

    def _parts(self) -> dict[str, Any]:
        return conninfo_to_dict(self.conninfo)

    def with_database(self, database_name: str) -> "Database":
        """Return the same server's other database."""
        return replace(self, conninfo=make_conninfo(self.conninfo, dbname=database_name))

    def with_catalog(self, schema: str) -> "Database":
        """Return the same database, its catalog being the one in a schema of another name than the usual."""
        return replace(self, catalog=schema)


def open_database(environment: Environment) -> Database:
    """Return the database of an environment, as the settings know it."""
    return Database(environment.value, database_url(environment))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
