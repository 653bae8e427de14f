"""Steps of snapshot_training_data: gate the sources, freeze, split, announce."""

import logging

from airflow.sdk import Asset

from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment
from nightjar.usecases import find_use_case

log = logging.getLogger(__name__)


def check_sources(use_case_name: str) -> int:
    """Check the declared sources in dev as of the run's date."""
    from nightjar.quality import check_sources as check
    from nightjar.storage import Role

    run = run_context()
    database = nightjar_database(Environment.DEV)
    evaluated = check(database, Role.TRAINER, find_use_case(use_case_name), run.as_of, run.run_id)
    log.info("All %d expectations hold.", evaluated)
    return evaluated


def freeze(use_case_name: str) -> str:
    """Freeze the training data and return the snapshot's name."""
    from nightjar.training import freeze_training_data

    database = nightjar_database(Environment.DEV)
    snapshot = freeze_training_data(database, find_use_case(use_case_name), run_context().as_of)
    log.info("%s: %d rows, %d bytes, hash %s", snapshot.name, snapshot.row_count, snapshot.byte_count,
             snapshot.content_hash)  # fmt: skip
    return str(snapshot.name)


def split_and_announce(use_case_name: str, snapshot_name: str, asset: Asset) -> list[str]:
    """Split the snapshot, publish the parts, announce the training data; return the parts' names."""
    from nightjar import snapshots
    from nightjar.snapshots import SnapshotName
    from nightjar.training import split_training_data

    database = nightjar_database(Environment.DEV)
    snapshot = snapshots.find(database, SnapshotName.parse(snapshot_name))
    parts = split_training_data(database, find_use_case(use_case_name), snapshot)
    for part in parts:
        log.info("%s: %d rows", part.name, part.row_count)
    announce(asset, run_context().as_of.isoformat(), snapshot=snapshot_name, rows=snapshot.row_count)
    return [str(part.name) for part in parts]
