"""The two databases, from Airflow's connections `nightjar_dev` and `nightjar_prod`."""

from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from psycopg.conninfo import make_conninfo

from nightjar.errors import ConfigurationError
from nightjar.settings import Environment
from nightjar.storage import Database


def nightjar_database(environment: Environment) -> Database:
    """Return the database of an environment.

    Raises:
        ConfigurationError: Airflow has no such connection.
    """
    connection_id = f"nightjar_{environment.value}"
    try:
        return database_of(environment, Connection.get(connection_id))
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            f"Airflow has no connection {connection_id!r}: add it (type Postgres) in the UI under Admin, or set "
            f"AIRFLOW_CONN_{connection_id.upper()}."
        ) from error


def database_of(environment: Environment, connection: Any) -> Database:
    """Return the database that an Airflow connection describes."""
    conninfo = make_conninfo(
        host=connection.host,
        port=connection.port,
        user=connection.login,
        password=connection.password,
        dbname=connection.schema,
    )
    return Database(environment.value, conninfo)
