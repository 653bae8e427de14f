"""Brings the local system up and down, and runs the demo on it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nightjar import retail, transfer
from nightjar.demo import airflow_processes
from nightjar.demo.airflow_api import AirflowApi
from nightjar.demo.local_state import LocalState, new_state, read_state, write_state
from nightjar.demo.progress import Progress
from nightjar.demo.results import print_results
from nightjar.demo.workflow import FIRST_NIGHT, Workflow
from nightjar.errors import DemoError
from nightjar.scoring import create_prediction_tables
from nightjar.settings import home, signing_key_file
from nightjar.storage import Database, migrate
from nightjar.storage.embedded import start_server, stop_server
from nightjar.usecases import declared_use_cases

SERVERS = {"dev": "nightjar", "prod": "nightjar", "metadata": "airflow"}


def run_demo() -> None:
    """Bring everything up, run the workflow, print what it produced; the UI stays up.

    Raises:
        NightjarError: what failed, where to look, what to do.
    """
    progress = Progress()
    state, databases = start_system(progress, load=True)
    api = AirflowApi(state.address, "admin", state.admin_password)
    if errors := api.import_errors():
        raise DemoError(f"Airflow cannot read {'; '.join(errors)}")
    use_cases = sorted(declared_use_cases())
    Workflow(api, use_cases, progress).run()
    print_results(databases, progress)
    _print_login(state)


def bring_up() -> None:
    """Bring the local system up without running the workflow."""
    state, _ = start_system(Progress(), load=False)
    _print_login(state)


def bring_down() -> None:
    """Stop every process that was started here and nothing else; the data stays."""
    progress = Progress()
    state = read_state()
    if state is not None:
        for name in airflow_processes.stop(state.processes):
            progress.say(f"stopped Airflow's {name}")
    for name in SERVERS:
        if stop_server(_data_folder(name)):
            progress.say(f"stopped the Postgres server {name}")
    progress.say(f"nothing of ours is running; data and logs stay in {home()}")


def start_system(progress: Progress, *, load: bool) -> tuple[LocalState, dict[str, Database]]:
    """Start servers and Airflow, what runs already is left alone; return the state and the two databases."""
    with progress.stage("Postgres servers for dev, prod and Airflow's metadata"):
        databases = {name: start_server(_data_folder(name), database) for name, database in SERVERS.items()}
        state = new_state({name: database.conninfo for name, database in databases.items()}, read_state())
        write_state(state)
    del databases["metadata"]
    with progress.stage("dev and prod migrated"):
        for database in databases.values():
            migrate.upgrade(database)
            create_prediction_tables(database, declared_use_cases().values())
            _trust_own_key(database)
    with ThreadPoolExecutor() as pool:
        airflow = pool.submit(_start_airflow, state, progress)
        loading = [pool.submit(_load, database, progress) for database in databases.values() if load]
        for task in loading:
            task.result()
        state = airflow.result()
    with progress.stage("Airflow ready"):
        airflow_processes.wait_until_healthy(state, progress.say)
        _wait_for_dags(state)
    return state, databases


def _trust_own_key(database: Database) -> None:
    path = signing_key_file()
    if not path.exists():
        transfer.make_key(path)
    transfer.trust_key(database, path.with_suffix(".pub"), reason="the key of this local system")


def _start_airflow(state: LocalState, progress: Progress) -> LocalState:
    if state.processes and all(map(airflow_processes.is_running, state.processes)):
        progress.say("Airflow is running already")
        return state
    airflow_processes.stop(state.processes)
    airflow_processes.require_free_port(state.port)
    with progress.stage("Airflow's database migrated"):
        airflow_processes.prepare(state)
    processes = airflow_processes.start(state)
    started = LocalState(**{**state.__dict__, "processes": processes})
    write_state(started)
    return started


def _load(database: Database, progress: Progress) -> None:
    with progress.stage(f"{database.name}: sample business loaded"):
        result = retail.load_until(database, FIRST_NIGHT)
        progress.say(f"{database.name}: {result.rows:,} rows of {result.days} days added")


def _wait_for_dags(state: LocalState) -> None:
    """Wait until the DAG processor has read every file."""
    api = AirflowApi(state.address, "admin", state.admin_password)
    workflows = ("snapshot_training_data", "retrain_models", "promote_models", "score_nightly")
    expected = {f"{workflow}__{name}" for workflow in workflows for name in declared_use_cases()}
    deadline = time.monotonic() + airflow_processes.START_TIMEOUT_SECONDS
    while not expected <= api.dag_ids():
        if errors := api.import_errors():
            raise DemoError(f"Airflow cannot read {'; '.join(errors)}")
        if time.monotonic() > deadline:
            raise DemoError(f"Airflow found no DAGs: see {airflow_processes.log_path('dag-processor')}.")
        time.sleep(1)


def _data_folder(name: str) -> Path:
    return home() / "postgres" / name


def _print_login(state: LocalState) -> None:
    print(  # noqa: T201
        f"\nThe Airflow UI is at {state.address}\n"
        f"  user      admin\n  password  {state.admin_password}\n"
        "The page 'Nightjar' in its menu shows champions, nights and freshness.\n"
        "'make down' stops everything; 'make demo' starts it again.\n",
        flush=True,
    )
