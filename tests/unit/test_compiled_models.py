"""Compiled trees answer as the estimators they were made of; what is no ensemble of small trees is not compiled."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier

from nightjar.errors import ArtifactError, ServingError
from nightjar.registry import Signature
from nightjar.registry.components import CalibratedClassifier, PartitionedEstimator
from nightjar.registry.serving import pack
from nightjar.registry.serving.compiled import CompiledModel
from nightjar.registry.serving.convert import to_onnx
from nightjar.storage.copy_reader import CopyColumn
from nightjar.training.estimators import ESTIMATORS
from nightjar.usecases import Kind
from tests.serving_builders import MIXED, NUMBERS, REGION, Matrix, answers, held, sample, target_of, unfitted

KINDS = (Kind.CLASSIFICATION, Kind.REGRESSION)
LINEAR = ("logistic", "sgd", "ridge")
TREES = [(kind, key) for kind in KINDS for key in ESTIMATORS[kind] if not key.startswith(LINEAR)]
OTHERS = [(kind, key) for kind in KINDS for key in ESTIMATORS[kind] if key.startswith(LINEAR)]


def compiled(kind: Kind, estimator: Any, columns: tuple[CopyColumn, ...]) -> CompiledModel:
    return CompiledModel(pack(to_onnx(estimator, Signature(columns, "output"), kind.value)))


def require_same(kind: Kind, estimator: Any, columns: tuple[CopyColumn, ...], rows: Matrix) -> None:
    found = answers(kind, compiled(kind, estimator, columns), rows)
    np.testing.assert_allclose(found, answers(kind, estimator, rows), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kind", "key"), TREES)
@pytest.mark.parametrize("columns", [MIXED, NUMBERS, (REGION,)])
def test_trees_answer_the_same(kind: Kind, key: str, columns: tuple[CopyColumn, ...]) -> None:
    # As few rows as there can be leaves.
    matrix = sample(columns, rows=64)
    estimator = unfitted(kind, key, columns).fit(matrix, target_of(kind, matrix))

    require_same(kind, estimator, columns, held(columns))


@pytest.mark.parametrize("key", [key for kind, key in TREES if kind is Kind.CLASSIFICATION])
def test_several_classes_have_a_sum_each(key: str) -> None:
    matrix = sample(MIXED, rows=64)
    estimator = unfitted(Kind.CLASSIFICATION, key, MIXED).fit(matrix, target_of(Kind.CLASSIFICATION, matrix, classes=4))

    require_same(Kind.CLASSIFICATION, estimator, MIXED, held(MIXED))


def test_calibration_follows_the_trees() -> None:
    matrix = sample(MIXED, rows=300)
    target = target_of(Kind.CLASSIFICATION, matrix)
    model = CalibratedClassifier(unfitted(Kind.CLASSIFICATION, "hist_gradient_boosting_classifier", MIXED))
    model.fit(matrix, target)
    model.calibrate(model.predict_proba(matrix), target)

    require_same(Kind.CLASSIFICATION, model, MIXED, held(MIXED))


@settings(max_examples=50, deadline=None)
@given(rows=arrays(float, (7, 3), elements=st.floats(allow_nan=True, allow_infinity=True)))
def test_whatever_the_numbers_are(rows: Matrix) -> None:
    matrix = sample(NUMBERS, rows=600)
    # Values are compared as they are: no part before the trees takes infinite ones for something else.
    estimator = HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=5).fit(matrix, np.nansum(matrix, axis=1))
    model = CompiledModel(pack(to_onnx(estimator, Signature(NUMBERS, "prediction"), "regression")))

    np.testing.assert_allclose(model.predict(rows), estimator.predict(rows), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rows", [0, 1, 255, 256, 257, 1000])
def test_any_number_of_rows(rows: int) -> None:
    matrix = sample(NUMBERS, rows=600)
    estimator = unfitted(Kind.REGRESSION, "hist_gradient_boosting_regressor", NUMBERS).fit(matrix, matrix[:, 1] > 0)
    model = compiled(Kind.REGRESSION, estimator, NUMBERS)

    asked = sample(NUMBERS, rows=max(rows, 1), seed=3)[:rows]
    expected = estimator.predict(asked) if rows else np.empty(0)
    np.testing.assert_allclose(model.predict(asked), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("kind", "key"), OTHERS)
def test_what_has_no_trees_is_not_compiled(kind: Kind, key: str) -> None:
    matrix = sample(MIXED)
    estimator = unfitted(kind, key, MIXED).fit(matrix, target_of(kind, matrix))

    with pytest.raises(ServingError, match="not one ensemble of trees"):
        compiled(kind, estimator, MIXED)


def test_models_of_parts_and_large_trees_are_not_compiled() -> None:
    matrix = sample(MIXED, rows=400)
    target = target_of(Kind.CLASSIFICATION, matrix)
    parts = PartitionedEstimator(
        unfitted(Kind.CLASSIFICATION, "random_forest_classifier", MIXED), 0, REGION.categories
    ).fit(matrix, target)
    forest = RandomForestClassifier(5, random_state=0).fit(np.nan_to_num(matrix), np.arange(len(matrix)) % 2)

    with pytest.raises(ServingError, match="not one ensemble of trees"):
        compiled(Kind.CLASSIFICATION, parts, MIXED)
    with pytest.raises(ServingError, match=r"A tree of \d+ leaves is not compiled, 64 are the most"):
        compiled(Kind.CLASSIFICATION, forest, MIXED)


def test_damaged_bytes_are_refused() -> None:
    with pytest.raises(ArtifactError):
        CompiledModel(b"not a model")
