"""kill -9 of the scheduler or of the database in the middle of a night: started again, the night ends as ever."""

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from nightjar.demo.local_state import read_state
from nightjar.demo.progress import Progress
from nightjar.demo.system import start_system
from nightjar.errors import DatabaseUnavailableError
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase, find_use_case
from tests.acceptance.conftest import NIGHTS, LocalSystem
from tests.disturbances import locked, wait_for, waiting
from tests.killing import OwnServer
from tests.night_builders import rows, stored_hash

SEGMENTS, SPEND = find_use_case("customer_segments"), find_use_case("spend_forecast")
STORE = store_table(SEGMENTS)


@dataclass(frozen=True)
class Again:
    """A published night that is run once more; commit, stored_as: what readers see before it."""

    system: LocalSystem
    use_case: UseCase
    run_id: str
    commit: int
    stored_as: str

    @classmethod
    def begin(cls, system: LocalSystem, use_case: UseCase) -> "Again":
        before = published(system.databases["prod"], use_case)
        stored_as = stored_hash(system.databases["prod"], use_case, before)
        conf = {"as_of": NIGHTS[-1].isoformat()}
        run_id = system.api.trigger(f"score_nightly__{use_case.name}", None, conf)
        return cls(system, use_case, run_id, before, stored_as)

    @property
    def dag_id(self) -> str:
        return f"score_nightly__{self.use_case.name}"

    def wait_until(self, task: str, state: str) -> None:
        wait_for(
            lambda: any(
                (found["task_id"], found["state"]) == (task, state)
                for found in self.system.api.task_instances(self.dag_id, self.run_id)
            )
        )

    def assert_it_ends_as_before(self) -> None:
        prod = self.system.databases["prod"]
        assert self.system.api.wait(self.dag_id, self.run_id) == "success"
        after = published(prod, self.use_case)
        assert after > self.commit
        assert stored_hash(prod, self.use_case, after) == self.stored_as
        left_open = "SELECT FROM nightjar.commit WHERE use_case = %s AND state = 'open'"
        assert rows(prod, left_open, [self.use_case.name]) == []


def test_a_killed_scheduler_is_started_again_and_ends_the_nights(finished: LocalSystem) -> None:
    prod = finished.databases["prod"]
    scores = Again.begin(finished, SEGMENTS)
    scores.wait_until("build_features", "success")
    # Predictions stay readable, orders do not.
    with locked(prod, STORE, to_readers=False):
        scores.wait_until("score_shard", "running")
        wait_for(lambda: waiting(prod))
        builds = Again.begin(finished, SPEND)
        with locked(prod, sql.Identifier("retail", "transactions")):
            builds.wait_until("build_features", "running")
            wait_for(lambda: len(waiting(prod)) == 2)
            scheduler = kill_scheduler()
            assert published(prod, SEGMENTS) == scores.commit
            assert published(prod, SPEND) == builds.commit
    # What `make up` does. The killed one's tasks may have gone on by themselves until then.
    start_system(Progress(), load=False)

    assert not psutil.pid_exists(scheduler) or psutil.Process(scheduler).status() == psutil.STATUS_ZOMBIE
    scores.assert_it_ends_as_before()
    builds.assert_it_ends_as_before()
    assert_no_staging_is_left(prod)


def test_a_crashed_database_is_started_again_and_airflow_ends_the_night(finished: LocalSystem) -> None:
    prod = finished.databases["prod"]
    with prod.connect() as connection:
        [server] = connection.execute("SHOW data_directory").fetchall()

    night = Again.begin(finished, SEGMENTS)
    night.wait_until("build_features", "success")
    # The lock goes with the server.
    with suppress(psycopg.OperationalError), locked(prod, STORE, to_readers=False):
        night.wait_until("score_shard", "running")
        wait_for(lambda: waiting(prod))
        OwnServer(Path(server["data_directory"]), prod).kill()
    with pytest.raises(DatabaseUnavailableError), prod.connect():
        pass
    start_system(Progress(), load=False)

    night.assert_it_ends_as_before()
    assert_no_staging_is_left(prod)


def assert_no_staging_is_left(database: Database) -> None:
    assert rows(database, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relpersistence = 'u'") == []


def published(database: Database, use_case: UseCase) -> int:
    """Return the commit that readers see, of which all they see is."""
    with database.connect(Role.ANALYST) as connection:
        view = sql.Identifier("predictions", use_case.name)
        [row] = connection.execute(sql.SQL("SELECT DISTINCT commit_id FROM {}").format(view))
    commit_id: int = row["commit_id"]
    return commit_id


def kill_scheduler() -> int:
    """Kill the scheduler alone, as the system does when memory is short."""
    state = read_state()
    assert state is not None
    [scheduler] = [process for process in state.processes if process.name == "scheduler"]
    psutil.Process(scheduler.pid).send_signal(signal.SIGKILL)
    return scheduler.pid
