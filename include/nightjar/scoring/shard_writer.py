"""Writes the predictions of a shard: by COPY, as they come, and under their keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from nightjar.recommending.diversity import lessen_repetition
from nightjar.recommending.topn import Recommendations, top_items
from nightjar.scoring.prediction_tables import model_outputs
from nightjar.scoring.row_numbers import ENTITY_NUMBER, ROW_NUMBER, is_numbered, key_columns, wire_key
from nightjar.storage.copy_writer import BatchWriter, WireType, WriteColumn, copy_statement, definitions
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import ITEM_CATEGORY
from nightjar.usecases.fields import Key

Arrays = dict[str, npt.NDArray[np.generic]]
Values = list[npt.NDArray[np.generic]]

_SCORED = sql.Identifier("pg_temp", "nightjar_scored")
_WIRE_TYPES = {"integer": WireType.INTEGER, "bigint": WireType.BIGINT, "double precision": WireType.DOUBLE}


@dataclass(frozen=True)
class Destination:
    """Where predictions are written to.

    table: has the columns of a prediction table. commit_id: the night that its rows are of. features: the staged
    features, and rows: the condition that one of theirs is among those scored.
    """

    table: sql.Identifier
    commit_id: int
    features: sql.Identifier
    rows: sql.Composable


def as_stored(use_case: UseCase, batches: Iterable[Arrays]) -> Iterator[Values]:
    """Yield the stored columns of batches of predictions, but for the commit; of a recommender the best items alone.

    Args:
        use_case: whose predictions they are.
        batches: the columns of the wire key, and those of the model's output; whole entities each.
    """
    for batch in batches:
        entity = batch[wire_key(use_case)[0]]
        if not len(entity):
            continue
        if use_case.items is None:
            yield [entity, *(batch[column.name] for column in model_outputs(use_case))]
            continue
        for best in best_items(use_case, batch):
            yield [best.entity, best.items, best.scores]


def best_items(use_case: UseCase, pairs: Mapping[str, npt.NDArray[Any]]) -> Iterator[Recommendations]:
    """Yield the best items of the entities of a recommender, spread over categories as declared.

    pairs: the columns of the wire key, the probability and, where it is needed, the category; whole entities.
    """
    assert use_case.items is not None
    entity, item = (pairs[name] for name in wire_key(use_case))
    score, order_by = pairs["probability"], None
    if use_case.items.diversity:
        order_by = lessen_repetition(entity, pairs[ITEM_CATEGORY], score, use_case.items.diversity)
    yield from top_items(entity, item, score, use_case.items.top, order_by)


def write_predictions(
    connection: Connection, use_case: UseCase, destination: Destination, values: Iterable[Values]
) -> int:
    """Write predictions and return how many they are, for a recommender those of all ranks.

    Args:
        connection: of the transaction that writes them.
        use_case: whose predictions they are.
        destination: where to.
        values: as `as_stored` gives them.
    """
    if not is_numbered(use_case):
        commit_id = destination.commit_id
        return _copy(connection, destination.table, _direct_columns(use_case), values, commit_id)
    columns = _numbered_columns(use_case)
    create_table = sql.SQL("CREATE TEMPORARY TABLE nightjar_scored ({}) ON COMMIT DROP")
    connection.execute(create_table.format(definitions(columns)))
    rows = _copy(connection, _SCORED, columns, values, None)
    connection.execute(_with_keys(use_case, destination))
    connection.execute(sql.SQL("DROP TABLE {}").format(_SCORED))
    return rows


def _copy(
    connection: Connection,
    table: sql.Identifier,
    columns: Sequence[WriteColumn],
    values: Iterable[Values],
    commit_id: int | None,
) -> int:
    rows = 0
    with connection.cursor().copy(copy_statement(table, columns)) as copy:
        writer = BatchWriter(copy, columns)
        for part in values:
            own = [] if commit_id is None else [np.full(len(part[0]), commit_id)]
            writer.write([*own, *part])
            rows += part[-1].size
        writer.finish()
    return rows


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


def _with_keys(use_case: UseCase, destination: Destination) -> sql.Composed:
    """Return the statement that stores what was scored, its numbers replaced by the keys they stand for."""
    target = sql.SQL("INSERT INTO {} (commit_id, {}, {}) ").format(
        destination.table, key_columns(use_case.entity_key), key_columns(_output_names(use_case))
    )
    staged = sql.SQL("(SELECT * FROM {} WHERE {}) staged").format(destination.features, destination.rows)
    keys = key_columns(use_case.entity_key, "staged")
    if use_case.items is None:
        select = sql.SQL("SELECT {}, {}, {} FROM {} scored JOIN {} USING ({})").format(
            sql.Literal(destination.commit_id), keys, key_columns(_output_names(use_case), "scored"), _SCORED, staged,
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
        commit=sql.Literal(destination.commit_id),
        keys=keys,
        item=sql.Identifier(use_case.items.key.name),
        scored=_SCORED,
        staged=staged,
        row_number=sql.Identifier(ROW_NUMBER),
        entity_number=sql.Identifier(ENTITY_NUMBER),
    )


def _output_names(use_case: UseCase) -> list[str]:
    return [column.name for column in _outputs(use_case, WireType.BIGINT)]
