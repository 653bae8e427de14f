"""A whole night in one process: what the DAG does task by task."""

import uuid
from datetime import date

from nightjar.errors import LostStagingError
from nightjar.processes import cores
from nightjar.quality import check_sources
from nightjar.registry import ModelName
from nightjar.scoring.commits import Commit, open_commit
from nightjar.scoring.features import build_features
from nightjar.scoring.leftovers import abandon_run
from nightjar.scoring.night_gates import check_night, gate_features
from nightjar.scoring.progress import Progress, Watch, unwatched
from nightjar.scoring.proof import prove
from nightjar.scoring.publish import forget_expired, publish, require_kept
from nightjar.scoring.side_by_side import score_shards
from nightjar.storage import Database, Role
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase
from nightjar.usecases.extent import Extent

_SQL = load_sql("nightjar.scoring", "scoring.sql")
# In Airflow each shard pays for a task, here none does: smaller ones keep all workers busy until the end.
_SHARD_ROWS = 250_000


def score_night(
    database: Database,
    use_case: UseCase,
    as_of: date,
    *,
    model: ModelName | None = None,
    run_id: str | None = None,
    extent: Extent = Extent.DECLARED,
    workers: int | None = None,
    progress: Watch = unwatched,
) -> Commit:
    """Score and publish a night; a night that is published already is replaced.

    Interrupted by Ctrl-C, it throws away what it has made of the night.

    extent: whether predictions are taken over from the night before where the inputs are the same.
    workers: shards that are scored at a time; default: as many as there are cores.

    Raises:
        NightjarError: with its own class for each reason; the night before stays in place.
    """
    run_id = run_id or f"local-{uuid.uuid4()}"
    require_kept(database, use_case, [as_of])
    # Before a commit is opened: a date that the data do not serve leaves no trace of a night.
    check_sources(database, Role.SCORER, use_case, as_of, run_id, by_hand=True)
    try:
        commit = open_commit(database, use_case, as_of, run_id, model, incremental=extent.incremental)
        small = _in_small_shards(use_case)
        try:
            score_commit(database, small, commit, workers=workers, progress=progress)
        except LostStagingError:
            # The server crashed between two transactions, and was back for the next.
            score_commit(database, small, commit, workers=workers, progress=progress)
        if extent is Extent.PROVED:
            progress(Progress(f"commit {commit.id}: {prove(database, use_case, commit)}"))
        progress(Progress(f"commit {commit.id}: checks"))
        check_night(database, use_case, commit)
        published = publish(database, use_case, commit)
        forget_expired(database, use_case)
    except KeyboardInterrupt:
        # Nobody will go on with it. If it is out already, forgetting is what was interrupted.
        abandon_run(database, use_case, as_of, run_id)
        forget_expired(database, use_case)
        raise
    return published


def score_commit(
    database: Database, use_case: UseCase, commit: Commit, *, workers: int | None = None, progress: Watch = unwatched
) -> None:
    """Stage and check a night's features where they are not there, and score every shard that is left.

    Raises:
        NightjarError: with its own class for each reason.
    """
    progress(Progress(f"commit {commit.id}: features as of {commit.as_of}"))
    ordinals = build_features(database, use_case, commit)
    gate_features(database, use_case, commit)
    planned = _planned_rows(database, commit)

    def told(rows: int) -> None:
        progress(Progress(f"commit {commit.id}: scoring with {commit.model}", rows, rows / planned))

    told(0)
    score_shards(database, use_case, commit, ordinals, workers=workers or cores(), told=told)


def _in_small_shards(use_case: UseCase) -> UseCase:
    rows = min(use_case.scoring.shard_rows, _SHARD_ROWS)
    return use_case.model_copy(update={"scoring": use_case.scoring.model_copy(update={"shard_rows": rows})})


def _planned_rows(database: Database, commit: Commit) -> int:
    with database.connect(Role.SCORER) as connection:
        row = connection.execute(_SQL["planned"], [commit.id]).fetchone()
    assert row is not None
    return int(row["rows"])
