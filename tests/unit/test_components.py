"""Parts of pipelines of our own: what they learn, and that they can be stored and read back."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures

from nightjar.errors import MixedFeaturesError
from nightjar.registry import Signature
from nightjar.registry.components import (
    CalibratedClassifier,
    EmptyColumnFiller,
    LogScaler,
    PartitionedEstimator,
    model_of,
    pipelines_of,
)
from nightjar.registry.estimator_files import load_estimator, save_estimator
from nightjar.registry.prepared_columns import prepared_columns
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import build_estimator
from nightjar.usecases import Kind

Matrix = npt.NDArray[np.float64]
REGIONS = ("north", "süd = 'x'", "west")


def drawn(rows: int = 600, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Return two numbers and a region's code, and a target that each region draws from them in its own way."""
    generator = np.random.default_rng(seed)
    numbers, region = generator.normal(size=(rows, 2)), generator.integers(0, 3, rows)
    sign = np.array([1.0, -1.0, 3.0])[region]
    target = (sign * numbers[:, 0] + generator.normal(size=rows) > 0).astype(float)
    return np.column_stack([numbers, region]), target


def plain_pipeline() -> Pipeline:
    return Pipeline([("log", LogScaler()), ("model", LogisticRegression())])


@settings(deadline=None, max_examples=20)
@given(slope=st.floats(0.2, 3), shift=st.floats(-2, 2), seed=st.integers(0, 100))
def test_calibration_finds_how_probabilities_were_bent(slope: float, shift: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    true = generator.uniform(0.02, 0.98, 20_000)
    target = (generator.random(20_000) < true).astype(float)
    bent = expit((logit(true) - shift) / slope)
    matrix, classes = drawn()
    model = CalibratedClassifier(LogisticRegression()).fit(matrix, classes)

    model.calibrate(np.column_stack([1 - bent, bent]), target)

    assert model.slope_ == pytest.approx(slope, rel=0.12)
    assert model.shift_[1] == pytest.approx(shift, abs=0.12)


def test_calibration_keeps_the_order_of_rows() -> None:
    matrix, target = drawn()
    model = CalibratedClassifier(LogisticRegression()).fit(matrix, target)
    before = model.predict_proba(matrix)
    np.testing.assert_allclose(before, model.estimator.predict_proba(matrix))

    model.calibrate(before, np.random.default_rng(1).permutation(target))
    after = model.predict_proba(matrix)

    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert np.array_equal(np.argsort(before[:, 1], kind="stable"), np.argsort(after[:, 1], kind="stable"))


def test_scores_that_say_the_opposite_are_left_as_they_are() -> None:
    matrix, target = drawn()
    model = CalibratedClassifier(LogisticRegression()).fit(matrix, target)

    model.calibrate(model.predict_proba(matrix)[:, ::-1], target)

    assert model.slope_ == 1


def test_calibration_of_several_classes() -> None:
    generator = np.random.default_rng(0)
    true = generator.dirichlet([1, 1, 1], 5000)
    target = np.array([generator.choice(3, p=row) for row in true]).astype(float)
    sure = true**3 / (true**3).sum(axis=1, keepdims=True)
    model = CalibratedClassifier(LogisticRegression()).fit(np.log(true), target)

    model.calibrate(sure, target)

    assert model.slope_ == pytest.approx(1 / 3, rel=0.15)
    logs = model.slope_ * np.log(sure) + model.shift_
    calibrated = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    assert log_loss(target, calibrated) < log_loss(target, sure)


def test_each_partition_learns_its_own_way() -> None:
    matrix, target = drawn()
    estimator = PartitionedEstimator(plain_pipeline(), 2, REGIONS).fit(matrix, target)

    assert list(pipelines_of(estimator)) == ["all others", *REGIONS]
    north, south = (model_of(pipelines_of(estimator)[name]).coef_[0][0] for name in REGIONS[:2])
    assert north > 0 > south
    for code in range(3):
        rows = matrix[:, 2] == code
        expected = plain_pipeline().fit(matrix[rows], target[rows]).predict_proba(matrix[rows])
        np.testing.assert_array_equal(estimator.predict_proba(matrix)[rows], expected)


@pytest.mark.parametrize("code", [-1.0, 7.0])
def test_value_without_a_partition_is_scored_by_the_common_model(code: float) -> None:
    matrix, target = drawn()
    estimator = PartitionedEstimator(plain_pipeline(), 2, REGIONS).fit(matrix, target)
    unseen = matrix[:5].copy()
    unseen[:, 2] = code

    np.testing.assert_array_equal(estimator.predict_proba(unseen), estimator.common_.predict_proba(unseen))


def test_partitions_with_few_rows_or_one_class_have_no_model_of_their_own() -> None:
    matrix, target = drawn()
    matrix[:, 2] = np.where(np.arange(600) < 590, 0, 1)
    target[300:590] = 1
    matrix[300:590, 2] = 2

    estimator = PartitionedEstimator(plain_pipeline(), 2, REGIONS, minimum_rows=20).fit(matrix, target)

    # Ten rows of the second, only one class of the third.
    assert list(pipelines_of(estimator)) == ["all others", REGIONS[0]]
    assert estimator.predict_proba(matrix).shape == (600, 2)


def test_stored_parts_come_back_as_they_were() -> None:
    matrix, target = drawn()
    calibrated = Pipeline([("log", LogScaler()), ("model", CalibratedClassifier(LogisticRegression()))])
    estimator = PartitionedEstimator(calibrated, 2, REGIONS).fit(matrix, target)
    for pipeline in pipelines_of(estimator).values():
        pipeline[-1].calibrate(pipeline.predict_proba(matrix), target)

    restored = load_estimator(save_estimator(estimator))

    assert restored.names == REGIONS
    np.testing.assert_array_equal(restored.predict_proba(matrix), estimator.predict_proba(matrix))
    np.testing.assert_array_equal(restored.predict(matrix), estimator.predict(matrix))


def test_prepared_columns_are_named_for_people() -> None:
    signature = Signature(
        (
            CopyColumn("spend per € spent", Encoding.NUMBER),
            CopyColumn("region", Encoding.CATEGORY, REGIONS),
            CopyColumn("member", Encoding.BOOLEAN),
        ),
        "probability",
    )
    matrix, target = drawn()
    matrix = np.column_stack([matrix[:, 0], matrix[:, 2], matrix[:, 1] > 0])
    matrix[:9, 0] = np.nan
    pipeline = build_estimator(Kind.CLASSIFICATION, "logistic_regression", {}, signature, 0).fit(matrix, target)

    assert [(column.name, column.source) for column in prepared_columns(pipeline, signature)] == [
        ("spend per € spent", "spend per € spent"),
        ("member", "member"),
        ("spend per € spent is missing", "spend per € spent"),
        ("region = north", "region"),
        ("region = süd = 'x'", "region"),
        ("region = west", "region"),
    ]


def test_names_that_look_like_others_are_told_apart() -> None:
    columns = [CopyColumn(name, Encoding.NUMBER) for name in ("missingindicator_x", "x", "number__x")]
    signature = Signature((*columns, CopyColumn("x_0.0", Encoding.CATEGORY, ("a",))), "probability")
    matrix = np.random.default_rng(0).normal(size=(50, 4))
    matrix[:, 3] = 0
    matrix[:9, 1] = np.nan
    pipeline = build_estimator(Kind.CLASSIFICATION, "logistic_regression", {}, signature, 0)
    pipeline.fit(matrix, matrix[:, 0] > 0)

    assert [column.name for column in prepared_columns(pipeline, signature)] == [
        "missingindicator_x", "x", "number__x", "x is missing", "x_0.0 = a",
    ]  # fmt: skip


def test_selected_columns_keep_their_names() -> None:
    matrix, target = drawn()
    signature = Signature(
        (
            CopyColumn("one", Encoding.NUMBER),
            CopyColumn("two", Encoding.NUMBER),
            CopyColumn("region", Encoding.CATEGORY, REGIONS),
        ),
        "probability",
    )
    prepare, (_, model) = build_estimator(Kind.CLASSIFICATION, "logistic_regression", {}, signature, 0).steps
    pipeline = Pipeline([prepare, ("select", SelectKBest(k=2)), ("model", model)]).fit(matrix, target)

    chosen = pipeline["select"].get_support(indices=True)
    names = ["one", "two", *(f"region = {region}" for region in REGIONS)]
    assert [column.name for column in prepared_columns(pipeline, signature)] == [names[place] for place in chosen]


@pytest.mark.parametrize("step", [PCA(2), PolynomialFeatures()])
def test_columns_of_several_features_are_refused(step: BaseEstimator) -> None:
    matrix, target = drawn()
    signature = Signature(tuple(CopyColumn(name, Encoding.NUMBER) for name in "abc"), "probability")
    pipeline = Pipeline([("mix", step), ("model", LogisticRegression())]).fit(matrix, target)

    with pytest.raises(MixedFeaturesError, match=f"The step {type(step).__name__} makes columns out of several"):
        prepared_columns(pipeline, signature)


def test_empty_columns_are_zero_whatever_comes_later() -> None:
    matrix = np.array([[1.0, np.nan, np.nan], [np.nan, np.nan, 2.0]])

    filler = EmptyColumnFiller().fit(matrix)

    np.testing.assert_array_equal(filler.transform(matrix), [[1, 0, np.nan], [np.nan, 0, 2]])
    np.testing.assert_array_equal(filler.transform(np.array([[np.nan, 7.0, 3.0]])), [[np.nan, 0, 3]])
