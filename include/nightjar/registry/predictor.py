"""Scores with a registered model: named columns in, the kind's outputs out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.errors import SignatureError
from nightjar.registry.records import Form, ModelRecord, Signature

Columns = Mapping[str, npt.NDArray[np.generic]]
Matrix = npt.NDArray[np.float64]
Outputs = dict[str, npt.NDArray[Any]]

# Forests take their input in single precision, in scikit-learn as in a serving model.
_LARGEST_SINGLE = float(np.finfo(np.float32).max)
_SINGLE_PRECISION = ("random_forest", "extra_trees")


@dataclass(frozen=True)
class Predictor:
    """A fitted estimator, or a serving model in its place, with the record that says what it reads and means."""

    record: ModelRecord
    estimator: Any
    form: Form = Form.FULL

    def predict(self, matrix: Matrix) -> Outputs:
        """Score rows.

        Args:
            matrix: shape (rows, features), columns in the signature's order.

        Returns:
            probability (classification, recommender; of declared classes also class_id, the likeliest one),
            prediction (regression), or segment_id and distance (segmentation); each of shape (rows,).
        """
        return _PREDICT[self.record.kind](self.estimator, self.record, matrix)

    def beyond_range(self, matrix: Matrix) -> npt.NDArray[np.bool_]:
        """Return which values the model cannot take: infinite ones, of a forest also those beyond single precision."""
        if self.record.algorithm.startswith(_SINGLE_PRECISION):
            return (matrix > _LARGEST_SINGLE) | (matrix < -_LARGEST_SINGLE)
        return np.isinf(matrix)

    def within_range(self, matrix: Matrix) -> Matrix:
        """Return rows with values that the model cannot take as missing ones, which every model can."""
        return np.where(self.beyond_range(matrix), np.nan, matrix)


def feature_matrix(signature: Signature, columns: Columns) -> Matrix:
    """Return the model's input, shape (rows, features): columns are found by name, never by position.

    Raises:
        SignatureError: a column is missing.
    """
    missing = [column.name for column in signature.inputs if column.name not in columns]
    if missing:
        raise SignatureError(f"The features lack {', '.join(missing)}, which the model was trained on.")
    matrix = np.empty((len(next(iter(columns.values()))), len(signature.inputs)))
    for index, column in enumerate(signature.inputs):
        matrix[:, index] = columns[column.name]
    return matrix


def _probability(estimator: Any, record: ModelRecord, matrix: Matrix) -> Outputs:
    probabilities = estimator.predict_proba(matrix)
    if not record.signature.classes:
        return {"probability": probabilities[:, 1]}
    likeliest = estimator.classes_[probabilities.argmax(axis=1)].astype(np.int32)
    return {"class_id": likeliest, "probability": probabilities.max(axis=1)}


def _prediction(estimator: Any, _record: ModelRecord, matrix: Matrix) -> Outputs:
    return {"prediction": estimator.predict(matrix)}


def _segment(estimator: Any, record: ModelRecord, matrix: Matrix) -> Outputs:
    distances = estimator.transform(matrix)
    nearest = distances.argmin(axis=1)
    ids = np.array([segment["id"] for segment in record.details["segments"]], dtype=np.int32)
    return {"segment_id": ids[nearest], "distance": distances[np.arange(len(nearest)), nearest]}


_PREDICT: dict[str, Callable[[Any, ModelRecord, Matrix], Outputs]] = {
    "classification": _probability,
    "recommender": _probability,
    "regression": _prediction,
    "segmentation": _segment,
}
