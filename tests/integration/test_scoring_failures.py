"""Runs that are killed, cut off or disturbed in the middle: readers see whole nights, and a retry ends the same."""

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from nightjar.errors import DatabaseUnavailableError, ScoringError
from nightjar.registry.predictor import Predictor
from nightjar.scoring import build_features, open_commit, score_night, score_shard, shards
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import read_batches
from tests.disturbances import PATIENCE_SECONDS, held_up, locked, terminate, wait_for, waiting
from tests.night_builders import (
    CUSTOMERS,
    NIGHT,
    open_shop,
    register_model,
    shop_use_case,
    shown,
    staged_night,
    stored_hash,
)

SHOP = shop_use_case()
PROJECT = Path(__file__).parents[2]
# Shards hold customers 1 to 20, 21 to 40, 41 to 60; this one is in the middle of the second.
MIDDLE_SHARD, MIDDLE_CUSTOMER = 1, 30

SCORE_ONE_SHARD = """
import sys
from nightjar.scoring import score_shard
from nightjar.storage import Database
from tests.night_builders import shop_use_case
score_shard(Database("prod", sys.argv[1]), shop_use_case(), int(sys.argv[2]), int(sys.argv[3]))
"""


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def test_killed_worker_leaves_the_old_night_and_a_retry_ends_the_same(prod_database: Database) -> None:
    undisturbed = score_night(prod_database, SHOP, NIGHT)
    expected, before = stored_hash(prod_database, SHOP, undisturbed.id), shown(prod_database, SHOP)
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    score_shard(prod_database, SHOP, commit.id, 0)

    with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
        arguments = [prod_database.conninfo, str(commit.id), str(MIDDLE_SHARD)]
        with subprocess.Popen([sys.executable, "-c", SCORE_ONE_SHARD, *arguments], cwd=PROJECT) as worker:
            wait_for(lambda: waiting(prod_database) or worker.poll() is not None)
            assert worker.poll() is None
            assert shown(prod_database, SHOP) == before
            worker.kill()
        assert worker.returncode == -9
        assert shown(prod_database, SHOP) == before

    published = score_night(prod_database, SHOP, NIGHT, run_id="tonight")

    assert published.id == commit.id
    assert stored_hash(prod_database, SHOP, commit.id) == expected
    assert {row["commit_id"] for row in shown(prod_database, SHOP)} == {commit.id}


@pytest.mark.parametrize("victim", ["writer", "reader", "features"])
def test_lost_connection_is_worth_a_retry(prod_database: Database, victim: str) -> None:
    undisturbed = score_night(prod_database, SHOP, NIGHT)
    expected, before = stored_hash(prod_database, SHOP, undisturbed.id), shown(prod_database, SHOP)
    commit = open_commit(prod_database, SHOP, NIGHT, "tonight")
    if victim != "features":
        build_features(prod_database, SHOP, commit)
    obstacle = {
        "writer": held_up(prod_database, SHOP, MIDDLE_CUSTOMER),
        "reader": locked(prod_database, commit.features),
        "features": locked(prod_database, sql.Identifier("shop", "orders")),
    }[victim]

    with ThreadPoolExecutor() as pool, obstacle:
        work: Future[Any] = (
            pool.submit(build_features, prod_database, SHOP, commit)
            if victim == "features"
            else pool.submit(score_shard, prod_database, SHOP, commit.id, MIDDLE_SHARD)
        )
        [pid] = wait_for(lambda: waiting(prod_database))
        terminate(prod_database, pid)
        error = work.exception(PATIENCE_SECONDS)

    assert isinstance(error, psycopg.OperationalError | DatabaseUnavailableError)
    assert shown(prod_database, SHOP) == before
    assert stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, NIGHT, run_id="tonight").id) == expected


@pytest.mark.parametrize("scored_before", [0, 1, 3])
def test_staging_table_that_the_server_lost_is_built_again(prod_database: Database, scored_before: int) -> None:
    undisturbed = score_night(prod_database, SHOP, NIGHT)
    expected = stored_hash(prod_database, SHOP, undisturbed.id)
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    for ordinal in range(scored_before):
        score_shard(prod_database, SHOP, commit.id, ordinal)
    with prod_database.connect(Role.SCORER) as connection:
        # What a crash of the server does to an unlogged table.
        connection.execute(sql.SQL("TRUNCATE {}").format(commit.features))

    if scored_before < 3:
        with pytest.raises(ScoringError, match="has not the 20 staged rows that were planned"):
            score_shard(prod_database, SHOP, commit.id, scored_before)
    published = score_night(prod_database, SHOP, NIGHT, run_id="tonight")

    assert published.id == commit.id
    assert published.rows == CUSTOMERS
    assert stored_hash(prod_database, SHOP, commit.id) == expected


def test_error_in_the_middle_of_a_shard_ends_the_try(prod_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    errors: list[Exception] = []

    def score() -> None:
        try:
            score_shard(prod_database, SHOP, commit.id, 0)
        except MemoryError as error:
            errors.append(error)

    with monkeypatch.context() as patched:
        # Rows are still under way from the database when the prediction fails.
        patched.setattr(shards, "read_batches", partial(read_batches, batch_rows=5))
        patched.setattr(Predictor, "predict", _out_of_memory)
        attempt = threading.Thread(target=score, daemon=True)
        attempt.start()
        attempt.join(PATIENCE_SECONDS)

    assert not attempt.is_alive(), "it hangs"
    assert [str(error) for error in errors] == ["no room"]
    assert score_night(prod_database, SHOP, NIGHT, run_id="tonight").id == commit.id


def _out_of_memory(predictor: Predictor, matrix: object) -> None:
    raise MemoryError("no room")
