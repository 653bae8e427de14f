"""The demo's workflow, run by the real scheduler: snapshot, retrain, approve, score three nights."""

import time
from datetime import date, timedelta
from typing import Any

from nightjar.demo.airflow_api import TERMINAL_STATES, AirflowApi
from nightjar.demo.progress import Progress
from nightjar.errors import DemoError

FIRST_NIGHT = date(2017, 12, 1)
NIGHTS = 3
TRAINING_WORKFLOWS = ("snapshot_training_data", "retrain_models", "promote_models")
POLL_SECONDS = 1.0
STAGE_TIMEOUT_SECONDS = 900


class Workflow:
    """Drives the DAGs of some use cases; what an earlier run has done is not done again."""

    def __init__(self, api: AirflowApi, use_cases: list[str], progress: Progress, nights: int = NIGHTS) -> None:
        self._api = api
        self._use_cases = use_cases
        self._progress = progress
        self._nights = nights

    def run(self) -> None:
        """Run all stages.

        Raises:
            DemoError: a run failed; the message says which task, why, and where to look.
        """
        first = FIRST_NIGHT.isoformat()
        with self._progress.stage("training data frozen, models trained, approved and carried to production"):
            for use_case in self._use_cases:
                self._start(f"snapshot_training_data__{use_case}", first)
                self._restart_failed(use_case, first)
            self._wait_for_champions(first)
        for number in range(self._nights):
            night = FIRST_NIGHT + timedelta(days=number)
            with self._progress.stage(f"night as of {night}: every household scored, predictions published"):
                if number:
                    self._complete("load_retail", (night - timedelta(days=1)).isoformat())
                runs = [
                    (f"score_nightly__{use_case}", self._start(f"score_nightly__{use_case}", night.isoformat()))
                    for use_case in self._use_cases
                ]
                for dag_id, run_id in runs:
                    self._wait(dag_id, run_id)

    def _wait_for_champions(self, key: str) -> None:
        """Approve each promotion as it asks, until every use case's promotion is through."""
        deadline = time.monotonic() + STAGE_TIMEOUT_SECONDS
        # A use case's next workflow starts by itself when one is through: only the one that it is at is looked at.
        ahead = {use_case: list(TRAINING_WORKFLOWS) for use_case in self._use_cases}
        while time.monotonic() < deadline:
            for use_case, workflows in ahead.items():
                while workflows and self._is_through(f"{workflows[0]}__{use_case}", key):
                    del workflows[0]
            if not any(ahead.values()):
                return
            self._approve_waiting()
            time.sleep(POLL_SECONDS)
        raise DemoError(f"The models were not in production within {STAGE_TIMEOUT_SECONDS} s: see {self._api.address}.")

    def _approve_waiting(self) -> None:
        for waiting in self._api.waiting_approvals():
            task = waiting["task_instance"]
            if not task["dag_id"].startswith("promote_models__") or task["state"] != "awaiting_input":
                continue
            self._progress.say(f"approving: {waiting['subject']}")
            self._api.answer(waiting, "Approve", "as part of the demo")

    def _restart_failed(self, use_case: str, key: str) -> None:
        """Run again what an earlier demo left failed; what follows from it starts by itself."""
        for workflow in TRAINING_WORKFLOWS[1:]:
            dag_id = f"{workflow}__{use_case}"
            runs = self._runs_of(dag_id, key)
            if runs and all(run["state"] == "failed" for run in runs):
                self._api.trigger(dag_id, runs[0]["partition_key"])
                return

    def _runs_of(self, dag_id: str, key: str) -> list[dict[str, Any]]:
        # A promotion's key is the model, so any run of it counts.
        return [
            run
            for run in self._api.runs(dag_id)
            if dag_id.startswith("promote_models__") or run["partition_key"] == key
        ]

    def _is_through(self, dag_id: str, key: str) -> bool:
        of_key = self._runs_of(dag_id, key)
        if any(run["state"] == "success" for run in of_key):
            self._progress.say(f"{dag_id}: success")
            return True
        if of_key and of_key[0]["state"] == "failed":
            self._fail(dag_id, of_key[0]["dag_run_id"])
        return False

    def _complete(self, dag_id: str, key: str) -> None:
        self._wait(dag_id, self._start(dag_id, key))

    def _start(self, dag_id: str, key: str) -> str:
        """Return the run of a key: one that succeeded or is under way, else a new one."""
        for run in self._api.runs(dag_id):
            if run["partition_key"] == key and run["state"] != "failed":
                return str(run["dag_run_id"])
        return self._api.trigger(dag_id, key)

    def _wait(self, dag_id: str, run_id: str) -> None:
        before = self._api.run(dag_id, run_id)["state"]
        state = self._api.wait(dag_id, run_id, STAGE_TIMEOUT_SECONDS)
        if state != "success":
            self._fail(dag_id, run_id)
        if before not in TERMINAL_STATES:
            self._progress.say(f"{dag_id}: success")

    def _fail(self, dag_id: str, run_id: str) -> None:
        failed = [task for task in self._api.task_instances(dag_id, run_id) if task["state"] == "failed"]
        reason = ""
        if failed:
            messages = [line for line in self._api.task_log(dag_id, run_id, failed[0]) if line]
            reason = f" in its task {failed[0]['task_id']}: {' / '.join(messages[-3:])}"
        raise DemoError(
            f"{dag_id} failed{reason}. Its log is at {self._api.run_address(dag_id, run_id)}. Mend the cause, then run "
            "'make demo' again: what is done stays done."
        )
