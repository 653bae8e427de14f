"""The link from a task to the Data Docs of its gate."""

import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from nightjar.settings import PROJECT_ROOT
from nightjar.usecases import declared_use_cases

RUN = "scheduled__2017-12-01T00:00:00+00:00"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, dags: dict[str, Any]) -> Any:
    """The plugin as Airflow loads it."""
    monkeypatch.setattr(sys, "path", [str(PROJECT_ROOT / "plugins"), *sys.path])
    import nightjar_plugin

    return nightjar_plugin


def link_of(plugin: Any, dag_id: str, task_id: str) -> str:
    from airflow.models.taskinstancekey import TaskInstanceKey

    [link] = plugin.NightjarPlugin.global_operator_extra_links
    found: str = link.get_link(None, ti_key=TaskInstanceKey(dag_id, task_id, RUN))
    return found


def test_every_task_of_a_gate_leads_to_its_page(plugin: Any, dags: dict[str, Any]) -> None:
    for use_case in declared_use_cases():
        for (job, task_id), (environment, gate) in plugin._GATES.items():
            assert dags[f"{job}__{use_case}"].has_task(task_id)
            address = urlsplit(link_of(plugin, f"{job}__{use_case}", task_id))
            assert address.path == "/nightjar/data-docs/run"
            assert parse_qs(address.query) == {
                "environment": [environment], "use_case": [use_case], "gate": [gate], "run_id": [RUN]
            }  # fmt: skip


def test_other_tasks_have_no_link(plugin: Any) -> None:
    assert link_of(plugin, "score_nightly__churn_risk", "publish") == ""
    assert link_of(plugin, "someone_elses", "gate_features") == ""


def test_link_keeps_the_path_that_airflow_is_served_at(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://jobs.example.org/airflow/")

    assert link_of(plugin, "score_nightly__churn_risk", "gate_features").startswith("/airflow/nightjar/data-docs/run?")
