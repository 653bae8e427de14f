"""Reading snapshots as plain SQL: by granted roles, with filters that reach the stored rows, in good plans."""

import json
from typing import Any

import psycopg
import pytest
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Snapshot
from nightjar.snapshots.layout import NEVER_COPY
from nightjar.storage import Database, Role
from tests.builders import log_in

SHOPPERS = "SELECT i AS id, i % 10 AS shop, 'shopper ' || i AS label FROM generate_series(1, 5000) i"


@pytest.fixture
def child(dev_database: Database) -> Snapshot:
    """A snapshot of three layers, two of them with hidden rows."""
    snapshot = snapshots.create(dev_database, "shoppers", SHOPPERS, comment="All of them")
    for number in (1, 2):
        snapshot = snapshots.prepare(
            dev_database,
            snapshot.name,
            [f"UPDATE snapshot SET label = 'changed' WHERE id % 100 = {number} OR id % 200 = 1"],
            comment=f"Changed {number}",
            policy=NEVER_COPY,
        )
    return snapshot


def plan_of(database: Database, query: sql.Composed, role: Role = Role.TRAINER) -> dict[str, Any]:
    with database.connect(role) as connection:
        row = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + query).fetchone()
    assert row is not None
    found = row["QUERY PLAN"]
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for inner in plan.get("Plans", []) for node in nodes(inner))]


def test_a_filter_reaches_every_layer(dev_database: Database, child: Snapshot) -> None:
    plan = plan_of(dev_database, sql.SQL("SELECT label FROM {} WHERE shop = 3").format(child.name.view))

    scans = [node for node in nodes(plan) if str(node.get("Relation Name", "")).startswith("layer_")]
    assert len(scans) == 3
    assert all("shop = 3" in scan["Filter"] for scan in scans)


def test_the_planner_expects_nearly_all_rows(dev_database: Database, child: Snapshot) -> None:
    plan = plan_of(dev_database, sql.SQL("SELECT * FROM {}").format(child.name.view))

    assert child.row_count * 0.95 <= plan["Plan Rows"] <= child.row_count * 1.05


def test_a_granted_role_joins_and_filters(dev_database: Database, child: Snapshot) -> None:
    analyst = log_in(dev_database, Role.ANALYST)
    query = sql.SQL("SELECT count(*) AS n FROM {0} a JOIN {0} b ON a.id = b.id WHERE a.label = 'changed'").format(
        child.name.view
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege), analyst.connect() as connection:
        connection.execute(query)
    with dev_database.connect(Role.TRAINER) as connection:
        connection.execute(sql.SQL("GRANT SELECT ON {} TO nightjar_analyst").format(child.name.view))

    with analyst.connect() as connection:
        assert connection.execute(query).fetchone() == {"n": 100}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("SELECT FROM nightjar_store.{}").format(sql.Identifier(f"layer_{child.id}")))


def test_the_comment_is_on_the_view(dev_database: Database, child: Snapshot) -> None:
    with dev_database.connect(Role.TRAINER) as connection:
        found = connection.execute(
            "SELECT obj_description(%s::regclass) AS comment", [child.name.view.as_string(connection)]
        ).fetchone()

    assert found == {"comment": "Changed 2"}


@pytest.mark.parametrize("statement", ["UPDATE {} SET shop = 0", "DELETE FROM {}", "INSERT INTO {} VALUES (1, 1, 'a')"])
@pytest.mark.parametrize("role", [Role.TRAINER, Role.OWNER])
def test_nobody_writes_through_a_view(dev_database: Database, child: Snapshot, role: Role, statement: str) -> None:
    refusals = psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState
    with pytest.raises(refusals), dev_database.connect(role) as connection:
        connection.execute(sql.SQL(statement).format(child.name.view))
