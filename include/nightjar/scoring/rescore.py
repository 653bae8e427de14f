"""Scores a date again with a chosen model, beside what is stored: into a temporary table, for comparing."""

from contextlib import closing
from datetime import date

from psycopg import sql
from threadpoolctl import threadpool_limits

from nightjar.registry import ModelRecord
from nightjar.registry.loading import load_predictor
from nightjar.scoring.exclusion import remove_excluded
from nightjar.scoring.features import require_signature, stage
from nightjar.scoring.predicting import Tally, predict, staged_columns
from nightjar.scoring.prediction_tables import store_table
from nightjar.scoring.row_numbers import wire_key
from nightjar.scoring.shard_writer import Destination, as_stored, write_predictions
from nightjar.storage.columns import column_types
from nightjar.storage.copy_reader import read_batches
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase

RESCORED = sql.Identifier("pg_temp", "nightjar_rescored")
_INPUTS = sql.Identifier("pg_temp", "nightjar_inputs")


def open_rescored(connection: Connection, use_case: UseCase) -> None:
    """Create the temporary table that this transaction's rescored dates go to, with the columns of the stored rows."""
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE nightjar_rescored (LIKE {}) ON COMMIT DROP").format(store_table(use_case))
    )


def stage_inputs(connection: Connection, use_case: UseCase, as_of: date) -> None:
    """Compute the features as of a date, as today's sources and features.sql give them.

    Raises:
        ScoringError: the declared SQL fails.
    """
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_INPUTS))
    stage(connection, use_case, as_of, sql.SQL("CREATE TEMPORARY TABLE nightjar_inputs ON COMMIT DROP"))
    remove_excluded(connection, use_case, as_of, _INPUTS)


def rescore(connection: Connection, use_case: UseCase, record: ModelRecord, mark: int) -> None:
    """Score the staged inputs with a model, and keep the predictions under a mark in place of a commit.

    Holds the night's predictions in memory, but not its features. Entities that cannot be scored are left out.

    Raises:
        SignatureError: the features are not those the model was trained on.
    """
    require_signature(column_types(connection, _INPUTS), record.signature)
    predictor = load_predictor(connection, record)
    columns = staged_columns(use_case, predictor)
    with (
        closing(read_batches(connection, _INPUTS, columns, order_by=wire_key(use_case))) as batches,
        threadpool_limits(1),
    ):
        values = list(as_stored(use_case, predict(use_case, predictor, batches, Tally())))
    destination = Destination(RESCORED, mark, _INPUTS, sql.SQL("true"))
    write_predictions(connection, use_case, destination, values)
