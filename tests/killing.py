"""Kills of what scores a night, a real process, or of what serves it, a real server of its own; then the recovery."""

import multiprocessing
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import TypeVar

import psutil

from nightjar.errors import DatabaseUnavailableError, NightInProgressError
from nightjar.scoring import score_night
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Database, migrate
from nightjar.storage.embedded import start_server, stop_server
from nightjar.usecases import UseCase
from tests.disturbances import PATIENCE_SECONDS

T = TypeVar("T")
NAME = "nightjar"

# A fresh process for each run, that need not import everything anew.
_PROCESSES = multiprocessing.get_context("forkserver")
_PRELOADED = [
    "nightjar.quality.data_docs",
    "nightjar.quality.expectations",
    "nightjar.registry.estimator_files",
    "nightjar.scoring",
    "nightjar.storage.migrate",
    "sklearn.ensemble",
]
_PROCESSES.set_forkserver_preload(_PRELOADED)
# They find this module where the tests lie, wherever pytest was started.
if str(PROJECT_ROOT) not in sys.path:
    sys.path.append(str(PROJECT_ROOT))


@dataclass(frozen=True)
class OwnServer:
    """A server that no other test uses."""

    folder: Path
    database: Database

    def processes(self) -> list[psutil.Process]:
        """Return the server's first process and its children."""
        first = psutil.Process(int((self.folder / "postmaster.pid").read_text().splitlines()[0]))
        return [first, *first.children(recursive=True)]

    def kill(self) -> None:
        """End it as a power cut does, and wait until it is gone."""
        victims = self.processes()
        for victim in victims:
            _kill(victim)
        psutil.wait_procs(victims, timeout=PATIENCE_SECONDS)

    def kill_backend(self, choose: random.Random) -> bool:
        """Kill a session's process, if there is any; the server ends all the others, and recovers by itself."""
        sessions = [process for process in self.processes()[1:] if _is_session(process)]
        if sessions:
            _kill(choose.choice(sessions))
        return bool(sessions)

    def recover(self) -> None:
        """Start it again where it is down."""
        once_recovered(lambda: start_server(self.folder, NAME))


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Start an empty migrated database on a server of its own."""
    # Not in pytest's own folder: another run would close that to the user that a root's Postgres runs as.
    root = Path(tempfile.mkdtemp(prefix="nightjar-"))
    database = start_server(root / "prod", NAME)
    try:
        with database.autocommit() as connection:
            # What is killed here is never the operating system.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        migrate.upgrade(database)
        yield OwnServer(root / "prod", database)
    finally:
        stop_server(root / "prod")
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def scoring_process(database: Database, use_case: UseCase, as_of: date, run_id: str) -> Iterator[tuple[int, Pipe]]:
    """Score a night in a process of its own; yield its id, and where it tells how it ended, once it has begun."""
    here, there = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=_score, args=(there, database, use_case, as_of, run_id), daemon=True)
    process.start()
    there.close()
    assert here.poll(PATIENCE_SECONDS), "it does not start"
    assert here.recv() == "begun"
    assert process.pid is not None
    try:
        yield process.pid, here
    finally:
        process.join(PATIENCE_SECONDS)
        assert process.exitcode is not None, "it hangs"


def outcome(pipe: Pipe) -> str:
    """Return how a process ended: "" well, "killed" without a word, "interrupted", or the classes of its error."""
    assert pipe.poll(PATIENCE_SECONDS), "it hangs"
    try:
        return str(pipe.recv())
    except EOFError:
        return "killed"


def once_recovered(work: Callable[[], T]) -> T:
    """Do it as soon as the server answers again and has let go of those who died."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except (DatabaseUnavailableError, NightInProgressError):
            assert time.monotonic() < deadline, "it does not recover"
            time.sleep(0.05)


def _score(pipe: Pipe, database: Database, use_case: UseCase, as_of: date, run_id: str) -> None:
    pipe.send("begun")
    try:
        score_night(database, use_case, as_of, run_id=run_id)
    except KeyboardInterrupt:
        pipe.send("interrupted")
    except Exception as error:
        pipe.send(" ".join(f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__))
    else:
        pipe.send("")


def _is_session(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return f" {NAME} [local]" in " ".join(process.cmdline())
    return False


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)
