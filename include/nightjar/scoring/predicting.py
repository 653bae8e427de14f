"""Predicts batches of staged rows; entities that cannot be scored are set aside with the reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nightjar.registry import Predictor, feature_matrix
from nightjar.scoring.row_numbers import wire_key
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import ITEM_CATEGORY

Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass
class Tally:
    """What came of the rows: how many were read, how many entities scored, and why others were not."""

    read: int = 0
    scored: int = 0
    quarantined: dict[int, str] = field(default_factory=dict)


def staged_columns(use_case: UseCase, predictor: Predictor) -> list[CopyColumn]:
    """Return what is read of the staged features."""
    keys = [*wire_key(use_case), *_with_keys(use_case)]
    return [*(CopyColumn(name, Encoding.INTEGER) for name in keys), *predictor.record.signature.inputs]


def _with_keys(use_case: UseCase) -> tuple[str, ...]:
    """Return what goes along with the keys: the category, where recommendations are spread over categories."""
    return (ITEM_CATEGORY,) if use_case.items and use_case.items.diversity else ()


def predict(use_case: UseCase, predictor: Predictor, batches: Iterator[Arrays], tally: Tally) -> Iterator[Arrays]:
    """Yield the wire key and the outputs of whole entities, without those that cannot be scored.

    Args:
        use_case: whose entities they are.
        predictor: the model.
        batches: the staged columns, sorted by the wire key.
        tally: counts what is read.
    """
    keys = wire_key(use_case)
    for batch in _whole_entities(batches, keys[0]):
        entities = batch[keys[0]]
        tally.read += len(entities)
        matrix = feature_matrix(predictor.record.signature, batch)
        outputs = predictor.predict(predictor.within_range(matrix))
        bad = _unusable(predictor, entities, matrix, outputs, tally)
        scored: Arrays = {name: batch[name] for name in (*keys, *_with_keys(use_case))} | outputs
        if bad:
            kept = ~np.isin(entities, bad)
            scored = {name: values[kept] for name, values in scored.items()}
        tally.scored += _count_entities(scored[keys[0]])
        yield scored


def _count_entities(sorted_keys: npt.NDArray[np.generic]) -> int:
    return int(np.count_nonzero(sorted_keys[1:] != sorted_keys[:-1])) + 1 if len(sorted_keys) else 0


def _unusable(
    predictor: Predictor,
    entities: npt.NDArray[np.generic],
    matrix: npt.NDArray[np.float64],
    outputs: Arrays,
    tally: Tally,
) -> list[int]:
    """Note the entities with features beyond a model's range or outputs that are not finite, and return them."""
    names = [column.name for column in predictor.record.signature.inputs]
    reasons: dict[int, str] = {}
    for row, column in np.argwhere(predictor.beyond_range(matrix)):
        found = "infinite" if np.isinf(matrix[row, column]) else f"{matrix[row, column]:.3g}, beyond ±3.4e38"
        reasons.setdefault(int(entities[row]), f"feature {names[column]} is {found}")
    for name, values in outputs.items():
        for row in np.flatnonzero(~np.isfinite(values)):
            reasons.setdefault(int(entities[row]), f"{name} is not finite")
    tally.quarantined |= reasons
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
