"""Proves that a serving model answers as the full model does, before anything relies on it."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from nightjar.errors import ServingParityError
from nightjar.registry.predictor import Predictor
from nightjar.registry.records import ModelRecord
from nightjar.registry.serving.convert import to_onnx
from nightjar.registry.serving.model import pack, serving_predictor
from nightjar.registry.serving.outputs import OUTPUTS
from nightjar.registry.serving_models import ParityReport
from nightjar.storage.copy_reader import Encoding

Matrix = npt.NDArray[np.float64]

# Of values above 1, relative to them. A distance near zero is what large squares leave, hence known to fewer digits.
TOLERANCES = {"probability": 1e-9, "prediction": 1e-9, "distances": 1e-6}
_ANSWERS: dict[str, Callable[[Any, Matrix], Matrix]] = {
    "probability": lambda estimator, matrix: estimator.predict_proba(matrix),
    "prediction": lambda estimator, matrix: estimator.predict(matrix),
    "distances": lambda estimator, matrix: estimator.transform(matrix),
}


def make_serving_model(record: ModelRecord, estimator: Any, matrix: Matrix) -> tuple[bytes, ParityReport]:
    """Return the serving model of a fitted estimator, packed, and its proof on held rows.

    Args:
        record: of the model; its signature and kind are read.
        estimator: fitted, as registered.
        matrix: shape (rows, features), rows that the model was not fitted on.

    Raises:
        ServingError: a part of the estimator has no form in a serving model.
        ServingParityError: the two disagree.
    """
    content = pack(to_onnx(estimator, record.signature, record.kind))
    report = prove_parity(Predictor(record, estimator), serving_predictor(record, content), matrix)
    return content, report


def prove_parity(predictor: Predictor, serving: Predictor, matrix: Matrix) -> ParityReport:
    """Compare all that two predictors answer: every class, every cluster.

    The rows are scored as they are, and once more with all their values missing or unseen, one column at a time.

    Raises:
        ServingParityError: they disagree, there are no rows, or the full model refuses missing values.
    """
    output = OUTPUTS[predictor.record.kind]
    if not len(matrix):
        raise ServingParityError(f"There are no rows to compare the serving model of {predictor.record.name} on.")
    rows = np.concatenate([matrix, _with_gaps(predictor.record, matrix)])
    try:
        expected, full_seconds = _timed(_ANSWERS[output], predictor.estimator, rows)
    except ValueError as error:
        raise ServingParityError(
            f"The full model cannot score a row without a value ({str(error).splitlines()[0]}), a serving model would: "
            "put an imputer before the model."
        ) from error
    found, serving_seconds = _timed(_ANSWERS[output], serving.estimator, rows)
    difference = _largest_difference(expected, found)
    tolerance = TOLERANCES[output]
    if not difference <= tolerance:
        raise ServingParityError(
            f"The serving model gives another {output} than the full one (off by {difference:.2g}, {tolerance:g} is "
            "allowed): it is not stored. Take another algorithm, or report this."
        )
    return ParityReport(len(rows), difference, tolerance, full_seconds, serving_seconds)


def _with_gaps(record: ModelRecord, matrix: Matrix) -> Matrix:
    """Return the first row once per column with this column's value missing, and once with all of them."""
    gaps = np.array([-1.0 if column.encoding is Encoding.CATEGORY else np.nan for column in record.signature.inputs])
    rows = np.repeat(matrix[:1], len(gaps) + 1, axis=0)
    np.fill_diagonal(rows, gaps)
    rows[-1] = gaps
    return rows


def _timed(answer: Callable[[Any, Matrix], Matrix], estimator: Any, matrix: Matrix) -> tuple[Matrix, float]:
    # As when scoring: shards are what goes side by side there.
    with threadpool_limits(1):
        started = time.perf_counter()
        return answer(estimator, matrix), time.perf_counter() - started


def _largest_difference(expected: Matrix, found: Matrix) -> float:
    if expected.shape != found.shape:
        return float("inf")
    return float((np.abs(found - expected) / np.maximum(1.0, np.abs(expected))).max())
