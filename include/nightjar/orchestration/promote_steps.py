"""Steps of promote_models: export from dev, verify, (a person approves), import into prod, move the champion."""

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from nightjar.errors import ModelNotFoundError, SamePersonError
from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.evidence import evidence
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment, transfer_folder
from nightjar.usecases import UseCase, find_use_case

if TYPE_CHECKING:
    from nightjar.registry import ModelRecord
    from nightjar.snapshots.distribution import Shift
    from nightjar.transfer import VerifiedModel

log = logging.getLogger(__name__)

AUTOMATIC = "automatic approval"


def export(use_case_name: str) -> str:
    """Export the run's model (partition key, parameter, or the challenger) and return its name."""
    from nightjar import transfer

    run, database = run_context(), nightjar_database(Environment.DEV)
    model = _chosen_model(find_use_case(use_case_name), run.partition_key or run.params.get("model"))
    bundle = bundle_name(str(model.name))
    manifest = transfer.export_models(
        database, [model.name], transfer_folder(), bundle, key=transfer.signing_key(), actor=run.actor
    )
    log.info("%s: %d parts, %d bytes", model.name, len(manifest.parts), manifest.total_bytes)
    return str(model.name)


def verify(use_case_name: str, model_name: str) -> dict[str, Any]:
    """Verify the bundle as production would; return the evidence, and whether it needs no person to decide."""
    from nightjar import registry
    from nightjar.registry import Alias
    from nightjar.storage import Role
    from nightjar.transfer import verify_bundle

    use_case, production = find_use_case(use_case_name), nightjar_database(Environment.PROD)
    verified = verify_bundle(production, transfer_folder(), bundle_name(model_name))
    [carried] = verified.models
    with production.connect(Role.SCORER) as connection:
        champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
    text = evidence(use_case, verified, champion, _drift(use_case, carried.record))
    log.info("%s", text)
    return {"model": model_name, "evidence": text, "automatic": automatic_reason(use_case, carried)}


def automatic_reason(use_case: UseCase, carried: "VerifiedModel") -> str | None:
    """Return why no person has to approve a model, None when one has to."""
    margin = use_case.promotion.auto_approve_gain
    decision = carried.decisions[-1] if carried.decisions else None
    if margin is None or decision is None or not decision.passed or decision.gain_low is None:
        return None
    if decision.gain_low < margin:
        return None
    return (
        f"all gates passed, and the gain over {decision.champion} is at least {decision.gain_low:+.4f}, where the "
        f"declaration asks for {margin:+.4f}"
    )


def import_into_production(use_case_name: str, verified: dict[str, Any], approval: dict[str, Any] | None) -> str:
    """Import the bundle into prod in one transaction and return the model's name.

    Raises:
        SamePersonError: who triggered the run approved it, and the use case asks for two persons.
    """
    from nightjar.transfer import import_bundle

    person = approver(approval)
    require_second_person(find_use_case(use_case_name), run_context().person, person)
    model_name = verified["model"]
    database = nightjar_database(Environment.PROD)
    imported = import_bundle(database, transfer_folder(), bundle_name(model_name), actor=person)
    for model in imported.models:
        log.info("%s is in prod with sha256 %s.", model.name, model.sha256)
    return str(model_name)


def require_second_person(use_case: UseCase, trigger: str | None, approver: str) -> None:
    """Refuse an approval by the person who asked for it, where the declaration does.

    Raises:
        SamePersonError: it is the same person.
    """
    if use_case.promotion.two_persons and trigger is not None and trigger == approver:
        raise SamePersonError(
            f"{approver} triggered this promotion of {use_case.name} and approved it: the declaration asks for two "
            "persons. Run it again, and have somebody else approve it."
        )


def move_champion(model_name: str, verified: dict[str, Any], approval: dict[str, Any] | None, asset: Asset) -> None:
    """Make the imported model champion in prod, then note the same in dev, where retraining compares with it."""
    from nightjar.registry import ModelName
    from nightjar.transfer import promote

    person, name = approver(approval), ModelName.parse(model_name)
    if approval is None:
        reason = f"approved automatically: {verified['automatic']}"
    else:
        note = (approval.get("params_input") or {}).get("note")
        reason = f"approved: {note}" if note else "approved"
    for environment in (Environment.PROD, Environment.DEV):
        moved = promote(nightjar_database(environment), name, actor=person, reason=reason)
        log.info("%s %s champion in %s.", name, "became" if moved else "is already", environment)
    announce(asset, model_name, approved_by=person)


def approver(approval: dict[str, Any] | None) -> str:
    """Return who approved: the person who answered, or nobody, by the declaration."""
    if approval is None:
        return AUTOMATIC
    return str((approval.get("responded_by_user") or {}).get("name") or run_context().actor)


def bundle_name(model_name: str) -> str:
    """Return the name of a model's bundle: a plain file name."""
    name, _, version = model_name.partition("@")
    return f"{name}_v{version}_"


def _chosen_model(use_case: UseCase, chosen: str | None) -> "ModelRecord":
    from nightjar import registry
    from nightjar.registry import Alias, ModelName
    from nightjar.storage import Role

    with nightjar_database(Environment.DEV).connect(Role.TRAINER) as connection:
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
    return model


def _drift(use_case: UseCase, model: "ModelRecord") -> "list[Shift] | str":
    """Return how far the inputs moved from the training snapshot to the newest, the farthest first, or why unknown."""
    from nightjar import snapshots
    from nightjar.snapshots import SnapshotName
    from nightjar.snapshots.errors import SnapshotError

    database = nightjar_database(Environment.DEV)
    published = snapshots.list_snapshots(database, use_case=use_case.name)
    newest = max((s for s in published if s.as_of is not None), key=lambda s: (s.as_of, s.id), default=None)
    if newest is None or newest.as_of is None or newest.as_of <= model.as_of:
        return f"Not known: no data later than its own, as of {model.as_of}, has been frozen."
    try:
        shifts = snapshots.diff(database, SnapshotName.parse(model.snapshot), newest.name).shifts
    except SnapshotError as error:
        return f"Not known: {error}"
    inputs = {column.name for column in model.signature.inputs}
    known = [shift for shift in shifts if shift.psi is not None and shift.column in inputs]
    return sorted(known, key=lambda shift: -(shift.psi or 0.0))
