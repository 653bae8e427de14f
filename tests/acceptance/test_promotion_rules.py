"""What a declaration says of promotions: none asks a person without need, nobody approves what they triggered."""

from dataclasses import replace

import pytest

from nightjar import registry
from nightjar.registry import Decision, ModelName
from nightjar.storage import Role
from tests.acceptance.conftest import GUARDED, LocalSystem
from tests.acceptance.promotions import champion, moves, promote

ASKED, SPARED = ModelName(GUARDED, 1), ModelName(GUARDED, 2)
DECISIONS = {
    ASKED: Decision(f"{GUARDED}@9", "mean_absolute_error", 60.0, 61.0, 0.2, 1.8, True, ("all gates passed",)),
    SPARED: Decision(f"{GUARDED}@9", "mean_absolute_error", 58.0, 61.0, 1.5, 4.5, True, ("all gates passed",)),
}


@pytest.fixture(scope="module")
def guarded(finished: LocalSystem) -> LocalSystem:
    """Two models in dev of a use case that asks for two persons, and spares them a gain of 1 and more."""
    with finished.databases["dev"].connect(Role.TRAINER) as connection:
        first = registry.find_model(connection, ModelName("spend_forecast", 1))
        artifact, sample = registry.read_artifact(connection, first.sha256), registry.find_sample(connection, first)
        for name, decision in DECISIONS.items():
            model_id = registry.register(connection, replace(first, name=name, use_case=GUARDED), artifact, ())
            registry.save_sample(connection, model_id, sample)
            registry.save_decision(connection, model_id, decision)
    return finished


def test_nobody_approves_what_they_triggered(guarded: LocalSystem) -> None:
    state, tasks = promote(guarded, ASKED, lambda waiting: guarded.api.answer(waiting, "Approve", "looks good"))

    assert state == "failed"
    assert (tasks["approve"], tasks["import_model"]) == ("success", "failed")
    prod = guarded.databases["prod"]
    assert registry.list_models(prod, GUARDED) == []
    assert champion(prod, GUARDED) is None


def test_a_large_gain_asks_nobody_and_says_so_in_the_audit(guarded: LocalSystem) -> None:
    state, tasks = promote(guarded, SPARED)

    assert state == "success"
    assert tasks["approve"] == "skipped"
    prod = guarded.databases["prod"]
    assert champion(prod, GUARDED) == str(SPARED)
    [(model, actor, reason)] = moves(prod, GUARDED)
    assert (model, actor) == (str(SPARED), "automatic approval")
    assert reason.startswith(f"approved automatically: all gates passed, and the gain over {GUARDED}@9 is at least")
