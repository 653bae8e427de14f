"""Airflow's processes: what is started is ended whole, and nothing else; a stand-in plays Airflow."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from nightjar.demo import airflow_processes
from nightjar.demo.local_state import LocalProcess, LocalState, new_state
from nightjar.errors import DemoError

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
WITH_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"

Run = Callable[[str], tuple[LocalProcess, str]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTJAR_HOME", str(tmp_path))
    monkeypatch.delenv("NIGHTJAR_PORT", raising=False)
    return tmp_path


@pytest.fixture
def state() -> LocalState:
    urls = {name: f"postgresql://ada:s3cret@db:6543/{name}" for name in ("dev", "prod", "metadata")}
    return new_state(urls, None)


@pytest.fixture
def run() -> Iterator[Run]:
    """Starts a program in a session of its own; returns it with the first line that it prints once it is up."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> tuple[LocalProcess, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        return LocalProcess("scheduler", process.pid, psutil.Process(process.pid).create_time()), line

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_for_end(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=30)


def test_stopping_ends_the_children_too(run: Run) -> None:
    process, child = run(WITH_CHILD)
    assert airflow_processes.is_running(process)
    assert not is_gone(int(child))

    assert airflow_processes.stop((process,)) == ["scheduler"]

    assert not airflow_processes.is_running(process)
    assert is_gone(process.pid)
    assert is_gone(int(child))


def test_a_process_that_does_not_listen_is_killed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_processes, "STOP_TIMEOUT_SECONDS", 0.2)
    process, _ = run(DEAF)

    airflow_processes.stop((process,))

    assert is_gone(process.pid)


def test_another_program_with_a_reused_id_is_left_alone(run: Run) -> None:
    other, _ = run(SLEEPER)
    earlier = replace(other, started=other.started - 3600)

    assert not airflow_processes.is_running(earlier)
    assert airflow_processes.stop((earlier,)) == []
    assert airflow_processes.is_running(other)


def test_what_ended_by_itself_is_not_running(run: Run) -> None:
    process, _ = run(SLEEPER)
    os.kill(process.pid, signal.SIGKILL)
    wait_for_end(process.pid)

    assert not airflow_processes.is_running(process)
    assert airflow_processes.stop((process, LocalProcess("gone", 2**22 + 1, 0))) == []


def test_a_port_in_use_is_refused_with_another_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(DemoError, match=f"Port {port} is in use .* 'NIGHTJAR_PORT={port + 1} make demo'"):
            airflow_processes.require_free_port(port)
    airflow_processes.require_free_port(port)


def test_the_environment_holds_the_connections_and_the_secrets(state: LocalState, home: Path) -> None:
    environment = airflow_processes.airflow_environment(state)
    dev = json.loads(environment["AIRFLOW_CONN_NIGHTJAR_DEV"])

    assert dev == {
        "conn_type": "postgres", "host": "db", "port": 6543, "login": "ada", "password": "s3cret", "schema": "dev",
    }  # fmt: skip
    assert json.loads(environment["AIRFLOW_CONN_NIGHTJAR_PROD"])["schema"] == "prod"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://ada:s3cret@db:6543/")
    assert environment["AIRFLOW__CORE__FERNET_KEY"] == state.fernet_key
    assert environment["AIRFLOW__API__BASE_URL"] == "http://localhost:8080"
    assert environment["NIGHTJAR_HOME"] == str(home)
    assert environment["PATH"] == os.environ["PATH"]


def test_a_failing_migration_is_refused_with_its_log(
    state: LocalState, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_processes, "_airflow", lambda: [sys.executable, "-c", "raise SystemExit('no luck')"])
    log = home / "logs" / "airflow-migrate.log"

    with pytest.raises(DemoError, match=f"could not be migrated: see {log}"):
        airflow_processes.prepare(state)

    assert "no luck" in log.read_text()
    passwords = home / "airflow" / "passwords.json"
    assert json.loads(passwords.read_text()) == {"admin": state.admin_password}
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600


def test_a_component_that_ends_while_starting_is_refused_with_its_log(
    state: LocalState, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = replace(state, port=probe.getsockname()[1])
    monkeypatch.setattr(airflow_processes, "_airflow", lambda: [sys.executable, "-c", "print('no database')"])

    processes = airflow_processes.start(free)
    assert [process.name for process in processes] == list(airflow_processes.COMPONENTS)
    for process in processes:
        wait_for_end(process.pid)

    with pytest.raises(DemoError, match=f"Airflow's api-server ended: see {home / 'logs' / 'api-server.log'}"):
        airflow_processes.wait_until_healthy(replace(free, processes=processes), print)
    assert (home / "logs" / "scheduler.log").read_text() == "no database\n"
