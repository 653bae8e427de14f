"""The service role looks up single entities by function; it reads no view, and nothing behind them."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from nightjar.scoring import revert
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, declared_use_cases
from tests.builders import log_in, shared_database
from tests.night_builders import (
    EARLIER_NIGHT,
    NIGHT,
    open_shop,
    published_night,
    register_model,
    scored_night,
    shop_use_case,
    shown,
)

KINDS = [Kind.CLASSIFICATION, Kind.SEGMENTATION, Kind.RECOMMENDER]
SHOP = shop_use_case()


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """Two published nights of each kind, and one that is not published."""
    with shared_database(servers["prod"], "lookups") as made:
        open_shop(made)
        for kind in KINDS:
            register_model(made, shop_use_case(kind))
            published_night(made, shop_use_case(kind), EARLIER_NIGHT)
            published_night(made, shop_use_case(kind))
        scored_night(made, SHOP, NIGHT, "again")
        yield made


@pytest.fixture(scope="module")
def service(database: Database) -> Database:
    """The database as a service reaches it."""
    return log_in(database, Role.SERVICE)


def look_up(service: Database, kind: Kind, key: int | None) -> list[Any]:
    function = sql.Identifier("predictions", f"lookup_shop_{kind.value}")
    with service.connect() as connection:
        return connection.execute(sql.SQL("SELECT * FROM {}(%s)").format(function), [key]).fetchall()


@pytest.mark.parametrize("kind", KINDS)
def test_a_lookup_is_what_the_view_shows_of_one_entity(database: Database, service: Database, kind: Kind) -> None:
    expected = [row for row in shown(database, shop_use_case(kind)) if row["customer_id"] == 7]

    found = look_up(service, kind, 7)

    assert expected
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert {row["as_of"] for row in found} == {NIGHT}


@pytest.mark.parametrize("key", [0, -1, 999_999, None])
def test_whom_nobody_knows_gives_no_row(service: Database, key: int | None) -> None:
    assert look_up(service, Kind.CLASSIFICATION, key) == []


def test_no_search_path_of_a_caller_bends_a_lookup(database: Database, service: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE SCHEMA bent GRANT USAGE ON SCHEMA bent TO nightjar_service")
        connection.execute("CREATE FUNCTION bent.always(integer, integer) RETURNS boolean RETURN true")
        connection.execute("CREATE OPERATOR bent.= (FUNCTION = bent.always, LEFTARG = integer, RIGHTARG = integer)")
    with service.connect() as connection:
        connection.execute("SET search_path = bent, pg_catalog")
        assert connection.execute("SELECT 1 = 2 AS bent").fetchall() == [{"bent": True}]
        found = connection.execute("SELECT customer_id FROM predictions.lookup_shop_classification(7)").fetchall()

    assert found == [{"customer_id": 7}]


def test_a_lookup_follows_the_publication(database: Database, service: Database) -> None:
    with service.autocommit() as connection:
        # Often enough for a plan that is kept.
        nights = [
            connection.execute("SELECT as_of FROM predictions.lookup_shop_classification(7)").fetchall()
            for _ in range(10)
        ]
        revert(database, SHOP, reason="wrong prices", actor="ada")
        after = connection.execute("SELECT as_of FROM predictions.lookup_shop_classification(7)").fetchall()

    assert nights == [[{"as_of": NIGHT}]] * 10
    assert after == [{"as_of": EARLIER_NIGHT}]


def test_a_service_reads_no_relation(database: Database, service: Database) -> None:
    with database.connect() as connection:
        relations = connection.execute(
            "SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname IN ('nightjar', 'nightjar_store', 'snapshots', 'predictions', 'retail', 'shop')"
            " AND relkind IN ('r', 'v', 'm', 'p')"
        ).fetchall()
    names = {row["name"] for row in relations}
    assert {"shop_classification_history", "predictions_shop_classification", "model_version", "orders"} <= names
    assert any(name.startswith("features_") for name in names)

    with service.autocommit() as connection:
        for row in relations:
            query = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(row["schema"], row["name"]))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(query)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVICE])
def test_a_service_takes_no_other_role(service: Database, role: Role) -> None:
    with service.autocommit() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role.value)))


def test_only_services_look_up(database: Database) -> None:
    with log_in(database, Role.ANALYST).connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM predictions.lookup_shop_classification(7)")


def test_every_use_case_has_its_function(database: Database) -> None:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT proname AS name, prosecdef AND proowner = 'nightjar_owner'::regrole AS definer FROM pg_proc"
            " WHERE pronamespace = 'predictions'::regnamespace"
        ).fetchall()

    assert {f"lookup_{name}" for name in declared_use_cases()} <= {row["name"] for row in found}
    assert all(row["definer"] for row in found)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA trap",
        "CREATE TABLE public.trap (a integer)",
        "CREATE FUNCTION predictions.trap() RETURNS integer LANGUAGE sql RETURN 1",
    ],
)
def test_a_service_creates_nothing(service: Database, statement: LiteralString) -> None:
    with service.autocommit() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_path_of_the_caller_does_not_bend_a_lookup(service: Database) -> None:
    with service.autocommit() as connection:
        connection.execute("CREATE TEMPORARY TABLE publication AS SELECT 'shop_classification' AS use_case")
        connection.execute("CREATE FUNCTION pg_temp.trap(integer, integer) RETURNS boolean LANGUAGE sql RETURN true")
        connection.execute("CREATE OPERATOR pg_temp.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_temp.trap)")
        connection.execute("SET search_path = pg_temp, pg_catalog")
        found = connection.execute("SELECT customer_id FROM predictions.lookup_shop_classification(7)").fetchall()

    assert found == [{"customer_id": 7}]
