"""The whole mission through the real scheduler, over two database servers."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import httpx
import psutil
import psycopg
import pytest

from nightjar import snapshots
from nightjar.demo.airflow_api import TERMINAL_STATES, AirflowApi
from nightjar.demo.airflow_processes import is_running
from nightjar.demo.progress import Progress
from nightjar.demo.workflow import Workflow
from nightjar.settings import PROJECT_ROOT, home
from nightjar.snapshots import State
from nightjar.storage import Database, Role
from nightjar.storage.embedded import start_server, stop_server
from tests.acceptance.conftest import NIGHTS, USE_CASES, LocalSystem

WAIT_SECONDS = 120
T = TypeVar("T")


def test_airflow_reads_every_dag(local_system: LocalSystem) -> None:
    assert local_system.api.import_errors() == []


def test_every_prediction_table_shows_the_last_night(finished: LocalSystem) -> None:
    with finished.databases["prod"].connect(Role.ANALYST) as connection:
        for name in USE_CASES:
            nights = {row["as_of"] for row in connection.execute(f"SELECT as_of FROM predictions.{name}")}
            history = {row["as_of"] for row in connection.execute(f"SELECT as_of FROM predictions.{name}_history")}
            assert nights == {NIGHTS[-1]}
            assert history == set(NIGHTS)
        fresh = {row["use_case"]: row for row in connection.execute("SELECT * FROM predictions.freshness")}
    assert fresh.keys() == set(USE_CASES)
    assert not any(row["stale"] for row in fresh.values())


def test_no_gate_refuses_an_honest_night(finished: LocalSystem) -> None:
    with finished.databases["prod"].connect(Role.ANALYST) as connection:
        found = connection.execute(
            "SELECT use_case, gate, count(DISTINCT as_of) AS nights, bool_and(passed) AS passed "
            "FROM predictions.gate_results WHERE as_of = ANY(%s) GROUP BY use_case, gate",
            [NIGHTS],
        ).fetchall()
    gates = {(row["use_case"], row["gate"]): (row["nights"], row["passed"]) for row in found}
    for use_case in USE_CASES:
        for gate in ("sources", "features", "predictions"):
            assert gates[use_case, gate] == (len(NIGHTS), True)


def test_champions_came_from_dev_with_their_lineage(finished: LocalSystem) -> None:
    query = (
        "SELECT m.use_case, m.version, m.snapshot, m.sha256, m.trained_in FROM nightjar.alias a "
        "JOIN nightjar.model_version m ON m.id = a.model_id WHERE alias = 'champion' "
        "AND a.use_case = ANY(%s) ORDER BY use_case"
    )
    found = []
    for database in finished.databases.values():
        with database.connect(Role.SCORER) as connection:
            found.append(connection.execute(query, [USE_CASES]).fetchall())
    assert found[0] == found[1]
    assert [row["use_case"] for row in found[1]] == USE_CASES
    assert {row["trained_in"] for row in found[1]} == {"dev"}
    with finished.databases["prod"].connect(Role.SCORER) as connection:
        moves = connection.execute(
            "SELECT DISTINCT ON (use_case) actor, reason FROM nightjar.alias_move "
            "WHERE use_case = ANY(%s) ORDER BY use_case, id",
            [USE_CASES],
        ).fetchall()
    assert moves == [{"actor": "admin", "reason": "approved: as part of the demo"}] * len(USE_CASES)


def test_running_the_workflow_again_starts_no_run(finished: LocalSystem) -> None:
    def runs() -> int:
        return sum(len(finished.api.runs(dag_id)) for dag_id in finished.api.dag_ids())

    before = runs()
    Workflow(finished.api, USE_CASES, Progress(), nights=len(NIGHTS)).run()
    assert runs() == before


def test_a_snapshot_run_by_hand_changes_the_rows_and_waits_for_a_look(finished: LocalSystem) -> None:
    api, dag_id = finished.api, "snapshot_training_data__spend_forecast"
    conf = {
        "as_of": NIGHTS[0].isoformat(),
        "statements": ["ALTER snapshot ADD COLUMN note text", "DELETE FROM snapshot WHERE household_id % 2 = 0"],
        "finish": "leave prepared",
    }
    run_id = api.trigger(dag_id, None, conf)

    assert api.wait(dag_id, run_id) == "success"
    assert {task["task_id"]: task["state"] for task in api.task_instances(dag_id, run_id)} == {
        "check_sources": "success", "freeze": "success", "prepare": "success", "split_and_announce": "skipped"
    }  # fmt: skip
    made = snapshots.list_snapshots(finished.databases["dev"], use_case="spend_forecast", as_of=NIGHTS[0])
    newest = max(made, key=lambda snapshot: snapshot.id)
    assert (newest.state, newest.name.version.major) == (State.PREPARED, 3)
    assert newest.comment == f"{newest.parent}, changed by admin"
    assert newest.columns[-1].name == "note"
    assert snapshots.verify(finished.databases["dev"], newest.name).matches


def test_retention_tells_before_it_acts(finished: LocalSystem) -> None:
    api, dev = finished.api, finished.databases["dev"]
    before = snapshots.list_snapshots(dev)
    run_id = api.trigger("retain_snapshots", None, {"keep": 1, "archive": 0, "dry_run": True})

    assert api.wait("retain_snapshots", run_id) == "success"
    assert snapshots.list_snapshots(dev) == before
    [task] = api.task_instances("retain_snapshots", run_id)
    log = " ".join(api.task_log("retain_snapshots", run_id, task))
    assert "stays: a registered model was trained on this date" in log


def test_page_in_the_ui_needs_a_login(finished: LocalSystem) -> None:
    page = f"{finished.state.address}/nightjar/"
    assert httpx.get(page).status_code == httpx.codes.UNAUTHORIZED
    token = finished.api.token
    answer = httpx.get(f"{page}api/overview", cookies={"_token": token})
    assert answer.status_code == httpx.codes.OK
    assert "churn_risk@1" in answer.text


def test_task_of_a_gate_leads_to_its_data_docs(finished: LocalSystem) -> None:
    address, token = finished.state.address, finished.api.token
    run_id = finished.api.runs("score_nightly__churn_risk")[0]["dag_run_id"]
    links = {
        task: httpx.get(
            f"{address}/api/v2/dags/score_nightly__churn_risk/dagRuns/{run_id}/taskInstances/{task}/links",
            headers={"Authorization": f"Bearer {token}"},
        ).json()["extra_links"]["Data Docs"]
        for task in ("gate_features", "publish")
    }
    assert links["publish"] is None
    assert httpx.get(address + links["gate_features"]).status_code == httpx.codes.UNAUTHORIZED
    page = httpx.get(address + links["gate_features"], cookies={"_token": token}, follow_redirects=True)
    assert page.status_code == httpx.codes.OK
    assert "expect_distribution_like_in_training" in page.text
    assert page.headers["content-security-policy"].startswith("sandbox")


def test_a_date_outside_the_data_fails_at_once_and_stops_nobody(finished: LocalSystem) -> None:
    api = finished.api
    wrong = api.trigger("score_nightly__spend_forecast", None, {"as_of": "2017-12-24"})
    other = api.trigger("score_nightly__customer_segments", None, {"as_of": "2017-12-02"})
    assert api.wait("score_nightly__spend_forecast", wrong) == "failed"
    assert api.wait("score_nightly__customer_segments", other) == "success"
    task = next(
        task
        for task in api.task_instances("score_nightly__spend_forecast", wrong)
        if task["task_id"] == "build_features"
    )
    assert task["try_number"] == 1
    log = " ".join(api.task_log("score_nightly__spend_forecast", wrong, task))
    assert "As-of 2017-12-24 is outside the data" in log
    with finished.databases["prod"].connect(Role.ANALYST) as connection:
        row = connection.execute("SELECT as_of, stale FROM predictions.freshness WHERE use_case = 'spend_forecast'")
        assert row.fetchone() == {"as_of": NIGHTS[-1], "stale": False}


def test_killed_scoring_task_is_retried_and_readers_see_whole_nights(finished: LocalSystem) -> None:
    api, prod = finished.api, finished.databases["prod"]
    api.wait("load_retail", api.trigger("load_retail", "2017-12-02"))
    shown: set[tuple[date, int]] = set()

    def look() -> None:
        with prod.connect(Role.ANALYST) as connection:
            row = connection.execute(
                "SELECT min(as_of) AS first, max(as_of) AS last, count(*) AS rows FROM predictions.churn_risk"
            ).fetchone()
        assert row is not None
        assert row["first"] == row["last"]
        shown.add((row["first"], row["rows"]))

    look()
    run_id = api.trigger("score_nightly__churn_risk", "2017-12-03")
    _wait_for(lambda: _has_succeeded(api, "score_nightly__churn_risk", run_id, "build_features"))
    with prod.connect(Role.OWNER) as blocker:
        # Writers of predictions wait for this lock, so the task is in the middle of its COPY when it dies.
        blocker.execute("LOCK TABLE nightjar_store.predictions_churn_risk IN SHARE ROW EXCLUSIVE MODE")
        _wait_for(lambda: _blocked_writers(prod))
        for victim in _wait_for(lambda: _task_processes(api, "score_nightly__churn_risk", run_id, "score_shard")):
            victim.send_signal(signal.SIGKILL)
        look()
    while api.run("score_nightly__churn_risk", run_id)["state"] not in TERMINAL_STATES:
        look()
        time.sleep(0.1)
    look()
    assert api.run("score_nightly__churn_risk", run_id)["state"] == "success"
    tries = [
        task["try_number"]
        for task in api.task_instances("score_nightly__churn_risk", run_id)
        if task["task_id"] == "score_shard"
    ]
    assert max(tries) > 1
    assert {night for night, _ in shown} == {date(2017, 12, 2), date(2017, 12, 3)}
    assert len(shown) == 2
    with prod.connect(Role.SCORER) as connection:
        commit = connection.execute(
            "SELECT population, scored, rows, quarantined FROM nightjar.commit "
            "WHERE use_case = 'churn_risk' AND as_of = '2017-12-03' AND state = 'published'"
        ).fetchone()
    assert commit is not None
    assert commit["population"] == commit["scored"] == commit["rows"]
    assert (date(2017, 12, 3), commit["rows"]) in shown


def test_a_database_that_is_away_is_waited_for(finished: LocalSystem) -> None:
    api, dag_id = finished.api, "score_nightly__customer_segments"
    data_folder = home() / "postgres" / "prod"
    assert stop_server(data_folder)
    try:
        run_id = api.trigger(dag_id, None, {"as_of": "2017-12-02"})
        _wait_for(lambda: any(task["state"] == "up_for_retry" for task in api.task_instances(dag_id, run_id)))
    finally:
        start_server(data_folder, "nightjar")
    assert api.wait(dag_id, run_id) == "success"


def test_analyst_reads_predictions_and_nothing_else(finished: LocalSystem) -> None:
    prod = finished.databases["prod"]
    with psycopg.connect(prod.conninfo, user=Role.ANALYST.value, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM predictions.product_recommendations").fetchone()
        assert row is not None
        assert row[0] > 0
        for query in (
            "SELECT * FROM nightjar.model_version",
            "SELECT * FROM nightjar_store.predictions_churn_risk",
            "SELECT * FROM retail.transactions",
            "DELETE FROM predictions.churn_risk_history",
            "CREATE TABLE predictions.mine (id integer)",
            "SET ROLE nightjar_scorer",
        ):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                connection.execute(query)


def test_command_line_finds_the_local_servers_by_itself(finished: LocalSystem) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("NIGHTJAR_DEV_URL", "NIGHTJAR_PROD_URL")
    }
    answer = subprocess.run(
        [str(PROJECT_ROOT / ".venv" / "bin" / "nightjar"), "predictions", "log", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"use_case": "churn_risk"' in answer.stdout


def test_airflow_processes_are_the_ones_that_were_started(finished: LocalSystem) -> None:
    assert [process.name for process in finished.state.processes] == ["api-server", "scheduler", "dag-processor"]
    assert all(map(is_running, finished.state.processes))


def _task_processes(api: AirflowApi, dag_id: str, run_id: str, task_id: str) -> list[psutil.Process]:
    """Return the processes that run a task now."""
    return [
        psutil.Process(task["pid"])
        for task in api.task_instances(dag_id, run_id)
        if task["task_id"] == task_id and task["state"] == "running" and task["pid"]
    ]


def _has_succeeded(api: AirflowApi, dag_id: str, run_id: str, task_id: str) -> bool:
    return any(task["task_id"] == task_id and task["state"] == "success" for task in api.task_instances(dag_id, run_id))


def _blocked_writers(prod: Database) -> bool:
    with prod.connect(Role.OWNER) as connection:
        row = connection.execute(
            "SELECT count(*) AS waiting FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'"
        ).fetchone()
    assert row is not None
    return bool(row["waiting"])


def _wait_for(condition: Callable[[], T]) -> T:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not reached within {WAIT_SECONDS} s")
