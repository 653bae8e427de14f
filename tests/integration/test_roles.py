"""Least privilege: what each role may do, and above all what it may not, asked of a real server."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from nightjar import registry, snapshots
from nightjar.errors import ConfigurationError
from nightjar.registry import Alias
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, declared_use_cases
from tests import builders
from tests.builders import log_in, shared_database
from tests.night_builders import open_shop, register_model, scored_night, shop_use_case

VIEWS = ["commits", "freshness", "gate_results", "reversions", "segment_migrations", "segment_profiles"]
VIEWS += [name + suffix for name in declared_use_cases() for suffix in ("", "_history")]


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """One database for all tests: what they try is refused, so nothing in it changes."""
    with shared_database(servers["dev"], "roles") as made:
        snapshots.create(made, "cars", "SELECT 1 AS a")
        model = builders.register_model(made)
        with made.connect(Role.DEPLOYER) as deploying:
            registry.move_alias(deploying, "churn_risk", Alias.CHAMPION, model, reason="first", actor="test")
        yield made


@pytest.fixture(scope="module")
def analyst(database: Database) -> Database:
    """The database as an analyst reaches it: by a login of their own."""
    return log_in(database, Role.ANALYST)


def refused(database: Database, statement: sql.SQL | sql.Composed, role: Role | None = None) -> bool:
    """Whether the server refuses a statement for lack of rights; any other error shows."""
    try:
        with database.connect(role) as connection:
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("view", VIEWS)
def test_an_analyst_reads_what_is_published(analyst: Database, view: str) -> None:
    with analyst.connect() as connection:
        user = connection.execute("SELECT session_user AS name").fetchone()
        found = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("predictions", view)))

        assert user == {"name": "nightjar_analyst"}
        assert found.fetchall() == []
        assert {"as_of", "to_as_of"} & {column.name for column in found.description or ()}


def test_an_analyst_cannot_read_behind_the_views(database: Database, analyst: Database) -> None:
    with database.connect() as connection:
        hidden = connection.execute(
            """
            SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('nightjar', 'nightjar_store', 'snapshots', 'retail') AND c.relkind IN ('r', 'v')
            """
        ).fetchall()

    assert {"artifact_chunk", "snapshot", "predictions_churn_risk", "cars@1.0.0", "transactions"} <= {
        row["name"] for row in hidden
    }
    for row in hidden:
        query = sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(row["schema"], row["name"]))
        assert refused(analyst, query), row


@pytest.mark.parametrize("view", VIEWS)
def test_an_analyst_writes_nothing(analyst: Database, view: str) -> None:
    name = sql.Identifier("predictions", view)
    with analyst.connect() as connection:
        rights = connection.execute(
            "SELECT has_table_privilege(%(view)s, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER') AS any_writing,"
            " has_any_column_privilege(%(view)s, 'INSERT, UPDATE') AS any_column",
            {"view": name.as_string()},
        ).fetchone()

    assert rights == {"any_writing": False, "any_column": False}
    assert refused(analyst, sql.SQL("DROP VIEW {}").format(name))


def test_an_analyst_sees_no_night_that_is_not_published(prod_database: Database) -> None:
    open_shop(prod_database)
    kinds = [Kind.CLASSIFICATION, Kind.SEGMENTATION, Kind.RECOMMENDER]
    for kind in kinds:
        register_model(prod_database, shop_use_case(kind))
        scored_night(prod_database, shop_use_case(kind))
    analyst = log_in(prod_database, Role.ANALYST)
    views = [f"shop_{kind.value}{suffix}" for kind in kinds for suffix in ("", "_history")]

    with analyst.connect() as connection:
        for view in [*views, "shop_segmentation_migrations", "segment_migrations", "freshness"]:
            found = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("predictions", view)))
            assert found.fetchall() == [], view
    for table in ("features_1", "features_3", "predictions_shop_classification", "predictions_shop_recommender"):
        assert refused(analyst, sql.SQL("SELECT FROM {}").format(sql.Identifier("nightjar_store", table)))
    for table in ("shard", "quarantine", "artifact", "artifact_chunk", "commit", "publication"):
        assert refused(analyst, sql.SQL("SELECT FROM {}").format(sql.Identifier("nightjar", table)))


def test_an_analyst_cannot_change_the_log_through_its_view(analyst: Database) -> None:
    assert refused(analyst, sql.SQL("UPDATE predictions.commits SET state = 'published'"))
    assert refused(analyst, sql.SQL("DELETE FROM predictions.commits"))


@pytest.mark.parametrize("schema", ["nightjar", "nightjar_store", "snapshots", "predictions", "retail", "public"])
def test_an_analyst_creates_nothing(analyst: Database, schema: str) -> None:
    table = sql.Identifier(schema, "own")

    assert refused(analyst, sql.SQL("CREATE TABLE {} (a integer)").format(table))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ANALYST])
def test_an_analyst_cannot_take_another_role(analyst: Database, role: Role) -> None:
    with pytest.raises(ConfigurationError, match=f"may not act as {role}"), analyst.connect(role):
        pass


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (Role.SCORER, "INSERT INTO nightjar.snapshot (name) VALUES ('a')"),
        (Role.SCORER, "UPDATE nightjar.snapshot SET state = 'archived'"),
        (Role.SCORER, "CREATE TABLE snapshots.own (a integer)"),
        (Role.SCORER, 'SELECT * FROM snapshots."cars@1.0.0"'),
        (Role.SCORER, "DELETE FROM nightjar.model_version"),
        (Role.SCORER, "INSERT INTO nightjar.artifact (sha256) VALUES ('a')"),
        (Role.SCORER, "UPDATE nightjar.alias SET alias = 'challenger'"),
        (Role.SCORER, "INSERT INTO nightjar.alias_move (use_case) VALUES ('a')"),
        (Role.SCORER, "DELETE FROM retail.transactions"),
        (Role.TRAINER, "INSERT INTO nightjar_store.predictions_churn_risk DEFAULT VALUES"),
        (Role.TRAINER, "DELETE FROM nightjar_store.predictions_churn_risk"),
        (Role.TRAINER, "INSERT INTO nightjar.commit (use_case) VALUES ('a')"),
        (Role.TRAINER, "UPDATE nightjar.publication SET commit_id = 1"),
        (Role.TRAINER, "CREATE VIEW predictions.own AS SELECT 1 AS a"),
        (Role.TRAINER, "DELETE FROM retail.transactions"),
        (Role.TRAINER, "DELETE FROM nightjar.snapshot"),
        (Role.TRAINER, "DELETE FROM nightjar.alias"),
        (Role.TRAINER, "UPDATE nightjar.alias SET use_case = 'b'"),
        (Role.TRAINER, "INSERT INTO nightjar.alias_move (use_case) VALUES ('a')"),
        (Role.TRAINER, "INSERT INTO nightjar.model_event (use_case) VALUES ('a')"),
        (Role.DEPLOYER, "INSERT INTO nightjar.commit (use_case) VALUES ('a')"),
        (Role.DEPLOYER, "UPDATE nightjar.publication SET commit_id = 1"),
        (Role.DEPLOYER, "DELETE FROM nightjar.model_version"),
        (Role.DEPLOYER, "DELETE FROM nightjar.artifact_chunk"),
        (Role.DEPLOYER, "INSERT INTO nightjar.alias_move (use_case) VALUES ('a')"),
        (Role.DEPLOYER, "INSERT INTO nightjar.model_event (use_case) VALUES ('a')"),
        (Role.DEPLOYER, "INSERT INTO nightjar.snapshot (name) VALUES ('a')"),
        (Role.DEPLOYER, "SELECT * FROM nightjar_store.predictions_churn_risk"),
        (Role.DEPLOYER, "SELECT * FROM retail.transactions"),
        (Role.SCORER, "INSERT INTO nightjar.tenant_grant (role_name, use_case) VALUES ('a', 'b')"),
        (Role.DEPLOYER, "SELECT * FROM nightjar.tenant_grant"),
        (Role.OWNER, "CREATE ROLE own"),
        (Role.OWNER, "SELECT pg_read_file('PG_VERSION')"),
    ],
)
def test_a_role_may_not_do_the_job_of_another(database: Database, role: Role, statement: LiteralString) -> None:
    assert refused(database, sql.SQL(statement), role)


@pytest.mark.parametrize("table", ["model_version", "alias_move", "model_event"])
@pytest.mark.parametrize("role", [Role.TRAINER, Role.DEPLOYER, Role.OWNER])
def test_nobody_rewrites_models_or_their_history(database: Database, role: Role, table: str) -> None:
    statement = sql.SQL("UPDATE nightjar.{} SET use_case = 'b'").format(sql.Identifier(table))

    assert refused(database, statement, role)


def test_not_even_the_owner_removes_history(database: Database) -> None:
    assert refused(database, sql.SQL("DELETE FROM nightjar.alias_move"), Role.OWNER)
    assert refused(database, sql.SQL("TRUNCATE nightjar.alias_move"), Role.OWNER)
