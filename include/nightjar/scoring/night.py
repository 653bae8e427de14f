"""A whole night in one process: what the DAG does task by task."""

import uuid
from collections.abc import Callable
from datetime import date

from nightjar.quality import check_sources
from nightjar.registry import ModelName
from nightjar.scoring.commits import Commit, open_commit
from nightjar.scoring.features import build_features
from nightjar.scoring.night_gates import check_night, gate_features
from nightjar.scoring.publish import forget_expired, publish
from nightjar.scoring.shards import score_shard
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase


def score_night(
    database: Database,
    use_case: UseCase,
    as_of: date,
    *,
    model: ModelName | None = None,
    run_id: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Commit:
    """Score and publish a night; a night that is published already is replaced.

    Raises:
        NightjarError: with its own class for each reason; the night before stays in place.
    """
    run_id = run_id or f"local-{uuid.uuid4()}"
    # Before a commit is opened: a date that the data do not serve leaves no trace of a night.
    check_sources(database, Role.SCORER, use_case, as_of, run_id, by_hand=True)
    commit = open_commit(database, use_case, as_of, run_id, model)
    progress(f"commit {commit.id}: features as of {as_of}")
    shards = build_features(database, use_case, commit)
    gate_features(database, use_case, commit)
    for ordinal in shards:
        progress(f"commit {commit.id}: shard {ordinal + 1} of {len(shards)}")
        score_shard(database, use_case, commit.id, ordinal)
    progress(f"commit {commit.id}: checks")
    check_night(database, use_case, commit)
    published = publish(database, use_case, commit)
    forget_expired(database, use_case)
    return published
