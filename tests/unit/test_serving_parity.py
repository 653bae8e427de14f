"""The proof that comes with a serving model, and the refusal when it fails."""

import gzip
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from nightjar.errors import ServingParityError
from nightjar.registry.predictor import Predictor
from nightjar.registry.serving import pack, serving_predictor
from nightjar.registry.serving.parity import make_serving_model, prove_parity
from nightjar.usecases import Kind
from tests.serving_builders import MIXED, Matrix, fitted, record_of, sample

ALGORITHMS = {
    Kind.CLASSIFICATION: "logistic_regression",
    Kind.RECOMMENDER: "hist_gradient_boosting_classifier",
    Kind.REGRESSION: "ridge",
    Kind.SEGMENTATION: "k_means",
}
HELD = sample(MIXED, rows=40, seed=9)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_serving_model_comes_with_its_proof(kind: Kind) -> None:
    record, estimator = record_of(kind, ALGORITHMS[kind]), fitted(kind, ALGORITHMS[kind])

    content, report = make_serving_model(record, estimator, HELD)

    # The held rows, one with each column missing, and one with all of them.
    assert report.rows == len(HELD) + len(MIXED) + 1
    assert 0 <= report.largest_difference <= 1e-12 < report.tolerance
    assert report.full_seconds > 0
    assert report.serving_seconds > 0
    expected = Predictor(record, estimator).predict(HELD)
    found = serving_predictor(record, content).predict(HELD)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-9)


def test_declared_classes_are_named_alike() -> None:
    record = record_of(Kind.CLASSIFICATION, "logistic_regression")
    record = replace(record, signature=replace(record.signature, classes=("low", "middle", "high")))
    estimator = fitted(Kind.CLASSIFICATION, "logistic_regression", classes=3)

    content, _ = make_serving_model(record, estimator, HELD)

    expected = Predictor(record, estimator).predict(HELD)
    found = serving_predictor(record, content).predict(HELD)
    assert found["class_id"].tolist() == expected["class_id"].tolist()
    assert len(set(found["class_id"])) == 3


def altered(content: bytes) -> bytes:
    """Return the serving model of a linear model with one weight a little off."""
    graph = onnx.load_from_string(gzip.decompress(content))
    [weights] = [part for part in graph.graph.initializer if part.dims[1:] == [1] and part.dims[0] > 1]
    values = numpy_helper.to_array(weights).copy()
    values[0] += 1e-6
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    return pack(graph.SerializeToString())


def test_a_small_difference_is_refused() -> None:
    record, estimator = record_of(Kind.REGRESSION, "ridge"), fitted(Kind.REGRESSION, "ridge")
    content, _ = make_serving_model(record, estimator, HELD)

    with pytest.raises(
        ServingParityError, match=r"serving model gives another prediction than the full one .*not stored"
    ):
        prove_parity(Predictor(record, estimator), serving_predictor(record, altered(content)), HELD)


class Answering:
    """An estimator that always answers the same."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, matrix: Matrix) -> Matrix:
        return np.broadcast_to(self.answer, (len(matrix), *np.shape(self.answer))).astype(float)


@pytest.mark.parametrize("other", [np.nan, np.inf, 1.0 + 1e-8, [1.0], [1.0, 1.0]])
def test_what_is_not_the_same_number_is_a_difference(other: Any) -> None:
    record = record_of(Kind.REGRESSION, "ridge")

    with pytest.raises(ServingParityError, match="gives another prediction"):
        prove_parity(Predictor(record, Answering(1.0)), Predictor(record, Answering(other)), HELD)


def test_differences_of_large_numbers_are_relative() -> None:
    record = record_of(Kind.REGRESSION, "ridge")
    large, near, off = (Predictor(record, Answering(value)) for value in (1e12, 1e12 + 1, 1e12 + 1e4))

    assert prove_parity(large, near, HELD).largest_difference == 1e-12
    with pytest.raises(ServingParityError, match="off by 1e-08"):
        prove_parity(large, off, HELD)


def test_a_proof_needs_rows() -> None:
    record, estimator = record_of(Kind.REGRESSION, "ridge"), fitted(Kind.REGRESSION, "ridge")

    with pytest.raises(ServingParityError, match="no rows to compare the serving model of made_up@1"):
        make_serving_model(record, estimator, HELD[:0])


def test_a_full_model_that_refuses_missing_values_has_no_proof() -> None:
    rows = np.abs(np.nan_to_num(HELD))
    estimator = Pipeline([("same", FunctionTransformer()), ("model", Ridge())]).fit(rows, rows[:, 0])

    with pytest.raises(ServingParityError, match=r"cannot score a row without a value \(Input X contains NaN"):
        make_serving_model(record_of(Kind.REGRESSION, "ridge"), estimator, rows)
