"""Runs promotions through the real scheduler, and answers what they ask."""

import time
from collections.abc import Callable
from typing import Any

from nightjar import registry
from nightjar.registry import Alias, ModelName
from nightjar.storage import Database, Role
from tests.acceptance.conftest import LocalSystem

WAIT_SECONDS = 120
Answer = Callable[[dict[str, Any]], None]


def champion(database: Database, use_case: str) -> str | None:
    """Return the name of a database's champion."""
    with database.connect(Role.SCORER) as connection:
        found = registry.aliased_model(connection, use_case, Alias.CHAMPION)
    return None if found is None else str(found.name)


def promote(system: LocalSystem, name: ModelName, answer: Answer | None = None) -> tuple[str, dict[str, str]]:
    """Run a promotion, answer what it asks, and return its state and those of its tasks."""
    dag_id = f"promote_models__{name.name}"
    run_id = system.api.trigger(dag_id, None, {"model": str(name)})
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and system.api.run(dag_id, run_id)["state"] not in ("success", "failed"):
        for waiting in system.api.waiting_approvals():
            task = waiting["task_instance"]
            if (task["dag_run_id"], task["state"]) == (run_id, "awaiting_input"):
                assert f"**{name}**" in waiting["body"]
                assert answer is not None, "nobody was to be asked"
                answer(waiting)
        time.sleep(0.5)
    state = system.api.wait(dag_id, run_id, WAIT_SECONDS)
    return state, {task["task_id"]: task["state"] for task in system.api.task_instances(dag_id, run_id)}


def moves(database: Database, use_case: str) -> list[tuple[str, str, str]]:
    """Return model, actor and reason of every move of an alias, oldest first."""
    with database.connect(Role.SCORER) as connection:
        rows = connection.execute(
            """SELECT model, actor, reason FROM nightjar.model_event
               WHERE use_case = %s AND event = 'alias moved' ORDER BY id""",
            [use_case],
        ).fetchall()
    return [(row["model"], row["actor"], row["reason"]) for row in rows]
