"""Steps of score_nightly: build features, gate, score shards, gate, publish."""

import logging
from typing import TYPE_CHECKING

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from nightjar.orchestration.assets import announce
from nightjar.orchestration.connections import nightjar_database
from nightjar.orchestration.run_context import run_context
from nightjar.settings import Environment
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import ModelOf
from nightjar.usecases.extent import Extent

if TYPE_CHECKING:
    from nightjar.scoring import Commit
    from nightjar.storage import Database

log = logging.getLogger(__name__)

PUBLISH, CHECK_ONLY = "publish", "check only"


def build_features(use_case_name: str) -> dict[str, int]:
    """Open the night, stage its features, plan its shards; return the commit's id."""
    from nightjar import scoring
    from nightjar.quality import check_sources
    from nightjar.registry import ModelName
    from nightjar.storage import Role

    run = run_context()
    use_case = find_use_case(use_case_name)
    database = nightjar_database(Environment.PROD)
    named, model_of = run.params.get("model"), ModelOf.parse(run.params["model_of"])
    if run.params["finish"] == PUBLISH:
        scoring.require_kept(database, use_case, [run.as_of])
    chosen = scoring.model_of_night(database, use_case, run.as_of, model_of, ModelName.parse(named) if named else None)
    # Before a commit is opened: a date that the data do not serve leaves no trace of a night.
    verdict = check_sources(database, Role.SCORER, use_case, run.as_of, run.run_id, by_hand=run.by_hand)
    log.info("Sources: %s", verdict)
    incremental = Extent(run.params["extent"]).incremental
    commit = scoring.open_commit(database, use_case, run.as_of, run.run_id, chosen, incremental=incremental)
    shards = scoring.build_features(database, use_case, commit)
    log.info("Commit %d: %s as of %s with %s, %d shards", commit.id, use_case.name, commit.as_of, commit.model,
             len(shards))  # fmt: skip
    return {"commit": commit.id}


def gate_features(use_case_name: str, commit_id: int) -> list[int]:
    """Check the staged features, staged again where a crash of the server has emptied them; return the shards."""
    from nightjar import scoring

    database, use_case = nightjar_database(Environment.PROD), find_use_case(use_case_name)
    commit = _commit(database, commit_id)
    shards = scoring.build_features(database, use_case, commit)
    log.info("Features: %s", scoring.gate_features(database, use_case, commit))
    return shards


def score_shard(use_case_name: str, commit_id: int, shard: int) -> None:
    """Score one shard; all of them, where the server has lost the features that they were to be scored from."""
    from nightjar import scoring
    from nightjar.errors import LostStagingError

    database, use_case = nightjar_database(Environment.PROD), find_use_case(use_case_name)
    try:
        result = scoring.score_shard(database, use_case, commit_id, shard)
    except LostStagingError as lost:
        log.warning("%s All of it is done here.", lost)
        scoring.score_commit(database, use_case, _commit(database, commit_id), workers=1)
        return
    log.info("Shard %d: %d entities scored, %d rows, %d quarantined", shard, result.scored, result.rows,
             result.quarantined)  # fmt: skip


def gate_predictions(use_case_name: str, commit_id: int) -> None:
    """Check that the night is whole and its predictions are sound; where it was asked for, what was taken over too."""
    from nightjar import scoring

    database, use_case = nightjar_database(Environment.PROD), find_use_case(use_case_name)
    commit = _commit(database, commit_id)
    if run_context().params["extent"] == Extent.PROVED:
        log.info("Proof: %s.", scoring.prove(database, use_case, commit))
    log.info("Predictions: %s", scoring.check_night(database, use_case, commit))


def publish(use_case_name: str, commit_id: int, asset: Asset) -> None:
    """Make the night visible and announce it.

    Raises:
        AirflowSkipException: the run only checks; its rows are thrown away.
    """
    from nightjar import scoring
    from nightjar.scoring.commits import end_checked

    use_case = find_use_case(use_case_name)
    database = nightjar_database(Environment.PROD)
    if run_context().params.get("finish") == CHECK_ONLY:
        scoring.annotate(database, use_case, _commit(database, commit_id))
        end_checked(database, commit_id)
        scoring.forget_expired(database, use_case)
        raise AirflowSkipException("All checks passed; this run does not publish.")
    commit = scoring.publish(database, use_case, _commit(database, commit_id))
    log.info("%s as of %s is out: %d rows, %d quarantined", use_case.name, commit.as_of, commit.rows,
             commit.quarantined)  # fmt: skip
    announce(asset, commit.as_of.isoformat(), commit=commit.id, model=commit.model, rows=commit.rows)
    scoring.forget_expired(database, use_case)


def _commit(database: "Database", commit_id: int) -> "Commit":
    from nightjar.scoring.commits import find_commit
    from nightjar.storage import Role

    with database.connect(Role.SCORER) as connection:
        return find_commit(connection, commit_id)
