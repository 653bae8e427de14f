"""Training rows as arrays, read from a published snapshot by binary COPY."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.registry.predictor import feature_matrix
from nightjar.registry.prepared_columns import category_label, missing_label
from nightjar.snapshots import Snapshot, State
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.storage import Database, Role
from nightjar.storage.columns import describe_features
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.storage.database import Connection
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Target
from nightjar.usecases.fields import Key

AS_OF = "as_of"
INTERCEPT = "intercept"
# Forests hold numbers in single precision.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Dataset:
    """Rows of a training or test split.

    features: (rows, features); target: (rows,), NaN-free, zeros for segmentation, indices of declared classes;
    day: (rows,) as-of dates as days since 1970; entity: (rows,) keys; candidate: (rows,) False for rows that only
    say what was bought beside the candidates; discarded: rows without a usable target; item: (rows,) keys of a
    recommender's items.
    """

    features: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    day: npt.NDArray[np.float64]
    entity: npt.NDArray[np.int64]
    candidate: npt.NDArray[np.bool_]
    discarded: int
    item: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: npt.NDArray[Any]) -> "Dataset":
        """Return the rows of a mask or an index."""
        item = None if self.item is None else self.item[rows]
        return Dataset(
            self.features[rows], self.target[rows], self.day[rows], self.entity[rows], self.candidate[rows], 0, item
        )

    @property
    def candidates(self) -> "Dataset":
        """The rows that have features: those a model is fitted on."""
        return self if self.candidate.all() else self.take(self.candidate)


def signature_of(database: Database, use_case: UseCase, snapshot: Snapshot) -> Signature:
    """Return the columns a model reads, with the categories that the training rows hold.

    Raises:
        TrainingError: there are none, or one has a name that is taken.
    """
    target = (use_case.target.column,) if use_case.target else ()
    with database.connect(Role.TRAINER) as connection:
        inputs = describe_features(connection, snapshot.name.view, without={*use_case.not_features, AS_OF, *target})
    if not inputs:
        raise TrainingError(f"{snapshot.name} has no features beside its keys: add columns to features.sql.")
    _require_distinct_names(inputs)
    return Signature(inputs, _OUTPUTS[use_case.kind], use_case.classes)


def read_dataset(
    database: Database, use_case: UseCase, snapshot: Snapshot, signature: Signature, *, after: date | None = None
) -> Dataset:
    """Read a split, or its rows of as-of dates after a date, into arrays that are allocated once.

    Raises:
        SnapshotStateError: it is not published.
        TrainingError: no usable rows, a missing feature, values that are infinite or too large, a feature without
            any value, or a target beside the declared classes.
    """
    if snapshot.state is not State.PUBLISHED:
        raise SnapshotStateError(f"{snapshot.name} is {snapshot.state}: only published snapshots are trained on.")
    if missing := {column.name for column in signature.inputs} - {column.name for column in snapshot.columns}:
        raise TrainingError(
            f"{snapshot.name} lacks {', '.join(sorted(missing))}, which the model was trained on: "
            "keep these features in features.sql."
        )
    others = [CopyColumn(AS_OF, Encoding.DAYS), *(CopyColumn(key.name, _key_encoding(key)) for key in use_case.keys)]
    if use_case.target:
        others.append(_target_column(use_case.target))
    features = np.empty((snapshot.row_count, len(signature.inputs)))
    columns: dict[str, npt.NDArray[Any]] = {}
    count = 0
    with database.connect(Role.TRAINER) as connection:
        _require_declared_classes(connection, use_case, snapshot)
        batches = read_batches(
            connection,
            snapshot.name.view,
            [*others, *signature.inputs],
            condition=sql.SQL("{} > {}").format(sql.Identifier(AS_OF), sql.Literal(after)) if after else None,
            # Sorted, so that the same snapshot gives the same arrays whatever the order of its rows.
            order_by=[AS_OF, *use_case.row_key],
        )
        for batch in batches:
            rows = slice(count, count + len(batch[AS_OF]))
            features[rows] = feature_matrix(signature, batch)
            for column in others:
                values = batch[column.name]
                columns.setdefault(column.name, np.empty(snapshot.row_count, values.dtype))[rows] = values
            count = rows.stop
    if not count:
        since = f" after {after}" if after else ""
        raise TrainingError(f"{snapshot.name} has no rows{since}: freeze training data with a later as-of date.")
    kept = {name: values[:count] for name, values in columns.items()}
    return _assemble(use_case, snapshot, signature, features[:count], kept)


def _key_encoding(key: Key) -> Encoding:
    # Training asks only which rows are of one entity or item.
    return Encoding.INTEGER if key.is_number else Encoding.HASH


def _entity_numbers(use_case: UseCase, columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return a number per row that is the same for the rows of one entity, shape (rows,)."""
    first, *others = (columns[name] for name in use_case.entity_key)
    numbers: npt.NDArray[np.int64] = first
    for column in others:
        _, value = np.unique(column, return_inverse=True)
        _, number = np.unique(numbers, return_inverse=True)
        numbers = number * (int(value.max()) + 1) + value
    return numbers


def _target_column(target: Target) -> CopyColumn:
    if target.classes:
        return CopyColumn(target.column, Encoding.CATEGORY, target.classes)
    return CopyColumn(target.column, Encoding.NUMBER)


def _require_declared_classes(connection: Connection, use_case: UseCase, snapshot: Snapshot) -> None:
    if use_case.target is None or not use_case.classes:
        return
    row = connection.execute(
        sql.SQL("SELECT {column}::text AS value FROM {view} WHERE {column}::text <> ALL(%s) LIMIT 1").format(
            column=sql.Identifier(use_case.target.column), view=snapshot.name.view
        ),
        [list(use_case.classes)],
    ).fetchone()
    if row is not None:
        raise TrainingError(
            f"The target of {use_case.name} takes the value {row['value']!r}, which is not among target.classes: "
            "declare it, or mend target.sql."
        )


def _assemble(
    use_case: UseCase,
    snapshot: Snapshot,
    signature: Signature,
    features: npt.NDArray[np.float64],
    columns: dict[str, npt.NDArray[Any]],
) -> Dataset:
    _require_bounded(snapshot, signature, features)
    target = columns[use_case.target.column].astype(float) if use_case.target else np.zeros(len(features))
    if use_case.classes:
        target[target < 0] = np.nan
    candidate: npt.NDArray[np.bool_] = np.ones(len(features), dtype=bool)
    if use_case.kind is Kind.RECOMMENDER:
        target = np.nan_to_num(target)
        candidate = np.logical_not(np.all(_missing(signature, features), axis=1))
    if np.any(np.abs(target) > LARGEST):
        raise TrainingError(
            f"The target of {use_case.name} is infinite or beyond {LARGEST:.2g} in some rows of {snapshot.name}: "
            "mend target.sql."
        )
    item = columns[use_case.items.key.name] if use_case.items else None
    usable = ~np.isnan(target)
    discarded = int((~usable).sum())
    if not usable.any():
        raise TrainingError(f"{snapshot.name} has no row with a target: check target.sql of {use_case.name}.")
    dataset = Dataset(features, target, columns[AS_OF], _entity_numbers(use_case, columns), candidate, discarded, item)
    if discarded:
        dataset = replace(dataset.take(usable), discarded=discarded)
    _require_values(snapshot, signature, dataset)
    return dataset


def _missing(signature: Signature, features: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    categories = np.array([column.encoding is Encoding.CATEGORY for column in signature.inputs])
    missing: npt.NDArray[np.bool_] = np.isnan(features) | (categories & (features < 0))
    return missing


def _require_bounded(snapshot: Snapshot, signature: Signature, features: npt.NDArray[np.float64]) -> None:
    if names := _flagged(signature, np.any(np.isinf(features), axis=0)):
        raise TrainingError(f"{snapshot.name} has infinite values in {names}: mend features.sql.")
    if names := _flagged(signature, np.any(np.abs(features) > LARGEST, axis=0)):
        raise TrainingError(f"{snapshot.name} has values beyond {LARGEST:.2g} in {names}: mend features.sql.")


def _require_values(snapshot: Snapshot, signature: Signature, dataset: Dataset) -> None:
    rows = dataset.candidates.features
    without = [
        not column.categories if column.encoding is Encoding.CATEGORY else bool(np.isnan(rows[:, index]).all())
        for index, column in enumerate(signature.inputs)
    ]
    if names := _flagged(signature, without):
        of = " with a target" if dataset.discarded else ""
        raise TrainingError(f"{snapshot.name} has no value at all in {names} in its rows{of}: drop these features.")


def _require_distinct_names(inputs: tuple[CopyColumn, ...]) -> None:
    """Refuse names that a model gives to other things: its constant, what it makes of another feature."""
    names = {column.name for column in inputs}
    if INTERCEPT in names:
        raise TrainingError(f"A feature cannot be named {INTERCEPT!r}, as a model's constant is: rename it.")
    for column in inputs:
        made = [missing_label(column.name), *(category_label(column.name, value) for value in column.categories)]
        if taken := names.intersection(made):
            raise TrainingError(
                f"The feature {min(taken)!r} is named as what a model makes of {column.name!r}: rename one of them."
            )
        names.update(made)


def _flagged(signature: Signature, flags: npt.ArrayLike) -> str:
    return ", ".join(signature.inputs[index].name for index in np.flatnonzero(flags))


_OUTPUTS = {
    Kind.CLASSIFICATION: "probability",
    Kind.RECOMMENDER: "probability",
    Kind.REGRESSION: "prediction",
    Kind.SEGMENTATION: "segment_id",
}
