"""The part of Airflow's REST API that drives the workflow."""

import time
from typing import Any

import httpx

from nightjar.errors import DemoError

TERMINAL_STATES = frozenset({"success", "failed"})


class AirflowApi:
    """A logged-in client."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address = address
        self._client = httpx.Client(base_url=address, timeout=30)
        answer = self._client.post("/auth/token", json={"username": user, "password": password})
        if answer.status_code != httpx.codes.CREATED:
            raise DemoError(
                f"Airflow at {address} refuses the login ({answer.status_code}): run 'make down', then again."
            )
        self.token: str = answer.json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {self.token}"

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that Airflow knows."""
        return {dag["dag_id"] for dag in self._get("/api/v2/dags", limit=200)["dags"]}

    def import_errors(self) -> list[str]:
        """Return the DAG files that could not be read, with their errors."""
        errors = self._get("/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return a DAG's runs, newest first."""
        runs: list[dict[str, Any]] = self._get(f"/api/v2/dags/{dag_id}/dagRuns", order_by="-run_after", limit=100)[
            "dag_runs"
        ]
        return runs

    def trigger(self, dag_id: str, partition_key: str | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "partition_key": partition_key, "conf": conf or {}}
        run_id: str = self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the tasks of a run with their states."""
        found: list[dict[str, Any]] = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return found

    def task_log(self, dag_id: str, run_id: str, task: dict[str, Any]) -> list[str]:
        """Return the messages of the last try of a task."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        content = self._get(path, map_index=task["map_index"]).get("content", [])
        return [_message(line) for line in content]

    def waiting_approvals(self) -> list[dict[str, Any]]:
        """Return the tasks that wait for a person."""
        found: list[dict[str, Any]] = self._get(
            "/api/v2/dags/~/dagRuns/~/hitlDetails", response_received=False, limit=100
        )["hitl_details"]
        return found

    def answer(self, waiting: dict[str, Any], option: str, note: str) -> None:
        """Approve or reject what a task asks for; a request that has been answered meanwhile is left alone."""
        task = waiting["task_instance"]
        path = (
            f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails"
        )
        answer = self._client.patch(path, json={"chosen_options": [option], "params_input": {"note": note}})
        if answer.status_code not in (httpx.codes.OK, httpx.codes.CONFLICT, httpx.codes.NOT_FOUND):
            raise DemoError(f"Airflow refuses the answer to {task['dag_id']} ({answer.status_code}): {answer.text}")

    def wait(self, dag_id: str, run_id: str, timeout_seconds: float = 900) -> str:
        """Wait for the end of a run and return its state.

        Raises:
            DemoError: it takes too long.
        """
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            state: str = self.run(dag_id, run_id)["state"]
            if state in TERMINAL_STATES:
                return state
            time.sleep(0.5)
        raise DemoError(
            f"{dag_id} {run_id} did not end within {timeout_seconds:.0f} s: see {self.run_address(dag_id, run_id)}"
        )

    def run_address(self, dag_id: str, run_id: str) -> str:
        """Return where a run is shown in the UI."""
        return f"{self.address}/dags/{dag_id}/runs/{run_id}"

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        return self._request("GET", path, params=parameters)

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise DemoError(
                f"Airflow at {self.address} does not answer ({error}): see its logs, then run again."
            ) from error
        if answer.is_error:
            raise DemoError(f"Airflow refuses {method} {path} ({answer.status_code}): {answer.text[:500]}")
        content: dict[str, Any] = answer.json()
        return content


def _message(line: Any) -> str:
    if not isinstance(line, dict):
        return str(line)
    details = [part.get("exc_value", "") for part in line.get("error_detail", []) if isinstance(part, dict)]
    return " ".join([str(line.get("event", "")), *details]).strip()
