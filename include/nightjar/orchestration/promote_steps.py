"""Steps of promote_models: export from dev, verify, (a person approves), import into prod, move the champion."""

import logging
from typing import Any

from airflow.sdk import Asset

from nightjar.errors import ModelNotFoundError
from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.evidence import evidence
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment, transfer_folder
from nightjar.usecases import find_use_case

log = logging.getLogger(__name__)


def export(use_case_name: str) -> str:
    """Export the run's model (partition key, parameter, or the challenger) and return its name."""
    from nightjar import registry
    from nightjar.registry import Alias, ModelName
    from nightjar.storage import Role
    from nightjar.transfer import export_model

    run = run_context()
    use_case = find_use_case(use_case_name)
    database = nightjar_database(Environment.DEV)
    chosen = run.partition_key or run.params.get("model")
    with database.connect(Role.TRAINER) as connection:
        if chosen:
            model = registry.find_model(connection, ModelName.parse(chosen))
        else:
            found = registry.aliased_model(connection, use_case.name, Alias.CHALLENGER)
            if found is None:
                raise ModelNotFoundError(
                    f"{use_case.name} has no challenger in dev: run retrain_models__{use_case.name}."
                )
            model = found
    if model.use_case != use_case.name:
        raise ModelNotFoundError(f"{model.name} is a model of {model.use_case}, not of {use_case.name}.")
    manifest = export_model(database, model.name, transfer_folder(), bundle_name(str(model.name)))
    log.info("%s: %d parts, %d bytes", model.name, len(manifest.parts), sum(part.bytes for part in manifest.parts))
    return str(model.name)


def verify(use_case_name: str, model_name: str) -> dict[str, Any]:
    """Verify the bundle as production would, and return the evidence for the person who decides."""
    from nightjar.storage import Role
    from nightjar.transfer import verify_bundle

    verified = verify_bundle(transfer_folder(), bundle_name(model_name))
    production = nightjar_database(Environment.PROD)
    with production.connect(Role.SCORER) as connection:
        text = evidence(connection, find_use_case(use_case_name), verified)
    log.info("%s", text)
    return {"model": model_name, "evidence": text}


def import_into_production(model_name: str) -> str:
    """Import the bundle into prod in one transaction and return the model's name."""
    from nightjar.transfer import import_model

    model = import_model(nightjar_database(Environment.PROD), transfer_folder(), bundle_name(model_name))
    log.info("%s is in prod with sha256 %s.", model.name, model.sha256)
    return str(model.name)


def move_champion(model_name: str, approval: dict[str, Any], asset: Asset) -> None:
    """Make the imported model champion in prod, then note the same in dev, where retraining compares with it."""
    from nightjar.registry import ModelName
    from nightjar.transfer import promote

    person = (approval.get("responded_by_user") or {}).get("name") or run_context().actor
    note = (approval.get("params_input") or {}).get("note")
    reason = f"approved: {note}" if note else "approved"
    name = ModelName.parse(model_name)
    for environment in (Environment.PROD, Environment.DEV):
        moved = promote(nightjar_database(environment), name, actor=person, reason=reason)
        log.info("%s %s champion in %s.", name, "became" if moved else "is already", environment)
    announce(asset, model_name, approved_by=person)


def bundle_name(model_name: str) -> str:
    """Return the name of a model's bundle: a plain file name."""
    name, _, version = model_name.partition("@")
    return f"{name}_v{version}_"
