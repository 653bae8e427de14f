"""Several runs and many readers at once: one run wins, and every reader sees one whole night."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from nightjar.errors import NightInProgressError, ScoringError
from nightjar.scoring import Commit, open_commit, score_night, score_shard
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from tests.disturbances import PATIENCE_SECONDS, held_up, wait_for, waiting
from tests.night_builders import (
    CUSTOMERS,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    shop_use_case,
    shown,
    staged_night,
    stored_hash,
)

SHOP = shop_use_case()
# Shards hold customers 1 to 20, 21 to 40, 41 to 60.
MIDDLE_SHARD, MIDDLE_CUSTOMER = 1, 30


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def test_night_that_another_run_is_at_work_on_is_left_to_it(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP, run_id="first")

    with ThreadPoolExecutor() as pool:
        with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
            work = pool.submit(score_shard, prod_database, SHOP, commit.id, MIDDLE_SHARD)
            wait_for(lambda: waiting(prod_database))
            with pytest.raises(NightInProgressError, match="Run first is scoring shop_classification as of 2024-03-20"):
                open_commit(prod_database, SHOP, NIGHT, "second")
            # Another night is none of its business.
            other = open_commit(prod_database, SHOP, LATER_NIGHT, "second")
        assert work.result(PATIENCE_SECONDS).scored == 20

    assert other.id != commit.id
    assert score_night(prod_database, SHOP, NIGHT, run_id="first").id == commit.id


def test_two_runs_of_a_night_at_once_end_with_one_whole_night(prod_database: Database) -> None:
    undisturbed = score_night(prod_database, SHOP, NIGHT)
    expected = stored_hash(prod_database, SHOP, undisturbed.id)
    start = threading.Barrier(2)

    def run(run_id: str) -> Commit:
        start.wait(PATIENCE_SECONDS)
        return score_night(prod_database, SHOP, NIGHT, run_id=run_id)

    for attempt in range(3):
        with ThreadPoolExecutor() as pool:
            runs = [pool.submit(run, f"{attempt}.{number}") for number in range(2)]
            errors = [error for error in (each.exception(PATIENCE_SECONDS) for each in runs) if error]
        winners = [each.result().id for each in runs if each.exception() is None]

        assert all(type(error) in (NightInProgressError, ScoringError) for error in errors), errors
        assert len(winners) >= 1
        [published] = {row["commit_id"] for row in shown(prod_database, SHOP)}
        assert published in winners
        assert stored_hash(prod_database, SHOP, published) == expected


def _read(connection: Connection) -> tuple[int, int, int]:
    row = connection.execute(
        "SELECT count(*) AS rows, min(commit_id) AS low, max(commit_id) AS high FROM predictions.shop_classification"
    ).fetchone()
    assert row is not None
    return row["rows"], row["low"], row["high"]


def test_readers_see_one_whole_night_at_any_time(prod_database: Database) -> None:
    first = score_night(prod_database, SHOP, NIGHT)
    finished = threading.Event()
    started = threading.Barrier(5)

    def read() -> list[tuple[int, int, int]]:
        with prod_database.autocommit(Role.ANALYST) as connection:
            seen = [_read(connection)]
            started.wait(PATIENCE_SECONDS)
            while not finished.is_set():
                seen.append(_read(connection))
            return [*seen, _read(connection)]

    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read) for _ in range(4)]
        started.wait(PATIENCE_SECONDS)
        try:
            published = [score_night(prod_database, SHOP, NIGHT).id for _ in range(10)]
        finally:
            finished.set()
        seen = [each for reader in readers for each in reader.result(PATIENCE_SECONDS)]

    assert {count for count, _, _ in seen} == {CUSTOMERS}
    assert all(low == high for _, low, high in seen)
    assert {low for _, low, _ in seen} <= {first.id, *published}
    assert {first.id, published[-1]} <= {low for _, low, _ in seen}


def test_long_reader_keeps_its_night_and_delays_nobody(prod_database: Database) -> None:
    first = score_night(prod_database, SHOP, NIGHT)

    with prod_database.connect(Role.ANALYST) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        before = _read(connection)
        published = [score_night(prod_database, SHOP, NIGHT).id for _ in range(2)]
        assert _read(connection) == before == (CUSTOMERS, first.id, first.id)
        connection.commit()
        assert _read(connection) == (CUSTOMERS, published[-1], published[-1])
