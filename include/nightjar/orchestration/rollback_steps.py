"""The step of rollback_models: an earlier champion becomes the champion again."""

import logging

from airflow.sdk import Asset

from nightjar.errors import AlreadyChampionError, ModelNotFoundError
from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment
from nightjar.usecases import find_use_case

log = logging.getLogger(__name__)


def roll_back(use_case_name: str, asset: Asset) -> None:
    """Go back in prod to the model of the form, or to the champion before; then in dev, where that is possible."""
    from nightjar import registry
    from nightjar.registry import ModelName

    run, name = run_context(), find_use_case(use_case_name).name
    wanted = ModelName.parse(run.params["model"]) if run.params.get("model") else None
    reason = str(run.params.get("reason") or "")
    model = registry.rollback(nightjar_database(Environment.PROD), name, to=wanted, reason=reason, actor=run.actor)
    log.info("%s is champion of %s in prod again: %s", model.name, name, reason)
    try:
        registry.rollback(nightjar_database(Environment.DEV), name, to=model.name, reason=reason, actor=run.actor)
        log.info("The same in dev.")
    except AlreadyChampionError:
        log.info("It is the champion in dev already.")
    except ModelNotFoundError as error:
        log.warning("dev keeps its champion: %s", error)
    announce(asset, str(model.name), approved_by=run.actor)
