"""Scores one shard: rows out by COPY, predictions in by COPY, all or nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace

from psycopg import sql
from threadpoolctl import threadpool_limits

from nightjar import registry
from nightjar.errors import LostStagingError
from nightjar.registry import ModelName, ModelRecord
from nightjar.scoring.commits import Commit, work_on
from nightjar.scoring.engines import Engine, engine_of, load_engine, load_sql_model
from nightjar.scoring.in_database import score_in_database
from nightjar.scoring.incremental import TakenOver, is_changed, take_over
from nightjar.scoring.predicting import Arrays, Tally, predict, staged_columns
from nightjar.scoring.prediction_tables import store_table
from nightjar.scoring.quarantine import quarantine
from nightjar.scoring.row_numbers import wire_key
from nightjar.scoring.shard_writer import Destination, as_stored, write_predictions
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import read_batches
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")


@dataclass(frozen=True)
class ShardResult:
    """What came of a shard: entities scored, predictions written, entities set aside.

    taken_over: how many of the scored entities have their predictions from the night before.
    engine: what scored the others, see nightjar.scoring.engines.
    """

    scored: int = 0
    rows: int = 0
    quarantined: int = 0
    taken_over: int = 0
    engine: str = ""


def score_shard(
    database: Database,
    use_case: UseCase,
    commit_id: int,
    ordinal: int,
    *,
    told: Callable[[int], None] = lambda _: None,
) -> ShardResult:
    """Score a shard in one transaction; a shard that is scored already is left alone.

    told: called with the number of rows of each batch that was read; the shard ends with what it raises.

    Raises:
        ScoringError: the commit is not open.
        LostStagingError: staged rows are missing, or the shard is not planned.
    """
    with work_on(database, commit_id, "score") as (connection, commit):
        shard = connection.execute(_SQL["lock_shard"], [commit_id, ordinal]).fetchone()
        if shard is None:
            raise LostStagingError(f"Commit {commit_id} has no shard {ordinal}: build its features first.")
        if shard["scored_at"] is not None:
            return ShardResult()
        record = registry.find_model(connection, ModelName.parse(commit.model))
        rows_of = sql.SQL("{} BETWEEN {} AND {}").format(
            sql.Identifier(wire_key(use_case)[0]), sql.Literal(shard["low_key"]), sql.Literal(shard["high_key"])
        )
        taken = TakenOver() if commit.base_commit is None else take_over(connection, use_case, commit, rows_of)
        changed = sql.SQL("{} AND {}").format(rows_of, is_changed(use_case, commit))
        planned_rows = shard["planned_rows"] - taken.staged_rows
        told(taken.staged_rows)
        scored = _score(database, connection, use_case, commit, record, changed, planned_rows, told)
        if scored is None:
            raise LostStagingError(
                f"Shard {ordinal} of commit {commit_id} has not the {planned_rows} staged rows that were planned: the "
                "server lost the staging table. Run the night again from its first task."
            )
        result = replace(
            scored,
            scored=scored.scored + taken.entities,
            rows=scored.rows + taken.predictions,
            taken_over=taken.entities,
        )
        connection.execute(_SQL["finish_shard"], asdict(result) | {"commit_id": commit_id, "ordinal": ordinal})
    return result


def _score(
    database: Database,
    connection: Connection,
    use_case: UseCase,
    commit: Commit,
    record: ModelRecord,
    rows_of: sql.Composable,
    planned_rows: int,
    told: Callable[[int], None],
) -> ShardResult | None:
    """Score staged rows with the model's engine; None where they are not as many as planned."""
    engine = engine_of(connection, record)
    if engine is Engine.DATABASE:
        model = load_sql_model(connection, record)
        if score_in_database(database, connection, use_case, commit, model, rows_of, planned_rows):
            told(planned_rows)
            return ShardResult(planned_rows, planned_rows, engine=engine.value)
        engine = Engine.FULL
    predictor = load_engine(connection, record, engine)
    destination = Destination(store_table(use_case), commit.id, commit.features, rows_of)
    tally = Tally()
    with database.connect(Role.SCORER) as reader:
        columns = staged_columns(use_case, predictor)
        staged = read_batches(reader, commit.features, columns, condition=rows_of, order_by=wire_key(use_case))
        # Closed before the reader's connection is, or the roll-back after an error would wait for it forever.
        # One thread: shards are what goes side by side.
        with closing(staged) as batches, threadpool_limits(1):
            predictions = as_stored(use_case, predict(use_case, predictor, _counted(batches, told), tally))
            rows = write_predictions(connection, use_case, destination, predictions)
    if tally.read != planned_rows:
        return None
    quarantine(connection, use_case, commit, tally.quarantined)
    return ShardResult(tally.scored, rows, len(tally.quarantined), engine=engine.value)


def _counted(batches: Iterator[Arrays], told: Callable[[int], None]) -> Iterator[Arrays]:
    for batch in batches:
        told(len(next(iter(batch.values()))))
        yield batch
