"""Scores a shard in the database itself, with models that have a form in SQL and answer there as they should."""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from nightjar import registry
from nightjar.errors import ParitySampleNotFoundError, ServingError, ServingModelNotFoundError
from nightjar.registry import ModelRecord, ParitySample
from nightjar.registry.serving.sql import SqlModel, to_sql
from nightjar.registry.serving_models import StoredServing, find_serving
from nightjar.scoring.commits import Commit
from nightjar.scoring.prediction_tables import output_columns, store_table
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase

log = logging.getLogger(__name__)

Matrix = npt.NDArray[np.float64]


def find_sql_model(connection: Connection, record: ModelRecord) -> SqlModel | None:
    """Return a model as SQL, proved on its sample in this database; None where it has to be run outside."""
    try:
        stored = find_serving(connection, record)
        sample = registry.find_sample(connection, record)
        model = to_sql(record, registry.read_artifact(connection, stored.sha256))
        difference = _difference(connection, model, sample)
    except (ServingError, ServingModelNotFoundError, ParitySampleNotFoundError) as error:
        log.info("%s is run outside of the database: %s", record.name, error)
        return None
    except psycopg.DataError as error:
        log.warning("%s is run outside of the database, which fails on its sample: %s", record.name, error)
        return None
    return model if _is_equal(record, stored, difference) else None


def score_in_database(
    connection: Connection, use_case: UseCase, commit: Commit, model: SqlModel, condition: sql.Composable
) -> int | None:
    """Write the predictions of the staged rows of a condition and return their number.

    Returns:
        None, and nothing is written, where the database refuses a number that is too large or too small.
    """
    inputs = [column.expression() for column in model.record.signature.inputs]
    rows = sql.SQL("(SELECT * FROM {} WHERE {}) staged").format(commit.features, condition)
    names = [column.name for column in output_columns(use_case)]
    insert = sql.SQL("INSERT INTO {} (commit_id, {}) SELECT {}, {} FROM ({}) predicted").format(
        store_table(use_case),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.Literal(commit.id),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        model.select(rows, inputs, [use_case.entity.name]),
    )
    try:
        with connection.transaction():
            return connection.execute(insert).rowcount
    except psycopg.DataError as error:
        log.warning("%s leaves the range of numbers in the database: %s", model.record.name, error)
        return None


def _is_equal(record: ModelRecord, stored: StoredServing, difference: float) -> bool:
    if difference <= stored.report.tolerance:
        return True
    log.warning(
        "%s is run outside of the database: on its sample that is off by %.2g, %.0e is allowed.",
        record.name,
        difference,
        stored.report.tolerance,
    )
    return False


def _difference(connection: Connection, model: SqlModel, sample: ParitySample) -> float:
    """Return how far the database's answers to the sample are from the model's; of values above 1, relative to them."""
    matrix = sample.matrix()
    finite = np.flatnonzero(~np.isinf(matrix).any(axis=1))
    rows = connection.execute(
        sql.SQL("{} ORDER BY place").format(model.select(_as_relation(matrix[finite]), _names(matrix), ["place"]))
    ).fetchall()
    if [row["place"] for row in rows] != list(range(1, len(finite) + 1)):
        return float("inf")
    largest = 0.0
    for name, answers in sample.outputs.items():
        expected, found = np.array(answers)[finite], np.array([row[name] for row in rows], dtype=float)
        largest = max(largest, float((np.abs(found - expected) / np.maximum(1.0, np.abs(expected))).max(initial=0.0)))
    return largest


def _names(matrix: Matrix) -> Sequence[sql.Identifier]:
    return [sql.Identifier(f"input{place}") for place in range(matrix.shape[1])]


def _as_relation(matrix: Matrix) -> sql.Composable:
    columns = [
        sql.SQL("{}::double precision[]").format(sql.Literal([repr(float(value)) for value in column]))
        for column in matrix.T
    ]
    return sql.SQL("unnest({}) WITH ORDINALITY AS sample ({}, place)").format(
        sql.SQL(", ").join(columns), sql.SQL(", ").join(_names(matrix))
    )
