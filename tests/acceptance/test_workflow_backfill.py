"""Past nights through Airflow's own backfill."""

import json
import os
import subprocess
import sys
import time
from datetime import date
from typing import Any

from nightjar.demo.airflow_api import TERMINAL_STATES
from nightjar.demo.airflow_processes import airflow_environment
from nightjar.storage import Role
from tests.acceptance.conftest import NIGHTS, LocalSystem

USE_CASE = "spend_forecast"
DAG = f"score_nightly__{USE_CASE}"
PAST = [date(2017, 11, 28), date(2017, 11, 29), date(2017, 11, 30)]
WAIT_SECONDS = 180


def backfill(system: LocalSystem, first: date, last: date, conf: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Run a backfill to its end, and return its runs by partition key."""
    before = {run["dag_run_id"] for run in system.api.runs(DAG)}
    subprocess.run(
        [sys.executable, "-m", "airflow", "backfill", "create", "--dag-id", DAG, "--from-date", first.isoformat(),
         # Each partition is dated by its cron, two o'clock: the last one is after the beginning of its day.
         "--to-date", f"{last}T23:59", "--max-active-runs", "1", "--dag-run-conf", json.dumps(conf)],
        env=os.environ | airflow_environment(system.state), check=True, capture_output=True,
    )  # fmt: skip
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        runs = [run for run in system.api.runs(DAG) if run["dag_run_id"] not in before]
        if len(runs) == (last - first).days + 1 and all(run["state"] in TERMINAL_STATES for run in runs):
            return {run["partition_key"]: run for run in runs}
        time.sleep(0.5)
    raise AssertionError(f"the backfill did not end within {WAIT_SECONDS} s")


def test_a_backfill_scores_past_nights_into_the_history(finished: LocalSystem) -> None:
    conf = {"model_of": "today"}
    runs = backfill(finished, PAST[0], PAST[-1], conf)

    assert [run["conf"] for run in runs.values()] == [conf] * len(PAST)
    assert {key: run["state"] for key, run in runs.items()} == {night.isoformat(): "success" for night in PAST}
    with finished.databases["prod"].connect(Role.ANALYST) as connection:
        shown = {row["as_of"] for row in connection.execute(f"SELECT as_of FROM predictions.{USE_CASE}")}
        history = {
            row["as_of"]: (row["rows"], row["model"])
            for row in connection.execute(
                f"SELECT as_of, count(*) AS rows, min(model) AS model FROM predictions.{USE_CASE}_history GROUP BY 1"
            )
        }
    assert not shown & set(PAST)
    assert history.keys() >= {*PAST, *NIGHTS}
    assert {history[night][1] for night in PAST} == {f"{USE_CASE}@1"}
    # Households come in day by day, and none goes: each night knew what was known then.
    counts = [history[night][0] for night in (*PAST, NIGHTS[0])]
    assert counts == sorted(counts)
    assert counts[0] > 0


def test_the_model_of_then_scores_nights_from_its_date_on(finished: LocalSystem) -> None:
    api = finished.api
    early, scored = (
        api.trigger(DAG, None, {"as_of": night, "model_of": "then"}) for night in ("2017-11-27", "2017-12-01")
    )

    assert api.wait(DAG, scored) == "success"
    assert api.wait(DAG, early) == "failed"
    task = next(task for task in api.task_instances(DAG, early) if task["task_id"] == "build_features")
    assert task["try_number"] == 1
    assert f"No champion of {USE_CASE} was trained as of 2017-11-27 or before" in " ".join(
        api.task_log(DAG, early, task)
    )
