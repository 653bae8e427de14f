"""Serving models: ONNX files that answer as the estimators they were made of, whatever the rows hold."""

import gzip
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.pipeline import Pipeline

from nightjar.registry import Signature
from nightjar.registry.components import CalibratedClassifier, FeatureSelector, PartitionedEstimator
from nightjar.registry.serving import ServingModel, pack
from nightjar.registry.serving.convert import to_onnx
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import ESTIMATORS
from nightjar.usecases import Kind
from tests.serving_builders import MIXED, NUMBERS, REGION, Matrix, answers, held, sample, target_of, unfitted

KINDS = (Kind.CLASSIFICATION, Kind.REGRESSION, Kind.SEGMENTATION)
EVERY_ESTIMATOR = [(kind, key) for kind in KINDS for key in ESTIMATORS[kind]]
CLASSIFIERS = list(ESTIMATORS[Kind.CLASSIFICATION])


def require_same_answers(
    kind: Kind, estimator: Any, columns: tuple[CopyColumn, ...], matrix: Matrix | None = None
) -> ServingModel:
    """Compare the serving model with the estimator, and return it."""
    rows = held(columns) if matrix is None else matrix
    graph = to_onnx(estimator, Signature(columns, "output"), kind.value)
    onnx.checker.check_model(onnx.load_from_string(graph), full_check=True)
    serving = ServingModel(pack(graph))
    expected = answers(kind, estimator, rows)
    found = answers(kind, serving, rows)
    assert found.dtype == np.float64
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    return serving


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
@pytest.mark.parametrize("columns", [MIXED, NUMBERS, (REGION,), (NUMBERS[0],)])
def test_every_estimator_answers_the_same(kind: Kind, key: str, columns: tuple[CopyColumn, ...]) -> None:
    matrix = sample(columns)
    estimator = unfitted(kind, key, columns).fit(matrix, target_of(kind, matrix))

    require_same_answers(kind, estimator, columns)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_a_value_that_is_missing_only_when_scoring(kind: Kind, key: str) -> None:
    whole = np.abs(np.nan_to_num(sample(MIXED), nan=5.0))
    estimator = unfitted(kind, key, MIXED).fit(whole, target_of(kind, whole))

    require_same_answers(kind, estimator, MIXED)


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_several_classes_come_in_their_order(key: str) -> None:
    matrix = sample(MIXED)
    estimator = unfitted(Kind.CLASSIFICATION, key, MIXED).fit(matrix, target_of(Kind.CLASSIFICATION, matrix, 3))

    serving = require_same_answers(Kind.CLASSIFICATION, estimator, MIXED)

    assert serving.classes_.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("key", CLASSIFIERS)
@pytest.mark.parametrize("classes", [2, 3])
def test_calibrated_probabilities(key: str, classes: int) -> None:
    matrix = sample(MIXED, rows=300)
    target = target_of(Kind.CLASSIFICATION, matrix, classes)
    prepare, (_, model) = unfitted(Kind.CLASSIFICATION, key, MIXED).steps
    estimator = Pipeline([prepare, ("model", CalibratedClassifier(model))]).fit(matrix[:200], target[:200])
    estimator[-1].calibrate(estimator.predict_proba(matrix[200:]), target[200:])
    assert estimator[-1].slope_ != 1.0

    require_same_answers(Kind.CLASSIFICATION, estimator, MIXED)


@pytest.mark.parametrize(("kind", "key"), [pair for pair in EVERY_ESTIMATOR if pair[0] is not Kind.SEGMENTATION])
def test_selected_features(kind: Kind, key: str) -> None:
    matrix = sample(MIXED)
    prepare, model = unfitted(kind, key, MIXED).steps
    judge = (ExtraTreesRegressor if kind is Kind.REGRESSION else ExtraTreesClassifier)(n_estimators=5, random_state=0)
    selection = ("select", FeatureSelector(judge, 2))
    estimator = Pipeline([prepare, selection, model]).fit(matrix, target_of(kind, matrix))

    require_same_answers(kind, estimator, MIXED)


@pytest.mark.parametrize(("kind", "key"), [pair for pair in EVERY_ESTIMATOR if pair[0] is not Kind.SEGMENTATION])
@pytest.mark.parametrize("minimum_rows", [1, 100_000])
def test_partitions(kind: Kind, key: str, minimum_rows: int) -> None:
    matrix = sample(MIXED, rows=300)
    # The last partition has no rows, hence no pipeline of its own.
    matrix[matrix[:, 0] == 2, 0] = 1
    estimator = PartitionedEstimator(unfitted(kind, key, MIXED), 0, REGION.categories, minimum_rows)
    estimator.fit(matrix, target_of(kind, matrix))
    assert estimator.codes_ == ([0, 1] if minimum_rows == 1 else [])

    serving = require_same_answers(kind, estimator, MIXED)

    # A batch of rows may belong to one partition, and the code may be missing altogether.
    for code in (0.0, 1.0, 2.0, -1.0, np.nan):
        rows = held(MIXED)
        rows[:, 0] = code
        np.testing.assert_allclose(answers(kind, serving, rows), answers(kind, estimator, rows), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_no_rows_have_no_answers(kind: Kind, key: str) -> None:
    matrix = sample(MIXED)
    estimator = unfitted(kind, key, MIXED).fit(matrix, target_of(kind, matrix))
    serving = ServingModel(pack(to_onnx(estimator, Signature(MIXED, "output"), kind.value)))

    found = answers(kind, serving, np.empty((0, len(MIXED))))

    assert found.shape == (0, *answers(kind, estimator, matrix).shape[1:])


@pytest.mark.parametrize("key", ["ridge", "random_forest_regressor", "hist_gradient_boosting_regressor"])
def test_columns_without_anything_to_learn(key: str) -> None:
    """A column that is always missing, one that never changes, a category that never shows."""
    columns = (*NUMBERS, CopyColumn("nothing", Encoding.CATEGORY, ("never",)))
    matrix = sample(NUMBERS)
    matrix[:, 1], matrix[:, 2] = np.nan, 3.0
    matrix = np.column_stack([matrix, np.full(len(matrix), -1.0)])
    estimator = unfitted(Kind.REGRESSION, key, columns).fit(matrix, matrix[:, 2])

    require_same_answers(Kind.REGRESSION, estimator, columns)


def test_trees_without_a_split() -> None:
    matrix = sample(NUMBERS)
    for key in ("random_forest_regressor", "hist_gradient_boosting_regressor"):
        estimator = unfitted(Kind.REGRESSION, key, NUMBERS).fit(matrix, np.full(len(matrix), 2.5))

        require_same_answers(Kind.REGRESSION, estimator, NUMBERS)


def test_rows_at_the_very_thresholds() -> None:
    matrix = np.nan_to_num(sample(NUMBERS))
    for key in ("random_forest_regressor", "hist_gradient_boosting_regressor"):
        estimator = unfitted(Kind.REGRESSION, key, NUMBERS).fit(matrix, target_of(Kind.REGRESSION, matrix))
        if "forest" in key:
            limits = np.concatenate([tree.tree_.threshold for tree in estimator[-1].estimators_])
        else:
            limits = np.concatenate([tree.nodes["num_threshold"] for [tree] in estimator[-1]._predictors])
        near = np.concatenate([np.nextafter(limits, -np.inf), limits, np.nextafter(limits, np.inf)])

        require_same_answers(Kind.REGRESSION, estimator, NUMBERS, np.repeat(near[:, None], 3, axis=1))


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_small_and_large_numbers_keep_their_digits(scale: float) -> None:
    matrix = sample(NUMBERS) * scale
    estimator = unfitted(Kind.REGRESSION, "ridge", NUMBERS).fit(matrix, target_of(Kind.REGRESSION, sample(NUMBERS)))

    require_same_answers(Kind.REGRESSION, estimator, NUMBERS, sample(NUMBERS, seed=1) * scale)


NUMBER = st.one_of(st.just(np.nan), st.floats(-1e12, 1e12), st.integers(-5, 5).map(float))


@settings(max_examples=100, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=NUMBER))
@pytest.mark.parametrize("key", ["sgd_classifier", "random_forest_classifier", "hist_gradient_boosting_classifier"])
def test_whatever_the_numbers(key: str, matrix: Matrix) -> None:
    estimator, serving = _known(key)

    np.testing.assert_allclose(serving.predict_proba(matrix), estimator.predict_proba(matrix), rtol=1e-9, atol=1e-9)


_KNOWN: dict[str, tuple[Any, ServingModel]] = {}


def _known(key: str) -> tuple[Any, ServingModel]:
    if key not in _KNOWN:
        matrix = sample(NUMBERS)
        estimator = unfitted(Kind.CLASSIFICATION, key, NUMBERS).fit(matrix, target_of(Kind.CLASSIFICATION, matrix, 3))
        graph = to_onnx(estimator, Signature(NUMBERS, "output"), "classification")
        _KNOWN[key] = estimator, ServingModel(pack(graph))
    return _KNOWN[key]


def test_the_same_estimator_gives_the_same_bytes() -> None:
    estimator, _ = _known("random_forest_classifier")
    first, second = (pack(to_onnx(estimator, Signature(NUMBERS, "output"), "classification")) for _ in range(2))

    assert first == second


def test_another_runtime_reads_the_file() -> None:
    """The packed file is plain gzip around plain ONNX: one input, one output, both in double precision."""
    estimator, _ = _known("sgd_classifier")
    packed = pack(to_onnx(estimator, Signature(NUMBERS, "output"), "classification"))

    session = onnxruntime.InferenceSession(gzip.decompress(packed))
    [found] = session.run(["probability"], {"features": np.zeros((2, 3))})

    np.testing.assert_allclose(found, estimator.predict_proba(np.zeros((2, 3))), atol=1e-12)


def test_several_threads_answer_the_same() -> None:
    estimator, serving = _known("random_forest_classifier")
    matrix = sample(NUMBERS, rows=5000, seed=3)
    packed = pack(to_onnx(estimator, Signature(NUMBERS, "output"), "classification"))

    found = ServingModel(packed, threads=2).predict_proba(matrix)

    np.testing.assert_allclose(found, serving.predict_proba(matrix), atol=1e-12)
