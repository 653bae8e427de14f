"""The pages that gates write: what they hold, where they are, how long they are kept, and how they are served."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from nightjar.console import create_app
from nightjar.errors import GateError
from nightjar.quality import Verdict, check_sources
from nightjar.storage import Database, Role
from nightjar.usecases.quality import Reference, Source
from tests.night_builders import NIGHT, expectation, open_shop, rows, shop_use_case

WEB = expectation("expect_column_values_to_be_in_set", column="channel", value_set=["web"])
POSITIVE = expectation("expect_column_values_to_be_between", column="amount", min_value=0)
LOST = Reference(column="product_id", table="shop.orders", to="customer_id")


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


@pytest.fixture
def client(dev_database: Database, prod_database: Database) -> TestClient:
    return TestClient(create_app(lambda: dev_database, lambda: prod_database), follow_redirects=False)


def check(database: Database, *sources: Source, run_id: str = "run") -> Verdict:
    orders = Source(table="shop.orders", date_column="ordered_on", expectations=(POSITIVE,), references=(LOST,))
    return check_sources(database, Role.SCORER, shop_use_case(sources=(orders, *sources)), NIGHT, run_id)


def page_of(verdict: Verdict, folder: Path) -> str:
    assert verdict.docs is not None
    return (folder / verdict.docs).read_text()


def test_page_holds_declared_and_own_checks_of_every_source(prod_database: Database, data_docs: Path) -> None:
    with prod_database.connect(Role.OWNER) as connection:
        connection.execute("CREATE TABLE shop.products AS SELECT 1 AS product_id")
        connection.execute("GRANT SELECT ON shop.products TO nightjar_scorer")
    rows_of = expectation("expect_table_row_count_to_equal", value=1)

    page = page_of(check(prod_database, Source(table="shop.products", expectations=(rows_of,))), data_docs)

    assert "shop_classification sources as of 2024-03-20 in prod" in page
    for text in ("shop.orders: amount", "values must be greater than or equal to", "Must have exactly"):
        assert text in page
    for check_name in ("expect_rows_up_to_the_date", "expect_volume_like_weeks_before", "expect_values_to_be_in_table"):
        assert check_name in page
    assert "shop.products: errors: 0, warnings: 0, skipped: 0" in page


def test_failed_gate_writes_a_page_and_records_where(
    prod_database: Database, data_docs: Path, client: TestClient
) -> None:
    broken = Source(table="shop.orders", expectations=(WEB,))
    with prod_database.connect(Role.OWNER) as connection:
        connection.execute("UPDATE shop.orders SET channel = '<script>alert(1)</script>' WHERE channel = 'store'")

    with pytest.raises(GateError):
        check(prod_database, broken, run_id="manual__2024-03-20T02:00:00+00:00")

    [result] = rows(prod_database, "SELECT docs FROM nightjar.gate_result")
    page = (data_docs / result["docs"]).read_text()
    assert "errors: 1, warnings: 0" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    asked = {
        "environment": "prod", "use_case": "shop_classification", "gate": "sources",
        "run_id": "manual__2024-03-20T02:00:00+00:00",
    }  # fmt: skip
    led = client.get("/data-docs/run", params=asked)
    assert led.status_code == 307
    served = client.get(f"/data-docs/{led.headers['location']}")
    assert served.text == page
    # It may run nothing, least of all in the name of who looks at it.
    assert served.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    listed = client.get("/data-docs/index.html").text
    assert f'href="{result["docs"]}"' in listed
    assert "failed (6 checks, errors: 1" in listed


def test_oldest_pages_are_forgotten(
    prod_database: Database, data_docs: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightjar.quality.data_docs.KEPT_PAGES", 2)

    first, *others = (check(prod_database, run_id=f"run {number}") for number in range(3))

    kept = {str(path.relative_to(data_docs)) for path in data_docs.rglob("*.html")}
    assert kept == {verdict.docs for verdict in others}
    asked = {"environment": "prod", "use_case": "shop_classification", "gate": "sources", "run_id": "run 0"}
    gone = client.get("/data-docs/run", params=asked)
    assert (gone.status_code, "is not kept any more" in gone.text) == (404, True)
    assert client.get(f"/data-docs/{first.docs}").status_code == 404
    assert client.get("/data-docs/index.html").text.count("not kept") == 1


def test_folder_that_cannot_be_written_stops_no_night(
    prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("NIGHTJAR_DATA_DOCS", str(file))

    assert check(prod_database).docs is None

    assert "Correct NIGHTJAR_DATA_DOCS" in caplog.text
    assert rows(prod_database, "SELECT docs FROM nightjar.gate_result") == [{"docs": None}]


def test_nothing_beside_the_pages_is_served(client: TestClient, data_docs: Path) -> None:
    data_docs.mkdir()
    (data_docs.parent / "secret.html").write_text("secret")
    (data_docs / "other.txt").write_text("other")

    for path in ("%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.html", "a/b/%2e%2e/%2e%2e%2f%2e%2e/secret.html", "other.txt"):
        assert client.get(f"/data-docs/{path}").status_code == 404
    unknown = {"environment": "prod", "use_case": "no_such", "gate": "sources", "run_id": "run"}
    assert client.get("/data-docs/run", params=unknown).status_code == 404
    assert client.get("/data-docs/run", params=unknown | {"environment": "moon"}).status_code == 422
