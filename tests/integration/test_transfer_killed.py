"""Transfers whose process is killed in the middle, or whose disk takes no more: nothing that looks complete stays."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nightjar import registry
from nightjar.errors import BundleError
from nightjar.registry import ModelName, ParitySample, Predictor
from nightjar.registry.estimator_files import load_estimator, save_estimator
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Database, Role
from tests.builders import count_rows, fit_model
from tests.transfer_builders import ROWS, export, imported, key_file, trust

NIGHTJAR = PROJECT_ROOT / ".venv" / "bin" / "nightjar"
HEAVY = ModelName("heavy", 1)
WAIT_SECONDS = 60


@pytest.fixture
def source(dev_database: Database) -> Database:
    """A database with a model of 64 MB, which is small but for what it carries along."""
    record, artifact = fit_model(dev_database)
    estimator = load_estimator(artifact)
    estimator[-1].ballast_ = np.random.default_rng(0).normal(size=8 << 20)
    heavy = save_estimator(estimator)
    with dev_database.connect(Role.TRAINER) as connection:
        known = replace(record, name=HEAVY, use_case=HEAVY.name, sha256=hashlib.sha256(heavy).hexdigest())
        model_id = registry.register(connection, known, heavy, ())
        registry.save_sample(connection, model_id, ParitySample.draw(Predictor(known, estimator), ROWS))
    return dev_database


def test_an_export_that_is_killed_leaves_nothing_that_looks_complete(
    source: Database, prod_database: Database, tmp_path: Path
) -> None:
    started = run(source, prod_database, "export", "--to", tmp_path, "--name", "model", "--filesize", "100K")
    kill_once(started, (tmp_path / "model20.dmp").exists)

    assert not (tmp_path / "model.manifest.json").exists()
    with pytest.raises(BundleError, match="There is no complete bundle model"):
        imported(prod_database, tmp_path)
    manifest = export(source, HEAVY, tmp_path)
    assert {path.name for path in tmp_path.glob("*.dmp*")} == {part.name for part in manifest.parts}
    assert imported(prod_database, tmp_path).written == (str(HEAVY),)


def test_an_import_that_is_killed_leaves_nothing(source: Database, prod_database: Database, tmp_path: Path) -> None:
    export(source, HEAVY, tmp_path)
    started = run(source, trust(prod_database), "import", "--from", tmp_path, "--name", "model")
    kill_once(started, lambda: is_writing(prod_database))

    wait_for(lambda: not is_writing(prod_database))
    for table in ("model_version", "artifact", "artifact_chunk", "transfer_job"):
        assert count_rows(prod_database, "nightjar", table) == 0
    assert imported(prod_database, tmp_path).written == (str(HEAVY),)


def test_a_disk_that_takes_no_more_is_told_of_and_left_clean(
    source: Database, prod_database: Database, tmp_path: Path
) -> None:
    # Python ignores the signal of this limit, so that a write fails as it does on a full disk.
    started = run(source, prod_database, "export", "--to", tmp_path, "--name", "model", limit_kilobytes=1000)
    _, told = started.communicate(timeout=WAIT_SECONDS)

    assert started.returncode == 1
    assert b"The bundle model cannot be written" in told
    assert list(tmp_path.iterdir()) == []


def run(
    source: Database, target: Database, action: str, *arguments: str | Path, limit_kilobytes: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a transfer as the command line does."""
    environment = os.environ | {
        "NIGHTJAR_DEV_URL": source.conninfo,
        "NIGHTJAR_PROD_URL": target.conninfo,
        "NIGHTJAR_SIGNING_KEY": str(key_file()),
    }
    command: list[str | Path] = [NIGHTJAR, "model", action, *arguments]
    if limit_kilobytes is not None:
        command = ["bash", "-c", f'ulimit -f {limit_kilobytes}; exec "$@"', "bash", *command]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_once(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Kill a process without a warning as soon as it has come so far."""
    wait_for(lambda: ready() or process.poll() is not None)
    process.kill()
    _, told = process.communicate()
    assert process.returncode == -signal.SIGKILL, told


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not ready():
        assert time.monotonic() < deadline, "it does not come so far"
        time.sleep(0.002)


def is_writing(database: Database) -> bool:
    """Tell whether somebody is writing an artifact."""
    with database.connect() as connection:
        found = connection.execute(
            """SELECT FROM pg_stat_activity
               WHERE datname = current_database() AND query LIKE 'INSERT INTO nightjar.artifact_chunk%'
                 AND pid <> pg_backend_pid()"""
        ).fetchone()
    return found is not None
