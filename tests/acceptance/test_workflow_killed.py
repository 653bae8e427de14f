"""kill -9 of the scheduler or of the database in the middle of a night: started again, the night ends as ever."""

import signal
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from nightjar.demo.airflow_api import AirflowApi
from nightjar.demo.local_state import read_state
from nightjar.demo.progress import Progress
from nightjar.demo.system import start_system
from nightjar.errors import DatabaseUnavailableError
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.usecases import find_use_case
from tests.acceptance.conftest import NIGHTS, LocalSystem
from tests.disturbances import locked, wait_for, waiting
from tests.killing import OwnServer
from tests.night_builders import rows, stored_hash

SEGMENTS = find_use_case("customer_segments")
DAG_ID = f"score_nightly__{SEGMENTS.name}"
# A task, the one before it, and what it then waits for.
STAGES = [
    ("build_features", None, sql.Identifier("retail", "transactions")),
    ("score_shard", "build_features", store_table(SEGMENTS)),
]


@pytest.mark.parametrize(("stage", "before_it", "table"), STAGES)
def test_a_killed_scheduler_is_started_again_and_ends_the_night(
    finished: LocalSystem, stage: str, before_it: str | None, table: sql.Identifier
) -> None:
    api, prod = finished.api, finished.databases["prod"]
    night = NIGHTS[-1]
    before = published(prod)
    expected = stored_hash(prod, SEGMENTS, before)

    run_id = api.trigger(DAG_ID, None, {"as_of": night.isoformat()})
    if before_it:
        wait_for(lambda: before_it in tasks(api, run_id, "success"))
    # Predictions stay readable, orders do not.
    with locked(prod, table, to_readers=before_it is None):
        wait_for(lambda: stage in tasks(api, run_id, "running") and waiting(prod))
        scheduler = kill_scheduler()
        assert published(prod) == before
    # What `make up` does. The killed one's tasks may have gone on by themselves until then.
    start_system(Progress(), load=False)

    assert not psutil.pid_exists(scheduler) or psutil.Process(scheduler).status() == psutil.STATUS_ZOMBIE
    assert api.wait(DAG_ID, run_id) == "success"
    after = published(prod)
    assert after > before
    assert stored_hash(prod, SEGMENTS, after) == expected
    assert_nothing_is_left_over(prod)


def test_a_crashed_database_is_started_again_and_airflow_ends_the_night(finished: LocalSystem) -> None:
    api, prod = finished.api, finished.databases["prod"]
    night = NIGHTS[-1]
    before = published(prod)
    expected = stored_hash(prod, SEGMENTS, before)
    with prod.connect() as connection:
        [server] = connection.execute("SHOW data_directory").fetchall()

    run_id = api.trigger(DAG_ID, None, {"as_of": night.isoformat()})
    wait_for(lambda: "build_features" in tasks(api, run_id, "success"))
    # The lock goes with the server.
    with suppress(psycopg.OperationalError), locked(prod, store_table(SEGMENTS), to_readers=False):
        wait_for(lambda: "score_shard" in tasks(api, run_id, "running") and waiting(prod))
        OwnServer(Path(server["data_directory"]), prod).kill()
    with pytest.raises(DatabaseUnavailableError), prod.connect():
        pass
    start_system(Progress(), load=False)

    assert api.wait(DAG_ID, run_id) == "success"
    after = published(prod)
    assert after > before
    assert stored_hash(prod, SEGMENTS, after) == expected
    assert_nothing_is_left_over(prod)


def assert_nothing_is_left_over(database: Database) -> None:
    left_open = "SELECT FROM nightjar.commit WHERE use_case = %s AND state = 'open'"
    assert rows(database, left_open, [SEGMENTS.name]) == []
    staged = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relpersistence = 'u'"
    assert rows(database, staged) == []


def published(database: Database) -> int:
    """Return the commit that readers see, of which all they see is."""
    [row] = rows(database, "SELECT DISTINCT commit_id FROM predictions.customer_segments", role=Role.ANALYST)
    commit_id: int = row["commit_id"]
    return commit_id


def tasks(api: AirflowApi, run_id: str, state: str) -> set[str]:
    return {task["task_id"] for task in api.task_instances(DAG_ID, run_id) if task["state"] == state}


def kill_scheduler() -> int:
    """Kill the scheduler alone, as the system does when memory is short."""
    state = read_state()
    assert state is not None
    [scheduler] = [process for process in state.processes if process.name == "scheduler"]
    psutil.Process(scheduler.pid).send_signal(signal.SIGKILL)
    return scheduler.pid
