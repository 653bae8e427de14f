"""The audit of the registry: nothing goes unrecorded, nobody rewrites it, and no number is used twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from nightjar import registry
from nightjar.errors import ModelDroppedError, ModelNotFoundError, ReasonError
from nightjar.registry import Alias, ModelName
from nightjar.registry.models import next_version
from nightjar.storage import Database, Role
from tests.builders import TRIALS, fit_model, register_model, shared_database
from tests.disturbances import wait_for, waiting
from tests.transfer_builders import export, imported

WRITERS = [Role.TRAINER, Role.DEPLOYER, Role.SCORER, Role.OWNER]
FORGED: dict[str, LiteralString] = {
    "an event": "INSERT INTO nightjar.model_event (actor, event, name, version, use_case, details)"
    " VALUES ('eve', 'dropped', 'churn_risk', 1, 'churn_risk', '{}')",
    "a move": "INSERT INTO nightjar.alias_move (use_case, alias, model, reason, actor)"
    " VALUES ('churn_risk', 'champion', 'churn_risk@9', 'r', 'eve')",
}


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """One database with a champion, for what is refused."""
    with shared_database(servers["dev"], "audited") as made:
        point(made, register_model(made).name)
        yield made


def point(database: Database, name: ModelName, alias: Alias = Alias.CHAMPION) -> None:
    with database.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, name)
        registry.move_alias(connection, name.name, alias, model, reason=f"to {name}", actor="ada")


def events(database: Database) -> list[dict[str, Any]]:
    with database.connect(Role.SCORER) as connection:
        return connection.execute("SELECT * FROM nightjar.model_event ORDER BY id").fetchall()


def execute(database: Database, role: Role, statement: LiteralString) -> None:
    with database.connect(role) as connection:
        connection.execute(statement)


def test_everything_that_happens_to_a_model_is_recorded(
    dev_database: Database, prod_database: Database, tmp_path: Path
) -> None:
    started = datetime.now(UTC)
    first, second = register_model(dev_database), register_model(dev_database, seed=1)
    point(dev_database, first.name)
    point(dev_database, second.name)
    export(dev_database, first.name, tmp_path)
    imported(prod_database, tmp_path)
    registry.drop(dev_database, first.name, reason="superseded", actor="bob")
    told = events(dev_database)
    [arrived] = events(prod_database)

    assert [(row["event"], row["model"], row["actor"], row["reason"]) for row in told] == [
        ("registered", "churn_risk@1", "nightjar_trainer", None),
        ("registered", "churn_risk@2", "nightjar_trainer", None),
        ("alias moved", "churn_risk@1", "ada", "to churn_risk@1"),
        ("alias moved", "churn_risk@2", "ada", "to churn_risk@2"),
        ("dropped", "churn_risk@1", "bob", "superseded"),
    ]
    with dev_database.connect() as connection:
        login = connection.info.user
    assert {row["login"] for row in told} == {login}
    assert {row["use_case"] for row in told} == {"churn_risk"}
    assert all(started <= row["happened_at"] <= datetime.now(UTC) for row in told)
    assert told[3]["details"] == {"alias": "champion", "previous": "churn_risk@1"}
    assert told[0]["details"] == told[4]["details"]
    assert told[4]["details"]["sha256"] == first.sha256
    assert (arrived["event"], arrived["model"], arrived["actor"]) == (
        "imported", "churn_risk@1", "ada",
    )  # fmt: skip
    assert arrived["details"]["trained_in"] == "dev"


def test_changes_by_hand_are_recorded_too(dev_database: Database) -> None:
    for _ in range(2):
        register_model(dev_database)
    moving = "INSERT INTO nightjar.alias SELECT use_case, 'champion', id FROM nightjar.model_version WHERE version = 1"
    execute(dev_database, Role.TRAINER, moving)
    execute(dev_database, Role.DEPLOYER, "UPDATE nightjar.alias SET model_id = model_id")
    execute(dev_database, Role.DEPLOYER, "UPDATE nightjar.alias SET model_id = (SELECT max(id) FROM"
            " nightjar.model_version)")  # fmt: skip
    execute(dev_database, Role.TRAINER, "DELETE FROM nightjar.model_version WHERE version = 1")

    assert [(row["event"], row["model"], row["actor"], row["reason"]) for row in events(dev_database)[2:]] == [
        ("alias moved", "churn_risk@1", "nightjar_trainer", None),
        ("alias moved", "churn_risk@2", "nightjar_deployer", None),
        ("dropped", "churn_risk@1", "nightjar_trainer", None),
    ]
    moves = registry.alias_history(dev_database, "churn_risk", Alias.CHAMPION)
    assert [(move.model, move.previous, move.reason) for move in moves] == [
        ("churn_risk@2", "churn_risk@1", "none given"), ("churn_risk@1", None, "none given"),
    ]  # fmt: skip


def test_what_is_rolled_back_did_not_happen(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    with dev_database.connect(Role.TRAINER) as connection:
        registry.register(connection, record, artifact, [])
        connection.rollback()

    assert events(dev_database) == []


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("change", ["UPDATE {} SET actor = 'eve'", "DELETE FROM {}", "TRUNCATE {}"])
def test_nobody_rewrites_the_audit(database: Database, role: Role, change: LiteralString) -> None:
    before = events(database)

    for table in ("model_event", "alias_move"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect(role) as connection:
            connection.execute(sql.SQL(change).format(sql.Identifier("nightjar", table)))
    assert events(database) == before


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("forged", FORGED)
def test_nobody_makes_up_history(database: Database, role: Role, forged: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(database, role, FORGED[forged])


@pytest.mark.parametrize("function", ["record_model", "record_alias_move"])
def test_nobody_hangs_the_recording_on_a_table_of_their_own(database: Database, function: str) -> None:
    hanging = sql.SQL(
        "CREATE TEMP TABLE own (id bigint);"
        "CREATE TRIGGER forging AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION {}()"
    ).format(sql.Identifier("nightjar", function))

    for role in (Role.TRAINER, Role.DEPLOYER, Role.SCORER):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=function), database.connect(role) as connection:
            connection.execute(hanging)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM nightjar.alias",
        "TRUNCATE nightjar.alias",
        "UPDATE nightjar.alias SET use_case = 'other'",
        "UPDATE nightjar.alias SET alias = 'challenger'",
        "TRUNCATE nightjar.model_version CASCADE",
    ],
)
def test_not_even_the_owner_goes_round_the_recording(database: Database, statement: LiteralString) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is refused"):
        execute(database, Role.OWNER, statement)


def test_a_number_is_not_used_again(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    names = [register_model(dev_database).name for _ in range(3)]
    for name in (names[2], names[1]):
        registry.drop(dev_database, name, reason="space", actor="ada")

    assert register_model(dev_database).name == ModelName("churn_risk", 4)
    with (
        pytest.raises(
            ModelDroppedError, match=r"churn_risk@3 was dropped on .* by ada \(space\): .* Train a new version"
        ),
        dev_database.connect(Role.TRAINER) as connection,
    ):
        registry.register(connection, replace(record, name=names[2]), artifact, [])
    with (
        pytest.raises(
            ModelNotFoundError, match=r"no model churn_risk@2, it was dropped on .*; there is churn_risk@1, "
        ),
        dev_database.connect(Role.SCORER) as connection,
    ):
        registry.find_model(connection, names[1])


def test_the_database_itself_refuses_a_dropped_number(dev_database: Database) -> None:
    register_model(dev_database)
    with dev_database.connect(Role.TRAINER) as connection:
        connection.execute("CREATE TEMP TABLE gone AS SELECT * FROM nightjar.model_version")
        columns = [
            row["column_name"]
            for row in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'nightjar' "
                "AND table_name = 'model_version' AND is_generated = 'NEVER'"
            )
        ]
        connection.execute("DELETE FROM nightjar.model_version")
        with pytest.raises(psycopg.errors.UniqueViolation, match="model_event_version_once"):
            connection.execute(
                sql.SQL("INSERT INTO nightjar.model_version ({0}) OVERRIDING SYSTEM VALUE SELECT {0} FROM gone").format(
                    sql.SQL(", ").join(map(sql.Identifier, columns))
                )
            )


def test_registrations_at_once_get_numbers_of_their_own(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    registry.drop(dev_database, register_model(dev_database).name)

    def register(_: int) -> int:
        with dev_database.connect(Role.TRAINER) as connection:
            name = next_version(connection, "churn_risk")
            registry.register(connection, replace(record, name=name), artifact, TRIALS)
        return name.version

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(register, range(12)))

    assert sorted(numbers) == list(range(2, 14))


def test_an_import_during_the_drop_of_its_version_learns_of_it(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    name = register_model(dev_database).name

    def register_again() -> None:
        with dev_database.connect(Role.DEPLOYER) as connection:
            registry.register(connection, replace(record, name=name), artifact, [], imported_at=datetime.now(UTC))

    with ThreadPoolExecutor(1) as pool:
        with dev_database.connect(Role.OWNER) as dropping:
            next_version(dropping, name.name)
            dropping.execute("DELETE FROM nightjar.model_version")
            importing = pool.submit(register_again)
            wait_for(lambda: waiting(dev_database))
        with pytest.raises(ModelDroppedError, match=r"dropped on .* by nightjar_owner:"):
            importing.result()


def test_a_blank_reason_is_refused(dev_database: Database) -> None:
    model = register_model(dev_database)

    with pytest.raises(ReasonError, match="is blank: say why"):
        registry.drop(dev_database, model.name, reason=" ", actor="ada")
    assert registry.list_models(dev_database) == [model]
