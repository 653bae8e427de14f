"""What each input of a model adds to the prediction of a row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from nightjar.registry.components import PartitionedEstimator
from nightjar.registry.predictor import Predictor
from nightjar.registry.prepared_columns import prepared_columns
from nightjar.registry.reasons import outcomes
from nightjar.registry.reasons.outcomes import Outcomes
from nightjar.registry.reasons.scores import Matrix
from nightjar.registry.records import ModelRecord, Signature


@dataclass(frozen=True)
class Contributions:
    """What the inputs of each row add up to.

    baseline: (rows,), the output before the row's own values count. Linear models: of a row that is average in all
    numbers and has no known category. Trees: the mean over the training rows. Segments: 0, but
    of a mixture by how much its own segment is larger and denser than the next, as a logarithm.
    values: (rows, inputs) in the signature's order; what a model made of an input (imputed value, missing indicator,
    one column per category) counts for that input.
    unit: what they are measured in.
    toward, against: (rows,), what a positive and a negative contribution speak for, as texts.
    """

    baseline: Matrix
    values: Matrix
    unit: str
    toward: npt.NDArray[np.object_]
    against: npt.NDArray[np.object_]

    @property
    def output(self) -> Matrix:
        """What baseline and contributions add up to, shape (rows,)."""
        total: Matrix = self.baseline + self.values.sum(axis=1)
        return total


def contributions(predictor: Predictor, matrix: Matrix) -> Contributions:
    """Take predictions apart, exactly: nothing is sampled, and no training rows are needed.

    The output is the log odds of a classification or recommendation (of forests the probability, of several classes
    that of the predicted one), the number of a regression, or by how much the next nearest segment is farther away
    than the row's own (squared distances of prepared features).

    Args:
        predictor: a model version.
        matrix: shape (rows, features), at least one row, columns in the signature's order.
    """
    found = [
        (rows, _of_pipeline(predictor.record, pipeline, matrix[rows]))
        for pipeline, rows in _parts(predictor.estimator, matrix)
    ]
    # From the order of the parts back to that of the rows.
    order = np.concatenate([rows for rows, _ in found]).argsort()
    return Contributions(
        baseline=np.concatenate([part.baseline for _, part in found])[order],
        values=np.concatenate([part.values for _, part in found])[order],
        unit=found[0][1].unit,
        toward=np.concatenate([part.toward for _, part in found])[order],
        against=np.concatenate([part.against for _, part in found])[order],
    )


def _parts(estimator: Any, matrix: Matrix) -> Iterable[tuple[Pipeline, npt.NDArray[np.intp]]]:
    """Return the pipelines that score any row, each with the indices of its rows."""
    return (
        estimator.parts(matrix)
        if isinstance(estimator, PartitionedEstimator)
        else [(estimator, np.arange(len(matrix)))]
    )


def _of_pipeline(record: ModelRecord, pipeline: Pipeline, matrix: Matrix) -> Contributions:
    found = _outcomes(record, pipeline, pipeline[:-1].transform(matrix))
    by_input = found.values @ _membership(pipeline, record.signature)
    return Contributions(found.baseline, by_input, found.unit, found.toward, found.against)


def _outcomes(record: ModelRecord, pipeline: Pipeline, prepared: Matrix) -> Outcomes:
    match record.kind:
        case "segmentation":
            return outcomes.segment(pipeline, prepared, [segment["name"] for segment in record.details["segments"]])
        case "regression":
            return outcomes.number(pipeline, prepared)
        case _ if record.signature.classes:
            return outcomes.several_classes(pipeline, prepared, record.signature.classes)
        case _:
            return outcomes.two_classes(pipeline, prepared)


def _membership(pipeline: Pipeline, signature: Signature) -> Matrix:
    """Return 1 where a prepared column comes from an input, shape (columns, inputs)."""
    inputs = [column.name for column in signature.inputs]
    sources = [column.source for column in prepared_columns(pipeline, signature)]
    return np.array([[float(source == name) for name in inputs] for source in sources])
