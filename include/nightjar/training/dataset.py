"""Training rows as arrays, read from a published snapshot by binary COPY."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.registry.predictor import feature_matrix
from nightjar.snapshots import Snapshot, State
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.storage import Database, Role
from nightjar.storage.columns import describe_features
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.usecases import Kind, UseCase

AS_OF = "as_of"


@dataclass(frozen=True)
class Dataset:
    """Rows of a training or test split.

    features: (rows, features); target: (rows,), NaN-free, zeros for segmentation; day: (rows,) as-of dates
    as days since 1970; entity: (rows,) keys; candidate: (rows,) False for rows that only say what was
    bought beside the candidates; discarded: rows without a usable target.
    """

    features: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    day: npt.NDArray[np.float64]
    entity: npt.NDArray[np.int64]
    candidate: npt.NDArray[np.bool_]
    discarded: int

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: npt.NDArray[Any]) -> "Dataset":
        """Return the rows of a mask or an index."""
        return Dataset(
            self.features[rows], self.target[rows], self.day[rows], self.entity[rows], self.candidate[rows], 0
        )

    @property
    def candidates(self) -> "Dataset":
        """The rows that have features: those a model is fitted on."""
        return self if self.candidate.all() else self.take(self.candidate)


def signature_of(database: Database, use_case: UseCase, snapshot: Snapshot) -> Signature:
    """Return the columns a model reads, with the categories that the training rows hold."""
    target = (use_case.target.column,) if use_case.target else ()
    with database.connect(Role.TRAINER) as connection:
        inputs = describe_features(connection, snapshot.name.view, without={*use_case.row_key, AS_OF, *target})
    if not inputs:
        raise TrainingError(f"{snapshot.name} has no features beside its keys: add columns to features.sql.")
    return Signature(inputs, _OUTPUTS[use_case.kind])


def read_dataset(database: Database, use_case: UseCase, snapshot: Snapshot, signature: Signature) -> Dataset:
    """Read a split.

    Raises:
        SnapshotStateError: it is not published.
        TrainingError: no usable rows, a missing feature, infinite values, or a feature without any value.
    """
    if snapshot.state is not State.PUBLISHED:
        raise SnapshotStateError(f"{snapshot.name} is {snapshot.state}: only published snapshots are trained on.")
    if missing := {column.name for column in signature.inputs} - {column.name for column in snapshot.columns}:
        raise TrainingError(
            f"{snapshot.name} lacks {', '.join(sorted(missing))}, which the model was trained on: "
            "keep these features in features.sql."
        )
    others = [CopyColumn(use_case.entity.name, Encoding.INTEGER), CopyColumn(AS_OF, Encoding.DAYS)]
    if use_case.target:
        others.append(CopyColumn(use_case.target.column, Encoding.NUMBER))
    parts: dict[str, list[npt.NDArray[Any]]] = {column.name: [] for column in others}
    matrices = []
    with database.connect(Role.TRAINER) as connection:
        # Sorted, so that the same snapshot gives the same arrays whatever the order of its rows.
        order = [AS_OF, *use_case.row_key]
        for batch in read_batches(connection, snapshot.name.view, [*others, *signature.inputs], order_by=order):
            matrices.append(feature_matrix(signature, batch))
            for name, arrays in parts.items():
                arrays.append(batch[name])
    if not matrices:
        raise TrainingError(f"{snapshot.name} has no rows: freeze training data with a later as-of date.")
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return _assemble(use_case, snapshot, signature, np.concatenate(matrices), columns)


def _assemble(
    use_case: UseCase,
    snapshot: Snapshot,
    signature: Signature,
    features: npt.NDArray[np.float64],
    columns: dict[str, npt.NDArray[Any]],
) -> Dataset:
    if names := _flagged(signature, np.any(np.isinf(features), axis=0)):
        raise TrainingError(f"{snapshot.name} has infinite values in {names}: mend features.sql.")
    target = columns[use_case.target.column] if use_case.target else np.zeros(len(features))
    candidate: npt.NDArray[np.bool_] = np.ones(len(features), dtype=bool)
    if use_case.kind is Kind.RECOMMENDER:
        target = np.nan_to_num(target)
        candidate = np.logical_not(np.all(np.isnan(features), axis=1))
    usable = ~np.isnan(target)
    dataset = Dataset(features, target, columns[AS_OF], columns[use_case.entity.name], candidate, int((~usable).sum()))
    if not usable.any():
        raise TrainingError(f"{snapshot.name} has no row with a target: check target.sql of {use_case.name}.")
    untold = [column.encoding is Encoding.CATEGORY and not column.categories for column in signature.inputs]
    if names := _flagged(signature, np.all(np.isnan(features[candidate]), axis=0) | untold):
        raise TrainingError(f"{snapshot.name} has no value at all in {names}: drop these features.")
    if usable.all():
        return dataset
    kept = dataset.take(usable)
    return Dataset(kept.features, kept.target, kept.day, kept.entity, kept.candidate, dataset.discarded)


def _flagged(signature: Signature, flags: npt.ArrayLike) -> str:
    return ", ".join(signature.inputs[index].name for index in np.flatnonzero(flags))


_OUTPUTS = {
    Kind.CLASSIFICATION: "probability",
    Kind.RECOMMENDER: "probability",
    Kind.REGRESSION: "prediction",
    Kind.SEGMENTATION: "segment_id",
}
