"""Serves the pages that quality gates wrote, lists them, and leads from a run to its page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment as Templates

from nightjar.monitoring.gates import GateResult, recent_results, result_of_run
from nightjar.settings import Environment, data_docs_folder
from nightjar.storage import Database

RESULTS_SHOWN = 200

# A page holds values of the data, and asks other servers for styles and scripts: it may do nothing in Airflow's name.
_ISOLATED = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline' https:; "
    "img-src https: data:; font-src https:",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class ListedResult:
    """A gate's result, the database it was in, and where its page is, relative to the list."""

    environment: str
    result: GateResult
    href: str | None


def data_docs_routes(
    open_dev: Callable[[], Database], open_prod: Callable[[], Database], templates: Templates
) -> APIRouter:
    """Return the routes; the functions that open the databases are called at each request."""
    databases: Mapping[Environment, Callable[[], Database]] = {Environment.DEV: open_dev, Environment.PROD: open_prod}
    router = APIRouter(prefix="/data-docs")

    def missing(message: str) -> HTMLResponse:
        body = templates.get_template("data_docs.html").render(results=[], message=message, loaded=datetime.now(UTC))
        return HTMLResponse(body, status_code=404, headers=_ISOLATED)

    @router.get("/index.html")
    def index() -> HTMLResponse:
        """List the newest results of all gates."""
        listed = [
            ListedResult(environment.value, result, result.docs if _is_there(result.docs) else None)
            for environment, open_database in databases.items()
            for result in recent_results(open_database(), RESULTS_SHOWN)
        ]
        listed.sort(key=lambda entry: entry.result.checked, reverse=True)
        body = templates.get_template("data_docs.html").render(results=listed, message=None, loaded=datetime.now(UTC))
        return HTMLResponse(body, headers=_ISOLATED)

    @router.get("/run")
    def of_run(environment: Environment, use_case: str, gate: str, run_id: str) -> Response:
        """Lead to the page of a run's gate."""
        result = result_of_run(databases[environment](), use_case, gate, run_id)
        if result is None:
            return missing(f"The gate on the {gate} of {use_case} was not evaluated in run {run_id}.")
        if result.docs is None or not _is_there(result.docs):
            return missing(f"The page of the {gate} of {use_case} as of {result.as_of} is not kept any more.")
        return RedirectResponse(result.docs, headers=_ISOLATED)

    @router.get("/{environment}/{use_case}/{gate}/{as_of}/{name}.html")
    def page(environment: str, use_case: str, gate: str, as_of: str, name: str) -> Response:
        """Return one page."""
        path = f"{environment}/{use_case}/{gate}/{as_of}/{name}.html"
        if not _is_there(path):
            return missing("This page is not kept any more.")
        return FileResponse(data_docs_folder() / path, media_type="text/html", headers=_ISOLATED)

    return router


def _is_there(path: str | None) -> bool:
    folder = data_docs_folder().resolve()
    if path is None:
        return False
    page = (folder / path).resolve()
    return page.is_relative_to(folder) and page.is_file()
