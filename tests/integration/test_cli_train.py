"""nightjar train as people run it: a bar on a terminal, lines elsewhere; interrupted or killed, it leaves nothing."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import pytest

from nightjar import registry
from nightjar.storage import Database
from nightjar.training import freeze_training_data, split_training_data
from nightjar.usecases import UseCase
from tests.builders import count_rows
from tests.commands import CommandLine
from tests.disturbances import wait_for
from tests.night_builders import NIGHT, open_shop, shop_use_case

NIGHTJAR = str(Path(sys.executable).with_name("nightjar"))
DECLARATION = """
name = "{name}"
kind = "classification"
title = "Shop"
description = "Shop."
owner = "tests"
entity = {{ name = "customer_id", type = "integer" }}
target = {{ column = "left_us", horizon_days = 3 }}
[training]
metric = "roc_auc"
dates = 3
every_days = 7
time_budget_seconds = 300
trials = 4
partial_fit = {partial_fit}
candidates = [{candidates}]
[promotion]
minimum_metric = 0
[schedule]
snapshot = "0 1 * * *"
score = "0 2 * * *"
first = 2024-01-01
[[sources]]
table = "shop.orders"
date_column = "ordered_on"
"""
QUICK = '{ estimator = "sgd_classifier", search = { alpha = [0.1, 0.01] } }'
# Minutes for each fit, so that a signal comes in the middle of one.
ENDLESS = QUICK.replace("[0.1, 0.01]", "[0.1]") + (
    ', { estimator = "random_forest_classifier", search = { n_estimators = [300000, 300001, 300002] } }'
)


@dataclass(frozen=True)
class Shop:
    """A database with a frozen shop, and the environment of commands on it."""

    database: Database
    snapshot: str
    environment: dict[str, str]
    temporary: Path

    def command(self, use_case: str, *arguments: str) -> list[str]:
        return [NIGHTJAR, "train", use_case, "--snapshot", self.snapshot, *arguments]

    def run(self, use_case: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(use_case, *arguments), env=self.environment, capture_output=True, text=True, check=False
        )

    def left_behind(self) -> list[Path]:
        return list(self.temporary.glob("nightjar-search-*"))


@pytest.fixture
def shop(dev_database: Database, prod_database: Database, tmp_path: Path) -> Shop:
    open_shop(dev_database)
    for name, candidates, partial_fit in (("quick", QUICK, "true"), ("endless", ENDLESS, "false")):
        _declare(tmp_path / "declared" / name, shop_use_case(name=name), candidates, partial_fit)
    use_case = shop_use_case()
    snapshot = freeze_training_data(dev_database, use_case, NIGHT)
    split_training_data(dev_database, use_case, snapshot)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {
        "NIGHTJAR_DEV_URL": dev_database.conninfo,
        "NIGHTJAR_PROD_URL": prod_database.conninfo,
        "NIGHTJAR_HOME": str(tmp_path),
        "NIGHTJAR_USECASES": str(tmp_path / "declared"),
        "TMPDIR": str(temporary),
        "TERM": "xterm",
        "COLUMNS": "160",
    }
    return Shop(dev_database, str(snapshot.name), environment, temporary)


def _declare(folder: Path, use_case: UseCase, candidates: str, partial_fit: str) -> None:
    folder.mkdir(parents=True)
    text = DECLARATION.format(name=use_case.name, candidates=candidates, partial_fit=partial_fit)
    (folder / "usecase.toml").write_text(text)
    (folder / "features.sql").write_text(use_case.features_sql)
    (folder / "target.sql").write_text(use_case.target_sql or "")


def test_elsewhere_there_are_lines_of_a_log(shop: Shop) -> None:
    done = shop.run("quick", "--json")

    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == f"training on {shop.snapshot}"
    assert re.fullmatch(r"round 1/1, 1/2: sgd_classifier \{'alpha': 0.\d+\}: roc_auc = \d.\d{4} in \d+.\d s", lines[1])
    assert lines[-1].endswith("all gates passed")
    assert not re.search("[━╸\x1b]|starting workers", done.stderr)
    assert '"algorithm": "sgd_classifier"' in done.stdout
    assert shop.left_behind() == []


def test_anew_selects_where_the_newest_model_has_nothing_to_learn(
    shop: Shop, run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_USECASES", shop.environment["NIGHTJAR_USECASES"])
    arguments = ("train", "quick", "--snapshot", shop.snapshot)
    assert run(*arguments).code == 0

    again, anew = run(*arguments), run(*arguments, "--anew")

    assert again.code == 1
    assert "has no rows after" in again.err
    assert anew.code == 0, anew.err
    assert [str(model.name) for model in registry.list_models(shop.database)] == ["quick@1", "quick@2"]


def test_a_snapshot_has_its_date(shop: Shop) -> None:
    done = shop.run("quick", "--as-of", "2024-03-20")

    assert done.returncode == 2
    assert "give --snapshot or --as-of, not both" in done.stderr
    assert "Usage: nightjar" in done.stderr


@dataclass
class Terminal:
    """A command in a session of its own on a terminal."""

    process: psutil.Process
    screen: int
    shown: str = ""

    def read(self) -> bool:
        """Take over what is new on the screen; False when the command has ended."""
        try:
            self.shown += os.read(self.screen, 65_536).decode(errors="replace")
        except OSError:
            return False
        return True


@pytest.fixture
def terminal(shop: Shop) -> Iterator[Callable[[str], Terminal]]:
    started: list[Terminal] = []

    def start(use_case: str) -> Terminal:
        pid, screen = pty.fork()
        if pid == 0:
            os.execve(NIGHTJAR, shop.command(use_case), shop.environment)
        started.append(Terminal(psutil.Process(pid), screen))
        return started[-1]

    yield start
    for each in started:
        with suppress(psutil.NoSuchProcess):
            each.process.kill()
        os.close(each.screen)


def test_on_a_terminal_there_is_a_bar(terminal: Callable[[str], Terminal]) -> None:
    train = terminal("quick")

    while train.read():
        pass

    assert "starting workers" in train.shown
    assert re.search(r"round 1/1.*━.*2/2.*best \d.\d{4}, \d+ s left", train.shown)
    assert "roc_auc = " in train.shown
    assert train.process.wait() == 0


def test_an_interrupt_at_the_keyboard_reaches_the_workers_too(terminal: Callable[[str], Terminal], shop: Shop) -> None:
    train = terminal("endless")
    while "1/4" not in train.shown:
        assert train.read()
    workers = busy_workers(train.process)

    os.write(train.screen, b"\x03")
    while train.read():
        pass

    assert train.process.wait(30) == 1
    assert "nightjar: Interrupted; what was not finished was rolled back." in train.shown
    assert "Traceback" not in train.shown
    assert_nothing_is_left(shop, workers)


@pytest.fixture
def endless(shop: Shop) -> Iterator[subprocess.Popen[str]]:
    """A command in the middle of a search."""
    process = subprocess.Popen(
        shop.command("endless"), env=shop.environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    read_until(process.stderr, "round 1/1, 1/4")
    yield process
    process.kill()
    process.wait()
    process.stderr.close()


def test_an_interrupt_of_the_command_alone_ends_its_workers(endless: subprocess.Popen[str], shop: Shop) -> None:
    workers = busy_workers(psutil.Process(endless.pid))

    endless.send_signal(signal.SIGINT)
    _, told = endless.communicate(timeout=30)

    assert endless.returncode == 1
    assert told.splitlines()[-1] == "nightjar: Interrupted; what was not finished was rolled back."
    assert_nothing_is_left(shop, workers)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 1), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_command_that_is_killed_takes_its_workers_along(
    endless: subprocess.Popen[str], shop: Shop, sent: signal.Signals, code: int
) -> None:
    workers = busy_workers(psutil.Process(endless.pid))

    endless.send_signal(sent)

    assert endless.wait(30) == code
    assert_nothing_is_left(shop, workers)


def read_until(stream: IO[str], text: str) -> None:
    told = ""
    for line in stream:
        told += line
        if text in line:
            return
    pytest.fail(f"it ended without {text!r}: {told}")


def busy_workers(process: psutil.Process) -> list[psutil.Process]:
    """Return all that a command started, once a part of it is fitting."""
    children = process.children(recursive=True)
    before = sum(child.cpu_times().user for child in children)
    wait_for(lambda: sum(child.cpu_times().user for child in children) > before + 0.5)
    return children


def assert_nothing_is_left(shop: Shop, workers: list[psutil.Process]) -> None:
    assert len(workers) >= 2
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    wait_for(lambda: not shop.left_behind())
    assert count_rows(shop.database, "nightjar", "model_version") == 0
