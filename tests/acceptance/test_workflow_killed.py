"""kill -9 of the scheduler in the middle of a night: started again, it ends the night as if nothing had been."""

import signal

import psutil
import pytest
from psycopg import sql

from nightjar.demo.airflow_api import AirflowApi
from nightjar.demo.local_state import read_state
from nightjar.demo.progress import Progress
from nightjar.demo.system import start_system
from nightjar.storage import Database, Role
from nightjar.usecases import find_use_case
from tests.acceptance.conftest import NIGHTS, LocalSystem
from tests.disturbances import locked, wait_for, waiting
from tests.night_builders import rows, stored_hash

SEGMENTS = find_use_case("customer_segments")
DAG_ID = f"score_nightly__{SEGMENTS.name}"
# A task, the one before it, and what it then waits for.
STAGES = [
    ("build_features", None, sql.Identifier("retail", "transactions")),
    ("score_shard", "build_features", sql.Identifier("nightjar_store", f"predictions_{SEGMENTS.name}")),
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
    left = "SELECT FROM nightjar.commit WHERE use_case = %s AND state = 'open'"
    assert rows(prod, left, [SEGMENTS.name]) == []


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
