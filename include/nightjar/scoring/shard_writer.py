"""Writes the predictions of a shard: by COPY, as they come, and under their keys."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from psycopg import sql

from nightjar.scoring.commits import Commit
from nightjar.scoring.prediction_tables import model_outputs, store_table
from nightjar.scoring.row_numbers import ENTITY_NUMBER, ROW_NUMBER, is_numbered, key_columns, wire_key
from nightjar.scoring.topn import top_items
from nightjar.storage.copy_writer import BatchWriter, WireType, WriteColumn, copy_statement
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import Key

Arrays = dict[str, npt.NDArray[np.generic]]

_SCORED = sql.Identifier("pg_temp", "nightjar_scored")
_WIRE_TYPES = {"integer": WireType.INTEGER, "bigint": WireType.BIGINT, "double precision": WireType.DOUBLE}


def write_predictions(
    connection: Connection, use_case: UseCase, commit: Commit, shard: sql.Composable, batches: Iterable[Arrays]
) -> int:
    """Write batches of predictions and return the number of predictions, for a recommender those of all ranks.

    Args:
        connection: of the transaction that writes the shard.
        use_case: whose predictions they are.
        commit: the night.
        shard: the condition on the staged features that a row is of this shard.
        batches: the columns of the wire key, and those of the model's output; whole entities each.
    """
    if not is_numbered(use_case):
        return _copy(connection, use_case, store_table(use_case), _direct_columns(use_case), batches, commit.id)
    columns = _numbered_columns(use_case)
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(
            sql.Identifier(column.name), sql.SQL(_type_name(column.wire_type) + ("[]" if column.is_array else ""))
        )
        for column in columns
    )
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE nightjar_scored ({}) ON COMMIT DROP").format(definitions))
    rows = _copy(connection, use_case, _SCORED, columns, batches, None)
    connection.execute(_with_keys(use_case, commit, shard))
    return rows


def _copy(
    connection: Connection,
    use_case: UseCase,
    table: sql.Identifier,
    columns: Sequence[WriteColumn],
    batches: Iterable[Arrays],
    commit_id: int | None,
) -> int:
    rows = 0
    with connection.cursor().copy(copy_statement(table, columns)) as copy:
        writer = BatchWriter(copy, columns)
        for batch in batches:
            for values in _rows(use_case, batch):
                own = [] if commit_id is None else [np.full(len(values[0]), commit_id)]
                writer.write([*own, *values])
                rows += values[-1].size
        writer.finish()
    return rows


def _rows(use_case: UseCase, batch: Arrays) -> Iterator[list[npt.NDArray[np.generic]]]:
    """Yield the stored columns of a batch beside the commit."""
    entity, *item = (batch[name] for name in wire_key(use_case))
    if not len(entity):
        return
    if use_case.items is None:
        yield [entity, *(batch[column.name] for column in model_outputs(use_case))]
        return
    for best in top_items(entity, item[0], batch["probability"], use_case.items.top):
        yield [best.entity, best.items, best.scores]


def _direct_columns(use_case: UseCase) -> list[WriteColumn]:
    [key] = use_case.entity
    item = _wire_type(use_case.items.key) if use_case.items else WireType.BIGINT
    own = WriteColumn("commit_id", WireType.BIGINT)
    return [own, WriteColumn(key.name, _wire_type(key)), *_outputs(use_case, item)]


def _numbered_columns(use_case: UseCase) -> list[WriteColumn]:
    return [WriteColumn(ENTITY_NUMBER, WireType.BIGINT), *_outputs(use_case, WireType.BIGINT)]


def _outputs(use_case: UseCase, item: WireType) -> list[WriteColumn]:
    if use_case.items:
        return [WriteColumn("items", item, is_array=True), WriteColumn("scores", WireType.DOUBLE, is_array=True)]
    return [WriteColumn(column.name, _WIRE_TYPES[column.type]) for column in model_outputs(use_case)]


def _wire_type(key: Key) -> WireType:
    return _WIRE_TYPES[key.type]


def _type_name(wire_type: WireType) -> str:
    return next(name for name, known in _WIRE_TYPES.items() if known is wire_type)


def _with_keys(use_case: UseCase, commit: Commit, shard: sql.Composable) -> sql.Composed:
    """Return the statement that stores what was scored, its numbers replaced by the keys they stand for."""
    target = sql.SQL("INSERT INTO {} (commit_id, {}, {}) ").format(
        store_table(use_case), key_columns(use_case.entity_key), key_columns(_output_names(use_case))
    )
    staged = sql.SQL("(SELECT * FROM {} WHERE {}) staged").format(commit.features, shard)
    keys = key_columns(use_case.entity_key, "staged")
    if use_case.items is None:
        select = sql.SQL("SELECT {}, {}, {} FROM {} scored JOIN {} USING ({})").format(
            sql.Literal(commit.id), keys, key_columns(_output_names(use_case), "scored"), _SCORED, staged,
            sql.Identifier(ENTITY_NUMBER),
        )  # fmt: skip
        return target + select
    return target + sql.SQL(
        "SELECT {commit}, {keys}, array_agg(staged.{item} ORDER BY best.rank), "
        "array_agg(best.score ORDER BY best.rank) "
        "FROM {scored} scored "
        "CROSS JOIN LATERAL unnest(scored.items, scored.scores) WITH ORDINALITY AS best (number, score, rank) "
        "JOIN {staged} ON staged.{row_number} = best.number GROUP BY scored.{entity_number}, {keys}"
    ).format(
        commit=sql.Literal(commit.id),
        keys=keys,
        item=sql.Identifier(use_case.items.key.name),
        scored=_SCORED,
        staged=staged,
        row_number=sql.Identifier(ROW_NUMBER),
        entity_number=sql.Identifier(ENTITY_NUMBER),
    )


def _output_names(use_case: UseCase) -> list[str]:
    return [column.name for column in _outputs(use_case, WireType.BIGINT)]
