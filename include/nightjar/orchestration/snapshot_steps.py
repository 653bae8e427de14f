"""Steps of snapshot_training_data: gate the sources, freeze, prepare, split, announce."""

import logging

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment
from nightjar.usecases import find_use_case

log = logging.getLogger(__name__)

PUBLISH, LEAVE_PREPARED = "publish, split, retrain", "leave prepared"


def check_sources(use_case_name: str) -> int:
    """Check the declared sources in dev as of the run's date; return how many expectations were evaluated."""
    from nightjar.quality import check_sources as check
    from nightjar.storage import Role

    run = run_context()
    database = nightjar_database(Environment.DEV)
    verdict = check(database, Role.TRAINER, find_use_case(use_case_name), run.as_of, run.run_id, by_hand=run.by_hand)
    log.info("Sources: %s", verdict)
    return verdict.evaluated


def freeze(use_case_name: str) -> str:
    """Freeze the training data and return the snapshot's name."""
    from nightjar.training import freeze_training_data

    database = nightjar_database(Environment.DEV)
    snapshot = freeze_training_data(database, find_use_case(use_case_name), run_context().as_of)
    log.info("%s: %d rows, %d bytes, hash %s", snapshot.name, snapshot.row_count, snapshot.byte_count,
             snapshot.content_hash)  # fmt: skip
    return str(snapshot.name)


def prepare(snapshot_name: str) -> str:
    """Apply the form's statements, if any, and return the name of the version to go on with."""
    from nightjar import snapshots
    from nightjar.snapshots import SnapshotName

    run = run_context()
    statements = run.params.get("statements")
    if not statements:
        return snapshot_name
    child = snapshots.prepare(
        nightjar_database(Environment.DEV),
        SnapshotName.parse(snapshot_name),
        statements,
        comment=f"{snapshot_name}, changed by {run.actor}",
    )
    log.info("%s: %d rows, %d bytes beside its parent's, hash %s", child.name, child.row_count, child.byte_count,
             child.content_hash)  # fmt: skip
    return str(child.name)


def split_and_announce(use_case_name: str, snapshot_name: str, asset: Asset) -> list[str]:
    """Split the snapshot, publish it and its parts, announce the training data; return the parts' names."""
    from nightjar import snapshots
    from nightjar.snapshots import SnapshotName, State
    from nightjar.training import split_training_data

    if run_context().params.get("finish") == LEAVE_PREPARED:
        raise AirflowSkipException(f"{snapshot_name} waits to be looked at: this run does not split it.")
    database = nightjar_database(Environment.DEV)
    snapshot = snapshots.find(database, SnapshotName.parse(snapshot_name))
    if snapshot.state is State.PREPARED:
        snapshot = snapshots.publish(database, snapshot.name)
    parts = split_training_data(database, find_use_case(use_case_name), snapshot)
    for part in parts:
        log.info("%s: %d rows", part.name, part.row_count)
    announce(asset, run_context().as_of.isoformat(), snapshot=snapshot_name, rows=snapshot.row_count)
    return [str(part.name) for part in parts]
