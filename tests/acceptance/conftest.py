"""A whole local system of its own: two database servers, a real Airflow, a cut of the real data."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from nightjar.demo.airflow_api import AirflowApi
from nightjar.demo.local_state import LocalState
from nightjar.demo.progress import Progress
from nightjar.demo.system import bring_down, start_system
from nightjar.demo.workflow import Workflow
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Database
from nightjar.usecases import declared_use_cases

USE_CASES = sorted(declared_use_cases())
GUARDED = "spend_guarded"
NIGHTS = [date(2017, 12, 1), date(2017, 12, 2)]


@dataclass(frozen=True)
class LocalSystem:
    """The running system: its state, its databases, a logged-in client."""

    state: LocalState
    databases: dict[str, Database]
    api: AirflowApi


@pytest.fixture(scope="session")
def local_system() -> Iterator[LocalSystem]:
    """Bring the system up once, and down at the end."""
    # Not in pytest's own folder: another run would close that to the user that a root's Postgres runs as.
    folder = Path(tempfile.mkdtemp(prefix="nightjar-"))
    variables = {
        "NIGHTJAR_HOME": str(folder),
        "NIGHTJAR_PORT": str(_free_port()),
        "NIGHTJAR_RETAIL_EVERY": "8",
        "NIGHTJAR_USECASES": str(_declare_guarded(folder / "declarations")),
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        state, databases = start_system(Progress(), load=True)
        # The system's processes know of it by now; the other tests of this process do without.
        del os.environ["NIGHTJAR_USECASES"]
        yield LocalSystem(state, databases, AirflowApi(state.address, "admin", state.admin_password))
    finally:
        bring_down()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def finished(local_system: LocalSystem) -> LocalSystem:
    """The system after snapshots, training, approved promotions and two nights."""
    Workflow(local_system.api, USE_CASES, Progress(), nights=len(NIGHTS)).run()
    return local_system


def _declare_guarded(folder: Path) -> Path:
    """Declare the spend forecast once more, with rules on who decides on its promotions."""
    shutil.copytree(PROJECT_ROOT / "include/nightjar/usecases/shipped/spend_forecast", folder / GUARDED)
    path = folder / GUARDED / "usecase.toml"
    text = path.read_text().replace('name = "spend_forecast"', f'name = "{GUARDED}"')
    path.write_text(text.replace("[promotion]", "[promotion]\nauto_approve_gain = 1.0\ntwo_persons = true"))
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
