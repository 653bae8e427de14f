"""Contributions add up to what the model gives, for every estimator that a declaration can name."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logit
from sklearn.pipeline import Pipeline

from nightjar.registry import Signature
from nightjar.registry.components import (
    CalibratedClassifier,
    FeatureSelector,
    PartitionedEstimator,
    model_of,
    pipelines_of,
)
from nightjar.registry.mixtures import MixtureClusters
from nightjar.registry.predictor import Predictor
from nightjar.registry.reasons import Contributions, contributions
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import ESTIMATORS, build_estimator
from nightjar.usecases import Kind
from tests.night_builders import model_record, shop_use_case

# One column has no missing value, hence no indicator; one has a name that looks like a prepared one.
INPUTS = (
    CopyColumn("spend", Encoding.NUMBER),
    CopyColumn("region", Encoding.CATEGORY, ("north", "süd", "west")),
    CopyColumn("since", Encoding.DAYS),
    CopyColumn("number__spend", Encoding.NUMBER),
    CopyColumn("card", Encoding.BOOLEAN),
    CopyColumn("region_0.0", Encoding.CATEGORY, ("a",)),
)
REGION = 1
PARAMETERS: dict[str, dict[str, Any]] = {
    "random_forest_classifier": {"n_estimators": 20},
    "extra_trees_classifier": {"n_estimators": 20, "min_samples_leaf": 3},
    "random_forest_regressor": {"n_estimators": 20},
    "extra_trees_regressor": {"n_estimators": 20, "min_samples_leaf": 3},
    "hist_gradient_boosting_classifier": {"max_iter": 20, "min_samples_leaf": 5},
    "hist_gradient_boosting_regressor": {"max_iter": 20, "min_samples_leaf": 5, "loss": "absolute_error"},
    # Log odds that a probability still holds.
    "sgd_classifier": {"alpha": 0.1},
    "gaussian_mixture": {"n_clusters": 3},
    "k_means": {"n_clusters": 3},
    "mini_batch_k_means": {"n_clusters": 3},
}
EVERY_ESTIMATOR = [(kind, key) for kind in Kind if kind is not Kind.RECOMMENDER for key in ESTIMATORS[kind]]
SUPERVISED = [(kind, key) for kind, key in EVERY_ESTIMATOR if kind is not Kind.SEGMENTATION]
CLASSIFIERS = list(ESTIMATORS[Kind.CLASSIFICATION])

Matrix = npt.NDArray[np.float64]


def sample(rows: int = 200, seed: int = 0) -> Matrix:
    """Return rows with missing numbers, and categories that are unknown."""
    generator = np.random.default_rng(seed)
    matrix = np.column_stack(
        [
            generator.normal(scale=50, size=rows),
            generator.integers(0, 3, rows),
            generator.normal(17000, 300, rows),
            generator.exponential(5, rows),
            generator.integers(0, 2, rows),
            np.zeros(rows),
        ]
    )
    matrix[::10, 0] = matrix[3::10, 2] = matrix[4::9, 4] = np.nan
    matrix[5::11, 1] = matrix[6::13, 5] = -1
    return matrix


def target_of(kind: Kind, matrix: Matrix, classes: int) -> Matrix:
    noise = np.random.default_rng(9).normal(scale=30, size=len(matrix))
    score = np.nan_to_num(matrix[:, 0]) + 20 * (matrix[:, REGION] == 1) + 3 * matrix[:, 3] + noise
    edges = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
    target: Matrix = score if kind is Kind.REGRESSION else np.digitize(score, edges).astype(float)
    return target


def predictor_of(
    kind: Kind, key: str, *, select: bool = False, calibrate: bool = False, partition: bool = False, classes: int = 0
) -> Predictor:
    """Return a fitted model, its pipeline extended as a declaration may ask for."""
    matrix = sample()
    target = target_of(kind, matrix, classes or 2)
    signature = Signature(INPUTS, "output", tuple(f"class {number}" for number in range(classes)))
    estimator: Any = build_estimator(kind, key, PARAMETERS.get(key, {}), signature, 0)
    if select:
        judge = build_estimator(kind, f"extra_trees_{'regressor' if kind is Kind.REGRESSION else 'classifier'}",
                                {"n_estimators": 10}, signature, 0)[-1]  # fmt: skip
        selection = FeatureSelector(judge, 4)
        estimator = Pipeline([estimator.steps[0], ("select", selection), estimator.steps[1]])
    if calibrate:
        estimator = Pipeline([*estimator.steps[:-1], ("model", CalibratedClassifier(estimator[-1]))])
    if partition:
        estimator = PartitionedEstimator(estimator, REGION, INPUTS[REGION].categories, minimum_rows=60)
    estimator.fit(matrix, target)
    if calibrate:
        held = sample(100, seed=5)
        for pipeline in pipelines_of(estimator).values():
            pipeline[-1].calibrate(pipeline.predict_proba(held), target_of(kind, held, classes or 2))
    return Predictor(model_record(shop_use_case(kind), signature), estimator)


def odd_rows() -> Matrix:
    """Return rows that the model was not fitted on, one with nothing known included."""
    nothing = [[np.nan, -1, np.nan, np.nan, np.nan, -1]]
    return np.concatenate([sample(40, seed=1), nothing])


def outputs(predictor: Predictor, matrix: Matrix) -> Matrix:
    """Return what contributions must add up to, from the model's own predictions."""
    estimator = predictor.estimator
    match predictor.record.kind:
        case "segmentation":
            nearest = np.sort(estimator.transform(matrix), axis=1)
            # Distances of a mixture are logarithms of probabilities.
            power = 1 if isinstance(estimator[-1], MixtureClusters) else 2
            expected: Matrix = nearest[:, 1] ** power - nearest[:, 0] ** power
        case "regression":
            expected = estimator.predict(matrix)
        case _:
            probability = estimator.predict_proba(matrix)[:, 1]
            expected = probability if "probability" in contributions(predictor, matrix).unit else logit(probability)
    return expected


def require_additive(found: Contributions, expected: Matrix) -> None:
    assert found.values.shape == (len(expected), len(INPUTS))
    np.testing.assert_allclose(found.baseline + found.values.sum(axis=1), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.output, found.baseline + found.values.sum(axis=1))


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_contributions_add_up_to_the_output(kind: Kind, key: str) -> None:
    predictor = predictor_of(kind, key)

    found = contributions(predictor, odd_rows())

    require_additive(found, outputs(predictor, odd_rows()))
    assert (np.abs(found.values).sum(axis=0)[[0, 3]] > 0).all()


@pytest.mark.parametrize(("kind", "key"), SUPERVISED)
def test_contributions_add_up_with_selected_features(kind: Kind, key: str) -> None:
    predictor = predictor_of(kind, key, select=True)

    require_additive(contributions(predictor, odd_rows()), outputs(predictor, odd_rows()))


@pytest.mark.parametrize(("kind", "key"), SUPERVISED)
def test_each_row_is_explained_by_the_model_of_its_part(kind: Kind, key: str) -> None:
    predictor = predictor_of(kind, key, partition=True)
    assert 0 < len(predictor.estimator.codes_) < 3

    found = contributions(predictor, odd_rows())

    require_additive(found, outputs(predictor, odd_rows()))
    by_region = [found.baseline[odd_rows()[:, REGION] == code] for code in (0, 1, 2, -1)]
    assert all(len(set(part)) == 1 for part in by_region)
    assert len({part[0] for part in by_region}) == len(predictor.estimator.codes_) + 1


@pytest.mark.parametrize("key", CLASSIFIERS)
def test_calibrated_log_odds_add_up_and_probabilities_say_that_they_are_not(key: str) -> None:
    predictor = predictor_of(Kind.CLASSIFICATION, key, calibrate=True)
    assert predictor.estimator[-1].slope_ != 1

    found = contributions(predictor, odd_rows())

    if "trees" in key or "forest" in key:
        assert found.unit == "probability before calibration"
        prepared = predictor.estimator[:-1].transform(odd_rows())
        require_additive(found, model_of(predictor.estimator).predict_proba(prepared)[:, 1])
    else:
        assert found.unit == "log odds"
        require_additive(found, outputs(predictor, odd_rows()))


@pytest.mark.parametrize("key", ["logistic_regression", "sgd_classifier", "hist_gradient_boosting_classifier"])
def test_selection_calibration_and_partitions_go_together(key: str) -> None:
    predictor = predictor_of(Kind.CLASSIFICATION, key, select=True, calibrate=True, partition=True)

    require_additive(contributions(predictor, odd_rows()), outputs(predictor, odd_rows()))


@pytest.mark.parametrize("calibrate", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("key", ["logistic_regression", "hist_gradient_boosting_classifier"])
def test_of_several_classes_the_predicted_one_is_explained(key: str, classes: int, calibrate: bool) -> None:
    predictor = predictor_of(Kind.CLASSIFICATION, key, classes=classes, calibrate=calibrate)
    logs = np.log(predictor.estimator.predict_proba(odd_rows()))
    predicted = logs.argmax(axis=1)

    found = contributions(predictor, odd_rows())

    others = logs.mean(axis=1) if classes > 2 else logs.min(axis=1)
    require_additive(found, logs.max(axis=1) - others)
    assert found.unit == ("log odds against the average class" if classes > 2 else "log odds")
    assert list(found.toward) == [f"class {number}" for number in predicted]
    assert list(found.against) == [
        "the other classes" if classes > 2 else f"class {1 - number}" for number in predicted
    ]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("calibrate", [False, True])
def test_of_several_classes_forests_explain_the_probability(classes: int, calibrate: bool) -> None:
    predictor = predictor_of(
        Kind.CLASSIFICATION, "extra_trees_classifier", classes=classes, calibrate=calibrate, select=True
    )
    probabilities = model_of(predictor.estimator).predict_proba(predictor.estimator[:-1].transform(odd_rows()))
    predicted = predictor.estimator.predict_proba(odd_rows()).argmax(axis=1)

    found = contributions(predictor, odd_rows())

    require_additive(found, probabilities[np.arange(len(predicted)), predicted])
    assert found.unit == ("probability before calibration" if calibrate else "probability")
    assert list(found.toward) == [f"class {number}" for number in predicted]


def test_classes_that_are_told_apart_one_by_one_have_odds_against_the_rest() -> None:
    predictor = predictor_of(Kind.CLASSIFICATION, "sgd_classifier", classes=3)

    found = contributions(predictor, odd_rows())

    scores = predictor.estimator.decision_function(odd_rows())
    require_additive(
        found, scores[np.arange(len(scores)), predictor.estimator.predict_proba(odd_rows()).argmax(axis=1)]
    )
    assert found.unit == "log odds against the rest"


@pytest.mark.parametrize("key", ["logistic_regression", "ridge"])
def test_average_row_without_categories_is_the_baseline_of_linear_models(key: str) -> None:
    kind = Kind.REGRESSION if key == "ridge" else Kind.CLASSIFICATION
    predictor = predictor_of(kind, key)
    numbers = predictor.estimator[0].named_transformers_["number"]

    found = contributions(predictor, odd_rows())

    assert set(found.baseline) == {float(np.ravel(predictor.estimator[-1].intercept_)[0])}
    prepared = numbers.transform(sample()[:, [0, 2, 3, 4]])
    np.testing.assert_allclose(prepared.mean(axis=0), 0, atol=1e-9)


def test_segments_are_told_from_the_next_nearest() -> None:
    predictor = predictor_of(Kind.SEGMENTATION, "k_means")
    nearest = predictor.estimator.transform(odd_rows()).argsort(axis=1)

    found = contributions(predictor, odd_rows())

    assert list(found.toward) == [f"Segment {cluster + 1}" for cluster in nearest[:, 0]]
    assert list(found.against) == [f"Segment {cluster + 1}" for cluster in nearest[:, 1]]
    assert (found.output >= 0).all()


@pytest.mark.parametrize(
    "key", ["logistic_regression", "hist_gradient_boosting_classifier", "random_forest_classifier"]
)
def test_one_row_is_explained_as_among_others(key: str) -> None:
    predictor = predictor_of(Kind.CLASSIFICATION, key, partition=True)
    together = contributions(predictor, odd_rows())

    for row in range(0, len(odd_rows()), 8):
        alone = contributions(predictor, odd_rows()[[row]])
        np.testing.assert_allclose(alone.values[0], together.values[row], rtol=1e-9, atol=1e-12)
        assert (alone.unit, alone.toward[0]) == (together.unit, together.toward[row])


def test_trees_without_any_split_have_nothing_to_say() -> None:
    matrix, signature = sample(), Signature(INPUTS, "output")
    estimator = build_estimator(Kind.REGRESSION, "hist_gradient_boosting_regressor", {"max_iter": 3}, signature, 0)
    estimator.fit(matrix, np.full(len(matrix), 7.0))

    found = contributions(Predictor(model_record(shop_use_case(Kind.REGRESSION), signature), estimator), odd_rows())

    np.testing.assert_array_equal(found.values, 0)
    np.testing.assert_allclose(found.output, 7)


FIXED = [
    (Kind.CLASSIFICATION, "logistic_regression"),
    (Kind.REGRESSION, "hist_gradient_boosting_regressor"),
    (Kind.REGRESSION, "random_forest_regressor"),
    (Kind.SEGMENTATION, "k_means"),
]
PREDICTORS = {kind_and_key: predictor_of(*kind_and_key) for kind_and_key in FIXED}
NUMBER = st.one_of(st.just(float("nan")), st.floats(-1e9, 1e9), st.sampled_from([0.0, 0.1, 1 / 3, 1e-30]))


@settings(max_examples=25, deadline=None)
@given(numbers=arrays(np.float64, (3, 4), elements=NUMBER), codes=arrays(np.int64, (3, 2), elements=st.integers(-1, 2)))
def test_any_row_adds_up(numbers: Matrix, codes: Matrix) -> None:
    matrix = np.column_stack([numbers[:, 0], codes[:, 0], numbers[:, 1:], np.minimum(codes[:, 1], 0)])

    for (kind, _), predictor in PREDICTORS.items():
        found = contributions(predictor, matrix)
        if kind is Kind.CLASSIFICATION:
            # The log odds themselves: a probability next to 1 has lost their digits.
            expected = predictor.estimator.decision_function(matrix)
        else:
            expected = outputs(predictor, matrix)
        np.testing.assert_allclose(found.output, expected, rtol=1e-9, atol=1e-7 if kind is Kind.SEGMENTATION else 1e-9)
