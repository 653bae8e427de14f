"""Puts the console into the Airflow UI: in the navigation, and as a tab on each DAG."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

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


class NightjarPlugin(AirflowPlugin):
    """The console's routes, and where the UI shows them."""

    name = "nightjar"
    fastapi_apps = _APPS
    external_views = _VIEWS
