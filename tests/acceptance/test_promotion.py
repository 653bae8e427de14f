"""A promotion that is rejected, one that is approved with a note, and a rollback, through the real scheduler."""

import time
from dataclasses import replace

import pytest

from nightjar import registry
from nightjar.registry import Alias, ModelName
from nightjar.registry.models import next_version
from nightjar.storage import Database, Role
from tests.acceptance.conftest import LocalSystem

USE_CASE = "spend_forecast"
PROMOTE, ROLL_BACK = f"promote_models__{USE_CASE}", f"rollback_models__{USE_CASE}"
WAIT_SECONDS = 120


@pytest.fixture(scope="module")
def twin(finished: LocalSystem) -> ModelName:
    """A second version in dev, of the same content as the first."""
    with finished.databases["dev"].connect(Role.TRAINER) as connection:
        first = registry.find_model(connection, ModelName(USE_CASE, 1))
        name = next_version(connection, USE_CASE)
        artifact = registry.read_artifact(connection, first.sha256)
        twin = replace(first, name=name)
        model_id = registry.register(connection, twin, artifact, registry.trials_of(connection, first.id))
        registry.save_sample(connection, model_id, registry.find_sample(connection, first))
    return name


def champion(database: Database) -> str:
    """Return the name of a database's champion."""
    with database.connect(Role.SCORER) as connection:
        found = registry.aliased_model(connection, USE_CASE, Alias.CHAMPION)
    assert found is not None
    return str(found.name)


def promote(system: LocalSystem, name: ModelName, option: str, note: str) -> dict[str, str]:
    """Run a promotion and answer it; return the states of its tasks."""
    run_id = system.api.trigger(PROMOTE, None, {"model": str(name)})
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for waiting in system.api.waiting_approvals():
            task = waiting["task_instance"]
            if (task["dag_run_id"], task["state"]) == (run_id, "awaiting_input"):
                assert f"**{name}**" in waiting["body"]
                system.api.answer(waiting, option, note)
        if system.api.run(PROMOTE, run_id)["state"] in ("success", "failed"):
            break
        time.sleep(1)
    assert system.api.wait(PROMOTE, run_id) == "success"
    return {task["task_id"]: task["state"] for task in system.api.task_instances(PROMOTE, run_id)}


def test_a_rejected_promotion_ends_well_and_imports_nothing(finished: LocalSystem, twin: ModelName) -> None:
    states = promote(finished, twin, "Reject", "not yet")

    assert (states["approve"], states["import_model"], states["move_champion"]) == ("success", "skipped", "skipped")
    prod = finished.databases["prod"]
    assert [model.name for model in registry.list_models(prod, USE_CASE)] == [ModelName(USE_CASE, 1)]
    assert champion(prod) == f"{USE_CASE}@1"


def test_an_approved_promotion_and_a_rollback_are_in_the_audit(finished: LocalSystem, twin: ModelName) -> None:
    states = promote(finished, twin, "Approve", "seen with Kim")
    assert set(states.values()) == {"success"}
    databases = finished.databases.values()
    assert [champion(database) for database in databases] == [str(twin)] * 2

    run_id = finished.api.trigger(ROLL_BACK, None, {"reason": "complaints"})
    assert finished.api.wait(ROLL_BACK, run_id) == "success"
    assert [champion(database) for database in databases] == [f"{USE_CASE}@1"] * 2
    with finished.databases["prod"].connect(Role.SCORER) as connection:
        audit = connection.execute(
            "SELECT event, model, actor, reason FROM nightjar.model_event WHERE use_case = %s ORDER BY id", [USE_CASE]
        ).fetchall()
    moved = [(row["model"], row["actor"], row["reason"]) for row in audit if row["event"] == "alias moved"]
    assert moved[1:] == [(str(twin), "admin", "approved: seen with Kim"), (f"{USE_CASE}@1", "admin", "complaints")]
    [arrived] = [row for row in audit if (row["event"], row["model"]) == ("imported", str(twin))]
    assert arrived["actor"] == "admin"


def test_a_rollback_without_a_way_back_is_refused(finished: LocalSystem) -> None:
    run_id = finished.api.trigger(ROLL_BACK, None, {"reason": "drift", "model": f"{USE_CASE}@9"})

    assert finished.api.wait(ROLL_BACK, run_id) == "failed"
    [task] = finished.api.task_instances(ROLL_BACK, run_id)
    assert task["try_number"] == 1
    assert "was not champion of spend_forecast in prod before" in " ".join(
        finished.api.task_log(ROLL_BACK, run_id, task)
    )
