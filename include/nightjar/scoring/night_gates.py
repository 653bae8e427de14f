"""The gates of a night: its features and its predictions, held against the model and the last published night."""

from psycopg import sql

from nightjar import registry
from nightjar.errors import GateError, IncompleteNightError, LostStagingError
from nightjar.quality import PublishedNight, Verdict, check_features, check_predictions, record_refusal
from nightjar.registry import ModelName
from nightjar.scoring.commits import Commit
from nightjar.scoring.features import is_staged
from nightjar.scoring.prediction_tables import are_kept, stored_rows
from nightjar.scoring.publish import require_complete
from nightjar.scoring.stored import segment_names
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")
_COMPLETE = "expect_every_entity_scored_or_quarantined"


def gate_features(database: Database, use_case: UseCase, commit: Commit) -> Verdict:
    """Check the staged features.

    Raises:
        GateError: an expectation fails.
        LostStagingError: it does, and the rows are not those that were staged.
    """
    with database.connect(Role.SCORER) as connection:
        model = registry.find_model(connection, ModelName.parse(commit.model))
        last = last_night(connection, use_case, commit)
    try:
        return check_features(
            database, Role.SCORER, use_case, commit.as_of, commit.run_id, commit.features, model=model, last=last
        )
    except GateError as error:
        with database.connect(Role.SCORER) as connection:
            if is_staged(connection, commit):
                raise
        raise LostStagingError(
            f"The server lost the staging table of commit {commit.id}: run the night again."
        ) from error


def check_night(database: Database, use_case: UseCase, commit: Commit) -> Verdict:
    """Check the staged predictions.

    Raises:
        IncompleteNightError: an entity is neither scored nor quarantined, or too many are quarantined.
        GateError: an expectation fails.
    """
    try:
        with database.connect(Role.SCORER) as connection:
            require_complete(connection, use_case, commit)
            last = last_night(connection, use_case, commit)
            segments = list(segment_names(connection, commit))
    except IncompleteNightError as error:
        record_refusal(database, Role.SCORER, use_case, commit.as_of, commit.run_id, _COMPLETE, str(error))
        raise
    return check_predictions(
        database,
        Role.SCORER,
        use_case,
        commit.as_of,
        commit.run_id,
        _predictions(use_case, commit.id),
        features=commit.features,
        segments=segments,
        last=last,
    )


def last_night(connection: Connection, use_case: UseCase, commit: Commit) -> PublishedNight | None:
    """Return the published night that a commit is compared with; None where there is none up to its date."""
    row = connection.execute(_SQL["last_night"], [use_case.name, commit.as_of]).fetchone()
    if row is None:
        return None
    kept = are_kept(connection, use_case, row["id"])
    return PublishedNight(
        row["as_of"],
        row["model"],
        row["feature_rows"],
        row["rows"],
        _predictions(use_case, row["id"]) if kept else None,
    )


def _predictions(use_case: UseCase, commit_id: int) -> sql.Composed:
    return sql.SQL("(SELECT * FROM {} WHERE commit_id = {}) night").format(
        stored_rows(use_case), sql.Literal(commit_id)
    )
