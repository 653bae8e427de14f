"""Readers see the rows of tenants that they are granted, however they ask; the platform sees all."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from nightjar.errors import NightjarError, RoleNotFoundError, ScoringError, TenantError
from nightjar.scoring import check_night, create_prediction_tables, publish
from nightjar.scoring.reasons import explain_prediction
from nightjar.scoring.tenants import grant_tenant, revoke_tenant, tenant_grants
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from tests.builders import log_in, shared_database
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.night_builders import (
    CUSTOMERS,
    EARLIER_NIGHT,
    FEATURES_SQL,
    NIGHT,
    open_shop,
    published_night,
    register_model,
    rows,
    scored_night,
    shop_use_case,
)

# Customers by their number: two stores, and a few that belong to none.
STORE = "CASE WHEN customer_id % 10 = 0 THEN NULL ELSE 7 + customer_id % 2 END AS store"
NORTH = {customer for customer in range(1, CUSTOMERS + 1) if customer % 10 and customer % 2 == 0}
SOUTH = {customer for customer in range(1, CUSTOMERS + 1) if customer % 10 and customer % 2 == 1}
EVERYBODY = set(range(1, CUSTOMERS + 1))
PAIRS_SQL = shop_use_case(Kind.RECOMMENDER).features_sql
REASONS_SQL = "SELECT customer_id, product_id, store::text AS reason FROM features"


def with_store(kind: Kind, store: str = STORE, features: str = FEATURES_SQL, **changes: Any) -> UseCase:
    features_sql = features.replace("days_since_last,", f"days_since_last, {store},")
    return shop_use_case(kind, features_sql=features_sql, tenant="store", **changes)


RISK, SEGMENTS = with_store(Kind.CLASSIFICATION), with_store(Kind.SEGMENTATION)
OFFERS = with_store(Kind.RECOMMENDER, features=PAIRS_SQL, reasons_sql=REASONS_SQL)
OPEN = shop_use_case(Kind.REGRESSION)
LOGINS = ("north", "south", "head_office", "stranger")


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """Two nights of each use case, and logins with different grants."""
    with shared_database(servers["prod"], "tenants") as made:
        open_shop(made)
        for use_case in (RISK, SEGMENTS, OFFERS, OPEN):
            register_model(made, use_case)
            for night in (EARLIER_NIGHT, NIGHT):
                published_night(made, use_case, night)
        with made.connect() as connection:
            for name in LOGINS:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
                connection.execute(sql.SQL("GRANT nightjar_analyst TO {}").format(sql.Identifier(name)))
            connection.execute("CREATE ROLE north_service LOGIN IN ROLE nightjar_service")
        for name in ("north", "north_service"):
            grant(made, name, "7")
        grant(made, "south", "8")
        grant(made, "head_office", None)
        # A grant that its role was dropped after.
        with made.connect(Role.OWNER) as connection:
            connection.execute("INSERT INTO nightjar.tenant_grant VALUES ('role that never was', %s, '7')", [RISK.name])
        yield made
        with made.connect() as connection:
            connection.execute("DROP OWNED BY north, south, head_office, stranger, north_service")
            connection.execute("DROP ROLE north, south, head_office, stranger, north_service")


def grant(database: Database, role: str, tenant: str | None) -> None:
    for use_case in (RISK, SEGMENTS, OFFERS):
        assert grant_tenant(database, use_case, role, tenant)


def customers(database: Database, view: str, login: str | None = None) -> set[int]:
    reader = log_in(database, login) if login else database
    query = sql.SQL("SELECT customer_id FROM {}").format(sql.Identifier("predictions", view))
    with reader.connect(None if login else Role.SCORER) as connection:
        return {row["customer_id"] for row in connection.execute(query)}


@pytest.mark.parametrize("suffix", ["", "_history"])
@pytest.mark.parametrize("use_case", [RISK, SEGMENTS, OFFERS], ids=lambda use_case: use_case.kind.value)
def test_each_login_sees_its_tenant(database: Database, use_case: UseCase, suffix: str) -> None:
    view = use_case.name + suffix

    assert customers(database, view, "north") == NORTH
    assert customers(database, view, "south") == SOUTH
    assert customers(database, view, "head_office") == EVERYBODY
    assert customers(database, view, "stranger") == set()
    assert customers(database, view, Role.ANALYST) == set()
    assert customers(database, view) == EVERYBODY, "the scorer sees all"


def test_a_grant_is_given_once_and_taken_back(database: Database) -> None:
    assert grant_tenant(database, RISK, "stranger", "8")
    assert not grant_tenant(database, RISK, "stranger", "8")
    assert customers(database, RISK.name, "stranger") == SOUTH
    assert ("stranger", RISK.name, "8") in [
        (found.role, found.use_case, found.tenant) for found in tenant_grants(database)
    ]

    revoke_tenant(database, RISK, "stranger", "8")

    assert customers(database, RISK.name, "stranger") == set()


@pytest.mark.parametrize(
    ("use_case", "role", "tenant", "error", "told"),
    [
        (OPEN, "north", "7", TenantError, "shop_regression declares no tenant, everybody who reads it sees all"),
        (RISK, "nobody", "7", RoleNotFoundError, "The server has no role 'nobody': create it"),
        (RISK, "north", "", TenantError, "The tenant is empty: give a value of store"),
    ],
)
def test_a_wrong_grant_is_refused(
    database: Database, use_case: UseCase, role: str, tenant: str, error: type[NightjarError], told: str
) -> None:
    with pytest.raises(error, match=told):
        grant_tenant(database, use_case, role, tenant)


def test_what_is_not_granted_cannot_be_taken_back(database: Database) -> None:
    with pytest.raises(TenantError, match=r"north is not granted tenant 8 of shop_classification\. Granted: 7\."):
        revoke_tenant(database, RISK, "north", "8")
    with pytest.raises(TenantError, match=r"stranger is not granted every tenant of .* Granted: none"):
        revoke_tenant(database, RISK, "stranger", None)


def test_the_command_grants_lists_and_revokes(
    database: Database, run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_declaration(tmp_path / "declared", RISK)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    monkeypatch.setenv("NIGHTJAR_PROD_URL", database.conninfo)

    granted = run("tenants", "grant", "stranger", RISK.name, "8", "--json").json
    listed = run("tenants", "list", "--json").json
    run("tenants", "grant", "stranger", RISK.name, "--all")
    run("tenants", "revoke", "stranger", RISK.name, "8")
    run("tenants", "revoke", "stranger", RISK.name, "--all")

    assert granted == {"role": "stranger", "use_case": RISK.name, "tenant": "8", "new": True}
    assert [grant["tenant"] for grant in listed if grant["role"] == "stranger"] == ["8"]
    assert "stranger" not in run("tenants", "list").out
    for arguments in ((), ("8", "--all")):
        refused = run("tenants", "grant", "north", RISK.name, *arguments)
        assert refused.refusal == "Name one tenant, or give --all for every one."


def test_the_tenant_is_shown_and_is_no_feature(database: Database) -> None:
    found = rows(database, "SELECT DISTINCT store, reason FROM predictions.shop_recommender", role=Role.SCORER)
    signature = "SELECT jsonb_path_query_array(signature, '$.inputs.name') AS features FROM nightjar.model_version"
    [model] = rows(database, f"{signature} WHERE name = 'shop_classification'")

    assert {(row["store"], row["reason"]) for row in found} == {("7", "7"), ("8", "8"), (None, None)}
    assert model["features"] == ["days_since_last", "orders", "spend", "channel"]


def test_whoever_takes_on_a_role_reads_as_that_role(database: Database) -> None:
    with log_in(database, "north").connect() as connection:
        connection.execute("SET ROLE nightjar_analyst")
        assert connection.execute("SELECT FROM predictions.shop_classification").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE head_office")


def test_a_grant_to_the_group_is_one_to_its_members(database: Database) -> None:
    with database.connect(Role.OWNER) as connection:
        connection.execute("INSERT INTO nightjar.tenant_grant VALUES ('nightjar_analyst', %s, '8')", [RISK.name])
    assert customers(database, RISK.name, "stranger") == SOUTH
    assert customers(database, RISK.name, "north") == NORTH | SOUTH
    with database.connect(Role.OWNER) as connection:
        connection.execute("DELETE FROM nightjar.tenant_grant WHERE role_name = 'nightjar_analyst'")
    assert customers(database, RISK.name, "stranger") == set()


def test_aggregates_are_over_the_readers_own(database: Database) -> None:
    with log_in(database, "north").connect() as connection:
        [counted] = connection.execute(
            "SELECT count(*) AS rows, max(customer_id) AS last FROM predictions.shop_classification"
        ).fetchall()
        [moved] = connection.execute(
            "SELECT sum(households) AS households FROM predictions.segment_migrations WHERE as_of = %s", [NIGHT]
        ).fetchall()

    assert (counted["rows"], counted["last"]) == (len(NORTH), max(NORTH))
    assert moved["households"] == len(NORTH)


@pytest.mark.parametrize(
    "condition",
    [
        "pg_temp.tell(customer_id, probability)",
        "pg_temp.tell(customer_id, probability) AND store = '8'",
        "1 / (customer_id - 3) < 1000",
        "CASE WHEN store = '8' THEN pg_temp.tell(customer_id, probability) ELSE true END",
    ],
)
def test_conditions_that_tell_are_not_asked_of_hidden_rows(database: Database, condition: LiteralString) -> None:
    told: list[str] = []
    with log_in(database, "north").connect() as connection:
        connection.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        connection.execute(
            "CREATE FUNCTION pg_temp.tell(customer integer, probability float8) RETURNS boolean LANGUAGE plpgsql COST"
            " 0.0000001 AS $$ BEGIN RAISE NOTICE '%', customer; RETURN true; END $$"
        )
        # Customer 3 is of the other tenant: dividing by its distance to 3 fails where the row is looked at.
        found = connection.execute(
            sql.SQL("SELECT customer_id FROM predictions.shop_classification WHERE {}").format(sql.SQL(condition))
        ).fetchall()

    assert {row["customer_id"] for row in found} <= NORTH
    assert {int(line) for line in told} <= NORTH


def test_one_entity_is_still_found_by_its_key(database: Database) -> None:
    with log_in(database, "north").connect() as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT * FROM predictions.shop_classification WHERE customer_id = 4"
        ).fetchall()

    found = [line for row in plan if "customer_id = 4" in (line := row["QUERY PLAN"].strip())]
    # Of so few nights the server may also skip through those before the one shown.
    assert [line.split(": ")[0] for line in found] == ["Index Cond"] * 2


def test_a_service_looks_up_its_tenant_alone(database: Database) -> None:
    query: LiteralString = "SELECT customer_id FROM predictions.lookup_shop_classification(%s)"
    with log_in(database, "north_service").connect() as connection:
        assert connection.execute(query, [4]).fetchall() == [{"customer_id": 4}]
        assert connection.execute(query, [3]).fetchall() == []
        assert connection.execute(query, [10]).fetchall() == []


def test_readers_cannot_grant_themselves(database: Database) -> None:
    for statement in (
        "INSERT INTO nightjar.tenant_grant VALUES ('north', 'shop_classification', '8')",
        "SELECT * FROM nightjar.tenant_grant",
        "SELECT * FROM nightjar.readable_tenant",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), log_in(database, "north").connect() as connection:
            connection.execute(statement.encode())


def test_the_platform_still_sees_every_tenant(database: Database) -> None:
    commit = scored_night(database, RISK, date(2024, 3, 21))

    assert not check_night(database, RISK, commit).warnings
    assert explain_prediction(database, RISK, 3, as_of=NIGHT).predictions[0].prediction["store"] == "8"


def test_a_use_case_without_tenants_is_read_by_all(database: Database) -> None:
    assert customers(database, OPEN.name, "stranger") == EVERYBODY


@pytest.mark.parametrize(
    ("use_case", "message"),
    [
        (with_store(Kind.CLASSIFICATION, "1 AS shop", name="no_store"), "no column store, which is declared as tenant"),
        (with_store(Kind.RECOMMENDER, "product_id % 2 AS store", PAIRS_SQL, name="torn"), "several values .* store"),
        (
            with_store(Kind.RECOMMENDER, "nullif(product_id, 3) / 9 AS store", PAIRS_SQL, name="half"),
            "several values of the tenant store",
        ),
    ],
    ids=["none", "several", "some"],
)
def test_a_night_without_clear_tenants_is_refused(database: Database, use_case: UseCase, message: str) -> None:
    register_model(database, use_case)
    commit = scored_night(database, use_case)

    with pytest.raises(ScoringError, match=message):
        publish(database, use_case, commit)

    assert customers(database, use_case.name) == set()


def test_nights_before_the_declaration_belong_to_no_tenant(database: Database) -> None:
    early = shop_use_case(name="late_tenant")
    late = with_store(Kind.CLASSIFICATION, name="late_tenant")
    register_model(database, early)
    published_night(database, early)
    assert len(customers(database, "late_tenant", "north")) == CUSTOMERS

    create_prediction_tables(database, [late])

    assert customers(database, "late_tenant", "north") == set()
    assert customers(database, "late_tenant") == EVERYBODY
