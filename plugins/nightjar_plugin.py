"""Puts the console into the Airflow UI, in the navigation and on each DAG, and Data Docs on the tasks of gates."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

_PATH = "nightjar"


async def console(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the console. Made at the first request: every task loads plugins and needs none of it."""
    await _console_app()(scope, receive, send)


@cache
def _console_app() -> FastAPI:
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import requires_access_view
    from fastapi import Depends

    from nightjar.console import create_app
    from nightjar.orchestration.connections import nightjar_database
    from nightjar.settings import Environment

    return create_app(
        open_dev=lambda: nightjar_database(Environment.DEV),
        open_prod=lambda: nightjar_database(Environment.PROD),
        # Airflow leaves a plugin's routes open to everyone unless they ask.
        guard=[Depends(requires_access_view(AccessView.PLUGINS))],
    )


# Addresses are relative to the path that Airflow is served at.
_VIEWS = [
    {
        "name": "Nightjar",
        "href": f"{_PATH}/",
        "destination": "nav",
        "url_route": "nightjar",
        "nav_top_level": True,
    },
    {
        "name": "Nightjar",
        "href": f"{_PATH}/?dag_id={{DAG_ID}}",
        "destination": "dag",
        "url_route": "nightjar-use-case",
    },
]
_APPS = [{"name": "Nightjar console", "app": console, "url_prefix": f"/{_PATH}"}]


# The tasks that evaluate a gate: the database that it is evaluated in, and the gate.
_GATES = {
    ("snapshot_training_data", "check_sources"): ("dev", "sources"),
    ("score_nightly", "build_features"): ("prod", "sources"),
    ("score_nightly", "gate_features"): ("prod", "features"),
    ("score_nightly", "gate_predictions"): ("prod", "predictions"),
}


class DataDocsLink(BaseOperatorLink):
    """Leads from a task to the page that its gate wrote; on other tasks the UI shows no link."""

    name = "Data Docs"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """Return the path of the console's route that leads on, "" where the task evaluates no gate."""
        job, _, use_case = ti_key.dag_id.partition("__")
        gate = _GATES.get((job, ti_key.task_id))
        if gate is None:
            return ""
        root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        asked = {"environment": gate[0], "use_case": use_case, "gate": gate[1], "run_id": ti_key.run_id}
        return f"{root}/{_PATH}/data-docs/run?{urlencode(asked)}"


class NightjarPlugin(AirflowPlugin):
    """The console's routes, where the UI shows them, and the links to Data Docs."""

    name = "nightjar"
    fastapi_apps = _APPS
    external_views = _VIEWS
    global_operator_extra_links = [DataDocsLink()]  # noqa: RUF012
