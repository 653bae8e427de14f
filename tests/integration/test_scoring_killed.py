"""kill -9 of the worker, of a database session, of the whole server, at any moment: the night ends as undisturbed."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import date

import psutil
import pytest

from nightjar.scoring import forget_expired, score_night
from nightjar.storage import Database
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.quality import Quality
from tests.disturbances import PATIENCE_SECONDS
from tests.killing import OwnServer, once_recovered, outcome, own_server, scoring_process
from tests.night_builders import (
    LATER_NIGHT,
    NIGHT,
    expectation,
    open_shop,
    register_model,
    rows,
    shop_use_case,
    shown,
    stored_hash,
)

KILLS = int(os.environ.get("NIGHTJAR_TEST_KILLS", "8"))
SEED = int(os.environ.get("NIGHTJAR_TEST_SEED", "2017"))
CUSTOMERS, SHARDS = 3000, 6
SHOP = shop_use_case(
    scoring=Scoring(shard_rows=500, history_nights=2),
    quality=Quality(features=(expectation("expect_column_values_to_be_unique", column="customer_id"),)),
)
MORE_ORDERS = """
INSERT INTO shop.orders (customer_id, product_id, ordered_on, amount, channel)
SELECT customer, 1 + (customer + day) % 8, '2024-01-01'::date + day, 1 + (customer * 17 + day * 29) % 41, 'web'
FROM generate_series(61, 3000) customer, generate_series(0, 90, 15) day
"""
# What a run may die of when the server is killed under it; it is worth a retry.
LOST = {"psycopg.OperationalError", "nightjar.errors.DatabaseUnavailableError"}


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as started:
        open_shop(started.database)
        with started.database.connect() as connection:
            connection.execute(MORE_ORDERS)
        register_model(started.database, SHOP)
        yield started


def test_a_night_that_is_killed_ends_as_if_it_were_not(server: OwnServer) -> None:
    choose = random.Random(SEED)
    database = server.database
    expected = {night: _hash(database, night) for night in (NIGHT, LATER_NIGHT)}
    begun = time.perf_counter()
    _hash(database, LATER_NIGHT)
    duration = time.perf_counter() - begun
    ends: Counter[tuple[str, str, str]] = Counter()

    for number in range(KILLS):
        night, victim = choose.choice((NIGHT, LATER_NIGHT)), ("worker", "session", "server")[number % 3]
        run_id = f"killed {number}"
        with scoring_process(database, SHOP, night, run_id) as (pid, pipe):
            if number % 2:
                time.sleep(choose.uniform(0, 1.2 * duration))
            else:
                _wait_for_shards(database, run_id, choose.randrange(1, SHARDS), pid)
            _kill(server, victim, pid, choose)
            error = outcome(pipe)
        assert error in ("", "killed") or LOST & set(error.split()), error
        server.recover()
        ends[victim, once_recovered(lambda: _came_to(database, run_id)), error.split(" ")[0]] += 1  # noqa: B023

        _go_on(database, night, run_id, choose)

        found = {kept: _shown_hash(database, kept) for kept in expected}
        assert found == expected, (number, victim, night, run_id)
        _assert_nothing_is_left_over(database)
    print(dict(ends))  # noqa: T201


def _wait_for_shards(database: Database, run_id: str, shards: int, pid: int) -> None:
    """Wait until so many shards of a run are scored."""
    query = """SELECT FROM nightjar.shard s JOIN nightjar.commit c ON c.id = s.commit_id
               WHERE run_id = %s AND scored_at IS NOT NULL"""
    while psutil.pid_exists(pid) and len(rows(database, query, [run_id])) < shards:
        time.sleep(0.001)


def _kill(server: OwnServer, victim: str, pid: int, choose: random.Random) -> None:
    if victim == "worker":
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    elif victim == "server":
        server.kill()
    else:
        # Between two transactions there is none for a moment.
        while not server.kill_backend(choose) and psutil.pid_exists(pid):
            time.sleep(0.001)


def _came_to(database: Database, run_id: str) -> str:
    """Return how far a run had come."""
    [run] = rows(
        database,
        """SELECT max(c.state) AS state, count(s.scored_at) AS done
           FROM nightjar.commit c LEFT JOIN nightjar.shard s ON s.commit_id = c.id WHERE run_id = %s""",
        [run_id],
    )
    return "not begun" if run["state"] is None else run["state"] if run["state"] != "open" else f"{run['done']} shards"


def _go_on(database: Database, night: date, run_id: str, choose: random.Random) -> None:
    """Retry as the same run, start the night as another one, or leave it and clean up."""
    match choose.choice(("retry", "start again", "leave")):
        case "retry":
            commit = once_recovered(lambda: score_night(database, SHOP, night, run_id=run_id))
        case "start again":
            commit = once_recovered(lambda: score_night(database, SHOP, night))
        case _:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while once_recovered(lambda: _clean(database)):
                assert time.monotonic() < deadline, "an open night stays"
            return
    assert (commit.state, commit.scored, commit.rows) == ("published", CUSTOMERS, CUSTOMERS)


def _clean(database: Database) -> list[object]:
    """Clean up at once; return what is open still, as the server has not noticed yet that somebody is gone."""
    forget_expired(database, SHOP, idle_hours=0)
    return rows(database, "SELECT id FROM nightjar.commit WHERE state = 'open'")


def _hash(database: Database, night: date) -> str:
    return stored_hash(database, SHOP, score_night(database, SHOP, night).id)


def _shown_hash(database: Database, night: date) -> str:
    [commit] = rows(database, "SELECT id FROM nightjar.commit WHERE state = 'published' AND as_of = %s", [night])
    return stored_hash(database, SHOP, commit["id"])


def _assert_nothing_is_left_over(database: Database) -> None:
    assert len(shown(database, SHOP)) == CUSTOMERS
    assert rows(database, "SELECT * FROM nightjar.commit WHERE state = 'open'") == []
    assert rows(database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%'") == []
    stored = rows(
        database,
        """SELECT state, count(*) AS rows FROM nightjar_store.predictions_shop_classification p
           LEFT JOIN nightjar.commit c ON c.id = p.commit_id GROUP BY 1""",
    )
    assert stored == [{"state": "published", "rows": 2 * CUSTOMERS}]
