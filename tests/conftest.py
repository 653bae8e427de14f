"""Two real Postgres servers for each process of a run; a fresh copy of a template database for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from nightjar import retail
from nightjar.scoring import create_prediction_tables
from nightjar.storage import Database, migrate
from nightjar.storage.embedded import start_server, stop_server
from nightjar.usecases import declared_use_cases

# Every eighth household of the real data: fast, and enough for the declared expectations.
os.environ["NIGHTJAR_RETAIL_EVERY"] = "8"

FIRST_NIGHT = date(2017, 12, 1)

EMPTY, RETAIL = "template_empty", "template_retail"


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of a file in one process, and all that need the whole system: it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", maxsplit=1)[0]
        return "acceptance" if "/acceptance/" in file else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Divide the tests between the processes."""
    return _ByFile(config, log)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Database]]:
    """The servers `dev` and `prod`, each with its template databases."""
    # Not in pytest's own folder: another run would close that to the user that a root's Postgres runs as.
    root = Path(tempfile.mkdtemp(prefix="nightjar-"))
    databases = {name: start_server(root / name, EMPTY) for name in ("dev", "prod")}
    for database in databases.values():
        with database.autocommit() as connection:
            # A test server's data need not survive a power cut.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        migrate.upgrade(database)
        create_prediction_tables(database, declared_use_cases().values())
    yield databases
    for name in databases:
        stop_server(root / name)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def retail_servers(servers: dict[str, Database]) -> dict[str, Database]:
    """The same servers, with a template that holds a cut of the sample business up to the first night."""
    for database in servers.values():
        _copy(database, EMPTY, RETAIL)
        retail.load_until(database.with_database(RETAIL), FIRST_NIGHT)
    return servers


@pytest.fixture
def dev_database(servers: dict[str, Database]) -> Iterator[Database]:
    """An empty migrated database on the server `dev`."""
    yield from _fresh(servers["dev"], EMPTY)


@pytest.fixture
def prod_database(servers: dict[str, Database]) -> Iterator[Database]:
    """An empty migrated database on the server `prod`."""
    yield from _fresh(servers["prod"], EMPTY)


@pytest.fixture
def dev_retail(retail_servers: dict[str, Database]) -> Iterator[Database]:
    """A database on the server `dev` with the cut of the sample business."""
    yield from _fresh(retail_servers["dev"], RETAIL)


@pytest.fixture
def prod_retail(retail_servers: dict[str, Database]) -> Iterator[Database]:
    """A database on the server `prod` with the cut of the sample business."""
    yield from _fresh(retail_servers["prod"], RETAIL)


_counter = iter(range(1_000_000))


def _fresh(server: Database, template: str) -> Iterator[Database]:
    name = f"test_{next(_counter)}"
    _copy(server, template, name)
    yield server.with_database(name)
    with server.with_database("postgres").autocommit() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(server: Database, template: str, name: str) -> None:
    with server.with_database("postgres").autocommit() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
