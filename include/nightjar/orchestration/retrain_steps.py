"""Steps of retrain_models: train candidates, compare with the champion, announce the challenger."""

import logging
from typing import Any

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import parse_date

log = logging.getLogger(__name__)

PROPOSE, REGISTER_ONLY = "propose when the gates pass", "register only"


def train_candidates(use_case_name: str) -> str:
    """Select, fit and register a model on the run's snapshot; return the model's name."""
    from nightjar import training
    from nightjar.snapshots import SnapshotName

    run = run_context()
    use_case = find_use_case(use_case_name)
    database = nightjar_database(Environment.DEV)
    named = run.params.get("snapshot")
    day = run.partition_key or run.params.get("as_of")
    snapshot = training.training_snapshot(
        database,
        use_case,
        name=SnapshotName.parse(named) if named else None,
        as_of=parse_date(day) if day else None,
    )
    model = training.train(database, use_case, snapshot, anew=bool(run.params.get("anew")), actor=run.actor)
    log.info("%s: %s %s on %s, test scores %s", model.name, model.algorithm, dict(model.hyperparameters),
             model.snapshot, dict(model.test_scores))  # fmt: skip
    return str(model.name)


def compare(use_case_name: str, model_name: str) -> dict[str, Any]:
    """Judge the model by its gates and return the decision."""
    from dataclasses import asdict

    from nightjar import registry
    from nightjar.registry import ModelName
    from nightjar.storage import Role
    from nightjar.training import compare_with_champion

    run = run_context()
    database = nightjar_database(Environment.DEV)
    with database.connect(Role.TRAINER) as connection:
        model = registry.find_model(connection, ModelName.parse(model_name))
    decision = compare_with_champion(database, find_use_case(use_case_name), model, run.actor)
    log.info("%s: %s", model.name, decision.summary())
    return {"model": model_name, **asdict(decision), "reasons": list(decision.reasons)}


def announce_challenger(decision: dict[str, Any], asset: Asset) -> None:
    """Announce a model that passed; skip when it did not, or when the run only registers.

    Raises:
        AirflowSkipException: with the reasons.
    """
    if not decision["passed"]:
        raise AirflowSkipException(f"{decision['model']} is not proposed: {'; '.join(decision['reasons'])}.")
    if run_context().params.get("proposal") == REGISTER_ONLY:
        raise AirflowSkipException(f"{decision['model']} passed its gates; this run only registers.")
    announce(asset, decision["model"], score=decision["model_score"], metric=decision["metric"])
