"""Proves an incremental night: what was taken over is scored anew, and must come to the same."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from psycopg import sql
from threadpoolctl import threadpool_limits

from nightjar import registry
from nightjar.errors import IncrementalProofError
from nightjar.recommending.topn import as_rows
from nightjar.registry import ModelName, Predictor
from nightjar.scoring.commits import Commit, find_commit
from nightjar.scoring.engines import engine_of, load_engine
from nightjar.scoring.incremental import is_changed
from nightjar.scoring.predicting import Tally, predict, staged_columns
from nightjar.scoring.prediction_tables import model_outputs, stored_rows
from nightjar.scoring.row_numbers import key_columns, wire_key
from nightjar.scoring.shard_writer import best_items
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

Arrays = dict[str, npt.NDArray[np.float64]]

# Of values above 1, relative to them: sums of other numbers of rows at a time differ in their last bits.
TOLERANCE = 1e-9
_SQL = load_sql("nightjar.scoring", "scoring.sql")


@dataclass(frozen=True)
class Proof:
    """How many entities were scored anew, and by how much their predictions differ at most."""

    entities: int
    largest_difference: float

    def __str__(self) -> str:
        return f"{self.entities} entities taken over, scored again: off by {self.largest_difference:.2g} at most"


def prove(database: Database, use_case: UseCase, commit: Commit) -> Proof:
    """Score the entities of a night that were taken over, and compare; what was scored is proved by that.

    Args:
        database: where the night is.
        use_case: whose night it is.
        commit: a night whose shards are all scored and whose staged features are still there.

    Raises:
        IncrementalProofError: a prediction is missing, or is another one.
    """
    entities, largest = 0, 0.0
    with database.connect(Role.SCORER) as connection:
        commit = find_commit(connection, commit.id)
        if commit.base_commit is None:
            return Proof(0, 0.0)
        record = registry.find_model(connection, ModelName.parse(commit.model))
        predictor = load_engine(connection, record, engine_of(connection, record))
        for shard in connection.execute(_SQL["shards"], [commit.id]).fetchall():
            rows = sql.SQL("{} BETWEEN {} AND {} AND NOT ({})").format(
                sql.Identifier(wire_key(use_case)[0]),
                sql.Literal(shard["low_key"]),
                sql.Literal(shard["high_key"]),
                is_changed(use_case, commit),
            )
            anew = _scored_anew(connection, use_case, commit, predictor, rows)
            taken = _joined(_taken_over(connection, use_case, commit, rows))
            largest = max(largest, _difference(use_case, commit, anew, taken))
            entities += len(np.unique(anew[wire_key(use_case)[0]]))
    return Proof(entities, largest)


def _scored_anew(
    connection: Connection, use_case: UseCase, commit: Commit, predictor: Predictor, rows: sql.Composable
) -> Arrays:
    staged = read_batches(
        connection, commit.features, staged_columns(use_case, predictor), condition=rows, order_by=wire_key(use_case)
    )
    with closing(staged) as batches, threadpool_limits(1):
        found = _joined(predict(use_case, predictor, batches, Tally()))
    if use_case.items is None:
        return found
    best = as_rows(best_items(use_case, found))
    return {wire_key(use_case)[0]: best.entity.astype(float), "rank": best.rank.astype(float), "score": best.score}


def _taken_over(
    connection: Connection, use_case: UseCase, commit: Commit, rows: sql.Composable
) -> Iterator[dict[str, npt.NDArray[np.generic]]]:
    entity = wire_key(use_case)[0]
    names = [column.name for column in model_outputs(use_case)]
    relation = sql.SQL(
        "(SELECT staged.{}, {} FROM (SELECT * FROM {} WHERE {}) staged JOIN {} stored USING ({}) "
        "WHERE stored.commit_id = {}) taken"
    ).format(
        sql.Identifier(entity), key_columns(names, "stored"), commit.features, rows, stored_rows(use_case),
        key_columns(use_case.row_key), sql.Literal(commit.id),
    )  # fmt: skip
    columns = [CopyColumn(entity, Encoding.INTEGER), *(CopyColumn(name, Encoding.NUMBER) for name in names)]
    order = [entity, "rank"] if use_case.items else [entity]
    return read_batches(connection, relation, columns, order_by=order)


def _joined(batches: Iterator[dict[str, npt.NDArray[np.generic]]]) -> Arrays:
    parts = list(batches)
    return {name: np.concatenate([part[name] for part in parts]).astype(float) for name in parts[0]} if parts else {}


def _difference(use_case: UseCase, commit: Commit, anew: Arrays, taken: Arrays) -> float:
    entity = wire_key(use_case)[0]
    if not np.array_equal(anew.get(entity, np.empty(0)), taken.get(entity, np.empty(0))):
        raise IncrementalProofError(
            f"Commit {commit.id} of {use_case.name} has not the entities that it took over from commit "
            f"{commit.base_commit}: score the night in full."
        )
    largest = 0.0
    for column in model_outputs(use_case):
        if column.name not in taken:
            continue
        difference = np.abs(anew[column.name] - taken[column.name]) / np.maximum(1.0, np.abs(anew[column.name]))
        largest = max(largest, float(difference.max(initial=0.0)))
    if not largest <= TOLERANCE:
        raise IncrementalProofError(
            f"What commit {commit.id} of {use_case.name} took over from commit {commit.base_commit} is off "
            f"by {largest:.2g}, {TOLERANCE:g} is allowed: score the night in full."
        )
    return largest
