"""Ctrl-C and SIGTERM at any moment: nothing half-done stays, and the night can be run again at once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from nightjar.scoring import score_night
from nightjar.storage import Database
from tests.declared_shop import write_declaration
from tests.disturbances import held_up, locked, wait_for, waiting
from tests.killing import outcome, scoring_process
from tests.night_builders import LATER_NIGHT, NIGHT, open_shop, register_model, rows, shop_use_case, shown, stored_hash

SHOP = shop_use_case()
NIGHTJAR = Path(sys.executable).with_name("nightjar")
INTERRUPTS = 8


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def assert_nothing_is_left_over(database: Database) -> None:
    assert rows(database, "SELECT * FROM nightjar.commit WHERE state = 'open'") == []
    assert rows(database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%'") == []
    stored = rows(
        database,
        "SELECT DISTINCT state FROM nightjar_store.predictions_shop_classification p JOIN nightjar.commit c "
        "ON c.id = p.commit_id",
    )
    assert stored == [{"state": "published"}]


def test_a_night_that_is_interrupted_leaves_nothing_and_runs_again(prod_database: Database) -> None:
    choose = random.Random(2017)
    expected = stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, NIGHT).id)
    begun = time.perf_counter()
    score_night(prod_database, SHOP, NIGHT)
    duration = time.perf_counter() - begun
    ends = set()

    for number in range(INTERRUPTS):
        with scoring_process(prod_database, SHOP, NIGHT, f"interrupted {number}") as (pid, pipe):
            time.sleep(choose.uniform(0, duration))
            os.kill(pid, signal.SIGINT)
            ends.add(outcome(pipe))
        assert_nothing_is_left_over(prod_database)
        commit = score_night(prod_database, SHOP, NIGHT)
        assert stored_hash(prod_database, SHOP, commit.id) == expected

    assert ends <= {"", "interrupted"}
    assert "interrupted" in ends


@contextmanager
def command(database: Database, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `nightjar score` as a shell does."""
    write_declaration(folder, SHOP)
    environment = os.environ | {"NIGHTJAR_PROD_URL": database.conninfo, "NIGHTJAR_USECASES": str(folder)}
    arguments = [str(NIGHTJAR), "score", SHOP.name, "--as-of", LATER_NIGHT.isoformat()]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as process:
        yield process


@pytest.mark.parametrize(("number", "stage"), [(signal.SIGINT, "shard"), (signal.SIGTERM, "features")])
def test_the_command_that_is_interrupted_says_so(
    prod_database: Database, tmp_path: Path, number: signal.Signals, stage: str
) -> None:
    score_night(prod_database, SHOP, NIGHT)
    before = shown(prod_database, SHOP)
    obstacle = (
        held_up(prod_database, SHOP, 30)
        if stage == "shard"
        else locked(prod_database, sql.Identifier("shop", "orders"))
    )

    with obstacle, command(prod_database, tmp_path) as process:
        wait_for(lambda: waiting(prod_database) or process.poll() is not None)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
        assert_nothing_is_left_over(prod_database)

    assert (process.returncode, told.splitlines()[-1]) == (
        1, "nightjar: Interrupted; what was not finished was rolled back.",
    )  # fmt: skip
    assert "Traceback" not in told
    assert shown(prod_database, SHOP) == before
    assert score_night(prod_database, SHOP, LATER_NIGHT).state == "published"
