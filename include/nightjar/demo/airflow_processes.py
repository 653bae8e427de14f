"""Airflow's processes on this machine: started in sessions of their own, ended as whole sessions."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from nightjar.demo.local_state import LocalProcess, LocalState
from nightjar.errors import DemoError
from nightjar.settings import PROJECT_ROOT, home

COMPONENTS = ("api-server", "scheduler", "dag-processor")
START_TIMEOUT_SECONDS = 180
STOP_TIMEOUT_SECONDS = 15


def airflow_environment(state: LocalState) -> dict[str, str]:
    """Return the environment of every Airflow process of the local system."""
    airflow_home = home() / "airflow"
    metadata = make_url(state.metadata_url).set(drivername="postgresql+psycopg2")
    environment = {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "nightjar.orchestration.warm_executor.WarmLocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": state.fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{state.address}/execution/",
        "AIRFLOW__API__BASE_URL": state.address,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(state.port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": state.secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": state.token_secret,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.render_as_string(hide_password=False),
        "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        # The tasks of a scheduler that was killed go on within a minute of the next one's start, not within five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # A task's process that ends a moment after its last word keeps its place until the next look.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_NIGHTJAR_DEV": _connection(state.dev_url),
        "AIRFLOW_CONN_NIGHTJAR_PROD": _connection(state.prod_url),
        "NIGHTJAR_HOME": str(home()),
        "GX_ANALYTICS_ENABLED": "False",
        # Several tasks train at once: threads that wait must not spin on the cores the others need.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    # Without bytecode files every Airflow process takes twice as long to start.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | environment


def prepare(state: LocalState) -> None:
    """Write the login and migrate Airflow's own database.

    Raises:
        DemoError: the migration fails; the message names its log.
    """
    folder = home() / "airflow"
    folder.mkdir(parents=True, exist_ok=True)
    passwords = folder / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({"admin": state.admin_password}) + "\n")
    log = log_path("airflow-migrate")
    with log.open("wb") as output:
        migrated = subprocess.run(
            [*_airflow(), "db", "migrate"], env=airflow_environment(state), stdout=output, stderr=output, check=False
        )
    if migrated.returncode:
        raise DemoError(f"Airflow's database could not be migrated: see {log}. Then run the command again.")


def start(state: LocalState) -> tuple[LocalProcess, ...]:
    """Start Airflow's processes.

    Raises:
        DemoError: the port is taken.
    """
    require_free_port(state.port)
    environment = airflow_environment(state)
    processes = []
    for component in COMPONENTS:
        with log_path(component).open("ab") as output:
            process = subprocess.Popen(
                [*_airflow(), component],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        processes.append(LocalProcess(component, process.pid, psutil.Process(process.pid).create_time()))
    return tuple(processes)


def wait_until_healthy(state: LocalState, say: Callable[[str], None]) -> None:
    """Wait until the UI answers, the scheduler beats and all DAG files are parsed.

    Raises:
        DemoError: a process ended, or it took too long; the message names the log.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    waiting_for = "api-server"
    said = ""
    while time.monotonic() < deadline:
        for process in state.processes:
            if not is_running(process):
                raise DemoError(f"Airflow's {process.name} ended: see {log_path(process.name)}.")
        waiting_for = _unhealthy(state)
        if not waiting_for:
            return
        if waiting_for != said:
            say(f"waiting for Airflow's {waiting_for}")
            said = waiting_for
        time.sleep(1)
    raise DemoError(
        f"Airflow's {waiting_for} is not ready after {START_TIMEOUT_SECONDS} s: see {log_path(waiting_for)}."
    )


def stop(processes: tuple[LocalProcess, ...]) -> list[str]:
    """End the sessions of the processes, children included; return the names of those that still ran.

    One that was killed leaves its children behind.
    """
    leaders = [process for process in processes if is_running(process)]
    sessions = {process.pid for process in processes if _is_session_of(process)}
    members = _sessions(sessions)
    for member in members:
        _signal(member, signal.SIGTERM)
    _, alive = psutil.wait_procs(members, timeout=STOP_TIMEOUT_SECONDS)
    for member in {*alive, *_sessions(sessions)}:
        _signal(member, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    return [process.name for process in leaders]


def is_running(process: LocalProcess) -> bool:
    """Return whether it is still the process that was started."""
    try:
        found = psutil.Process(process.pid)
        return abs(found.create_time() - process.started) < 1 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def require_free_port(port: int) -> None:
    """Refuse a port that another program listens on.

    Raises:
        DemoError: with the way to choose another.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(
                f"Port {port} is in use by another program: stop it, or choose another port, such as "
                f"'NIGHTJAR_PORT={port + 1} make demo'."
            ) from error


def log_path(name: str) -> Path:
    """Return the log file of a process."""
    folder = home() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def _unhealthy(state: LocalState) -> str:
    """Return the component that is not ready yet, "" when all are."""
    try:
        health = httpx.get(f"{state.address}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return "api-server"
    for component in ("scheduler", "dag_processor"):
        if health[component]["status"] != "healthy":
            return component.replace("_", "-")
    return ""


def _is_session_of(process: LocalProcess) -> bool:
    """Return whether the session with its id is still the one that was started."""
    try:
        return abs(psutil.Process(process.pid).create_time() - process.started) < 1
    except psutil.NoSuchProcess:
        # No process gets the id of a session that has members.
        return True


def _sessions(leaders: set[int]) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            continue
    return members


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _airflow() -> list[str]:
    return [sys.executable, "-m", "airflow"]


def _connection(url: str) -> str:
    parts = conninfo_to_dict(url)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts.get("host"),
            "port": int(parts.get("port") or 5432),
            "login": parts.get("user"),
            "password": parts.get("password"),
            "schema": parts.get("dbname"),
        }
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
