"""Scores one shard: rows out by COPY, predictions in by COPY, all or nothing."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql
from threadpoolctl import threadpool_limits

from nightjar import registry
from nightjar.errors import ScoringError
from nightjar.registry import ModelName, Predictor, feature_matrix, without_infinities
from nightjar.registry.loading import load_faster
from nightjar.scoring.commits import Commit, work_on
from nightjar.scoring.prediction_tables import output_columns, store_table, written_columns
from nightjar.scoring.topn import top_items
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.storage.copy_writer import BatchWriter, copy_statement
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")

Arrays = dict[str, npt.NDArray[Any]]


@dataclass
class ShardResult:
    """What came of a shard: entities scored, rows written, and why others were not scored.

    engine: which form of the model scored: full, or serving.
    """

    scored: int = 0
    rows: int = 0
    quarantined: dict[int, str] = field(default_factory=dict)
    read: int = 0
    engine: str = ""


def score_shard(database: Database, use_case: UseCase, commit_id: int, ordinal: int) -> ShardResult:
    """Score a shard in one transaction; a shard that is scored already is left alone.

    Raises:
        ScoringError: the commit is not open, or staged rows are missing.
    """
    with work_on(database, commit_id, "score") as (connection, commit):
        shard = connection.execute(_SQL["lock_shard"], [commit_id, ordinal]).fetchone()
        if shard is None:
            raise ScoringError(f"Commit {commit_id} has no shard {ordinal}: build its features first.")
        if shard["scored_at"] is not None:
            return ShardResult()
        record = registry.find_model(connection, ModelName.parse(commit.model))
        condition = sql.SQL("{} BETWEEN {} AND {}").format(
            sql.Identifier(use_case.entity.name), sql.Literal(shard["low_key"]), sql.Literal(shard["high_key"])
        )
        predictor = load_faster(connection, record)
        result = ShardResult(engine=predictor.form.value)
        with database.connect(Role.SCORER) as reader:
            columns = _columns(use_case, predictor)
            rows = read_batches(reader, commit.features, columns, condition=condition, order_by=use_case.row_key)
            # Closed before the reader's connection is, or the roll-back after an error would wait for it forever.
            # One thread: shards are what goes side by side.
            with closing(rows) as batches, threadpool_limits(1):
                _write(connection, use_case, commit, _predict(use_case, predictor, batches, result), result)
        if result.read != shard["planned_rows"]:
            raise ScoringError(
                f"Shard {ordinal} of commit {commit_id} has {result.read} staged rows, {shard['planned_rows']} were "
                "planned: the server lost the staging table. Run the night again from its first task."
            )
        _quarantine(connection, commit, result)
        connection.execute(
            _SQL["finish_shard"],
            {
                "scored": result.scored,
                "rows": result.rows,
                "quarantined": len(result.quarantined),
                "engine": result.engine,
                "commit_id": commit_id,
                "ordinal": ordinal,
            },
        )
    return result


def _columns(use_case: UseCase, predictor: Predictor) -> list[CopyColumn]:
    keys = [CopyColumn(name, Encoding.INTEGER) for name in use_case.row_key]
    return [*keys, *predictor.record.signature.inputs]


def _predict(
    use_case: UseCase, predictor: Predictor, batches: Iterator[Arrays], result: ShardResult
) -> Iterator[Arrays]:
    """Yield the output columns of each batch, without the rows that cannot be scored."""
    for batch in _whole_entities(batches, use_case.entity.name):
        entities = batch[use_case.entity.name]
        result.read += len(entities)
        matrix = feature_matrix(predictor.record.signature, batch)
        outputs = predictor.predict(without_infinities(matrix))
        bad = _unusable(predictor, entities, matrix, outputs, result)
        scored: Arrays = {name: batch[name] for name in use_case.row_key} | outputs
        if bad:
            kept = ~np.isin(entities, bad)
            scored = {name: values[kept] for name, values in scored.items()}
        if use_case.items:
            scored = top_items(use_case, scored)
        result.scored += _count_entities(scored[use_case.entity.name])
        yield scored


def _count_entities(sorted_keys: npt.NDArray[Any]) -> int:
    return int(np.count_nonzero(np.diff(sorted_keys))) + 1 if len(sorted_keys) else 0


def _unusable(
    predictor: Predictor,
    entities: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    outputs: Arrays,
    result: ShardResult,
) -> list[int]:
    """Note the entities with infinite features or outputs that are not finite, and return them."""
    names = [column.name for column in predictor.record.signature.inputs]
    reasons: dict[int, str] = {}
    for row, column in np.argwhere(np.isinf(matrix)):
        reasons.setdefault(int(entities[row]), f"feature {names[column]} is infinite")
    for name, values in outputs.items():
        for row in np.flatnonzero(~np.isfinite(values)):
            reasons.setdefault(int(entities[row]), f"{name} is not finite")
    result.quarantined |= reasons
    return list(reasons)


def _whole_entities(batches: Iterator[Arrays], entity: str) -> Iterator[Arrays]:
    """Move the last entity of each batch into the next one: its rows may go on there."""
    rest: Arrays = {}
    for batch in batches:
        joined = {name: np.concatenate([rest[name], values]) for name, values in batch.items()} if rest else batch
        boundary = int(np.searchsorted(joined[entity], joined[entity][-1]))
        rest = {name: values[boundary:] for name, values in joined.items()}
        if boundary:
            yield {name: values[:boundary] for name, values in joined.items()}
    if rest:
        yield rest


def _write(
    connection: Connection, use_case: UseCase, commit: Commit, batches: Iterator[Arrays], result: ShardResult
) -> None:
    columns = written_columns(use_case)
    names = [column.name for column in output_columns(use_case)]
    with connection.cursor().copy(copy_statement(store_table(use_case), columns)) as copy:
        writer = BatchWriter(copy, columns)
        for batch in batches:
            if len(batch[names[0]]):
                commit_ids = np.full(len(batch[names[0]]), commit.id)
                result.rows += writer.write([commit_ids, *(batch[name] for name in names)])
        writer.finish()


def _quarantine(connection: Connection, commit: Commit, result: ShardResult) -> None:
    if result.quarantined:
        connection.cursor().executemany(
            "INSERT INTO nightjar.quarantine (commit_id, entity_id, reason) VALUES (%s, %s, %s)",
            [(commit.id, entity, reason) for entity, reason in result.quarantined.items()],
        )
