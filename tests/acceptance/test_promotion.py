"""Promotions that are rejected, left unanswered or approved, and a rollback, through the real scheduler."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from nightjar import registry
from nightjar.registry import ModelName
from nightjar.registry.models import next_version
from nightjar.storage import Role
from tests.acceptance.conftest import LocalSystem
from tests.acceptance.promotions import champion, moves, promote

USE_CASE = "spend_forecast"
ROLL_BACK = f"rollback_models__{USE_CASE}"


@pytest.fixture(scope="module")
def twin(finished: LocalSystem) -> ModelName:
    """A second version in dev, of the same content as the first."""
    with finished.databases["dev"].connect(Role.TRAINER) as connection:
        first = registry.find_model(connection, ModelName(USE_CASE, 1))
        name = next_version(connection, USE_CASE)
        artifact = registry.read_artifact(connection, first.sha256)
        copy = replace(first, name=name)
        model_id = registry.register(connection, copy, artifact, registry.trials_of(connection, first.id))
        registry.save_sample(connection, model_id, registry.find_sample(connection, first))
    return name


@pytest.mark.parametrize("answered", [True, False])
def test_a_promotion_that_is_rejected_or_left_alone_ends_well_and_imports_nothing(
    finished: LocalSystem, twin: ModelName, answered: bool
) -> None:
    def reject(waiting: dict[str, Any]) -> None:
        finished.api.answer(waiting, "Reject", "not yet")

    def let_time_pass(waiting: dict[str, Any]) -> None:
        with psycopg.connect(finished.state.metadata_url) as connection:
            connection.execute(
                "UPDATE task_instance SET trigger_timeout = now() - interval '1 second' WHERE id = %s",
                [waiting["task_instance"]["id"]],
            )

    state, tasks = promote(finished, twin, reject if answered else let_time_pass)

    assert state == "success"
    assert (tasks["approve"], tasks["import_model"], tasks["move_champion"]) == ("success", "skipped", "skipped")
    prod = finished.databases["prod"]
    assert [model.name for model in registry.list_models(prod, USE_CASE)] == [ModelName(USE_CASE, 1)]
    assert champion(prod, USE_CASE) == f"{USE_CASE}@1"


def test_an_approved_promotion_and_a_rollback_are_in_the_audit(finished: LocalSystem, twin: ModelName) -> None:
    state, tasks = promote(finished, twin, lambda waiting: finished.api.answer(waiting, "Approve", "seen with Kim"))
    assert state == "success"
    assert set(tasks.values()) == {"success"}
    databases = finished.databases.values()
    assert [champion(database, USE_CASE) for database in databases] == [str(twin)] * 2

    run_id = finished.api.trigger(ROLL_BACK, None, {"reason": "complaints"})
    assert finished.api.wait(ROLL_BACK, run_id) == "success"
    assert [champion(database, USE_CASE) for database in databases] == [f"{USE_CASE}@1"] * 2
    prod = finished.databases["prod"]
    assert moves(prod, USE_CASE)[1:] == [
        (str(twin), "admin", "approved: seen with Kim"),
        (f"{USE_CASE}@1", "admin", "complaints"),
    ]
    with prod.connect(Role.SCORER) as connection:
        arrived = connection.execute(
            "SELECT actor FROM nightjar.model_event WHERE event = 'imported' AND model = %s", [str(twin)]
        ).fetchall()
    assert arrived == [{"actor": "admin"}]


def test_a_rollback_without_a_way_back_is_refused(finished: LocalSystem) -> None:
    run_id = finished.api.trigger(ROLL_BACK, None, {"reason": "drift", "model": f"{USE_CASE}@9"})

    assert finished.api.wait(ROLL_BACK, run_id) == "failed"
    [task] = finished.api.task_instances(ROLL_BACK, run_id)
    assert task["try_number"] == 1
    assert "was not champion of spend_forecast in prod before" in " ".join(
        finished.api.task_log(ROLL_BACK, run_id, task)
    )
