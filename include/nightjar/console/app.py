"""The console: one page and the same facts as JSON, read from both databases at each request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response
from fastapi.params import Depends
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from nightjar.console.data_docs import data_docs_routes
from nightjar.console.state import UseCaseState, only_of_dag, read_state
from nightjar.errors import NightjarError
from nightjar.storage import Database

# The facts change under the reader, and a shared cache would hand them to someone the guard refuses.
_NOT_KEPT = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Overview:
    """Body of the JSON route."""

    use_cases: list[UseCaseState]


def create_app(
    open_dev: Callable[[], Database],
    open_prod: Callable[[], Database],
    guard: Sequence[Depends] = (),
) -> FastAPI:
    """Return the console; every route depends on `guard`.

    The functions that open the databases are called at each request. A NightjarError that they or the
    queries raise is answered with its message and status 503.
    """
    # FastAPI leaves the routes of its own documentation outside `dependencies`, that is unguarded.
    app = FastAPI(title="Nightjar", dependencies=guard, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    def page(dag_id: str | None = None) -> HTMLResponse:
        """Show every use case, or only the one that a DAG belongs to."""
        try:
            states = read_state(open_dev(), open_prod())
        except NightjarError as error:
            return _html([], error=str(error), status=503)
        return _html(only_of_dag(states, dag_id) if dag_id else states)

    @app.get("/api/overview")
    def api_overview(response: Response) -> Overview:
        """Return the facts of the page."""
        response.headers.update(_NOT_KEPT)
        return Overview(read_state(open_dev(), open_prod()))

    app.include_router(data_docs_routes(open_dev, open_prod, _TEMPLATES))

    @app.exception_handler(NightjarError)
    def refuse(_request: Request, error: NightjarError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=503, headers=_NOT_KEPT)

    return app


def _html(states: list[UseCaseState], error: str | None = None, status: int = 200) -> HTMLResponse:
    body = _TEMPLATES.get_template("overview.html").render(use_cases=states, error=error, loaded=datetime.now(UTC))
    return HTMLResponse(body, status_code=status, headers=_NOT_KEPT)


def _in_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _count(number: int) -> str:
    return f"{number:,}"


def _score(number: float) -> str:
    return f"{number:,.4g}"


def _templates() -> Environment:
    # StrictUndefined: a renamed field fails the tests instead of leaving a gap on the page.
    templates = Environment(
        loader=PackageLoader("nightjar.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"in_utc": _in_utc, "duration": _duration, "count": _count, "score": _score}
    return templates


_TEMPLATES = _templates()
