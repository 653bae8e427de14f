"""What gets in the way of a night, made to happen at a known place."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql

from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase

PATIENCE_SECONDS = 60


def wait_for(find: Callable[[], Any]) -> Any:
    """Return what `find` finds once it is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def waiting(database: Database) -> list[int]:
    """Return the server processes of this database that wait for a lock."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return [row["pid"] for row in found]


def terminate(database: Database, pid: int) -> None:
    with database.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])


@contextmanager
def locked(database: Database, table: sql.Composable, *, to_readers: bool = True) -> Iterator[None]:
    """Make everybody else who writes a table wait, and whoever reads it."""
    mode = sql.SQL("ACCESS EXCLUSIVE" if to_readers else "SHARE ROW EXCLUSIVE")
    with database.connect() as connection:
        connection.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(table, mode))
        yield


@contextmanager
def held_up(database: Database, use_case: UseCase, customer: int) -> Iterator[None]:
    """Make whoever writes the prediction of a customer wait there, with the predictions before it written."""
    with database.connect(Role.OWNER) as connection:
        connection.execute(
            "CREATE FUNCTION shop.hold_up() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END'"
        )
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER hold_up BEFORE INSERT ON {} FOR EACH ROW WHEN (NEW.customer_id = {}) "
                "EXECUTE FUNCTION shop.hold_up()"
            ).format(store_table(use_case), sql.Literal(customer))
        )
    with database.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(4711)")
        yield
