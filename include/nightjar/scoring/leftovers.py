"""What runs that died have left behind: nights that nobody goes on with, and staging tables."""

import logging
from datetime import date

import psycopg
from psycopg import sql

from nightjar.scoring.commits import staging_table, unchanged_table
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

# A run whose task waits for its retry, or for a place, is at work on nothing for a while.
IDLE_HOURS = 24

_SQL = load_sql("nightjar.scoring", "scoring.sql")

log = logging.getLogger(__name__)


def abandon_run(database: Database, use_case: UseCase, as_of: date, run_id: str) -> None:
    """End what a run has left open of a night, if anything, once nobody is at work on it any more."""
    with database.connect(Role.SCORER) as connection:
        for row in connection.execute(_SQL["open_of_run"], [use_case.name, as_of, run_id]).fetchall():
            # A shard that ended after this would leave its rows to nobody.
            connection.execute(_SQL["wait_exclusive"], [row["id"]])
            connection.execute(_SQL["end_open"], ["abandoned", row["id"]])


def abandon_idle(database: Database, hours: float = IDLE_HOURS) -> list[int]:
    """End the nights of all use cases that are open, and that nobody has been at work on for so long."""
    ended = []
    with database.connect(Role.SCORER) as connection:
        for row in connection.execute(_SQL["idle"], [hours]).fetchall():
            # Not while a step of it is under way, however long that takes.
            held = connection.execute(_SQL["try_exclusive"], [row["id"]]).fetchone()
            if held is not None and held["free"]:
                connection.execute(_SQL["end_open"], ["abandoned", row["id"]])
                ended.append(row["id"])
    if ended:
        log.warning("Nobody went on with the commits %s: they are abandoned.", ", ".join(map(str, ended)))
    return ended


def drop_staging(database: Database) -> int:
    """Drop the staging tables of all nights that are not open; return how many."""
    with database.connect(Role.SCORER) as connection:
        closed = [row["id"] for row in connection.execute(_SQL["closed_with_staging"])]
        return sum(_drop(connection, commit_id) for commit_id in closed)


def _drop(connection: Connection, commit_id: int) -> bool:
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '2s'")
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {}, {}").format(staging_table(commit_id), unchanged_table(commit_id))
            )
    except psycopg.errors.LockNotAvailable:
        # Somebody looks at it, or backs it up: the next night drops it.
        log.warning("The staging table of commit %d is being read: it stays for now.", commit_id)
        return False
    return True
