"""What the inspection of a fitted model finds, for every estimator and kind."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from nightjar.registry import Signature
from nightjar.registry.components import CalibratedClassifier, FeatureSelector, PartitionedEstimator
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import ESTIMATORS, build_estimator
from nightjar.training.inspection import inspect_model, training_alerts
from nightjar.training.inspection.importances import PREDICTIONS, REPEATS
from nightjar.usecases import Kind
from tests.inspection_builders import (
    CLASSES,
    COLUMNS,
    DRIVER,
    NOISE,
    ODD,
    SIGNATURE,
    fitted,
    inspected,
    made_rows,
    use_case_of,
)

# A recommender has the estimators of a classification.
EVERY_ESTIMATOR = [
    *((kind, key) for kind in Kind if kind is not Kind.RECOMMENDER for key in ESTIMATORS[kind]),
    (Kind.RECOMMENDER, "hist_gradient_boosting_classifier"),
]
SUPERVISED = [(kind, key) for kind, key in EVERY_ESTIMATOR if kind is not Kind.SEGMENTATION]
TREES = [(kind, key) for kind, key in EVERY_ESTIMATOR if "trees" in key or "forest" in key or "boosting" in key]
PROBABILITIES = [(kind, key) for kind, key in SUPERVISED if kind is not Kind.REGRESSION]
CLUSTERINGS = [key for kind, key in EVERY_ESTIMATOR if kind is Kind.SEGMENTATION]


def importances(found: dict[str, Any]) -> dict[str, Any]:
    return {entry["feature"]: entry["importance"] for entry in found["importances"]["features"]}


@pytest.mark.parametrize(("kind", "key"), SUPERVISED)
def test_the_driving_feature_matters_most_and_noise_next_to_nothing(kind: Kind, key: str) -> None:
    found = inspected(kind, key)
    by_feature = importances(found)

    assert next(iter(by_feature)) == DRIVER
    assert set(by_feature) == {column.name for column in COLUMNS}
    assert list(by_feature.values()) == sorted(by_feature.values(), reverse=True)
    assert abs(by_feature[NOISE]) < 0.1 * by_feature[DRIVER]
    assert found["importances"]["metric"] == use_case_of(kind).training.metric
    assert (found["importances"]["rows"], found["importances"]["repeats"]) == (300, REPEATS)
    assert all(entry["deviation"] >= 0 for entry in found["importances"]["features"])


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_the_same_model_is_found_to_be_the_same(kind: Kind, key: str) -> None:
    assert inspected(kind, key) == inspected.__wrapped__(kind, key)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_every_kind_and_family_has_its_subjects(kind: Kind, key: str) -> None:
    expected = {"inspected", "importances", "alerts"} | ({"trees"} if (kind, key) in TREES else set())
    match kind:
        case Kind.SEGMENTATION:
            expected |= {"centroids", "segments"}
        case Kind.REGRESSION:
            expected |= {"residuals"}
        case Kind.CLASSIFICATION:
            expected |= {"confusion", "calibration", "lift"}
        case Kind.RECOMMENDER:
            expected |= {"confusion", "calibration", "lift", "hit_rates", "item_neighbours"}

    assert set(inspected(kind, key)) == expected


@pytest.mark.parametrize("key", CLUSTERINGS)
def test_shuffling_a_feature_moves_a_share_of_the_rows_to_other_segments(key: str) -> None:
    found = inspected(Kind.SEGMENTATION, key)["importances"]

    assert found["metric"] == "segment_changes"
    assert all(0 <= entry["importance"] <= 1 for entry in found["features"])
    assert found["features"][0]["importance"] > 0.2


@pytest.mark.parametrize(("kind", "key"), TREES)
def test_trees_are_counted_and_their_splits_named_for_people(kind: Kind, key: str) -> None:
    [trees] = inspected(kind, key)["trees"]
    splits = {split["feature"]: split for split in trees["splits"]}

    assert (trees["partition"], trees["trees"]) == ("", 10)
    assert 1 <= trees["mean_depth"] <= trees["max_depth"] < trees["max_leaves"] <= trees["total_leaves"]
    assert trees["mean_leaves"] == pytest.approx(trees["total_leaves"] / 10)
    # A tree with n leaves has n - 1 splits.
    assert sum(split["splits"] for split in splits.values()) == trees["total_leaves"] - 10
    assert sum(split["gain_share"] for split in splits.values()) == pytest.approx(1)
    assert next(iter(splits)) == DRIVER
    assert set(splits) <= {DRIVER, NOISE, ODD, "region = north", "region = süd", "region = West & East"}


@pytest.mark.parametrize(("kind", "key"), PROBABILITIES)
def test_every_row_is_in_one_cell_one_bin_and_one_decile(kind: Kind, key: str) -> None:
    found = inspected(kind, key)
    at_half, at_best = found["confusion"]["tables"]

    assert found["confusion"]["labels"] == ["0", "1"]
    assert (at_half["rule"], at_half["threshold"], at_best["rule"]) == ("probability 0.5", 0.5, "best F1")
    for table in (at_half, at_best):
        assert sum(map(sum, table["matrix"])) == 300
    assert sum(entry["rows"] for entry in found["calibration"]) == 300
    assert sum(entry["rows"] for entry in found["lift"]) == 300
    assert sum(entry["positives"] for entry in found["lift"]) == sum(at_half["matrix"][1])


@pytest.mark.parametrize("key", CLUSTERINGS)
def test_centroids_lie_within_the_range_of_their_feature(key: str) -> None:
    rows = made_rows(Kind.SEGMENTATION).features
    centroids = inspected(Kind.SEGMENTATION, key)["centroids"]

    assert [centroid["cluster"] for centroid in centroids] == [0, 1, 2]
    assert sum(centroid["rows"] for centroid in centroids) == len(rows)
    for centroid in centroids:
        for entry in centroid["features"]:
            index = [column.name for column in COLUMNS].index(entry["feature"])
            low, high = (0, 1) if entry["category"] else (np.nanmin(rows[:, index]), np.nanmax(rows[:, index]))
            known = [entry[name] for name in ("mean", "median", "centre") if entry[name] is not None]
            assert known
            assert all(low - 1e-9 <= value <= high + 1e-9 for value in known)


@pytest.mark.parametrize("key", CLUSTERINGS)
def test_what_the_members_have_adds_up_to_the_whole(key: str) -> None:
    rows = made_rows(Kind.SEGMENTATION).features
    centroids = inspected(Kind.SEGMENTATION, key)["centroids"]
    spend = [(c["rows"], entry["mean"]) for c in centroids for entry in c["features"] if entry["feature"] == DRIVER]
    north = [(c["rows"], entry["mean"]) for c in centroids for entry in c["features"] if entry["category"] == "north"]

    assert sum(count * mean for count, mean in spend) == pytest.approx(rows[:, 0].sum())
    assert sum(count * share for count, share in north) == pytest.approx((rows[:, 3] == 0).sum())


def test_several_classes_have_a_full_matrix_and_no_lift() -> None:
    signature = Signature(COLUMNS, "probability", CLASSES)
    train, test = made_rows(Kind.CLASSIFICATION, classes=3), made_rows(Kind.CLASSIFICATION, 300, 1, classes=3)
    use_case = use_case_of(Kind.CLASSIFICATION, CLASSES, metric="accuracy")
    found = inspect_model(use_case, fitted(Kind.CLASSIFICATION, "logistic_regression", train), signature, train, test)
    [table] = found["confusion"]["tables"]

    assert found["confusion"]["labels"] == list(CLASSES)
    assert (table["rule"], table["threshold"]) == ("likeliest class", None)
    assert [sum(row) for row in table["matrix"]] == np.bincount(test.target.astype(int)).tolist()
    assert min(entry["mean_probability"] for entry in found["calibration"]) > 1 / 3
    assert "lift" not in found
    assert next(iter(importances(found))) == DRIVER


def test_each_partition_has_its_trees() -> None:
    train, test = made_rows(Kind.CLASSIFICATION), made_rows(Kind.CLASSIFICATION, 300, 1)
    pipeline = build_estimator(Kind.CLASSIFICATION, "random_forest_classifier", {"n_estimators": 5}, SIGNATURE, 0)
    estimator = PartitionedEstimator(pipeline, 3, COLUMNS[3].categories, 50).fit(train.features, train.target)
    found = inspect_model(use_case_of(Kind.CLASSIFICATION), estimator, SIGNATURE, train, test)

    assert [entry["partition"] for entry in found["trees"]] == ["all others", *COLUMNS[3].categories]
    assert importances(found)[DRIVER] > 0.2


def test_a_selected_and_calibrated_model_is_seen_through() -> None:
    train, test = made_rows(Kind.CLASSIFICATION), made_rows(Kind.CLASSIFICATION, 300, 1)
    forest = build_estimator(Kind.CLASSIFICATION, "random_forest_classifier", {"n_estimators": 5}, SIGNATURE, 0)
    selector = FeatureSelector(forest[-1], 1)
    estimator = Pipeline([forest.steps[0], ("select", selector), ("model", CalibratedClassifier(forest[-1]))])
    estimator.fit(train.features, train.target)
    use_case = use_case_of(Kind.CLASSIFICATION)
    [trees] = inspect_model(use_case, estimator, SIGNATURE, train, test)["trees"]
    alerts = training_alerts(use_case, SIGNATURE, train, estimator, [])

    assert [split["feature"] for split in trees["splits"]] == [DRIVER]
    assert alerts == [
        {"alert": "not selected", "message": f"{NOISE}, {ODD}, region did not get into the model."},
    ]


def test_a_recommender_is_judged_with_what_was_bought_beside_its_candidates() -> None:
    train, test = made_rows(Kind.RECOMMENDER), made_rows(Kind.RECOMMENDER, 300, 1)
    test.features[::10], test.candidate[::10], test.target[::10] = np.nan, False, 1.0
    found = inspect_model(
        use_case_of(Kind.RECOMMENDER), fitted(Kind.RECOMMENDER, "logistic_regression", train), SIGNATURE, train, test
    )

    assert sum(entry["rows"] for entry in found["calibration"]) == 270
    assert [entry["rank"] for entry in found["hit_rates"]] == list(range(1, 10))
    assert importances(found)[DRIVER] > 0.1


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_a_model_of_one_category_and_a_test_split_of_one_row(kind: Kind, key: str) -> None:
    signature = Signature((COLUMNS[3],), "output")
    rows = made_rows(kind)
    train = replace(rows, features=rows.features[:, 3:])
    found = inspect_model(
        use_case_of(kind), fitted(kind, key, train, signature), signature, train, train.take(np.r_[0])
    )

    assert found["inspected"] == {"test_rows": 1, "rows": 1}
    assert importances(found)["region"] in (0, None)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_a_feature_without_any_value_in_the_test_split_costs_nothing(kind: Kind, key: str) -> None:
    train, test = made_rows(kind), made_rows(kind, 300, 1)
    test.features[:, 1] = np.nan
    found = inspect_model(use_case_of(kind), fitted(kind, key, train), SIGNATURE, train, test)

    assert importances(found)[NOISE] == 0


@pytest.mark.parametrize("kind", [Kind.REGRESSION, Kind.SEGMENTATION])
def test_huge_numbers_are_numbers_or_nothing(kind: Kind) -> None:
    train, test = made_rows(kind), made_rows(kind, 300, 1)
    train.features[:, 0] *= 1e300
    train.features[:, 1] *= 1e-300
    key = "hist_gradient_boosting_regressor" if kind is Kind.REGRESSION else "k_means"
    big = replace(test, target=test.target * 1e290)
    found = inspect_model(use_case_of(kind), fitted(kind, key, train), SIGNATURE, train, big)

    json.dumps(found, allow_nan=False)


def test_a_wide_model_is_measured_on_fewer_rows() -> None:
    wide = Signature(tuple(CopyColumn(f"f{i}", Encoding.NUMBER) for i in range(1000)), "output")
    rows = made_rows(Kind.REGRESSION, 400)
    train = replace(rows, features=np.random.default_rng(0).normal(size=(400, 1000)))
    found = inspect_model(
        use_case_of(Kind.REGRESSION), fitted(Kind.REGRESSION, "ridge", train, wide), wide, train, train
    )

    assert found["importances"]["rows"] == PREDICTIONS // (REPEATS * 1000)
    assert found["importances"]["repeats"] == 1
    assert {entry["deviation"] for entry in found["importances"]["features"]} == {None}
    assert len(found["importances"]["features"]) == 1000
