"""The console without databases: guards, refusals, and what the page says."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NoReturn

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from nightjar.console import app as console
from nightjar.console.state import DagLink, UseCaseState
from nightjar.errors import DatabaseUnavailableError
from nightjar.monitoring.overview import Challenger, Champion, CommitRow, Freshness
from nightjar.storage import Database

MESSAGE = "The prod database at <host>:5432/nightjar does not answer: start it, or correct its URL."
NIGHT = datetime(2017, 11, 30, 2, 0, 45, tzinfo=UTC)


def unavailable() -> NoReturn:
    raise DatabaseUnavailableError(MESSAGE)


def never_asked() -> Database:
    return Database("dev", "")


def churn_risk() -> UseCaseState:
    return UseCaseState(
        name="churn_risk",
        title="Churn risk",
        description="Who stops buying.",
        kind="classification",
        owner="crm",
        metric="roc_auc",
        champion=Champion(
            "churn_risk", "churn_risk@1", "logistic_regression", {"roc_auc": 0.81234}, NIGHT, "anna", "<b>gain</b>"
        ),
        freshness=Freshness(
            "churn_risk",
            date(2017, 11, 29),
            NIGHT,
            "churn_risk@1",
            12311,
            8,
            True,
            "the gate on the features as of 2017-11-30 failed",
        ),
        challenger=Challenger(
            use_case="churn_risk",
            model="churn_risk@2",
            algorithm="ridge",
            as_of=date(2017, 11, 1),
            created=NIGHT,
            test_scores={"roc_auc": 0.7},
            passed=False,
            reasons=["gain is below 0"],
            metric="roc_auc",
            model_score=0.7,
            champion="churn_risk@1",
            champion_score=0.8,
            gain_low=-0.2,
            gain_high=-0.1,
            decided=NIGHT,
        ),
        commits=[
            CommitRow(7, "churn_risk", date(2017, 11, 30), "abandoned", "churn_risk@1", 0, 0, NIGHT, None, None),
            CommitRow(6, "churn_risk", date(2017, 11, 29), "published", "churn_risk@1", 12311, 8, NIGHT, NIGHT, 75),
        ],
        dags=[DagLink("Score a night", "score_nightly__churn_risk", "../dags/score_nightly__churn_risk")],
    )


def empty_use_case() -> UseCaseState:
    dags = [DagLink("Score a night", "score_nightly__new", "../dags/score_nightly__new")]
    return UseCaseState("new", "New", "Nothing yet.", "regression", "crm", "mae", None, None, None, [], dags)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(console, "read_state", lambda *_: [churn_risk(), empty_use_case()])
    return TestClient(console.create_app(never_asked, never_asked))


@pytest.mark.parametrize(("open_dev", "open_prod"), [(unavailable, never_asked), (never_asked, unavailable)])
def test_unavailable_database_gives_its_message(
    open_dev: Callable[[], Database], open_prod: Callable[[], Database]
) -> None:
    client = TestClient(console.create_app(open_dev, open_prod), raise_server_exceptions=False)

    page, facts = client.get("/"), client.get("/api/overview")

    assert (page.status_code, facts.status_code) == (503, 503)
    assert MESSAGE.replace("<", "&lt;").replace(">", "&gt;") in page.text
    assert "Traceback" not in page.text
    assert facts.json() == {"error": MESSAGE}


def test_guard_protects_every_route() -> None:
    def refuse() -> NoReturn:
        raise HTTPException(401, "Not authenticated")

    app: FastAPI = console.create_app(unavailable, unavailable, [Depends(refuse)])
    paths = [route.path for route in app.routes if isinstance(route, APIRoute)]
    client = TestClient(app)

    assert len(paths) == len(app.routes), "only API routes carry the guard: no documentation, no mounts"
    assert {path: client.get(path).status_code for path in paths} == {
        "/": 401,
        "/api/overview": 401,
        "/data-docs/index.html": 401,
        "/data-docs/run": 401,
        "/data-docs/{environment}/{use_case}/{gate}/{as_of}/{name}.html": 401,
    }


def test_page_says_what_is_known(client: TestClient) -> None:
    page = client.get("/")

    assert page.status_code == 200
    for text in ("0.8123", "2017-11-30 02:00 UTC", "night of 2017-11-29", ">stale<", "12,311", "1 min 15 s"):
        assert text in page.text
    assert ">refused<" in page.text
    assert "gain is below 0" in page.text
    assert "No night has been published." in page.text


def test_page_escapes_what_people_wrote(client: TestClient) -> None:
    page = client.get("/").text

    assert "&lt;b&gt;gain&lt;/b&gt;" in page
    assert "<b>" not in page


def test_links_leave_the_frame(client: TestClient) -> None:
    assert '<a href="../dags/score_nightly__churn_risk" target="_top"' in client.get("/").text


@pytest.mark.parametrize(
    ("dag_id", "shown"),
    [("score_nightly__new", {"New"}), ("someone_elses_dag", {"New", "Churn risk"}), ("", {"New", "Churn risk"})],
)
def test_page_of_a_dag_shows_its_use_case(client: TestClient, dag_id: str, shown: set[str]) -> None:
    page = client.get("/", params={"dag_id": dag_id}).text

    assert {title for title in ("New", "Churn risk") if f">{title}</h2>" in page} == shown


def test_json_holds_the_facts(client: TestClient) -> None:
    response = client.get("/api/overview")

    first, second = response.json()["use_cases"]
    assert first["champion"]["model"] == "churn_risk@1"
    assert first["freshness"]["as_of"] == "2017-11-29"
    assert first["challenger"]["reasons"] == ["gain is below 0"]
    assert [commit["id"] for commit in first["commits"]] == [7, 6]
    assert second["champion"] is None
    assert response.headers["cache-control"] == "no-store"
