"""Shards of a night side by side in one process: the same predictions, one failure ends all, nothing stays behind."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.scoring import score_night
from nightjar.scoring.progress import Progress
from nightjar.scoring.side_by_side import score_shards
from nightjar.storage import Database, Role
from tests.declared_shop import write_declaration
from tests.disturbances import PATIENCE_SECONDS, held_up, terminate, wait_for, waiting
from tests.night_builders import (
    CUSTOMERS,
    NIGHT,
    open_shop,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
    staged_night,
    stored_hash,
)

SHOP = shop_use_case()
NIGHTJAR = Path(sys.executable).with_name("nightjar")
# Shards hold customers 1 to 20, 21 to 40, 41 to 60.
ORDINALS, MIDDLE_CUSTOMER, LAST_CUSTOMER = [0, 1, 2], 30, 60


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def scored(database: Database, commit_id: int) -> list[int]:
    found = rows(
        database,
        "SELECT ordinal FROM nightjar.shard WHERE commit_id = %s AND scored_at IS NOT NULL ORDER BY ordinal",
        [commit_id],
    )
    return [row["ordinal"] for row in found]


def at_work(database: Database) -> list[int]:
    """Return the server processes that are at work, but for those of the tests themselves."""
    found = rows(
        database,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND state <> 'idle' AND query NOT LIKE '%%pg_advisory_xact_lock(4711)%%'",
        [],
    )
    return [row["pid"] for row in found]


def ignore(_: int) -> None:
    pass


def test_workers_score_what_one_after_the_other_would(prod_database: Database) -> None:
    expected = stored_hash(prod_database, SHOP, scored_night(prod_database, SHOP).id)
    states: list[Progress] = []

    commit = score_night(prod_database, SHOP, NIGHT, run_id="run", workers=3, progress=states.append)
    again = score_night(prod_database, SHOP, NIGHT, workers=1)

    assert stored_hash(prod_database, SHOP, again.id) == expected
    assert commit.scored == again.scored == CUSTOMERS
    assert states[0].step == f"commit {commit.id}: features as of {NIGHT}"
    assert states[-1].step == f"commit {commit.id}: checks"


def test_progress_counts_every_row(prod_database: Database) -> None:
    states: list[Progress] = []

    score_night(prod_database, SHOP, NIGHT, progress=states.append)

    counted = [state for state in states if "scoring with shop_classification@1" in state.step]
    assert (counted[-1].rows, counted[-1].share) == (CUSTOMERS, 1.0)
    assert [state.rows for state in counted] == sorted(state.rows for state in counted)


def test_shards_do_not_wait_for_each_other(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)
    with ThreadPoolExecutor() as pool:
        with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
            work = pool.submit(score_shards, prod_database, SHOP, commit, ORDINALS, workers=2, told=ignore)
            # One worker is held up in the middle shard: the other goes on with the last one.
            wait_for(lambda: scored(prod_database, commit.id) == [0, 2])
            assert waiting(prod_database)
        work.result(PATIENCE_SECONDS)

    assert scored(prod_database, commit.id) == ORDINALS


def test_failing_shard_ends_the_others_and_comes_out_as_itself(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)
    with prod_database.connect() as connection:
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE customer_id = {}").format(commit.features, sql.Literal(LAST_CUSTOMER))
        )
    # The middle shard waits for a lock that is never let go: it is ended there.
    with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
        with pytest.raises(ScoringError, match="Shard 2 of commit 1 has not the 20 staged rows that were planned"):
            score_shards(prod_database, SHOP, commit, [1, 2], workers=2, told=ignore)
        assert at_work(prod_database) == []

    assert scored(prod_database, commit.id) == []


def test_lost_connection_of_a_shard_comes_out_as_itself(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)
    with ThreadPoolExecutor() as pool, held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
        work = pool.submit(score_shards, prod_database, SHOP, commit, ORDINALS, workers=2, told=ignore)
        [pid] = wait_for(lambda: waiting(prod_database))
        terminate(prod_database, pid)
        with pytest.raises(psycopg.errors.AdminShutdown):
            work.result(PATIENCE_SECONDS)


def test_interrupt_ends_all(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)

    def interrupt(_: int) -> None:
        if waiting(prod_database):
            raise KeyboardInterrupt

    with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
        with pytest.raises(KeyboardInterrupt):
            score_shards(prod_database, SHOP, commit, [1], workers=2, told=interrupt)
        assert at_work(prod_database) == []

    assert scored(prod_database, commit.id) == []


def test_ctrl_c_ends_the_command_and_leaves_nothing_at_work(prod_database: Database, tmp_path: Path) -> None:
    before = score_night(prod_database, SHOP, NIGHT)
    write_declaration(tmp_path, SHOP)
    environment = os.environ | {"NIGHTJAR_PROD_URL": prod_database.conninfo, "NIGHTJAR_USECASES": str(tmp_path)}
    with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
        process = subprocess.Popen(
            [NIGHTJAR, "score", SHOP.name, "--as-of", "2024-03-21", "--workers", "2"],
            env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        wait_for(lambda: waiting(prod_database))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE_SECONDS)
        # Not even another process of its session.
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
        assert at_work(prod_database) == []

    assert process.returncode == 1
    assert told.splitlines()[-1] == "nightjar: Interrupted; what was not finished was rolled back."
    assert {row["commit_id"] for row in shown(prod_database, SHOP)} == {before.id}
    [left] = rows(prod_database, "SELECT state FROM nightjar.commit WHERE as_of = '2024-03-21'", role=Role.SCORER)
    assert left["state"] == "abandoned"
