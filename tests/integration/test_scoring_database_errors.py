"""What the database refuses in the middle of a night: worth a retry, and the retry ends the same."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from nightjar.errors import DatabaseUnavailableError
from nightjar.scoring import build_features, gate_features, open_commit, publish, score_night, score_shard
from nightjar.storage import Database, Role
from nightjar.usecases.quality import Quality
from tests.disturbances import PATIENCE_SECONDS, held_up, locked, terminate, wait_for, waiting
from tests.night_builders import (
    CUSTOMERS,
    NIGHT,
    expectation,
    open_shop,
    register_model,
    shop_use_case,
    shown,
    staged_night,
    stored_hash,
)

SHOP = shop_use_case()
ORDERS = sql.Identifier("shop", "orders")


@pytest.fixture
def expected(prod_database: Database) -> str:
    """What an undisturbed night stores."""
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    return stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, NIGHT).id)


def settle(database: Database, name: str, value: str | None) -> None:
    """Set a default of the database's sessions; None takes it back."""
    change = sql.SQL("RESET {}") if value is None else sql.SQL("SET {} = {}")
    with database.connect() as connection:
        database_name = sql.Identifier(connection.info.dbname)
        parts = [sql.Identifier(name)] + ([] if value is None else [sql.Literal(value)])
        connection.execute(sql.SQL("ALTER DATABASE {} ").format(database_name) + change.format(*parts))


@pytest.mark.parametrize("stage", ["features", "shard"])
def test_a_statement_that_takes_too_long_is_worth_a_retry(prod_database: Database, expected: str, stage: str) -> None:
    before = shown(prod_database, SHOP)
    commit = open_commit(prod_database, SHOP, NIGHT, "tonight")
    work: Callable[[], Any] = partial(build_features, prod_database, SHOP, commit)
    obstacle = locked(prod_database, ORDERS)
    if stage == "shard":
        build_features(prod_database, SHOP, commit)
        work, obstacle = partial(score_shard, prod_database, SHOP, commit.id, 1), held_up(prod_database, SHOP, 30)

    with obstacle:
        settle(prod_database, "statement_timeout", "200ms")
        with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
            work()
        settle(prod_database, "statement_timeout", None)

    assert shown(prod_database, SHOP) == before
    night = score_night(prod_database, SHOP, NIGHT, run_id="tonight")
    assert (night.id, stored_hash(prod_database, SHOP, night.id)) == (commit.id, expected)


def test_a_deadlock_is_worth_a_retry(prod_database: Database, expected: str) -> None:
    commit = open_commit(prod_database, SHOP, NIGHT, "tonight")

    with ThreadPoolExecutor() as pool, prod_database.connect() as other:
        # Whoever waits for a second looks for a deadlock, and is ended: not this one.
        other.execute("SET LOCAL deadlock_timeout = '1h'")
        other.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
        work = pool.submit(build_features, prod_database, SHOP, commit)
        wait_for(lambda: waiting(prod_database))
        other.execute("SELECT pg_advisory_xact_lock(hashtext('nightjar staging'), %s::integer)", [commit.id])
        error = work.exception(PATIENCE_SECONDS)

    assert isinstance(error, psycopg.errors.DeadlockDetected)
    night = score_night(prod_database, SHOP, NIGHT, run_id="tonight")
    assert (night.id, stored_hash(prod_database, SHOP, night.id)) == (commit.id, expected)


def test_shards_side_by_side_do_not_fail_where_transactions_are_serializable(
    prod_database: Database, expected: str
) -> None:
    settle(prod_database, "default_transaction_isolation", "serializable")
    commit = staged_night(prod_database, SHOP, run_id="tonight")

    with ThreadPoolExecutor() as pool:
        work = [pool.submit(score_shard, prod_database, SHOP, commit.id, ordinal) for ordinal in (0, 1, 2, 0, 1, 2)]
        scored = sum(each.result(PATIENCE_SECONDS).scored for each in work)

    assert scored == CUSTOMERS
    assert stored_hash(prod_database, SHOP, publish(prod_database, SHOP, commit).id) == expected


def test_a_night_that_is_published_twice_at_once_is_out_once(prod_database: Database, expected: str) -> None:
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    for ordinal in range(3):
        score_shard(prod_database, SHOP, commit.id, ordinal)

    with ThreadPoolExecutor() as pool, prod_database.connect(Role.SCORER) as other:
        # Both have found it open before either of them changes anything.
        other.execute("SELECT FROM nightjar.commit WHERE id = %s FOR UPDATE", [commit.id])
        work = [pool.submit(publish, prod_database, SHOP, commit) for _ in range(2)]
        wait_for(lambda: len(waiting(prod_database)) == 2)
        other.rollback()
        nights = [each.result(PATIENCE_SECONDS) for each in work]

    assert [(night.id, night.state) for night in nights] == [(commit.id, "published")] * 2
    assert stored_hash(prod_database, SHOP, commit.id) == expected
    assert {row["commit_id"] for row in shown(prod_database, SHOP, history=True)} == {commit.id}


@pytest.mark.parametrize("end", ["connection", "statement"])
def test_a_gate_that_the_database_ended_is_no_verdict(prod_database: Database, expected: str, end: str) -> None:
    not_empty = expectation("expect_table_row_count_to_be_between", min_value=1)
    gated = SHOP.model_copy(update={"quality": Quality(features=(not_empty,))})
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    if end == "statement":
        settle(prod_database, "statement_timeout", "300ms")

    with ThreadPoolExecutor() as pool, locked(prod_database, commit.features):
        work: Future[Any] = pool.submit(gate_features, prod_database, gated, commit)
        # The library tries again.
        while end == "connection" and not work.done():
            for pid in waiting(prod_database):
                terminate(prod_database, pid)
        error = work.exception(PATIENCE_SECONDS)

    # The library's own words for it, or the database's: both are retried.
    assert isinstance(error, (DatabaseUnavailableError, psycopg.OperationalError))
    settle(prod_database, "statement_timeout", None)
    assert stored_hash(prod_database, SHOP, score_night(prod_database, gated, NIGHT, run_id="tonight").id) == expected
